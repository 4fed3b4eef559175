"""What splitting looks at: the columns of a dataset as lists, and who is in which part."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import datasets


PARTS = ("train", "validation", "test")
_COLUMNS = ("utterance_id", "corpus", "speaker_id", "gender", "session", "emotion", "arousal_valence", "raw_label")

# Row numbers of each part.
Parts = dict[str, list[int]]


class SplitLeakError(ValueError):
    """A speaker or an utterance is in two parts of a split."""


class SplitTable:
    """The columns that splitting looks at, as lists; speakers and sessions are pairs of corpus and name, or `None`."""

    def __init__(self, dataset: datasets.Dataset):
        present = [column for column in _COLUMNS if column in dataset.column_names]
        if "utterance_id" not in present:
            raise ValueError(f"The dataset has no column utterance_id; it has {dataset.column_names}.")
        columns = dataset.select_columns(present)[:] if len(dataset) else {}
        none = [None] * len(dataset)
        self.corpora = [corpus or "" for corpus in columns.get("corpus", none)]
        self.keys = list(zip(self.corpora, columns.get("utterance_id", []), strict=True))
        self.speakers = self._within_corpus(columns.get("speaker_id", none))
        self.sessions = self._within_corpus(columns.get("session", none))
        self.genders = list(columns.get("gender", none))
        # The finest label that harmonisation gave; the corpus' own words if it gave none at all.
        for column in ("emotion", "arousal_valence", "raw_label"):
            self.labels = list(columns.get(column, none))
            if any(label is not None for label in self.labels):
                break

    def _within_corpus(self, names: Iterable[str | None]) -> list[tuple[str, str] | None]:
        """Equal names in different corpora are different speakers and sessions."""
        return [None if name is None else (corpus, name) for corpus, name in zip(self.corpora, names, strict=True)]

    def known_speakers(self, rows: Iterable[int]) -> list[tuple[str, str]]:
        """Speakers of the rows, sorted; rows without a speaker id are passed over."""
        return sorted({speaker for speaker in (self.speakers[row] for row in rows) if speaker is not None})


def corpora_of(dataset: datasets.Dataset | datasets.DatasetDict) -> set[str]:
    """Names in the column `corpus`."""
    parts = dataset.values() if isinstance(dataset, datasets.DatasetDict) else [dataset]
    names = {name for rows in parts if "corpus" in rows.column_names for name in rows.unique("corpus")}
    return set(filter(None, names))


def check_leaks(dataset_dict: datasets.DatasetDict, *, parts: Iterable[str] = PARTS) -> None:
    """
    Raise if a speaker or an utterance is in two parts.

    Args:
        dataset_dict (`DatasetDict`):
            Parts with the columns of `load_corpus`. Utterances without a speaker id are compared by utterance id only.
        parts (`Iterable[str]`, *optional*):
            Parts among which no speaker may be shared; utterances may never be.

    Raises:
        [`SplitLeakError`]: Names speakers or utterances and the parts that share them.
    """
    tables = {part: SplitTable(rows) for part, rows in dataset_dict.items()}
    checks = [("utterance", {part: set(table.keys) for part, table in tables.items()})]
    checks.append(
        (
            "speaker",
            {part: set(filter(None, tables[part].speakers)) for part in dict.fromkeys(parts) if part in tables},
        )
    )
    for what, members in checks:
        owner: dict[tuple[str, str], list[str]] = defaultdict(list)
        for part, keys in members.items():
            for key in keys:
                owner[key].append(part)
        leaks = {"/".join(key): parts for key, parts in sorted(owner.items()) if len(parts) > 1}
        if leaks:
            shown = "; ".join(f"{key} in {' and '.join(parts)}" for key, parts in list(leaks.items())[:5])
            raise SplitLeakError(
                f"{len(leaks)} {what}s are in more than one part: {shown}. Scores on such a split are not about new "
                f"{what}s. Use strategy='speaker_independent'"
                + (
                    ", or allow_speaker_overlap=True to keep parts that were published so."
                    if what == "speaker"
                    else "."
                )
            )


def shared_speakers(tables: Mapping[str, SplitTable]) -> str | None:
    """
    In words, how many speakers the parts share.

    Args:
        tables (`Mapping[str, SplitTable]`):
            The parts, `"train"`, `"validation"` and `"test"`.

    Returns:
        `str`, for example `"2 of the 4 speakers of test are in train"`; that no speaker is known, if so; `None` if no
        known speaker is in two parts.
    """
    speakers = {part: set(filter(None, table.speakers)) for part, table in tables.items() if table.keys}
    if not any(speakers.values()):
        return "no speaker is known, so every part may have the same speakers" if speakers else None
    found = {}
    for part, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
        common = speakers.get(other, set()) & speakers.get(part, set())
        if common:
            found[part, other] = f"{len(common)} of the {len(speakers[part])} speakers of {part} are in {other}"
    if ("test", "train") in found:
        found.pop(("test", "validation"), None)  # adds nothing then
    return ", ".join(found.values()) or None
