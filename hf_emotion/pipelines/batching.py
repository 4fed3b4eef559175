# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Which clips are heard together."""

from collections.abc import Sequence


def plan_batches(
    lengths: Sequence[int], batch_size: int, *, can_pad: bool = True, max_samples: int | None = None
) -> list[list[int]]:
    """
    Put clips of similar length into batches, the longest first, so that what does not fit into memory fails at once.

    Args:
        lengths (`Sequence[int]`): Samples of each clip.
        batch_size (`int`): Most clips in a batch.
        can_pad (`bool`, *optional*, defaults to `True`): Whether clips of different lengths may share one.
        max_samples (`int`, *optional*): Most samples in a batch, padding included; one clip may have more.

    Returns:
        `list[list[int]]`: Indices of the clips of each batch.

    Example:

    ```python
    >>> from hf_emotion.pipelines.batching import plan_batches
    >>> plan_batches([3, 9, 8, 2], batch_size=2)
    [[1, 2], [0, 3]]
    >>> plan_batches([3, 9, 3], batch_size=2, can_pad=False)
    [[1], [0, 2]]

    ```
    """

    def has_room(batch: list[int], length: int) -> bool:
        longest = lengths[batch[0]]
        if len(batch) >= batch_size or not (can_pad or length == longest):
            return False
        return max_samples is None or (len(batch) + 1) * longest <= max_samples

    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batches and has_room(batches[-1], lengths[index]):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
