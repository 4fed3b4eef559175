# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""From an input to the windows that a network hears, without holding more of a long file than that takes."""

import collections
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .audio_decoding import open_audio
from .windowing import WindowPlan, cut_windows


# libsndfile and soxr work outside the interpreter's lock.
_NUM_DECODING_THREADS = min(4, os.cpu_count() or 1)


class ClipReader:
    """
    An input that is opened and read as far as it can be a whole clip; the rest of a longer one is read on the way.

    Args:
        audio (`Any`): What `open_audio` opens, or an array or tensor at `sampling_rate`.
        sampling_rate (`int`): Hz.
        plan ([`WindowPlan`], *optional*): How it is cut; whole, however long, without.
        keeps_channels (`bool`, *optional*, defaults to `False`): Whether channels stay apart.

    Attributes:
        name (`str`): What messages call it.
        num_channels (`int`): Rows of the windows.
        num_samples (`int`): Samples read so far.
        is_whole (`bool`): Whether there is one window, the clip.
    """

    def __init__(self, audio: Any, sampling_rate: int, plan: WindowPlan | None = None, keeps_channels: bool = False):
        # binary files can be detached from their buffer as tensors from their graph
        if isinstance(audio, np.ndarray) or (hasattr(audio, "detach") and not hasattr(audio, "read")):
            audio = (audio, sampling_rate)
        self._plan = plan
        self._reader = open_audio(audio, sampling_rate, mono=not keeps_channels)
        self.name, self.num_channels, self.num_samples = self._reader.name, self._reader.num_channels, 0
        try:
            self._blocks = self._reader.blocks()
            self._head = self._read_head()
        except BaseException:
            self.close()
            raise
        self.is_whole = plan is None or self.num_samples <= plan.max_whole
        if self.is_whole:
            self.close()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def windows(self) -> Iterator[tuple[int, np.ndarray]]:
        """First sample and samples `(num_channels, num_samples)` of each window, once."""
        head, self._head = self._head, []
        if self._plan is None or self.is_whole:
            yield 0, head[0] if len(head) == 1 else np.concatenate(head, axis=1)
            return
        try:
            blocks = itertools.chain(head, map(self._counted, self._blocks))
            del head
            yield from cut_windows(blocks, self._plan.window, self._plan.hop)
        finally:
            self.close()

    def _read_head(self) -> list[np.ndarray]:
        head = []
        for block in self._blocks:
            head.append(self._counted(block))
            if self._plan is not None and self.num_samples > self._plan.max_whole:
                break
        return head

    def _counted(self, block: np.ndarray) -> np.ndarray:
        self.num_samples += block.shape[1]
        return block


def read_ahead(inputs: Iterable[Any], open_clip: Any, depth: int) -> Iterator[Any]:
    """
    Open inputs in threads, some before they are needed, while the network runs.

    Args:
        inputs (`Iterable`): Taken one after the other by the calling thread.
        open_clip (`Callable`): Called with each of them in a thread.
        depth (`int`): How many may be open and waiting.

    Yields:
        `Callable`: For each input in their order, a function that returns what `open_clip` returned or raises what it
        raised.
    """
    with ThreadPoolExecutor(_NUM_DECODING_THREADS, thread_name_prefix="hf-emotion-decoding") as threads:
        waiting: collections.deque = collections.deque()
        try:
            for value in inputs:
                waiting.append(threads.submit(open_clip, value))
                if len(waiting) > depth:
                    yield waiting.popleft().result
            while waiting:
                yield waiting.popleft().result
        finally:
            for future in waiting:
                future.cancel()


def is_clip_list(inputs: Any) -> bool:
    """Whether inputs are several clips in a list, or in a column of a dataset."""
    return not _is_clip(inputs) and isinstance(inputs, Sequence)


def is_clip_stream(inputs: Any) -> bool:
    """Whether inputs come one after the other: from an iterator that is no file, or a dataset of torch."""
    is_iterable = hasattr(inputs, "__iter__") or hasattr(inputs, "__getitem__")
    return is_iterable and not (_is_clip(inputs) or isinstance(inputs, Sequence))


def _is_clip(inputs: Any) -> bool:
    """Whether an input is one clip; tuples are arrays with their rate."""
    is_known = isinstance(inputs, str | bytes | bytearray | memoryview | os.PathLike | Mapping | tuple | np.ndarray)
    # tensors, decoders and files may look like sequences or iterators
    return is_known or any(hasattr(inputs, name) for name in ("detach", "get_all_samples", "read"))
