"""A finished cell of a frozen encoder as one model: if possible a stock class of transformers."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel, Wav2Vec2FeatureExtractor

from ...data.data_collator import minimum_input_samples
from ...data.loading import load_corpus
from ...data.segmentation import load_segment
from ...data.splits.utterance_matching import match_utterances
from ...features.audio_rows import audio_rows
from ...features.encoder_identity import weights_digest
from ...features.waveform_statistics import WaveformStatistics
from ...models.input_masks import request_mask
from ...models.loading import load_model_and_extractor
from ...models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from ...models.speech_emotion.encoding_speech_emotion import is_self_contained
from ...models.speech_emotion.loading_speech_emotion import check_loading_info
from ...models.statistics_folding import can_fold_statistics, fold_statistics
from ...models.stock_classifier import to_stock_classifier
from ..cells import CellResult
from ..frozen.runner import HEAD_FILE
from ..frozen.systems import load_system
from ..protocol import FrozenSystem
from ..soft_predictions import probabilities_of
from .card import ExportedModel, save_card


logger = logging.getLogger(__name__)

NUM_CHECKED = 8
TOLERANCE = 1e-4


@dataclass(frozen=True)
class ExportOptions:
    """
    Where an export finds what a cell does not hold.

    Args:
        encoder (`str`, *optional*): Hub id or folder of the encoder, if it has moved since the cell was trained.
        revision (`str`, *optional*): Its commit, branch or tag; by default the commit of the cell.
        checkpoint_dir (`str` or `os.PathLike`, *optional*): Files that S3PRL downloads.
        data_dir (`str` or `os.PathLike`, *optional*): Folder of the corpus, to check the model on test clips.
        num_clips (`int`, *optional*, defaults to 8): Test clips to check, spread over the test part.
        tolerance (`float`, *optional*, defaults to 1e-4): Largest difference of a probability from the cell's.
            Features in half precision need more, about 1e-3.
        stock_only (`bool`, *optional*, defaults to `False`): Refuse what no stock class can hold, instead of saving a
            [`~hf_emotion.models.speech_emotion.SpeechEmotionForSequenceClassification`] with its code.
        model_id (`str`, *optional*): Repository name for the card; by default the name of the folder.
    """

    encoder: str | None = None
    revision: str | None = None
    checkpoint_dir: str | os.PathLike | None = None
    data_dir: str | os.PathLike | None = None
    num_clips: int = NUM_CHECKED
    tolerance: float = TOLERANCE
    stock_only: bool = False
    model_id: str | None = None


def export_cell(
    result: CellResult, save_dir: str | os.PathLike, options: ExportOptions | None = None
) -> ExportedModel:
    """
    Save encoder and head of a cell as one audio classifier, with feature extractor and model card.

    It becomes the stock class of its encoder, such as [`~transformers.HubertForSequenceClassification`], which needs
    neither this package nor `trust_remote_code`; where that lacks something (std pooling, an encoder that transformers
    does not have), a `SpeechEmotionForSequenceClassification` with its code. A normalisation of waveforms by
    statistics of the training part becomes part of the first convolution. What the model says of test clips is
    compared with the predictions of the cell if the corpus is at hand.

    Args:
        result ([`~hf_emotion.benchmark.cells.CellResult`]): A finished cell of a frozen encoder.
        save_dir (`str` or `os.PathLike`): Folder for the model, new or empty.
        options ([`ExportOptions`], *optional*): Where to find the encoder, the corpus ...

    Returns:
        [`ExportedModel`]: What was saved, and how it was checked.

    Raises:
        FileNotFoundError: The checkpoint of the encoder is not where the cell says.
        ValueError: The cell has no head, the folder is not empty, the encoder does not fit the head, or the model
            gives other probabilities than the cell; nothing is saved then.
    """
    options = options or ExportOptions()
    target, head, record = Path(save_dir), _load_head(result), result.record
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is not empty, and files of another model would stay in it. Choose a new folder.")
    encoder, extractor = _load_encoder(record, options)
    _check_encoder(encoder, record)
    encoder = encoder.float()  # as heads are: what reads a model in half precision must be told
    # of the training part, which waveforms were normalised by before the encoder
    statistics = WaveformStatistics(**record["waveform_statistics"]) if record["waveform_statistics"] else None
    must_check = statistics is not None and not can_fold_statistics(encoder)
    if statistics is not None and not must_check:
        encoder = fold_statistics(encoder, statistics)
    model, reason = _stock_or_ours(_classifier(encoder, head, record), options.stock_only)
    with _unfinished(target) as folder:
        _save(model, extractor, folder)
        difference, num_checked = _check(folder, result, options, must_check)
        folded = None if must_check else statistics
        exported = ExportedModel(target, type(model).__name__, reason, num_checked, difference, folded)
        save_card(exported, result, model, extractor, folder, options.model_id)
    return exported


def _load_head(result: CellResult) -> dict[str, torch.Tensor]:
    path = result.folder / HEAD_FILE
    if not path.is_file():
        raise ValueError(
            f"{result.folder} has no {HEAD_FILE}: this cell is no head on a frozen encoder. What a training has saved "
            "is a model already."
        )
    return load_file(path)


def _load_encoder(record: dict[str, Any], options: ExportOptions) -> tuple[PreTrainedModel, Any]:
    facts = record["encoder"]
    source, revision = options.encoder, options.revision
    if source is None and not facts.get("s3prl_checkpoint"):
        source, revision = facts.get("name_or_path") or None, revision or facts.get("commit")
    system = FrozenSystem(
        record["system"],
        encoder=source,
        revision=revision,
        model_type=None if source else facts["model_type"],
        s3prl_checkpoint=None if source else facts.get("s3prl_checkpoint"),
    )
    encoder, extractor = load_system(system, options.checkpoint_dir)
    return encoder.eval(), extractor or Wav2Vec2FeatureExtractor(do_normalize=False)


def _check_encoder(encoder: PreTrainedModel, record: dict[str, Any]) -> None:
    facts, num_parameters = record["encoder"], encoder.num_parameters()
    if facts["model_type"] != encoder.config.model_type or facts["num_parameters"] != num_parameters:
        raise ValueError(
            f"The head was trained on an encoder of the type {facts['model_type']} with {facts['num_parameters']:,} "
            f"parameters, but this is a {encoder.config.model_type} with {num_parameters:,}. Name the right one: "
            f"--encoder; the cell says {facts.get('name_or_path') or facts.get('s3prl_checkpoint')!r}."
        )
    if facts["weights_sha256"] != weights_digest(encoder):
        raise ValueError(
            f"The weights of the {encoder.config.model_type} encoder are not those that the head was trained on. Name "
            f"the right one: --encoder; the cell says {facts.get('name_or_path') or facts.get('s3prl_checkpoint')!r}, "
            f"commit {facts.get('commit')}."
        )


def _classifier(
    encoder: PreTrainedModel, head: dict[str, torch.Tensor], record: dict[str, Any]
) -> SpeechEmotionForSequenceClassification:
    classes = record["classes"]
    config = SpeechEmotionConfig(
        encoder_config=encoder.config.to_dict(),
        layer_selection="weighted",
        pooling=record["recipe"].get("pooling", "mean"),
        classifier_proj_size=len(head["projector.bias"]),
        id2label=dict(enumerate(classes)),
        label2id={name: index for index, name in enumerate(classes)},
        # softmax over the classes, also in pipelines; with "multi_label_classification" they would take a sigmoid
        problem_type="single_label_classification",
    )
    weights = {f"speech_encoder.{name}": value for name, value in encoder.state_dict().items()} | head
    try:
        model, info = SpeechEmotionForSequenceClassification.from_pretrained(
            None, config=config, state_dict=weights, dtype=encoder.dtype, output_loading_info=True
        )
    except RuntimeError as error:
        raise ValueError(
            f"The head of the cell does not fit its {encoder.config.model_type} encoder: {error}"
        ) from error
    check_loading_info(type(model).__name__, "encoder and head", info)
    return model.eval()


def _stock_or_ours(
    classifier: SpeechEmotionForSequenceClassification, stock_only: bool
) -> tuple[PreTrainedModel, str | None]:
    """The model to save, and why it is not of a stock class."""
    encoder_config: Any = classifier.config.encoder_config
    if is_self_contained(encoder_config):
        reason = f"transformers has no {encoder_config.model_type} encoder."
        if not stock_only:
            return classifier, reason
        raise ValueError(f"{reason} Without --stock_only the model is saved with its code.")
    try:
        return to_stock_classifier(classifier), None
    except ValueError as error:
        if stock_only:
            raise
        logger.info("Saved with its code, since no stock class computes the same: %s", error)
        return classifier, str(error)


def _save(model: PreTrainedModel, extractor: Any, folder: Path) -> None:
    request_mask(extractor, model.config.model_type)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A folder beside the target that gets its name when all went well, and is deleted otherwise."""
    folder = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if target.is_dir():
            target.rmdir()  # it is empty
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(folder: Path, result: CellResult, options: ExportOptions, must_check: bool) -> tuple[float | None, int]:
    """Largest difference between probabilities of the saved model and of the cell, and on how many clips."""
    if options.data_dir is None:
        if must_check:
            raise ValueError(
                f"Waveforms were normalised by the training part of the fold before this {_model_type(result)} "
                "encoder, which has no place for that. It may make no difference to it: name the corpus (--data_dir), "
                "so that its probabilities can be compared with the cell's."
            )
        return None, 0
    model, extractor = load_model_and_extractor(folder)
    clips = _test_clips(result, options, extractor.sampling_rate)  # type: ignore[attr-defined]
    differences = [np.abs(_probabilities(model, extractor, waveform) - expected).max() for waveform, expected in clips]
    difference = float(max(differences))
    if np.ptp([expected for _, expected in clips], axis=0).max() <= options.tolerance:
        logger.warning(
            "%s gives all %d checked clips the same probabilities: they say nothing of the encoder.",
            result.folder,
            len(clips),
        )
    if not difference <= options.tolerance:
        hint = (
            "Waveforms were normalised by the training part of the fold, for which this encoder has no place."
            if must_check
            else "Is this the encoder, and the corpus, of the cell? An encoder or features in half precision need a "
            "higher --tolerance."
        )
        raise ValueError(
            f"On {len(differences)} test clips the model gives probabilities that differ by up to {difference:.1e} "
            f"from those of {result.folder}, so that it was not saved. {hint}"
        )
    return difference, len(differences)


def _model_type(result: CellResult) -> str:
    return result.record["encoder"]["model_type"]


def _test_clips(result: CellResult, options: ExportOptions, sampling_rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Waveforms, cut as the cell's were, and the cell's probabilities."""
    table = result.predictions()
    ids, probabilities = table["utterance_id"].to_list(), probabilities_of(table)
    parts: Any = load_corpus(result.record["corpus"], data_dir=str(options.data_dir))
    corpus = audio_rows(datasets.concatenate_datasets(list(parts.values())))
    paths = [(audio or {}).get("path") for audio in corpus["audio"][:]]
    row_of = match_utterances(ids, corpus["utterance_id"][:], paths)
    present = [index for index, name in enumerate(ids) if name in row_of]
    if not present:
        raise ValueError(
            f"None of the {len(ids)} test utterances of {result.folder} (first {ids[0]!r}) is in {options.data_dir}. "
            f"Name the folder of {result.record['corpus']}, or leave out --data_dir."
        )
    spread = np.linspace(0, len(present) - 1, min(options.num_clips, len(present))).round().astype(int)
    seconds = result.record["recipe"].get("max_duration_seconds")
    end = None if seconds is None else max(1, round(seconds * sampling_rate))
    chosen = [present[index] for index in spread]
    return [(load_segment(corpus[row_of[ids[index]]], sampling_rate)[:end], probabilities[index]) for index in chosen]


@torch.no_grad()
def _probabilities(model: PreTrainedModel, extractor: Any, waveform: np.ndarray) -> np.ndarray:
    shortfall = max(0, minimum_input_samples(model.config).clip - len(waveform))
    inputs = extractor(np.pad(waveform, (0, shortfall)), sampling_rate=extractor.sampling_rate, return_tensors="pt")
    return model(**inputs).logits[0].double().softmax(dim=-1).numpy()
