"""Utterances with the same samples, found by hash."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .findings import Finding


def identical_audio_findings(rows: Sequence[Mapping[str, Any]], digests: Mapping[str, str]) -> Iterator[Finding]:
    """
    Groups of utterances whose audio is the same to the last bit.

    Args:
        rows (`Sequence[Mapping]`):
            Rows of a corpus.
        digests (`Mapping[str, str]`):
            Hash of the audio by utterance id, without silent files (all silence of one length is the same).

    Yields:
        [`Finding`]: One per group: an error if labels or speakers differ, else a warning.
    """
    groups = defaultdict(list)
    for row in rows:
        if digest := digests.get(row["utterance_id"]):
            groups[digest].append(row)
    for members in groups.values():
        if len(members) > 1:
            yield _finding(members)


def _finding(members: Sequence[Mapping[str, Any]]) -> Finding:
    ids = tuple(sorted(row["utterance_id"] for row in members))
    for kind, column, what in (
        ("conflicting_labels", "raw_label", "labels"),
        ("conflicting_speakers", "speaker_id", "speakers"),
    ):
        values = sorted({row[column] for row in members if row.get(column) is not None})
        if len(values) > 1:
            return Finding(kind, "error", ids, f"the same samples, with the {what} {' and '.join(values)}")
    return Finding("duplicate", "warning", ids, "the same samples")
