"""Sentences and tables of a model card, each computed from the facts of the run; empty where the facts are silent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .emissions import Emissions
    from .model_card import CorpusUse, RunFacts

_SPLITS = ("train", "validation", "test")


def summary(facts: RunFacts) -> str:
    """What the model is, what it was trained on and how well it does, in up to three sentences."""
    origin = None
    if facts.base_model:
        name = model_name(facts.base_model)
        origin = f"[{name}](https://huggingface.co/{name})" if is_hub_id(facts.base_model) else f"`{name}`"
    trained = [corpus for corpus in facts.corpora if corpus.role == "train"]
    sentence = f"This model assigns speech to one of {len(facts.classes)} classes."
    if facts.setting_scores:
        sentence = f"This model says which of {len(facts.classes)} emotions are heard in speech, one or several."
    if origin and facts.is_encoder_frozen:
        sentence += f" Its encoder is {origin} as it is; layer weights and head were trained"
        sentence += f" on {_names(trained)}." if trained else "."
    elif origin:
        sentence += f" It was fine-tuned from {origin}"
        sentence += f" on {_names(trained)}." if trained else "."
    elif trained:
        sentence += f" It was trained on {_names(trained)}."
    if facts.report:
        mean = facts.report["mean_corpus_uar"]
        over = f", averaged over {mean['num_corpora']} corpora," if mean["num_corpora"] > 1 else ""
        sentence += (
            f" On the {facts.evaluation_split} data its unweighted average recall{over} is "
            f"**{_with_interval(mean['value'], mean['interval'])} %** (chance: {_percent(mean['chance_level'])} %)."
        )
    for setting, scores in facts.setting_scores.items():
        sentence += (
            f" On the {facts.evaluation_split} data of {setting} its macro-F1 is "
            f"**{_with_interval(scores['macro_f1'], scores['interval'])} %**."
        )
    return sentence


def is_hub_id(name: str | None) -> bool:
    """Whether a model name can be a repository on the Hub and not a local folder.

    Example:

    ```python
    >>> is_hub_id("facebook/hubert-large-ls960-ft"), is_hub_id("./runs/best")
    (True, False)

    ```
    """
    return name is not None and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name) is not None and not Path(name).exists()


def model_name(base_model: str) -> str:
    """Name of a model for the reader: its repository, or the last part of a local path.

    Example:

    ```python
    >>> model_name("facebook/hubert-large-ls960-ft"), model_name("./runs/best")
    ('facebook/hubert-large-ls960-ft', 'best')

    ```
    """
    return base_model if is_hub_id(base_model) else Path(base_model).name


def results_table(facts: RunFacts) -> str:
    """Scores per corpus and over all utterances, in percent, with intervals."""
    if facts.report is None:
        return ""
    roles = {corpus.name: corpus.role for corpus in facts.corpora}
    header = ["corpus", "UAR", "macro-F1", "weighted F1", "accuracy", "EER", "ECE", "chance", "utterances", "speakers"]
    rows = []
    for name, part in facts.report["per_corpus"].items():
        unseen = " (not trained on)" if roles.get(name) == "test" else ""
        rows.append([f"`{name}`{unseen}", *_scores(part)])
    if len(rows) > 1:
        mean = facts.report["mean_corpus_uar"]
        uar = _with_interval(mean["value"], mean["interval"])
        rows.append(["**mean of corpora**", f"**{uar}**", "", "", "", "", "", _percent(mean["chance_level"]), "", ""])
        rows.append(["all utterances", *_scores(facts.report["overall"])])
    return table(header, rows)


def setting_table(facts: RunFacts) -> str:
    """Scores of a model of several classes per utterance, one row per setting, in percent with intervals."""
    if not facts.setting_scores:
        return ""
    genders = sorted({gender for scores in facts.setting_scores.values() for gender in scores["per_gender"]})
    rows = [
        [
            setting,
            _with_interval(scores["macro_f1"], scores["interval"]),
            *(_percent(scores["per_gender"].get(gender)) for gender in genders),
            _percent(scores["calibration_error"]),
            scores["num_utterances"],
        ]
        for setting, scores in facts.setting_scores.items()
    ]
    return table(["setting", "macro-F1", *genders, "calibration error", "utterances"], rows)


def setting_class_table(facts: RunFacts) -> str:
    """F1, precision and recall of each class of a model of several classes per utterance, in percent."""
    rows = [
        [
            setting,
            f"`{name}`",
            *(_percent(scores["per_class"][name][key]) for key in ("f1", "precision", "recall")),
            scores["per_class"][name]["support"],
        ]
        for setting, scores in facts.setting_scores.items()
        for name in facts.classes
    ]
    return table(["setting", "class", "F1", "precision", "recall", "utterances with it"], rows) if rows else ""


def dimension_table(facts: RunFacts) -> str:
    """Concordance of emotion dimensions per corpus; empty for models without any."""
    if facts.report is None or not facts.report["overall"].get("dimensions"):
        return ""
    names = list(facts.report["overall"]["dimensions"])
    roles = {corpus.name: corpus.role for corpus in facts.corpora}
    parts = {name: part["dimensions"] for name, part in facts.report["per_corpus"].items() if part["dimensions"]}
    rows = []
    for corpus, part in parts.items():
        unseen = " (not trained on)" if roles.get(corpus) == "test" else ""
        number = max(entry["num_utterances"] for entry in part.values())
        rows.append([f"`{corpus}`{unseen}", *(_concordance(part.get(name)) for name in names), number])
    if len(rows) > 1:
        means = facts.report["mean_corpus_dimensions"]
        rows.append(["**mean of corpora**", *(_concordance(means.get(name)) for name in names), ""])
    return table(["corpus", *(f"CCC {name}" for name in names), "utterances"], rows)


def interval_note(facts: RunFacts) -> str:
    """How the intervals came about."""
    if facts.report is None:
        return ""
    bootstrap = facts.report["bootstrap"]
    by_utterance = [name for name, part in facts.report["per_corpus"].items() if part["interval_unit"] == "utterance"]
    note = (
        f"In brackets: {100 * bootstrap['confidence']:g} % intervals of a percentile bootstrap with "
        f"{bootstrap['num_resamples']} resamples of the speakers within each corpus"
    )
    if by_utterance:
        names = ", ".join(f"`{name}`" for name in by_utterance)
        note += f" (of the utterances for {names}, where fewer than three speakers are known)"
    return note + ". They do not cover the variation between training seeds."


def gender_table(facts: RunFacts) -> str:
    """Unweighted average recall per gender of each corpus."""
    if facts.report is None or len(facts.report["per_gender"]) < 2:
        return ""
    genders = list(facts.report["per_gender"])
    parts = {f"`{name}`": part for name, part in facts.report["per_corpus_gender"].items() if len(part) > 1}
    if len(facts.report["per_corpus_gender"]) > 1:
        parts["all utterances"] = facts.report["per_gender"]
    rows = []
    for name, part in parts.items():
        cells = [_gender_cell(part.get(gender)) for gender in genders]
        rows.append([name, *cells, _points(_gap(part))])
    return table(["corpus", *(f"UAR {gender}" for gender in genders), "difference (points)"], rows) if rows else ""


def gender_gap(facts: RunFacts) -> str:
    """One sentence on the difference between female and male speakers."""
    parts = facts.report["per_gender"] if facts.report else {}
    gap = _gap(parts)
    if gap is None:
        return ""
    female, male = (_percent(parts[gender]["uar"]) for gender in ("female", "male"))
    return (
        f"Over all utterances the unweighted average recall is {female} % for female and {male} % for male speakers, "
        f"a difference of {_points(gap)} points."
    )


def corpora_table(facts: RunFacts) -> str:
    """What each corpus is and what it was used for."""
    rows = [
        [
            f"[{_title(corpus)}]({corpus.homepage})" if corpus.homepage else _title(corpus),
            "training" if corpus.role == "train" else "test only",
            ", ".join(corpus.languages) or "unknown",
            corpus.kind or "unknown",
            corpus.licence or "not stated",
        ]
        for corpus in facts.corpora
    ]
    return table(["corpus", "use", "language", "speech", "licence"], rows) if rows else ""


def splits_table(facts: RunFacts) -> str:
    """Which utterances were in which part, verifiable by their hash."""
    rows = []
    for corpus in facts.corpora:
        sizes, speakers = corpus.split.get("sizes", {}), corpus.split.get("speakers", {})
        if not corpus.split and not corpus.fingerprint:
            continue
        strategy = " ".join(str(corpus.split[key]) for key in ("name", "version") if corpus.split.get(key) is not None)
        counts = [_count(sizes.get(split), speakers.get(split)) for split in _SPLITS]
        rows.append(
            [f"`{corpus.name}`", strategy, *counts, _code(corpus.split.get("hash")), _code(corpus.fingerprint)]
        )
    return table(["corpus", "split", *_SPLITS, "split hash", "data fingerprint"], rows) if rows else ""


def emissions_sentence(emissions: Emissions) -> str:
    """What codecarbon measured, in one sentence."""
    sentence = f"codecarbon estimates that the training emitted {emissions.grams:.3g} g of CO2 equivalents"
    if emissions.kilowatt_hours is not None:
        sentence += f" with {emissions.kilowatt_hours:.3g} kWh"
    if emissions.seconds is not None:
        sentence += f" in {emissions.seconds:.0f} s"
    return sentence + (f" ({emissions.location})." if emissions.location else ".")


def limitations(facts: RunFacts, few_speakers: int) -> list[str]:
    """Limitations that follow from the facts, then those that the facts state."""
    trained = [corpus for corpus in facts.corpora if corpus.role == "train"]
    found = []
    staged = [corpus for corpus in trained if corpus.kind in ("acted", "elicited", "synthetic")]
    if staged:
        kinds = " or ".join(sorted({str(corpus.kind) for corpus in staged}))
        scope = "All training speech" if len(staged) == len(trained) else f"The speech of {_names(staged)}"
        found.append(f"{scope} is {kinds}. Spontaneous emotion sounds different and is usually harder to recognise.")
    languages = sorted({tag.split("-")[0] for corpus in trained for tag in corpus.languages})
    if languages:
        found.append(f"The training speech is in {', '.join(languages)}; expect lower scores in other languages.")
    for corpus in facts.corpora:
        if corpus.split.get("leak"):
            found.append(f"The parts of `{corpus.name}` are not independent. What they share: {corpus.split['leak']}.")
    if facts.report:
        numbers = {name: part["num_speakers"] for name, part in facts.report["per_corpus"].items()}
        few = [f"`{name}` ({count})" for name, count in numbers.items() if count is not None and count < few_speakers]
        if few:
            found.append(f"Scores rest on few test speakers for {', '.join(few)}; their intervals are rough.")
        unknown = [f"`{name}`" for name, count in numbers.items() if count is None]
        if unknown:
            found.append(f"The speakers of {', '.join(unknown)} are unknown, so intervals there are too narrow.")
        found += _uneven_scores(facts.report)
        absent = _untested_classes(facts)
        if absent:
            found.append(
                f"No {facts.evaluation_split} utterance belongs to {', '.join(absent)}; nothing is known about them."
            )
    return [*found, *facts.limitations]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Markdown table, the first column left and the others right aligned.

    Example:

    ```python
    >>> print(table(["corpus", "UAR"], [["emodb", 91.1]]))
    | corpus | UAR |
    |:--|--:|
    | emodb | 91.1 |

    ```
    """
    lines = [_row(header), "|:--|" + "--:|" * (len(header) - 1), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _scores(part):
    intervals = part["intervals"]
    return [
        _with_interval(part["uar"], intervals["uar"]),
        _with_interval(part["macro_f1"], intervals["macro_f1"]),
        _percent(part["weighted_f1"]),
        _with_interval(part["accuracy"], intervals["accuracy"]),
        _percent(part["eer"]),
        _percent(part["ece"]),
        _percent(part["chance_level"]),
        part["num_utterances"],
        "unknown" if part["num_speakers"] is None else part["num_speakers"],
    ]


def _concordance(entry):
    if entry is None or entry["ccc"] is None:
        return "-"
    low_high = "" if entry["interval"] is None else " [{:.3f}, {:.3f}]".format(*entry["interval"])
    return f"{entry['ccc']:.3f}{low_high}"


def _untested_classes(facts):
    support = facts.report["overall"]["support"]
    return [f"`{name}`" for name in facts.classes if not support.get(name)]


def _uneven_scores(report):
    """Differences between people and between languages; reports of older versions do not know them."""
    gaps = report.get("fairness")
    if gaps is None:
        return
    speakers, language = gaps["speaker"], gaps["language"]["uar"]
    if speakers["gap"] is not None:
        worst = speakers["worst"][0]["uar"]
        yield (
            f"It works unevenly: the unweighted average recall of {speakers['num_scored']} test speakers ranges from "
            f"{_percent(worst)} % to {_percent(worst + speakers['gap'])} %."
        )
    if language is not None:
        low, high = (f"{100 * end:+.1f}" for end in language["interval"])
        yield (
            f"The unweighted average recall in {language['best']} is {100 * language['gap']:.1f} points "
            f"[{low}, {high}] above that in {language['worst']}, on the classes that all test languages have."
        )


def _gap(parts):
    if not {"female", "male"} <= set(parts):
        return None
    return parts["female"]["uar"] - parts["male"]["uar"]


def _gender_cell(part):
    return (
        ""
        if part is None
        else f"{_with_interval(part['uar'], part['intervals']['uar'])} (n = {part['num_utterances']})"
    )


def _points(difference):
    return "" if difference is None else f"{100 * difference:+.1f}"


def _count(utterances, speakers):
    if utterances is None:
        return ""
    return f"{utterances}" if speakers is None else f"{utterances} ({speakers} speakers)"


def _code(text):
    return f"`{text}`" if text else ""


def _title(corpus: CorpusUse):
    return f"{corpus.title} (`{corpus.name}`)" if corpus.title else f"`{corpus.name}`"


def _names(corpora):
    names = [corpus.title or f"`{corpus.name}`" for corpus in corpora]
    if len(names) > 6:
        return f"{len(names)} corpora (listed below)"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _with_interval(value, interval):
    return (
        _percent(value)
        if interval is None
        else f"{_percent(value)} [{_percent(interval[0])}, {_percent(interval[1])}]"
    )


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f}"
