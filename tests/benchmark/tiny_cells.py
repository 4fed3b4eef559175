"""Finished cells of tiny benchmarks: with made-up predictions, or with a head on the features of a tiny encoder."""

from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from hf_emotion.benchmark.cells import Cell, CellResult, finish_cell
from hf_emotion.benchmark.frozen.heads import HeadFeatures, StackedHeads
from hf_emotion.benchmark.scores import macro_f1_of
from hf_emotion.benchmark.soft_predictions import soft_predictions_table
from hf_emotion.features.encoder_identity import weights_digest
from hf_emotion.features.extraction import extract_features
from hf_emotion.features.waveform_statistics import WaveformStatistics


CLASSES = ("angry", "sad", "neutral", "happy")
NUM_SPEAKERS = 6
LOGITS_FILE = "logits.npy"


def utterances(ids: Sequence[str]) -> pd.DataFrame:
    """Speakers in turn, every other one a woman."""
    speakers = [index % NUM_SPEAKERS for index in range(len(ids))]
    genders = ["female" if speaker % 2 else "male" for speaker in speakers]
    return pd.DataFrame(
        {"utterance_id": ids, "speaker_id": [f"s{speaker}" for speaker in speakers], "gender": genders}
    )


def soft_table(
    num_utterances: int = 60, *, seed: int = 0, skill: float = 1.0, fold: int = 1, classes: Sequence[str] = CLASSES
) -> pd.DataFrame:
    """Predictions that follow the labels, which depend on the fold only, the closer the larger `skill` is."""
    votes = np.random.default_rng(fold).normal(size=(num_utterances, len(classes))) * 2
    noise = np.random.default_rng(1000 + seed).normal(size=votes.shape) * 2
    labels, probabilities = (_softmax(logits) for logits in (votes, skill * votes + noise))
    ids = [f"f{fold}_u{index}" for index in range(num_utterances)]
    return soft_predictions_table(utterances(ids), labels, probabilities, classes)


def write_cell(
    output_dir: Path,
    system: str = "HuBERT",
    setting: str = "CREMA-D",
    fold: int = 1,
    seed: int = 0,
    *,
    layer_weights: Sequence[float] | None = (0.5, 0.3, 0.2),
    predictions: pd.DataFrame | None = None,
    **record,
) -> CellResult:
    """A cell without a head; `record` replaces or adds facts in its `cell.json`."""
    cell = Cell(system, setting, fold, seed)
    table = soft_table(seed=seed, fold=fold) if predictions is None else predictions
    folder = cell.folder(output_dir)
    folder.mkdir(parents=True)
    table.to_parquet(folder / "predictions.parquet", index=False)
    classes = [column.removeprefix("label_") for column in table.columns if column.startswith("label_")]
    facts = {
        "protocol": "tiny",
        "metric": "macro_f1",
        "corpus": "crema_d",
        "classes": classes,
        "scores": {"test": {"macro_f1": macro_f1_of(table)}},
        "training": {"best_epoch": 3, "num_epochs": 5, "validation_losses": [1.0] * 5, "seconds": 1.0},
        "layer_weights": None if layer_weights is None else list(layer_weights),
        "recipe": {"pooling": "mean", "max_duration_seconds": None, "waveform_statistics": "none"},
        "encoder": {"name_or_path": "", "model_type": "hubert", "num_parameters": 1},
        "split": {"train": 100, "validation": 20, "test": len(table)},
        "versions": {"torch": torch.__version__},
    }
    return finish_cell(cell, output_dir, facts | record)


def write_trained_cell(
    output_dir: Path,
    encoder_dir: Path | str,
    encoder: PreTrainedModel,
    feature_extractor,
    clips: datasets.Dataset,
    *,
    pooling: str = "mean",
    statistics: WaveformStatistics | None = None,
    max_duration_seconds: float | None = None,
    **record,
) -> CellResult:
    """A cell as a benchmark leaves it behind: a random head, and what it says of the features of some clips."""
    do_normalize = bool(getattr(feature_extractor, "do_normalize", False))
    cache = extract_features(
        encoder,
        clips,
        output_dir / "cache",
        feature_extractor=feature_extractor,
        max_duration_seconds=max_duration_seconds,
        waveform_statistics=statistics,
        second_moments=None if pooling == "mean" else "pairs",
    )
    features = HeadFeatures(cache, pooling)
    head = StackedHeads(features.num_states, features.hidden_size, len(CLASSES), [0], 6, pooling)
    with torch.no_grad():
        head.layer_weights.copy_(torch.linspace(-1, 1, features.num_states))
        head.projector_weight *= 4  # so that clips differ
        logits = head(**features(torch.arange(len(cache))[None]))[0].double()
    probabilities = logits.softmax(dim=-1).numpy()
    labels = np.eye(len(CLASSES))[np.arange(len(cache)) % len(CLASSES)]
    result = write_cell(
        output_dir,
        layer_weights=head.layer_weights.detach().softmax(dim=-1)[0].tolist(),
        predictions=soft_predictions_table(utterances(cache.utterance_ids), labels, probabilities, CLASSES),
        recipe={
            "pooling": pooling,
            "max_duration_seconds": max_duration_seconds,
            "waveform_statistics": "none" if statistics is None else "train_split",
        },
        encoder={
            "name_or_path": str(encoder_dir),
            "commit": None,
            "model_type": encoder.config.model_type,
            "num_parameters": encoder.num_parameters(),
            "weights_sha256": weights_digest(encoder),
            "s3prl_checkpoint": None,
            "do_normalize": do_normalize,
        },
        waveform_statistics=None if statistics is None else vars(statistics),
        **record,
    )
    save_file(head.state_of(0), result.folder / "head.safetensors")
    np.save(result.folder / LOGITS_FILE, logits.numpy())  # which a benchmark does not keep
    return result


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
