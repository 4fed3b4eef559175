"""Features of frozen encoders on disk: the mean over time of each layer, clip by clip.

Sizes, for N clips, an encoder of L layers and H dimensions, and 2 (float16) or 4 (float32) bytes per number:

- means: N x (L + 1) x H. CREMA-D through a large encoder (L = 24, H = 1024): 7442 x 25 x 1024 x 2 bytes = 381 MB, or
  762 MB in float32. All frames of these clips, 2.5 s long, would be 125 times as much, 47.6 GB.
- variances of each layer: as much as the means.
- covariances of all pairs of layers: N x (L + 1)(L + 2) / 2 x H. A large encoder has 325 pairs, 13 times as many as
  means: 7442 x 325 x 1024 x 4 bytes = 9.9 GB for CREMA-D, or 5.0 GB in float16. A base encoder (L = 12, H = 768) has
  91 pairs: 2.1 GB in float32.
- frames of K layers, T per clip: N x T x K x H. CREMA-D through a large encoder (T = 125 on average): 1.9 GB for one
  layer in float16 or 3.8 GB in float32, and 47.6 GB or 95.3 GB for all 25.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..atomic_files import write_atomically
from .chunk_files import ChunkedRows, ChunkFile, list_chunks
from .clip_frames import ClipFrames


SETTINGS_FILE = "features.json"
UTTERANCES_FILE = "utterances.json"
_ARRAYS = ("means", "num_frames", "variances", "covariances", "frames")


@dataclass(frozen=True)
class ExtractionReport:
    """
    What a call of [`~hf_emotion.features.extraction.extract_features`] did, in all processes together.

    Args:
        num_cached (`int`): Clips whose features were there already.
        num_extracted (`int`): Clips that were run through the encoder. Clips with the same audio are run once.
        padding_share (`float`): Share of the encoder's input that was padding.
        seconds (`float`): Time for hashing, extraction and writing.
    """

    num_cached: int
    num_extracted: int
    padding_share: float
    seconds: float


class FeatureCache(torch.utils.data.Dataset):
    """
    Mean over time of each layer of a frozen encoder for each clip of a corpus, memory-mapped.

    [`~hf_emotion.features.extraction.extract_features`] makes it, [`FeatureCache.open`] opens it again. An element is
    a dict with `utterance_id`, `means` `(num_states, hidden_size)` and, where there are any, `variances` of the same
    shape or `covariances` `(num_pairs, hidden_size)`; a slice or a list of indices gives a batch. A `DataLoader` takes
    it as it is, and for a corpus that fits into memory `torch.from_numpy(cache.means[:])` is faster still.

    Attributes:
        folder (`Path`): Where the chunks lie.
        utterance_ids (`list[str]`): Of the clips, in their order.
        means ([`~hf_emotion.features.chunk_files.ChunkedRows`]): Array `(num_clips, num_states, hidden_size)`. State 0
            is the input of the first layer.
        variances ([`~hf_emotion.features.chunk_files.ChunkedRows`], *optional*): Array of the shape of `means`, with
            `second_moments="layers"`.
        covariances ([`~hf_emotion.features.chunk_files.ChunkedRows`], *optional*): Array `(num_clips, num_pairs,
            hidden_size)`, with `second_moments="pairs"`, in the order of
            [`~hf_emotion.features.layer_statistics.clip_covariances`].
        num_frames ([`~hf_emotion.features.chunk_files.ChunkedRows`]): Frames of each clip.
        frames ([`~hf_emotion.features.clip_frames.ClipFrames`], *optional*): `frames[i]` is an array `(num_layers,
            num_frames, hidden_size)`, with the option `frames`. See [`padded_frames`] for batches.
        frame_layers (`tuple[int, ...]`): The hidden states that `frames` holds, in its order.
        unreadable (`dict[str, str]`): Utterances that were left out, with the reason.
        settings (`dict`): Encoder, preprocessing and precision of these features.
        report ([`ExtractionReport`], *optional*): What the extraction did.
    """

    def __init__(
        self,
        folder: Path,
        chunks: list[ChunkFile],
        clips: Mapping[str, str],
        unreadable: Mapping[str, str],
        report: ExtractionReport | None = None,
    ):
        self.folder, self.report = Path(folder), report
        self.settings: dict[str, Any] = json.loads((self.folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        self.utterance_ids, self.unreadable = list(clips), dict(unreadable)
        places = _places(self.folder, chunks, clips)
        self.means = ChunkedRows("means", chunks, places)
        self.num_frames = ChunkedRows("num_frames", chunks, places)
        stored = chunks[0].layouts
        self.variances = ChunkedRows("variances", chunks, places) if "variances" in stored else None
        self.covariances = ChunkedRows("covariances", chunks, places) if "covariances" in stored else None
        self.frame_layers = tuple(self.settings.get("frames", ()))
        self.frames = ClipFrames(chunks, places, len(self.frame_layers)) if self.frame_layers else None

    @classmethod
    def open(cls, folder: str | Path, verify: bool = True) -> FeatureCache:
        """
        Open all features of a folder, without encoder and audio.

        Args:
            folder (`str` or `Path`): Folder with the file `features.json`: the `folder` of the cache that
                [`~hf_emotion.features.extraction.extract_features`] returned.
            verify (`bool`, *optional*, defaults to `True`): Whether to read everything and compare checksums.

        Raises:
            FileNotFoundError: There are no features, or their extraction has not come to its end.
            ValueError: A chunk is damaged or missing; the message names it and says what to do.
        """
        folder = Path(folder)
        if not (folder / SETTINGS_FILE).is_file():
            raise FileNotFoundError(f"{folder} has no {SETTINGS_FILE}: it holds no features. {_inner_folders(folder)}")
        if not (folder / UTTERANCES_FILE).is_file():
            raise FileNotFoundError(
                f"{folder} has no {UTTERANCES_FILE}: its extraction has not come to its end. Run `extract_features` "
                "again with the same arguments; it continues."
            )
        chunks = list_chunks(folder)
        if verify:
            for chunk in chunks:
                chunk.verify()
        record = read_utterances(folder)
        return cls(folder, chunks, record["utterances"], record["unreadable"])

    def __len__(self) -> int:
        return len(self.utterance_ids)

    def __getitem__(self, rows: Any) -> dict[str, Any]:
        if np.ndim(rows) == 0 and not isinstance(rows, slice):
            ids: Any = self.utterance_ids[rows]
        else:
            ids = [self.utterance_ids[row] for row in np.arange(len(self))[rows]]
        item = {"utterance_id": ids, "means": torch.from_numpy(self.means[rows])}
        for name in ("variances", "covariances"):
            array = getattr(self, name)
            if array is not None:
                item[name] = torch.from_numpy(array[rows])
        return item

    def __repr__(self) -> str:
        parts = f"means={self.means.shape}, dtype={self.means.dtype}, unreadable={len(self.unreadable)}"
        return f"FeatureCache({str(self.folder)!r}, {parts})"

    def padded_frames(self, rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Frames of some clips, padded with zeros to the longest, such as a `DataLoader` needs them:
        `DataLoader(range(len(cache)), batch_size=8, shuffle=True, collate_fn=cache.padded_frames)`.

        Args:
            rows (`Sequence[int]`, `slice` or mask): Which clips.

        Returns:
            `tuple[torch.Tensor, torch.Tensor]`: frames `(batch_size, num_layers, num_frames, hidden_size)` in the
            precision in which they are stored, and a mask `(batch_size, num_frames)` that is `True` for frames of the
            clip.

        Raises:
            ValueError: The cache has no frames.
        """
        if self.frames is None:
            raise ValueError(
                f"{self.folder} holds no frames. Extract them with `extract_features(..., frames=...)`, which takes "
                '"all" or the numbers of some hidden states.'
            )
        numbers = np.asarray(rows, dtype=np.intp) if isinstance(rows, list) and not rows else rows
        clips = [torch.from_numpy(self.frames[row]) for row in np.arange(len(self))[numbers]]
        counts = torch.tensor([clip.shape[1] for clip in clips], dtype=torch.long)
        longest = int(counts.max()) if clips else 0
        dtype = torch.from_numpy(np.empty(0, self.frames.dtype)).dtype
        frames = torch.zeros(len(clips), self.frames.num_layers, longest, self.frames.hidden_size, dtype=dtype)
        for padded, clip in zip(frames, clips, strict=True):
            padded[:, : clip.shape[1]] = clip
        return frames, torch.arange(longest) < counts[:, None]

    def select(self, utterance_ids: Iterable[str]) -> FeatureCache:
        """
        The features of some utterances, such as those of a fold's training part, in the order given.

        Args:
            utterance_ids (`Iterable[str]`): Which; ids may repeat.

        Returns:
            [`FeatureCache`]: A view; nothing is read or copied.

        Raises:
            ValueError: There are no features of some of them; the message names them.
        """
        ids = list(utterance_ids)
        row_of = {utterance_id: row for row, utterance_id in enumerate(self.utterance_ids)}
        if missing := [utterance_id for utterance_id in ids if utterance_id not in row_of]:
            raise ValueError(self._absence(missing))
        rows = [row_of[utterance_id] for utterance_id in ids]
        selected = copy.copy(self)
        selected.utterance_ids = ids
        for name in _ARRAYS:
            array = getattr(self, name)
            setattr(selected, name, None if array is None else array.select(rows))
        return selected

    def _absence(self, missing: list[str]) -> str:
        unreadable = [utterance_id for utterance_id in missing if utterance_id in self.unreadable]
        reason = f" Of these, {len(unreadable)} have unreadable audio: {_shown(unreadable)}." if unreadable else ""
        return (
            f"{self.folder} has no features of {len(missing)} utterances: {_shown(missing)}.{reason} Leave them out, "
            "or extract the features of the dataset that holds them into the same folder."
        )


def read_utterances(folder: Path) -> dict[str, dict[str, str]]:
    """`utterances` (hash of the audio by utterance id) and `unreadable` (reason by utterance id) of a folder."""
    path = folder / UTTERANCES_FILE
    if not path.is_file():
        return {"utterances": {}, "unreadable": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def add_utterances(folder: Path, clips: Mapping[str, str], unreadable: Mapping[str, str]) -> None:
    """Add to the utterances of a folder, and replace those whose audio has changed."""
    known = read_utterances(folder)
    utterances = {name: digest for name, digest in known["utterances"].items() if name not in unreadable} | dict(clips)
    reasons = {name: reason for name, reason in known["unreadable"].items() if name not in clips} | dict(unreadable)
    record = {"utterances": utterances, "unreadable": reasons}
    write_atomically(folder / UTTERANCES_FILE, json.dumps(record, ensure_ascii=False, indent=0).encode())


def _places(folder: Path, chunks: list[ChunkFile], clips: Mapping[str, str]) -> np.ndarray:
    """Index of the chunk of each utterance, and its row in there."""
    place_of = {clip: (index, row) for index, chunk in enumerate(chunks) for row, clip in enumerate(chunk.clips)}
    missing = [utterance_id for utterance_id, clip in clips.items() if clip not in place_of]
    if missing or not chunks:
        raise ValueError(
            f"The chunks of {folder} lack the features of {len(missing)} of {len(clips)} utterances: "
            f"{_shown(missing)}. A file has been deleted. Run `extract_features` again: only these are computed."
        )
    return np.array([place_of[clip] for clip in clips.values()], dtype=np.intp).reshape(len(clips), 2)


def _inner_folders(folder: Path) -> str:
    inner = sorted(path.parent.name for path in folder.glob(f"*/{SETTINGS_FILE}"))
    return f"Open one of its folders: {', '.join(inner)}." if inner else "Run `extract_features` first."


def _shown(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... and {len(names) - limit} more"
