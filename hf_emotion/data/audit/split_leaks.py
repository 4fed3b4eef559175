"""What the parts of a split share that they should not: utterances, audio, speakers, sessions, texts, labels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from .findings import Finding


Row = Mapping[str, Any]
PartRows = Mapping[str, Sequence[Row]]
# What even careful splits by speaker share: lines of a script, and the rooms of conversations.
_USUAL = {"shared_texts": "note", "shared_sessions": "warning"}
_NUM_SHOWN = 3


def leak_findings(parts: PartRows, digests: Mapping[str, str]) -> Iterator[Finding]:
    """
    Leaks between the parts of a split.

    Between train and validation, a leak flatters model selection (a warning); between either and test it is an error,
    since the score is wrong. Shared sessions are a warning: speakers of one conversation are often kept apart. Shared
    texts are a note: in scripted corpora all speakers say the same sentences. A session that every speaker takes part
    in is a count of recordings, not a place and time that people share, and is not looked at.

    Args:
        parts (`Mapping[str, Sequence[Mapping]]`):
            Rows of each part, with the columns of a corpus.
        digests (`Mapping[str, str]`):
            Hash of the audio by utterance id, see [`~hf_emotion.data.audit.audio_measurement.measure_audio`].

    Yields:
        [`Finding`]: At most one per kind and pair of parts. Its utterances are those of the second part.
    """
    session_sizes = _speakers_per_session(parts)
    num_speakers = len({_within_corpus(row, "speaker_id") for rows in parts.values() for row in rows} - {None})
    keys = {
        "shared_utterances": lambda row: _within_corpus(row, "utterance_id"),
        "shared_audio": lambda row: digests.get(row["utterance_id"]),
        "shared_speakers": lambda row: _within_corpus(row, "speaker_id"),
        "shared_sessions": lambda row: (
            session
            if (session := _within_corpus(row, "session")) and session_sizes.get(session, 0) < max(2, num_speakers)
            else None
        ),
        "shared_texts": lambda row: " ".join(row["text"].casefold().split()) if row.get("text") else None,
    }
    for kind, key in keys.items():
        members = {part: _grouped(rows, key) for part, rows in parts.items()}
        for first, second in combinations(members, 2):
            yield from _shared(kind, first, members[first], second, members[second])
    yield from _unknown_speakers(parts)
    yield from _absent_labels(parts)


def _shared(kind: str, first: str, firsts: dict, second: str, seconds: dict) -> Iterator[Finding]:
    common = sorted(set(firsts) & set(seconds))
    if not common:
        return
    severity = _USUAL.get(kind, "error" if "test" in (first, second) else "warning")
    ids = tuple(utterance_id for value in common for utterance_id in seconds[value])
    if kind == "shared_audio":
        shown = [f"{firsts[value][0]} in {first} = {seconds[value][0]} in {second}" for value in common]
    else:
        shown = [value if isinstance(value, str) else value[1] for value in common]
    listing = "; ".join(shown[:_NUM_SHOWN]) + "; ..." * (len(shown) > _NUM_SHOWN)
    what = {"shared_audio": "recordings"}.get(kind, kind.removeprefix("shared_"))
    counted = f"{len(common)} of {len(seconds)} {what} of {second} are in {first}"
    yield Finding(kind, severity, ids, f"{counted}: {listing}")


def _unknown_speakers(parts: PartRows) -> Iterator[Finding]:
    unknown = [row["utterance_id"] for rows in parts.values() for row in rows if row.get("speaker_id") is None]
    if unknown:
        total = sum(map(len, parts.values()))
        explanation = f"{len(unknown)} of {total} utterances have no speaker_id: shared speakers cannot be ruled out"
        yield Finding("unknown_speakers", "warning", tuple(unknown), explanation)


def _absent_labels(parts: PartRows) -> Iterator[Finding]:
    found = {part: {label_of(row) for row in rows} for part, rows in parts.items() if rows}
    everything = set().union(*found.values())
    for part, present in found.items():
        if absent := sorted(everything - present):
            yield Finding("absent_label", "warning", (), f"{part} has no {', '.join(absent)}")


def label_of(row: Row) -> str:
    """The finest label that harmonisation gave, the corpus' own word if it gave none, or `"no label"`."""
    return row.get("emotion") or row.get("arousal_valence") or row.get("raw_label") or "no label"


def _within_corpus(row: Row, column: str) -> tuple[str, str] | None:
    """Equal names in different corpora are different speakers and sessions."""
    return (row.get("corpus") or "", row[column]) if row.get(column) is not None else None


def _grouped(rows: Sequence[Row], key) -> dict[Any, list[str]]:
    groups: dict[Any, list[str]] = defaultdict(list)
    for row in rows:
        if (value := key(row)) is not None:
            groups[value].append(row["utterance_id"])
    return groups


def _speakers_per_session(parts: PartRows) -> dict[tuple[str, str], int]:
    speakers: dict[tuple[str, str], set] = defaultdict(set)
    for rows in parts.values():
        for row in rows:
            if session := _within_corpus(row, "session"):
                speakers[session].add(_within_corpus(row, "speaker_id"))
    return {session: len(members - {None}) for session, members in speakers.items()}
