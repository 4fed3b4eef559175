"""The model card of a training run: every number in it comes from the facts of that run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..emotions import AROUSAL_VALENCE_CLASSES
from . import model_card_text as text
from .emissions import Emissions
from .licences import Licence, strictest_licence
from .templates import render_template


ENSEMBLE_LIBRARY = "hf-emotion"  # what loads ensembles
TAGS = ("hf-emotion", "speech-emotion-recognition")
FEW_SPEAKERS = 10  # an interval over fewer of them is rough

# Report key, Hub metric identifier, name and arguments of each score in the model index.
INDEXED_METRICS = (
    ("uar", "recall", "Unweighted average recall (UAR)", {"average": "macro"}),
    ("macro_f1", "f1", "Macro-F1", {"average": "macro"}),
    ("weighted_f1", "f1", "Weighted F1", {"average": "weighted"}),
    ("accuracy", "accuracy", "Accuracy", None),
    ("eer", "equal_error_rate", "Equal error rate (one-vs-rest mean)", None),
    ("ece", "expected_calibration_error", "Expected calibration error (15 bins)", {"num_bins": 15}),
)


@dataclass
class CorpusUse:
    """A corpus and what the run did with it.

    Args:
        name (`str`): Corpus name.
        role (`str`, *optional*, defaults to `"train"`): `"train"`, or `"test"` for a corpus the model was only tested
            on.
        title (`str`, *optional*): Full name.
        languages (`Sequence[str]`, *optional*): BCP 47 tags.
        licence, kind, homepage, citation, hub_id (`str`, *optional*): As the corpus states them; `kind` is `"acted"`,
            `"elicited"`, `"natural"` or `"synthetic"`.
        split (`Mapping`, *optional*): `name`, `version`, `hash`, `sizes`, `speakers` (numbers per split) and `leak`
            (what its parts share) of the split.
        fingerprint (`str`, *optional*): Fingerprint of the data that was read.
    """

    name: str
    role: str = "train"
    title: str | None = None
    languages: Sequence[str] = ()
    licence: str | None = None
    kind: str | None = None
    homepage: str | None = None
    citation: str | None = None
    hub_id: str | None = None
    split: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None

    def __post_init__(self):
        if self.role not in ("train", "test"):
            raise ValueError(f"Corpus {self.name!r} has the role {self.role!r}; it must be 'train' or 'test'.")


@dataclass
class RunFacts:
    """All that a model card may state. What is left out does not appear in the card.

    Args:
        model_id (`str`): Repository on the Hub, `owner/name`.
        classes (`Sequence[str]`): Class names in the order of the model's outputs.
        architecture (`str`, *optional*): The configuration's `model_type`.
        base_model, base_model_licence (`str`, *optional*): What training started from, and its licence.
        corpora (`Sequence[CorpusUse]`, *optional*): Training corpora and corpora used for testing only.
        report (`Mapping`, *optional*): What [`~hf_emotion.evaluation.report.evaluate_predictions`] returns.
        setting_scores (`Mapping[str, Mapping]`, *optional*): For models of several classes per utterance, by setting
            (corpus with a set of labels), what [`~hf_emotion.benchmark.scores.setting_scores`] returns, and `corpus`,
            its name.
        evaluation_split (`str`, *optional*, defaults to `"test"`): Split the report is about.
        is_encoder_frozen (`bool`, *optional*, defaults to `False`): Whether training changed the head alone.
        training (`Mapping[str, Any]`, *optional*): Named facts of the training for a table, such as `{"steps": 3000}`.
        command (`str`, *optional*): The exact command of the run.
        config_yaml (`str`, *optional*): The resolved configuration.
        environment (`Mapping[str, str]`, *optional*): Versions of Python and packages, and the device.
        figures (`Mapping[str, str]`, *optional*): Caption and path within the repository of each figure.
        limitations (`Sequence[str]`, *optional*): Further limitations, one sentence each.
        citations (`Sequence[str]`, *optional*): BibTeX entries of what the model builds on.
        licence (`str`, *optional*): Hub licence identifier that overrides the derived one.
        sampling_rate (`int`, *optional*, defaults to 16000): Expected input rate in Hz.
        remote_code (`bool`, *optional*, defaults to `False`): Whether the repository carries its own modeling code.
        library_name (`str`, *optional*, defaults to `"transformers"`): Library that loads the repository;
            `"hf-emotion"` for ensembles.
        has_pipeline_code (`bool`, *optional*, defaults to `False`): Whether the repository carries the code of
            `SpeechEmotionPipeline`.
        emissions ([`~hf_emotion.cards.emissions.Emissions`], *optional*): Carbon measured during the training.

    Raises:
        ValueError: No class names, or a `model_id` that is no repository name.
    """

    model_id: str
    classes: Sequence[str]
    architecture: str | None = None
    base_model: str | None = None
    base_model_licence: str | None = None
    corpora: Sequence[CorpusUse] = ()
    report: Mapping[str, Any] | None = None
    setting_scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    evaluation_split: str = "test"
    is_encoder_frozen: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    command: str | None = None
    config_yaml: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    limitations: Sequence[str] = ()
    citations: Sequence[str] = ()
    licence: str | None = None
    sampling_rate: int = 16_000
    remote_code: bool = False
    library_name: str = "transformers"
    has_pipeline_code: bool = False
    emissions: Emissions | None = None

    def __post_init__(self):
        if not self.classes:
            raise ValueError("A model card needs the class names in the order of the model's outputs.")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.model_id):
            raise ValueError(f"model_id={self.model_id!r} is no repository name; use 'owner/name'.")
        self.corpora = [CorpusUse(**corpus) if isinstance(corpus, Mapping) else corpus for corpus in self.corpora]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunFacts:
        """Read facts from plain values, such as a JSON file.

        Raises:
            ValueError: A key is unknown.
        """
        unknown = sorted(set(values) - {item.name for item in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"RunFacts has no field {', '.join(unknown)}; see its documentation for the fields.")
        return cls(**values)


def build_model_card(facts: RunFacts | Mapping[str, Any]) -> ModelCard:
    """Write the model card of a run.

    Args:
        facts ([`RunFacts`] or `Mapping`): The facts of the run.

    Returns:
        `huggingface_hub.ModelCard`: Metadata with a model index, and text; `card.save("README.md")` writes it.

    Raises:
        ValueError: Facts that are incomplete or unknown.

    Example:

    ```python
    >>> card = build_model_card({"model_id": "me/ser", "classes": ["joy", "sadness"], "licence": "mit"})
    >>> card.data.pipeline_tag, card.data.license
    ('audio-classification', 'mit')

    ```
    """
    if isinstance(facts, Mapping):
        facts = RunFacts.from_dict(facts)
    licence = _licence(facts)
    metadata = _metadata(facts, licence)
    content = render_template(
        "ensemble.md" if facts.library_name == ENSEMBLE_LIBRARY else "model.md",
        metadata=metadata.to_yaml(),
        facts=facts,
        licence=licence,
        summary=text.summary(facts),
        results=text.results_table(facts),
        setting_results=text.setting_table(facts),
        setting_classes=text.setting_class_table(facts),
        threshold=f"{1 / len(facts.classes):.4g}",
        dimension_results=text.dimension_table(facts),
        gender_results=text.gender_table(facts),
        gender_gap=text.gender_gap(facts),
        interval_note=text.interval_note(facts),
        corpora=text.corpora_table(facts),
        splits=text.splits_table(facts),
        has_split_hashes=any(corpus.split.get("hash") for corpus in facts.corpora),
        limitations=text.limitations(facts, FEW_SPEAKERS),
        emissions=text.emissions_sentence(facts.emissions) if facts.emissions else "",
        has_arousal_valence_classes=tuple(facts.classes) == AROUSAL_VALENCE_CLASSES,
    )
    return ModelCard(content)


def _licence(facts: RunFacts) -> Licence:
    if facts.licence is not None:
        return Licence(facts.licence, "Chosen by the authors of this model.")
    stated = {corpus.title or corpus.name: corpus.licence for corpus in facts.corpora if corpus.role == "train"}
    if facts.base_model is not None and facts.base_model_licence is not None:
        stated[text.model_name(facts.base_model)] = facts.base_model_licence
    licence = strictest_licence(stated)
    if facts.base_model is not None and facts.base_model_licence is None:
        note = " The licence of the base model is not on record here and applies as well."
        licence = licence._replace(reason=licence.reason + note)
    return licence


def _metadata(facts: RunFacts, licence: Licence) -> ModelCardData:
    trained = [corpus for corpus in facts.corpora if corpus.role == "train"]
    languages = sorted({tag.split("-")[0] for corpus in trained for tag in corpus.languages})
    model_name = facts.model_id.split("/")[-1]
    emissions: dict[str, Any] = {"co2_eq_emissions": facts.emissions.metadata} if facts.emissions else {}
    return ModelCardData(
        language=languages or None,
        license=licence.identifier,
        license_name="terms-of-the-training-data" if licence.identifier == "other" else None,
        library_name=facts.library_name,
        pipeline_tag="audio-classification",
        tags=[*TAGS, *([facts.architecture] if facts.architecture else []), *_corpus_tags(trained)],
        base_model=facts.base_model if text.is_hub_id(facts.base_model) else None,
        datasets=[corpus.hub_id for corpus in trained if corpus.hub_id] or None,
        **emissions,
        metrics=_metric_types(facts),
        eval_results=_eval_results(facts) or None,
        model_name=model_name,
    )


def _metric_types(facts: RunFacts) -> list[str] | None:
    if facts.report is None:
        return ["f1"] if facts.setting_scores else None
    return ["recall", "f1", "accuracy", *(["ccc"] if facts.report["overall"].get("dimensions") else [])]


def _corpus_tags(corpora):
    return [corpus.name.replace("_", "-") for corpus in corpora]


def _eval_results(facts: RunFacts) -> list[EvalResult]:
    """One entry per corpus and score, and the mean UAR and CCC over corpora when there are several."""
    if facts.report is None:
        return [
            _eval_result(
                facts,
                scores["corpus"],
                setting,
                "f1",
                scores["macro_f1"],
                metric_name="Multi-label macro-F1 (threshold 1/C)",
                metric_args={"average": "macro", "threshold": round(1 / len(facts.classes), 6)}
                | _interval(scores["interval"]),
            )
            for setting, scores in facts.setting_scores.items()
        ]
    uses = {corpus.name: corpus for corpus in facts.corpora}
    results = []
    for name, part in facts.report["per_corpus"].items():
        use = uses.get(name, CorpusUse(name, role="test"))
        arguments = {"split_hash": use.split["hash"]} if use.split.get("hash") else None
        intervals = part["intervals"]
        scores = [
            (part[key], *description, _with_interval(facts, metric_args, intervals.get(key)))
            for key, *description, metric_args in INDEXED_METRICS
        ]
        scores += [
            (
                entry["ccc"],
                "ccc",
                f"Concordance correlation coefficient (CCC) of {dimension}",
                _with_interval(facts, None, entry["interval"]),
            )
            for dimension, entry in part.get("dimensions", {}).items()
        ]
        for value, metric_type, metric_name, metric_args in scores:
            if value is not None:
                results.append(
                    _eval_result(
                        facts,
                        use.hub_id or name,
                        use.title or name,
                        metric_type,
                        value,
                        metric_name=metric_name,
                        metric_args=metric_args,
                        dataset_args=arguments,
                    )
                )
    mean = facts.report["mean_corpus_uar"]
    if mean["num_corpora"] > 1:
        results.append(
            _eval_result(
                facts,
                "mixture",
                f"mean of {mean['num_corpora']} corpora",
                "recall",
                mean["value"],
                metric_name="Mean UAR over corpora",
                metric_args=_with_interval(facts, {"average": "macro"}, mean["interval"]),
            )
        )
    for dimension, entry in facts.report.get("mean_corpus_dimensions", {}).items():
        if entry["num_corpora"] > 1:
            results.append(
                _eval_result(
                    facts,
                    "mixture",
                    f"mean of {entry['num_corpora']} corpora",
                    "ccc",
                    entry["ccc"],
                    metric_name=f"Mean CCC of {dimension}",
                    metric_args=_with_interval(facts, None, entry["interval"]),
                    dataset_config=f"with {dimension}",  # the index merges entries with equal type and config
                )
            )
    return results


def _with_interval(facts: RunFacts, metric_args: dict[str, Any] | None, interval: Sequence[float] | None):
    """The arguments of a metric and the interval of its value: the index has no field of its own for that."""
    confidence = facts.report["bootstrap"]["confidence"] if facts.report else 0.95
    return {**(metric_args or {}), **_interval(interval, confidence)} or None


def _interval(interval: Sequence[float] | None, confidence: float = 0.95) -> dict[str, Any]:
    if interval is None:
        return {}
    return {"confidence": confidence, "interval": [round(float(end), 4) for end in interval]}


def _eval_result(facts, dataset_type, dataset_name, metric_type, value, **details):
    return EvalResult(
        task_type="audio-classification",
        task_name="Speech emotion recognition",
        dataset_type=dataset_type,
        dataset_name=dataset_name,
        dataset_split=facts.evaluation_split,
        metric_type=metric_type,
        metric_value=round(value, 4),
        **details,
    )
