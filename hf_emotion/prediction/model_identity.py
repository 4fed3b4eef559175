"""Which model a prediction is of: two results belong into one table only if their models are the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from huggingface_hub import ResolvedRevision

from ..models.hub_revision import resolve_revision


_DECISIVE_SUFFIXES = {".bin", ".data", ".json", ".onnx", ".py", ".pt", ".safetensors"}
# written beside models, without influence on what they say; or rewritten without a change, as on a push
_INDECISIVE = {"metrics.json", "corpora.json", "environment.json", "trainer_state.json", "training_args.bin"}
_ENSEMBLE_FILE = "ensemble.json"  # as in `hf_emotion.recognition`, which takes seconds to import
_BLOCK = 1 << 20  # bytes read at a time
_DIGEST_LENGTH = 16  # hexadecimal digits of the SHA-256


def model_identity(source: str, revision: str | None = None) -> str:
    """
    A short text that stays the same as long as the weights, the configuration and the code of a model do.

    Args:
        source (`str`): Folder of a model or of an ensemble, or an id on the Hub.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.

    Returns:
        `str`: A digest of the files of a folder (of an ensemble, those of its members as well); the id and the commit
        of a model on the Hub. The source itself if there is no such model, which loading it explains.

    Raises:
        FileNotFoundError: There is no such folder, and the Hub cannot be asked.
    """
    folder = Path(source)
    if not folder.is_dir():
        resolved = resolve_revision(source, revision)
        return f"{source}@{resolved.resolved}" if isinstance(resolved, ResolvedRevision) else source
    digest = hashlib.sha256()
    for path in _decisive_files(folder):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:_DIGEST_LENGTH]


def _decisive_files(folder: Path) -> list[Path]:
    names = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _INDECISIVE)
    files = [path for path in names if path.suffix in _DECISIVE_SUFFIXES]
    ensemble = folder / _ENSEMBLE_FILE
    if ensemble.is_file():
        members = json.loads(ensemble.read_text(encoding="utf-8"))["members"]
        for member in members:
            if member["path"] is not None and (folder / member["path"]).is_dir():
                files += _decisive_files(folder / member["path"])
    return files
