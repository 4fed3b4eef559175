"""Which utterance a published file list means: by id, by file name, and by folders where names repeat."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..archive import AUDIO_SUFFIXES, VIDEO_SUFFIXES


_SUFFIXES = tuple(suffix for suffixes in (AUDIO_SUFFIXES, VIDEO_SUFFIXES) for suffix in suffixes)

# A path from its end to its start: ("a", "wav", "emodb") is emodb/wav/a.wav.
_Tail = tuple[str, ...]


def match_utterances(
    listed: Sequence[str], utterance_ids: Sequence[str], paths: Sequence[str | None] | None = None
) -> dict[str, int]:
    """
    Find the row of every listed utterance.

    A listed name is an utterance id, a file name or a path, with or without the suffix of an audio or video file. It
    means the row with this id; else the row whose file (or id) has the same stem. Where several listed names or rows
    have the same stem, the folders decide: as many as it takes to tell the listed names apart, and of several rows
    the one that has most of them in common.

    Args:
        listed (`Sequence[str]`):
            Distinct names.
        utterance_ids (`Sequence[str]`):
            Id of each row.
        paths (`Sequence[str]`, *optional*):
            Audio file of each row.

    Returns:
        `dict[str, int]`: Row of each listed name; names without a row are absent.

    Raises:
        `ValueError`: If a name fits several rows equally well, or two names fit the same row.

    Example:

    ```python
    >>> from hf_emotion.data.splits.utterance_matching import match_utterances
    >>> rows = ["/data/casia/liu/angry/201.wav", "/data/casia/liu/fear/201.wav"]
    >>> match_utterances(["casia/liu/fear/201.wav", "casia/wang/fear/201.wav"], ["1", "2"], rows)
    {'casia/liu/fear/201.wav': 1}

    ```
    """
    by_id: dict[str, list[int]] = defaultdict(list)
    for row, utterance_id in enumerate(utterance_ids):
        by_id[utterance_id].append(row)
    tails = {name: _tail(name) for name in listed}
    ends = Counter(tail[:length] for tail in tails.values() for length in range(1, len(tail) + 1))
    by_end = _rows_by_end(set(tails.values()), utterance_ids, paths or [None] * len(utterance_ids))
    found: dict[str, int] = {}
    for name in listed:
        rows = by_id.get(name) or by_id.get(_without_suffix(name)) or _rows_of(tails[name], ends, by_end)
        if len(rows) > 1:
            examples = " and ".join(str(paths[row]) if paths else utterance_ids[row] for row in rows[:2])
            raise ValueError(f"{name!r} is ambiguous: it fits {len(rows)} utterances, among them {examples}.")
        if rows:
            found[name] = rows[0]
    _check_distinct(found, utterance_ids)
    return found


def _rows_by_end(
    tails: set[_Tail], utterance_ids: Sequence[str], paths: Sequence[str | None]
) -> dict[_Tail, list[int]]:
    """Rows by the ends of their ids and paths, of every length that the listed names have."""
    stems, depth = {tail[0] for tail in tails}, max(map(len, tails), default=0)
    by_end: dict[_Tail, list[int]] = defaultdict(list)
    for row, names in enumerate(zip(utterance_ids, paths, strict=True)):
        for tail in {_tail(name) for name in names if name}:
            if tail[0] in stems:
                for length in range(1, min(len(tail), depth) + 1):
                    rows = by_end[tail[:length]]
                    if not rows or rows[-1] != row:
                        rows.append(row)
    return by_end


def _rows_of(tail: _Tail, ends: Counter[_Tail], by_end: dict[_Tail, list[int]]) -> list[int]:
    """Rows that have most of the path in common, and enough to tell it from the other listed paths."""
    enough = next((length for length in range(1, len(tail) + 1) if ends[tail[:length]] == 1), len(tail) + 1)
    for length in range(len(tail), enough - 1, -1):
        if tail[:length] in by_end:
            return by_end[tail[:length]]
    return []


def _tail(name: str) -> _Tail:
    parts = [part for part in _without_suffix(name).replace("\\", "/").split("/") if part not in ("", ".")]
    return tuple(reversed(parts)) or (name,)


def _without_suffix(name: str) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def _check_distinct(found: dict[str, int], utterance_ids: Sequence[str]) -> None:
    names: dict[int, str] = {}
    for name, row in found.items():
        if row in names:
            raise ValueError(
                f"{names[row]!r} and {name!r} are ambiguous: both fit the utterance {utterance_ids[row]}."
            )
        names[row] = name
