"""Figures of a training run: confusion matrices and training curves.

All functions return a `matplotlib.figure.Figure` that no pyplot state knows of: no window opens, no backend or
rcParams change, nothing to close.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008): eight colours that remain distinct under all common colour-vision deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#767676"
MAX_NAMED_CORPORA = 6

_CORPUS_UAR = re.compile(r"eval_(?:(?P<corpus>.+)_)?(?:uar|unweighted_average_recall)")
_CORPUS_LOSS = re.compile(r"eval_(?:(?P<corpus>.+)_)?loss")


def readable_class(name: str) -> str:
    """Class name for an axis.

    Example:

    ```python
    >>> readable_class("low_negative"), readable_class("pleasant_surprise")
    ('low / negative', 'pleasant surprise')

    ```
    """
    arousal, _, rest = name.partition("_")
    return f"{arousal} / {rest}" if arousal in ("low", "high") and rest else name.replace("_", " ")


def confusion_matrix_figure(
    confusion: Sequence[Sequence[int]] | np.ndarray, classes: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw a confusion matrix: colour and large figures are shares of the true class, small figures are counts.

    Args:
        confusion (`np.ndarray` of shape `(num_classes, num_classes)`): Counts, true classes in rows.
        classes (`Sequence[str]`): Class names; a class without references gets an empty grey row.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure, see [`save_figure`].

    Raises:
        ValueError: The matrix has another shape than `classes` asks for.
    """
    from matplotlib.figure import Figure

    counts = np.asarray(confusion)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"{len(classes)} classes need a square matrix of that size, found shape {counts.shape}.")
    support = counts.sum(axis=1)
    shares = np.divide(counts, support[:, None], out=np.full(counts.shape, np.nan), where=support[:, None] > 0)
    side = max(2.4, 0.78 * len(classes))
    figure = Figure(figsize=(side + 2.2, side + 1.4), layout="compressed")
    axes = figure.add_subplot()
    axes.set_facecolor("#EEEEEE")
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    _write_cells(axes, counts, shares)
    names = [readable_class(name) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=35, ha="right", rotation_mode="anchor")
    labels = [f"{name}\n($n$ = {count})" for name, count in zip(names, support, strict=True)]
    axes.set_yticks(range(len(classes)), labels)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _separate_cells(axes, len(classes))
    if title:
        axes.set_title(title, fontsize=11, pad=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, ticks=[0, 25, 50, 75, 100])
    bar.set_label("share of the true class (%)")
    bar.outline.set_visible(False)
    return figure


def training_curve_figure(log_history: Sequence[Mapping[str, Any]], *, title: str | None = None) -> Figure:
    """Draw loss and unweighted average recall over the training steps.

    Args:
        log_history (`Sequence[Mapping]`): `trainer.state.log_history`. Drawn are `loss`, `eval_loss`, `eval_uar` and,
            where present, `eval_<corpus>_uar` (also spelled `..._unweighted_average_recall`), each at its `step`.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure, see [`save_figure`].

    Raises:
        ValueError: The history holds neither a loss nor a recall.
    """
    from matplotlib.figure import Figure

    training_loss = _curve(log_history, "loss")
    losses, recalls = _curves(log_history, _CORPUS_LOSS), _curves(log_history, _CORPUS_UAR)
    if not training_loss and not losses and not recalls:
        raise ValueError(
            "The log history holds no `loss`, `eval_loss` or `eval_uar`, so there is no curve to draw. "
            "Was `logging_steps` larger than the number of training steps?"
        )
    figure = Figure(figsize=(7.2, 5.6 if recalls else 3.2), layout="constrained")
    panels = figure.subplots(2 if recalls else 1, 1, sharex=True, squeeze=False)[:, 0]
    _draw_loss(panels[0], training_loss, losses)
    if recalls:
        _draw_recalls(panels[1], recalls)
    for panel in panels:
        panel.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    panels[-1].set_xlabel("training step")
    if title:
        panels[0].set_title(title, fontsize=11)
    return figure


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 200) -> Path:
    """Write a figure as PNG and return its path; the folder is created.

    Args:
        figure (`matplotlib.figure.Figure`): What to write.
        path (`str` or `pathlib.Path`): Where to.
        dpi (`int`, *optional*, defaults to 200): Dots per inch.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The software entry would change with each matplotlib release and with it the hash of the file.
    FigureCanvasAgg(figure).print_figure(path, dpi=dpi, facecolor="white", metadata={"Software": None})
    return path


def save_report_figures(
    report: Mapping[str, Any], output_dir: str | Path, *, log_history: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Path]:
    """Write the figures of a report: a confusion matrix over all utterances and per corpus, and the training curve.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.report.evaluate_predictions`] returns.
        output_dir (`str` or `pathlib.Path`): Folder to write into.
        log_history (`Sequence[Mapping]`, *optional*): `trainer.state.log_history`; no curve if nothing was
            logged.

    Returns:
        `dict[str, Path]`: Caption and file of each figure.
    """
    output_dir, classes = Path(output_dir), report["classes"]
    matrices = report["confusion"]["per_corpus"]
    files = {}
    if len(matrices) != 1:
        figure = confusion_matrix_figure(report["confusion"]["overall"], classes, title="All corpora")
        files["Confusion matrix, all corpora"] = save_figure(figure, output_dir / "confusion_matrix.png")
    for corpus, matrix in matrices.items():
        figure = confusion_matrix_figure(matrix, classes, title=corpus)
        path = output_dir / f"confusion_matrix_{re.sub(r'[^A-Za-z0-9_.-]', '_', corpus)}.png"
        files[f"Confusion matrix, {corpus}"] = save_figure(figure, path)
    if _curve(log_history, "loss") or _curves(log_history, _CORPUS_LOSS) or _curves(log_history, _CORPUS_UAR):
        files["Training curve"] = save_figure(training_curve_figure(log_history), output_dir / "training_curve.png")
    return files


def _write_cells(axes: Axes, counts, shares):
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        if np.isnan(share):
            continue
        colour = "white" if share > 0.7 else "black"  # contrast stays above 4.3 : 1 on this map
        weight = "bold" if row == column else "normal"
        style: dict[str, Any] = {
            "xy": (column, row),
            "textcoords": "offset points",
            "ha": "center",
            "va": "center",
            "color": colour,
        }
        axes.annotate(f"{100 * share:.1f}", xytext=(0, 5), weight=weight, **style)
        axes.annotate(f"{count}", xytext=(0, -8), fontsize=7, **style)


def _separate_cells(axes: Axes, num_classes):
    lines = np.arange(0.5, num_classes - 1)
    axes.hlines(lines, -0.5, num_classes - 0.5, color="white", linewidth=1.5)
    axes.vlines(lines, -0.5, num_classes - 0.5, color="white", linewidth=1.5)


def _draw_loss(axes: Axes, training_loss, losses):
    if training_loss:
        axes.plot(*zip(*training_loss, strict=True), color=GREY, linewidth=1.2, label="training")
    overall = losses.pop(None, None)
    if overall:
        style: dict[str, Any] = {"color": COLOURS[0], "linewidth": 1.8, "marker": "o", "markersize": 3.5}
        axes.plot(*zip(*overall, strict=True), label="validation", **style)
    _draw_corpora(axes, losses, scale=1)
    axes.set_ylabel("loss")


def _draw_recalls(axes: Axes, recalls):
    overall = recalls.pop(None, None) or recalls.pop("mean_corpus", None)
    _draw_corpora(axes, recalls, scale=100)
    if overall:
        steps, values = zip(*overall, strict=True)
        axes.plot(
            steps,
            [100 * value for value in values],
            color=COLOURS[0],
            linewidth=2.2,
            marker="o",
            markersize=4,
            label="validation",
        )
    axes.set_ylabel("unweighted average recall (%)")


def _draw_corpora(axes: Axes, curves, scale):
    """Thin lines per corpus: named while a legend stays readable, else one grey bundle."""
    is_named = len(curves) <= MAX_NAMED_CORPORA
    for index, (corpus, curve) in enumerate(sorted(curves.items())):
        steps, values = zip(*curve, strict=True)
        label = corpus if is_named else (f"each of {len(curves)} corpora" if index == 0 else None)
        colour = COLOURS[1 + index] if is_named else "#BBBBBB"
        axes.plot(
            steps,
            [scale * value for value in values],
            color=colour,
            linewidth=1.0,
            linestyle="--" if is_named else "-",
            marker=".",
            markersize=4,
            label=label,
        )


def _curve(log_history, key):
    return [(entry["step"], entry[key]) for entry in log_history if entry.get(key) is not None]


def _curves(log_history, pattern):
    """Curves of all keys that match, by corpus; the key None stands for the whole validation set."""
    matches = {key: pattern.fullmatch(key) for entry in log_history for key in entry}
    return {match["corpus"]: _curve(log_history, key) for key, match in matches.items() if match}
