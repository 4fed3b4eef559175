"""The model card of an exported cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from transformers import PreTrainedModel

from ...cards.model_card import CorpusUse, RunFacts, build_model_card
from ...data.loading import corpus_facts
from ...features.waveform_statistics import WaveformStatistics
from ...run_record import CARD_FILE
from ..cells import CellResult
from ..scores import setting_scores


# Stock classes of these types let the padding of a batch in, whatever their norm.
_LOOKS_AT_PADDING = ("data2vec-audio", "wav2vec2-conformer")
_CITATION = """
@inproceedings{wu2024openemotion,
  title     = {{Open-Emotion}: A Reproducible {EMO-SUPERB} for Speech Emotion Recognition Systems},
  author    = {Wu, Haibin and Chou, Huang-Cheng and Chang, Kai-Wei and Goncalves, Lucas and Du, Jiawei and
               Jang, Jyh-Shing Roger and Lee, Chi-Chun and Lee, Hung-yi},
  booktitle = {Proc. IEEE Spoken Language Technology Workshop (SLT)},
  pages     = {510--517},
  year      = {2024},
  doi       = {10.1109/SLT61566.2024.10832296},
  note      = {arXiv:2402.13018}
}
"""


@dataclass(frozen=True)
class ExportedModel:
    """
    A cell that has become a model.

    Args:
        folder (`Path`): Where it is.
        model_class (`str`): Its class.
        reason (`str`, *optional*): Why it is no stock class of transformers; None if it is one.
        num_checked (`int`): Test clips whose probabilities were compared with those of the cell.
        difference (`float`, *optional*): Largest difference between them; None if none were compared.
        statistics ([`WaveformStatistics`], *optional*): Normalisation of waveforms that its first convolution does.
    """

    folder: Path
    model_class: str
    reason: str | None
    num_checked: int
    difference: float | None
    statistics: WaveformStatistics | None = None

    @property
    def is_stock(self) -> bool:
        """Whether plain transformers loads it, without code of ours."""
        return self.reason is None


def save_card(
    exported: ExportedModel,
    result: CellResult,
    model: PreTrainedModel,
    extractor: Any,
    folder: Path,
    model_id: str | None = None,
) -> None:
    """Write the card of a model that is still in another `folder` than it will be."""
    facts = export_facts(exported, result, model, extractor.sampling_rate, model_id)
    build_model_card(facts).save(folder / CARD_FILE)


def export_facts(
    exported: ExportedModel,
    result: CellResult,
    model: PreTrainedModel,
    sampling_rate: int,
    model_id: str | None = None,
) -> RunFacts:
    """
    What the card of an exported cell states.

    Args:
        exported ([`ExportedModel`]): The model, and how it was checked.
        result ([`~hf_emotion.benchmark.cells.CellResult`]): Its cell.
        model (`PreTrainedModel`): The classifier.
        sampling_rate (`int`): Input rate in Hz.
        model_id (`str`, *optional*): Repository name; by default the name of the folder.
    """
    record = result.record
    name = re.sub(r"[^\w.-]+", "-", exported.folder.resolve().name).strip("-") or "model"
    scores = setting_scores({record["fold"]: [result.predictions()]})
    encoder = record["encoder"]
    return RunFacts(
        model_id=model_id or name,
        classes=record["classes"],
        architecture=model.config.model_type,
        base_model=encoder.get("name_or_path") or encoder.get("s3prl_checkpoint"),
        corpora=[_corpus_use(record)],
        setting_scores={record["setting"]: scores | {"corpus": record["corpus"]}},
        is_encoder_frozen=True,
        training=_training(record),
        config_yaml=yaml.safe_dump(record["recipe"], sort_keys=False),
        environment=record.get("versions", {}),
        limitations=_limitations(exported, record, model),
        citations=[_CITATION],
        sampling_rate=sampling_rate,
        remote_code=not exported.is_stock,
    )


def _corpus_use(record: dict[str, Any]) -> CorpusUse:
    known = corpus_facts(record["corpus"])
    split = {"name": f"{record['protocol']}, {record['setting']}, fold {record['fold']}", "sizes": record["split"]}
    return CorpusUse(
        record["corpus"],
        title=known.full_name,
        languages=known.languages,
        licence=known.licence,
        kind=known.kind,
        homepage=known.homepage,
        citation=known.citation,
        split=split,
    )


def _training(record: dict[str, Any]) -> dict[str, Any]:
    """Rows of the card's table."""
    training, encoder = record["training"], record["encoder"]
    commit = encoder.get("commit")
    return {
        "benchmark": f"{record['protocol']}: {record['system']} on {record['setting']}",
        "fold and seed": f"{record['fold']} and {record['seed']}",
        "encoder": f"frozen, {encoder['num_parameters'] / 1e6:.1f} M parameters" + (f", {commit}" if commit else ""),
        "head": "softmax average of the layers, projection, mean over time, linear classifier"
        if record["recipe"].get("pooling", "mean") == "mean"
        else f"softmax average of the layers, {record['recipe']['pooling']} over time, projection, linear classifier",
        "selected epoch": f"{training['best_epoch']} of {training['num_epochs']}, by validation loss",
    }


def _limitations(exported: ExportedModel, record: dict[str, Any], model: PreTrainedModel) -> list[str]:
    found = [
        f"The scores above are those of this model on fold {record['fold']}; the benchmark's table shows the mean "
        "over all folds and seeds."
    ]
    if exported.statistics is not None:
        found.append(
            "In training, waveforms were normalised by mean and standard deviation of the training part "
            f"({exported.statistics.mean:.3g} and {exported.statistics.std:.3g}). Here the first convolution does "
            "that: its weights differ from the encoder's, and waveforms go in as they are."
        )
    seconds = record["recipe"].get("max_duration_seconds")
    if seconds is not None:
        found.append(
            f"Head and scores rest on the first {seconds:g} s of each clip. This model reads whole clips: cut longer "
            "ones to their beginning to repeat the figures."
        )
    if exported.is_stock and _lets_padding_in(model):
        found.append(
            "The padding of a batch changes the results of its shorter clips a little. Run clips alone (the default "
            "of a pipeline) or with others of the same length."
        )
    if exported.num_checked:
        found.append(
            f"Its probabilities were compared with those of the benchmark on {exported.num_checked} test clips; the "
            f"largest difference was {exported.difference:.0e}."
        )
    else:
        found.append("Its probabilities have not been compared with those of the benchmark: the corpus was absent.")
    return found


def _lets_padding_in(model: PreTrainedModel) -> bool:
    is_group = getattr(model.config, "feat_extract_norm", "layer") == "group"
    return is_group or model.config.model_type in _LOOKS_AT_PADDING
