"""Run a frozen encoder over a corpus once, and keep what a linear head needs; see [`FeatureCache`] for sizes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from numbers import Integral
from pathlib import Path
from typing import Any

import datasets
import filelock
import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import AutoFeatureExtractor, PreTrainedModel, Wav2Vec2FeatureExtractor

from ..atomic_files import delete_unfinished, write_atomically
from ..models.speech_emotion.encoding_speech_emotion import is_self_contained
from .audio_rows import audio_digest, audio_rows
from .chunk_files import list_chunks, write_chunk
from .clip_encoding import ClipEncoder
from .encoder_identity import encoder_identity, encoder_origin, load_frozen_encoder, settings_key
from .feature_cache import SETTINGS_FILE, ExtractionReport, FeatureCache, add_utterances
from .waveform_statistics import WaveformStatistics


logger = logging.getLogger(__name__)

_FORMAT = 1  # of the files, and of the arithmetic behind them
_LOCK_FILE = "extraction.lock"
_CHOICES = {"dtype": ("float32", "float16"), "second_moments": (None, "layers", "pairs")}
_DECODING_THREADS = 4
_BATCH_SIZE = 8
# Frames of a file are collected in memory: estimated for the highest rate, of 10 ms per frame.
_MAX_FRAME_BYTES = 256 << 20
_FRAMES_PER_SECOND = 100
_UNREADABLE = (OSError, TypeError, ValueError)


def extract_features(
    encoder: str | PreTrainedModel,
    dataset: datasets.Dataset,
    cache_dir: str | Path,
    *,
    revision: str | None = None,
    feature_extractor: Any = None,
    max_duration_seconds: float | None = None,
    waveform_statistics: WaveformStatistics | None = None,
    normalize_layers: bool = False,
    second_moments: str | None = None,
    frames: str | Sequence[int] | None = None,
    dtype: str = "float32",
    batch_size: int | None = None,
    chunk_size: int = 128,
    device: str | torch.device | None = None,
) -> FeatureCache:
    """
    Mean over time of each layer of an encoder for each clip of a corpus, computed where it is not on disk yet.

    Features are found again by the encoder (class, config and hash of its weights), by what happens to the audio
    before it, and by a hash of each clip's audio. So a changed file is computed again and a renamed one is not, and
    parts or label sets of a corpus share a folder. A call that was killed is continued by the next one, in as many
    processes as it likes; at most the chunks in work are lost. Under `accelerate launch` or torchrun, each process
    computes its share of the clips and writes chunks of its own; several machines need a `cache_dir` that they share.

    The result of a clip does not depend on the clips it shares a batch with: encoders that look at padding are told
    where it is, see [`~hf_emotion.models.speech_emotion.encoding_speech_emotion.encode`].

    Args:
        encoder (`str` or [`~transformers.PreTrainedModel`]): Hub id or folder of a checkpoint, or a model, with any
            head. It runs in its own precision.
        dataset (`datasets.Dataset`): Clips with `utterance_id` and `audio`, such as a split of
            [`~hf_emotion.data.loading.load_corpus`], or its segments.
        cache_dir (`str` or `Path`): Folder for the features of this corpus; each encoder and preprocessing has a
            folder of its own in there.
        revision (`str`, *optional*): Commit, branch or tag of a checkpoint on the Hub.
        feature_extractor (`SequenceFeatureExtractor`, *optional*): That of the checkpoint by default. A model that is
            passed needs one, but for the encoders of `hf_emotion.models.encoders`: these read raw waveforms.
        max_duration_seconds (`float`, *optional*): Cut clips to their beginning of this length (EMO-SUPERB: 10).
        waveform_statistics ([`WaveformStatistics`], *optional*): Normalise waveforms by the statistics of a training
            split before the feature extractor, which may normalise each clip in turn.
        normalize_layers (`bool`, *optional*, defaults to `False`): Layer-normalise hidden states, frame by frame,
            without parameters, as `SpeechEmotionConfig.normalize_layers` does.
        second_moments (`str`, *optional*): What to keep for exact std pooling besides: `"layers"` the variance of each
            layer, for heads on one layer, which doubles the space; `"pairs"` the covariances of all pairs of layers,
            for heads on any average of layers, which take (L + 2) / 2 times the space of the means.
        frames (`str` or `Sequence[int]`, *optional*): Also keep all frames, for heads that are not linear before the
            pooling: of the hidden states with these numbers (0 is the input of the first layer, -1 the last), or
            `"all"`. Each takes `num_frames` times the space that it takes in the means: 125 times for 2.5 s through an
            encoder with 50 frames per second.
        dtype (`str`, *optional*, defaults to `"float32"`): `"float32"`, or `"float16"` for half the space and a
            relative rounding error of up to 0.05 %.
        batch_size (`int`, *optional*): Clips per batch of the encoder. By default 8; on a CPU 1 for encoders of
            transformers with a CNN on the waveform, whose activations of more clips would need new memory each time.
        chunk_size (`int`, *optional*, defaults to 128): Clips per file: what a kill may cost. With `frames`, a file
            ends before it has 256 MB of them.
        device (`str` or `torch.device`, *optional*): That of the process by default.

    Returns:
        [`FeatureCache`]: The features of the readable clips in the order of the dataset. Others are in its
        `unreadable` with the reason, and in a warning.

    Raises:
        ValueError: An argument cannot work, a chunk on disk is damaged, no clip can be read, or a feature is not
            finite.
        RuntimeError: Another process is extracting into the same folder.

    Example:

    ```python
    >>> import tempfile
    >>> import datasets, numpy as np
    >>> from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor
    >>> from hf_emotion.features.extraction import extract_features
    >>> sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "num_conv_pos_embeddings": 4}
    >>> hubert = HubertModel(HubertConfig(**sizes, num_conv_pos_embedding_groups=2, conv_dim=(8,) * 7))
    >>> clips = [{"array": np.ones(n), "sampling_rate": 16_000} for n in (4000, 6000)]
    >>> corpus = datasets.Dataset.from_dict({"utterance_id": ["a", "b"], "audio": clips})
    >>> folder = tempfile.TemporaryDirectory()
    >>> cache = extract_features(hubert, corpus, folder.name, feature_extractor=Wav2Vec2FeatureExtractor())
    >>> cache.means.shape, cache.select(["b"]).num_frames[0].item()
    ((2, 3, 16), 18)
    >>> folder.cleanup()

    ```
    """
    started = time.perf_counter()
    _check_choices({"dtype": dtype, "second_moments": second_moments})
    _check_sizes(batch_size, chunk_size, max_duration_seconds)
    frozen, rows = load_frozen_encoder(encoder, revision), audio_rows(dataset)
    extractor = feature_extractor or _feature_extractor(encoder, frozen, revision)
    # without being told, accelerate does not connect processes on CPUs
    state = PartialState(cpu=not torch.accelerator.is_available())
    settings = {
        "format": _FORMAT,
        "encoder": encoder_identity(frozen),
        "feature_extractor": json.loads(extractor.to_json_string()),
        "max_duration_seconds": None if max_duration_seconds is None else float(max_duration_seconds),
        "waveform_statistics": waveform_statistics and vars(waveform_statistics),
        "normalize_layers": normalize_layers,
        "second_moments": second_moments,
        "dtype": dtype,
    }
    frame_layers = _frame_layers(frames, frozen)
    if frame_layers:  # features without frames are found under the key that they have always had
        settings["frames"] = frame_layers
    clip_encoder = ClipEncoder(
        frozen,
        extractor,
        max_duration_seconds=max_duration_seconds,
        waveform_statistics=waveform_statistics,
        normalize_layers=normalize_layers,
        second_moments=second_moments,
        dtype=np.dtype(dtype),
        batch_size=batch_size or _default_batch_size(frozen, torch.device(device or state.device)),
        frame_layers=frame_layers,
    )
    folder = Path(cache_dir) / f"{frozen.config.model_type}-{settings_key(settings)}"
    origin = encoder_origin(encoder, revision)
    with _prepared(folder, settings, origin, state), _evaluating(frozen, device or state.device):
        clips, unreadable = _digests(rows, state)
        num_extracted, silent = _extract(clip_encoder, rows, clips, folder, chunk_size, state)
        unreadable |= {name: silent[clip] for name, clip in clips.items() if clip in silent}
        readable = {name: clip for name, clip in clips.items() if clip not in silent}
        _report_unreadable(unreadable, len(rows), state)
        if state.is_main_process:
            add_utterances(folder, readable, unreadable)
        report = _report(clip_encoder, len(set(readable.values())), num_extracted, started)
    return FeatureCache(folder, list_chunks(folder), readable, unreadable, report)


def _check_choices(given: dict[str, str | None]) -> None:
    for name, value in given.items():
        if value not in _CHOICES[name]:
            known = ", ".join(map(repr, _CHOICES[name]))
            raise ValueError(f"{name} must be one of {known}, but is {value!r}.")


def _check_sizes(batch_size: int | None, chunk_size: int, max_duration_seconds: float | None) -> None:
    for name, value in {"batch_size": batch_size, "chunk_size": chunk_size}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, but is {value}.")
    if max_duration_seconds is not None and not max_duration_seconds > 0:
        raise ValueError(f"max_duration_seconds={max_duration_seconds} must be positive, or None for whole clips.")


def _default_batch_size(encoder: PreTrainedModel, device: torch.device) -> int:
    return 1 if device.type == "cpu" and hasattr(encoder.config, "conv_dim") else _BATCH_SIZE


def _frame_layers(frames: str | Sequence[int] | None, encoder: PreTrainedModel) -> list[int]:
    """Numbers of the hidden states whose frames are kept, in ascending order."""
    if frames is None:
        return []
    config: Any = encoder.config
    num_states = getattr(config, "num_hidden_states", config.num_hidden_layers + 1)
    if frames == "all":
        return list(range(num_states))
    is_known = [
        isinstance(layer, Integral) and not isinstance(layer, bool) and -num_states <= layer < num_states
        for layer in frames
    ]
    if isinstance(frames, str) or not is_known or not all(is_known):
        raise ValueError(
            f'frames must be "all" or numbers of hidden states, of which {type(encoder).__name__} has 0 to '
            f"{num_states - 1}, but is {frames!r}."
        )
    return sorted({int(layer) % num_states for layer in frames})


def _feature_extractor(source: str | PreTrainedModel, encoder: PreTrainedModel, revision: str | None) -> Any:
    if is_self_contained(encoder.config):  # on waveforms as they are
        return Wav2Vec2FeatureExtractor(do_normalize=False)
    if isinstance(source, PreTrainedModel):
        raise ValueError(
            f"{type(source).__name__} was passed as a model, which does not say how its waveforms are normalised: "
            "pass the `feature_extractor` of its checkpoint as well."
        )
    return AutoFeatureExtractor.from_pretrained(source, revision=revision)


@contextlib.contextmanager
def _prepared(folder: Path, settings: dict, origin: dict, state: PartialState) -> Iterator[None]:
    """A folder with settings, intact chunks and nothing half-written, that no other extraction writes to."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _LOCK_FILE, timeout=0)
    with contextlib.ExitStack() as stack:
        if state.is_main_process:
            try:
                stack.enter_context(lock)
            except filelock.Timeout as error:
                raise RuntimeError(
                    f"Another process is extracting features into {folder}. Wait for it, or start several processes "
                    "with `accelerate launch`, which share the work."
                ) from error
            delete_unfinished(folder)
            for chunk in list_chunks(folder):
                chunk.verify()
            content = json.dumps(settings | {"origin": origin}, indent=2, sort_keys=True)
            write_atomically(folder / SETTINGS_FILE, content.encode())
        state.wait_for_everyone()
        yield
        state.wait_for_everyone()  # the main process opens what all have written


@contextlib.contextmanager
def _evaluating(encoder: PreTrainedModel, device: str | torch.device) -> Iterator[None]:
    was_training, was_on = encoder.training, encoder.device
    encoder.eval().to(device)
    try:
        yield
    finally:
        encoder.train(was_training).to(was_on)


def _digests(rows: datasets.Dataset, state: PartialState) -> tuple[dict[str, str], dict[str, str]]:
    """Hash of the audio by utterance id, and the reason where it cannot be opened; each process hashes its share."""
    mine: list[tuple[int, str, str | None, str]] = []
    for index in range(state.process_index, len(rows), state.num_processes):
        row = rows[index]
        try:
            mine.append((index, row["utterance_id"], audio_digest(row), ""))
        except _UNREADABLE as error:
            mine.append((index, row["utterance_id"], None, str(error)))
    found = sorted(gather_object(mine))
    clips = {name: digest for _, name, digest, _ in found if digest is not None}
    return clips, {name: reason for _, name, digest, reason in found if digest is None}


def _extract(
    clip_encoder: ClipEncoder,
    rows: datasets.Dataset,
    clips: dict[str, str],
    folder: Path,
    chunk_size: int,
    state: PartialState,
) -> tuple[int, dict[str, str]]:
    """Write this process's share of the missing clips.

    Returns how many clips all processes extracted, and the reason by hash for those that cannot be decoded.
    """
    names = rows["utterance_id"][:]
    # of clips with the same audio, the first stands for all
    first = {clips[names[row]]: row for row in reversed(range(len(names))) if names[row] in clips}
    done = {clip for chunk in list_chunks(folder) for clip in chunk.clips}
    # the share follows from the dataset alone: what others have done by now is not the same in all processes
    share = sorted(first, key=first.__getitem__)[state.process_index :: state.num_processes]
    missing = [clip for clip in share if clip not in done]
    chunks = [missing[start : start + chunk_size] for start in range(0, len(missing), chunk_size)]
    num_written, undecodable = 0, dict[str, str]()
    for clips_of_chunk, loaded in zip(chunks, _loaded(clip_encoder, rows, first, chunks), strict=True):
        undecodable |= {c: str(w) for c, w in zip(clips_of_chunk, loaded, strict=True) if isinstance(w, Exception)}
        readable = {c: w for c, w in zip(clips_of_chunk, loaded, strict=True) if not isinstance(w, Exception)}
        for part in _parts(readable, clip_encoder):
            ids = [names[first[clip]] for clip in part]
            write_chunk(folder, list(part), clip_encoder.statistics(list(part.values()), ids))
        num_written += len(readable)
        logger.info("Process %d: %d of %d clips extracted.", state.process_index, num_written, len(missing))
    totals = gather_object([(num_written, undecodable)])
    return sum(number for number, _ in totals), {c: reason for _, reasons in totals for c, reason in reasons.items()}


def _parts(waveforms: dict[str, np.ndarray], clip_encoder: ClipEncoder) -> Iterator[dict[str, np.ndarray]]:
    """The clips of a chunk, divided among several where their frames would not fit into memory."""
    config: Any = clip_encoder.encoder.config
    bytes_per_frame = len(clip_encoder.frame_layers) * config.hidden_size * clip_encoder.dtype.itemsize
    bytes_per_sample = bytes_per_frame * _FRAMES_PER_SECOND / clip_encoder.feature_extractor.sampling_rate
    part: dict[str, np.ndarray] = {}
    size = 0.0
    for clip, waveform in waveforms.items():
        size += bytes_per_sample * len(waveform)
        if part and size > _MAX_FRAME_BYTES:
            yield part
            part, size = {}, bytes_per_sample * len(waveform)
        part[clip] = waveform
    if part:
        yield part


def _loaded(
    clip_encoder: ClipEncoder, rows: datasets.Dataset, first: dict[str, int], chunks: Sequence[Sequence[str]]
) -> Iterator[list[Any]]:
    """Waveforms of each chunk, or the error for a clip; the next chunk is decoded while the encoder runs."""

    def load(row: dict[str, Any]) -> Any:
        try:
            return clip_encoder.load(row)
        except _UNREADABLE as error:
            return error

    with ThreadPoolExecutor(min(_DECODING_THREADS, os.cpu_count() or 1)) as pool:
        ahead: deque[list[Future]] = deque()
        for chunk in chunks:
            ahead.append([pool.submit(load, rows[first[clip]]) for clip in chunk])
            if len(ahead) > 1:
                yield [future.result() for future in ahead.popleft()]
        while ahead:
            yield [future.result() for future in ahead.popleft()]


def _report_unreadable(unreadable: dict[str, str], num_rows: int, state: PartialState) -> None:
    if not num_rows:
        raise ValueError("The dataset has no rows, so there is nothing to extract. Was every row filtered out?")
    if unreadable and state.is_main_process:
        reasons = "\n".join(f"  {name}: {reason}" for name, reason in unreadable.items())
        logger.warning("%d of %d clips are unreadable and left out:\n%s", len(unreadable), num_rows, reasons)
    if len(unreadable) == num_rows:
        name, reason = next(iter(unreadable.items()))
        raise ValueError(f"No clip of the dataset can be read. First: {name}: {reason}")


def _report(clip_encoder: ClipEncoder, num_clips: int, num_extracted: int, started: float) -> ExtractionReport:
    counts = gather_object([(clip_encoder.padding.num_valid, clip_encoder.padding.num_padded)])
    valid, padded = (sum(values) for values in zip(*counts, strict=True))
    share = padded / (valid + padded) if valid else 0.0
    seconds = time.perf_counter() - started
    logger.info(
        "%d clips extracted, %d were on disk; %.1f %% padding; %.1f s.",
        num_extracted,
        num_clips - num_extracted,
        100 * share,
        seconds,
    )
    return ExtractionReport(num_clips - num_extracted, num_extracted, share, seconds)
