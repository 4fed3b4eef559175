"""Which files of a folder go to the Hub: what a model needs and what says where it comes from, never the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .local_paths import without_local_paths
from .upload import CARD_FILE


MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "model*.onnx",
    "model*.onnx.data",
    "export.json",
    "*.py",
)
# What a run leaves beside its model; predictions are told apart, as they name utterances.
RECORD_FILES = ("metrics.json", "corpora.json", "environment.json", "experiment.yaml", "ensemble.json")
PREDICTION_FILES = ("predictions.parquet", "validation_predictions.parquet")
# Weights that other pushes may have left; those of two pushes must not mix.
WEIGHT_FILES = ("model*.safetensors", "model.safetensors.index.json", "pytorch_model*.bin")
_TEXTS = (".json", ".md", ".yaml")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([\w./-]+)\)")


def chosen_files(folder: Path, patterns: Sequence[str]) -> dict[str, Path | bytes]:
    """
    Files in a folder (not below it) whose names fit. Texts that name a folder of this machine are changed.

    Args:
        folder (`Path`): The folder.
        patterns (`Sequence[str]`): Patterns of names.

    Returns:
        `dict[str, Path | bytes]`: Files by name, bytes for those that are changed.
    """
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and any(fnmatchcase(path.name, pattern) for pattern in patterns)
    )
    return {name: published_content(folder / name) for name in names}


def published_content(path: Path) -> Path | bytes:
    """A file as it may be published: a text that names a folder of this machine is changed, all else is not."""
    if path.suffix not in _TEXTS:
        return path
    text = path.read_text(encoding="utf-8")
    changed = without_local_paths(text)
    return path if changed == text else changed.encode()


def pictures(folder: Path, card: str) -> dict[str, Path | bytes]:
    """Pictures that a card shows and the folder holds."""
    return {name: folder / name for name in _PICTURE.findall(card) if (folder / name).is_file()}


def left_out(folder: Path, files: Iterable[str]) -> list[str]:
    """Names in a folder that are not among the files; names of folders end with a slash."""
    tops = {name.split("/")[0] for name in files}
    return sorted(
        f"{path.name}{'/' * path.is_dir()}" for path in folder.iterdir() if path.name not in tops | {CARD_FILE}
    )


def read_json(path: Path) -> Any:
    """
    Content of a JSON file.

    Raises:
        ValueError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}). Write it again.") from error


def to_json(value: Any) -> bytes:
    """A JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
