"""A temperature inside a model: its last layer is divided by it, so that calibrated probabilities need no extra code.

Logits are linear in the last layer, `softmax((W h + b) / T) = softmax((W / T) h + b / T)`; see
[`~hf_emotion.evaluation.calibration`] for where the temperature comes from.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from huggingface_hub import ModelCard
from torch import nn
from transformers import AutoFeatureExtractor, PreTrainedModel

from ..cards.model_card import RunFacts, build_model_card
from ..cards.model_card_text import results_table, table
from ..emotions import canonical_emotion
from ..models.loading import class_names, load_model_and_extractor
from ..recognition import ENSEMBLE_FILE
from ..run_record import CARD_FILE, CONFIG_FILE, CORPORA_FILE, ENVIRONMENT_FILE, METRICS_FILE
from .calibration import calibration_report, scaled_predictions
from .predictions import PREDICTIONS_FILE, VALIDATION_PREDICTIONS_FILE, predicted_classes, save_predictions
from .report import evaluate_predictions, load_metrics, save_metrics


CALIBRATION_FILE = "calibration.json"

_COPIED_FILES = (CONFIG_FILE, CORPORA_FILE, ENVIRONMENT_FILE)
# Scores that compare probabilities of different utterances, and so change with the temperature.
_CHANGED_METRICS = ("expected_calibration_error", "equal_error_rate")
# Lines of the table in the card: name, score, factor, digits behind the point.
_CARD_SCORES = (("ECE (%)", "ece", 100, 1), ("log loss", "log_loss", 1, 3), ("Brier score", "brier", 1, 3))


def apply_temperature(model: PreTrainedModel, temperature: float) -> PreTrainedModel:
    """Divide the logits of a classifier by a temperature, in its weights and for good.

    Args:
        model ([`~transformers.PreTrainedModel`]): A classifier with one label per utterance, whose `classifier` is a
            linear layer or holds one as `out_proj`. Emotion dimensions that it regresses stay as they are. Twice the
            temperature 2 is the temperature 4.
        temperature (`float`): Above 0.

    Returns:
        [`~transformers.PreTrainedModel`]: The model itself, changed in place.

    Raises:
        ValueError: The temperature is not a positive number, the model does not end in a softmax over classes, or its
            last layer is not known.

    Example:

    ```python
    >>> from transformers import HubertConfig, HubertForSequenceClassification
    >>> config = HubertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=16)
    >>> model = HubertForSequenceClassification(config).eval()
    >>> audio = torch.randn(1, 1600)
    >>> before = model(audio).logits
    >>> after = apply_temperature(model, 2.0)(audio).logits
    >>> torch.allclose(after, before / 2, atol=1e-6)
    True

    ```
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature} cannot divide logits; it must be a positive number.")
    problem, num_labels = model.config.problem_type, len(class_names(model))
    if problem in ("regression", "multi_label_classification") or num_labels < 2:
        raise ValueError(
            f"{type(model).__name__} has problem_type={problem!r} and {num_labels} output(s): a "
            "temperature belongs to the softmax over the classes of a single-label classifier."
        )
    layer = _class_layer(model)
    with torch.no_grad():
        layer.weight.div_(temperature)
        if layer.bias is not None:
            layer.bias.div_(temperature)
    return model


def save_calibrated_model(
    run: str | Path,
    output_dir: str | Path,
    validation: pd.DataFrame,
    test: pd.DataFrame | None = None,
    *,
    allow_repeated: bool = False,
    num_bins: int = 15,
    trust_remote_code: bool = False,
) -> dict[str, Any]:
    """Fit a temperature and write the model with calibrated probabilities, as a run that others can build on.

    The folder holds model and feature extractor, `calibration.json`, the calibrated predictions of the validation and,
    if given, of the test part with their `metrics.json`, the card with a section on calibration, and what the run says
    of its experiment, corpora and environment. It can be a member of an ensemble.

    Args:
        run (`str` or `pathlib.Path`): Folder of the trained model.
        output_dir (`str` or `pathlib.Path`): Folder to write, which must not exist or be empty.
        validation (`pd.DataFrame`): Predictions table of the model to fit the temperature on.
        test (`pd.DataFrame`, *optional*): Predictions table of the model for its test part.
        allow_repeated (`bool`, *optional*, defaults to `False`): Accept a model that carries a temperature already.
            The tables must be predictions of that model; the temperatures multiply.
        num_bins (`int`, *optional*, defaults to 15): Bins of the calibration error.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code from the folder may run. Read it
            first.

    Returns:
        `dict`: The content of `calibration.json`: what [`~hf_emotion.evaluation.calibration.calibration_report`]
        returns, and under `applied` the `model`, and the `total_temperature` by which its logits have been divided.

    Raises:
        FileNotFoundError: The folder holds no model.
        ValueError: It is an ensemble, has been calibrated already, has other classes than the tables, or cannot be
            calibrated, see [`apply_temperature`]; or the output folder is not empty.
    """
    run, folder = Path(run), Path(output_dir)
    earlier = _check_folders(run, folder, allow_repeated)
    model, _ = load_model_and_extractor(run, trust_remote_code=trust_remote_code)
    _check_classes(class_names(model), predicted_classes(validation))
    report = calibration_report(validation, test, num_bins=num_bins)
    temperature = report["temperature"]
    apply_temperature(model, temperature)
    record = {**report, "applied": {"model": run.resolve().name, "total_temperature": temperature * earlier}}
    calibrated = None if test is None else scaled_predictions(test, temperature)
    scores = None if calibrated is None else evaluate_predictions(calibrated, seed=_bootstrap_seed(run))
    card = _card(run, folder, class_names(model), record, scores)

    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    # as it was saved: the one loaded with the model is set up for this package
    AutoFeatureExtractor.from_pretrained(str(run), trust_remote_code=trust_remote_code).save_pretrained(folder)
    figures = [path.name for path in sorted(run.glob("*.png"))]  # of classes, which stay the same
    for name in (*_COPIED_FILES, *figures):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
    save_predictions(scaled_predictions(validation, temperature), folder / VALIDATION_PREDICTIONS_FILE)
    if calibrated is not None and scores is not None:
        save_predictions(calibrated, folder / PREDICTIONS_FILE)
        save_metrics(scores, folder / METRICS_FILE)
    save_metrics(record, folder / CALIBRATION_FILE)
    card.save(folder / CARD_FILE)
    return record


def _class_layer(model: PreTrainedModel) -> nn.Linear:
    """The linear layer that gives the logits. Subclasses (adapters, quantised layers) compute something else."""
    classifier = getattr(model, "classifier", None)
    layer = classifier if type(classifier) is nn.Linear else getattr(classifier, "out_proj", None)
    if type(layer) is not nn.Linear or layer.out_features != model.config.num_labels:
        found = "no `classifier`" if classifier is None else f"a `classifier` of type {type(classifier).__name__}"
        raise ValueError(
            f"{type(model).__name__} has {found}: a temperature can be written into a linear layer with "
            f"{model.config.num_labels} outputs only, `classifier` or `classifier.out_proj`. Merge an adapter first; "
            "divide the logits of other models by the temperature yourself."
        )
    return layer


def _check_folders(run: Path, folder: Path, allow_repeated: bool) -> float:
    """Temperature that the model has been divided by, 1 for most."""
    if (run / ENSEMBLE_FILE).is_file():
        raise ValueError(
            f"{run} is an ensemble, which has no weights of its own. Calibrate its members, and make the ensemble of "
            "the calibrated folders; or calibrate its predictions, without a model."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not empty. Choose another folder for the calibrated model.")
    note = run / CALIBRATION_FILE
    applied = json.loads(note.read_text(encoding="utf-8")).get("applied") if note.is_file() else None
    if applied is None:  # a report that lies there says nothing about the weights
        return 1.0
    earlier = float(applied["total_temperature"])
    if not allow_repeated:
        raise ValueError(
            f"{run} carries the temperature {earlier:.4g} already ({note.name}), and temperatures multiply. Calibrate "
            f"the model it was made from, {applied['model']!r}; or, if the predictions are those of {run} itself, "
            "say that this is meant (--allow_repeated)."
        )
    return earlier


def _check_classes(of_model: list[str], of_table: list[str]) -> None:
    if [_canonical(name) for name in of_model] != [_canonical(name) for name in of_table]:
        raise ValueError(
            f"The predictions are over the classes {of_table}, the model has {of_model}: they come from another model."
        )


def _canonical(name: str) -> str:
    """`hf-emotion evaluate` writes `ang` as `anger`."""
    try:
        return canonical_emotion(name)
    except ValueError:
        return name


def _bootstrap_seed(run: Path) -> int:
    path = run / METRICS_FILE
    return int(load_metrics(path)["bootstrap"]["seed"]) if path.is_file() else 0


def _card(
    run: Path, folder: Path, classes: list[str], record: Mapping[str, Any], scores: Mapping[str, Any] | None
) -> ModelCard:
    """The card of the run under a new name, with scores that have changed and a section on calibration."""
    name = re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or "model"
    corpora = json.loads((run / CORPORA_FILE).read_text(encoding="utf-8")) if (run / CORPORA_FILE).is_file() else ()

    def facts(report: Mapping[str, Any] | None) -> RunFacts:
        return RunFacts(model_id=name, classes=classes, corpora=corpora, report=report)

    if not (run / CARD_FILE).is_file():
        card, is_new = build_model_card(facts(scores)), True
    else:
        card = ModelCard.load(run / CARD_FILE)
        is_new = _replace_scores(card, facts(_earlier_report(run, scores)), facts(scores))
        _rename(card, name)
    section = _card_section(record, is_new)
    head, heading, rest = card.text.partition("\n## Limitations\n")
    text = f"{head}\n{section}{heading}{rest}" if heading else f"{card.text.rstrip()}\n\n{section}"
    return ModelCard(f"---\n{card.data.to_yaml()}\n---\n{text}")


def _earlier_report(run: Path, scores: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The report that the card was made of, if it is about the same test utterances as `scores`."""
    if scores is None or not (run / METRICS_FILE).is_file():
        return None
    report = load_metrics(run / METRICS_FILE)
    kept = [
        {name: (part["num_utterances"], part["uar"]) for name, part in found["per_corpus"].items()}
        for found in (report, scores)
    ]
    return report if kept[0] == kept[1] else None


def _replace_scores(card: ModelCard, before: RunFacts, after: RunFacts) -> bool:
    """Put new scores for old ones, or leave out those that are no longer true; whether the text is up to date."""
    data: Any = card.data  # annotated as that of any card
    if before.report is None:
        kept = [result for result in data.eval_results or () if result.metric_type not in _CHANGED_METRICS]
        data.eval_results = kept or None
        return False
    rebuilt: Any = build_model_card(after).data
    data.eval_results = rebuilt.eval_results
    old = results_table(before)
    is_found = old in card.text
    card.text = card.text.replace(old, results_table(after))
    return is_found


def _rename(card: ModelCard, name: str) -> None:
    data: Any = card.data
    old, data.model_name = data.model_name, name
    for template in ('model="{}"', '("{}")', "\n# {}\n"):
        card.text = card.text.replace(template.format(old), template.format(name))


def _card_section(record: Mapping[str, Any], is_up_to_date: bool) -> str:
    parts = [part for part in ("validation", "test") if part in record]
    rows = []
    for name, key, factor, digits in _CARD_SCORES:
        cells = (f"{factor * record[part][when][key]:.{digits}f}" for part in parts for when in ("before", "after"))
        rows.append([name, *cells])
    notes = "" if is_up_to_date else " The ECE and EER in the text above, if any, are those before calibration."
    if record["is_at_bound"]:
        notes += " It is at the end of the permitted range: do not rely on the probabilities."
    return (
        "## Calibration\n\n"
        f"The logits of this model were divided by the temperature {record['temperature']:.4f}, fitted on "
        f"{record['validation']['num_utterances']} validation utterances (Guo et al., On Calibration of Modern Neural "
        "Networks, ICML 2017). The division is part of the last layer: there is nothing to do when using the model. "
        f"Predicted classes, and with them UAR, F1 and accuracy, are the same as without it.{notes}\n\n"
        f"{table(['score', *(f'{part}, {when}' for part in parts for when in ('before', 'after'))], rows)}\n"
    )
