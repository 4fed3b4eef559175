"""Whether an archive holds what was published: counts, missing utterances and speakers, extra and broken files."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .archive import audio_files
from .corpus import EmotionCorpus
from .manifest_corpus import Manifest


@dataclass(frozen=True)
class Count:
    """How many there are, and how many were published (`None` if that is not known)."""

    found: int
    published: int | None = None

    @property
    def is_short(self) -> bool:
        """Fewer than published."""
        return self.published is not None and self.found < self.published


@dataclass(frozen=True)
class Completeness:
    """
    What is in an archive, compared with what was published.

    Args:
        corpus (`str`): Name of the corpus.
        utterances, speakers ([`Count`]): Found and published numbers.
        labels (`dict[str, Count]`): Found and published utterances of each raw label.
        missing_speakers (`dict[str, int]`): Speakers of whom nothing is there, with the number of their utterances.
        missing_ids (`tuple[str, ...]`): Other utterances that are missing, where the corpus can name them.
        extra (`dict[str, str]`): Audio files that the corpus does not use, with the reason.
        broken (`dict[str, str]`): Files that cannot be read, with the reason.
    """

    corpus: str
    utterances: Count
    speakers: Count
    labels: dict[str, Count] = field(default_factory=dict)
    missing_speakers: dict[str, int] = field(default_factory=dict)
    missing_ids: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool | None:
        """
        Whether nothing published is missing; `None` if no published count is known. More than published is complete
        (releases grow). Speakers count only where utterances are not counted: announced numbers of speakers often
        differ from the ids in an archive that has every file.
        """
        counts = [self.utterances, *self.labels.values()]
        if all(count.published is None for count in counts):
            counts = [self.speakers]
        if any(count.is_short for count in counts) or self.missing_speakers or self.missing_ids:
            return False
        return None if all(count.published is None for count in counts) else True

    @property
    def is_sound(self) -> bool:
        """Whether every file can be opened."""
        return not self.broken


def check_completeness(builder: EmotionCorpus) -> Completeness:
    """
    Compare an archive with what was published. Reads names, tables and headers, decodes nothing.

    Args:
        builder ([`EmotionCorpus`]):
            What [`~hf_emotion.data.loading.corpus_builder`] returns; it need not be prepared.

    Returns:
        [`Completeness`]
    """
    facts, rows = builder.facts, builder.rows
    root = Path(builder.config.data_dir or "")
    missing_speakers, missing_ids = _missing(rows, builder.published_ids(root))
    found = Counter(row["raw_label"] for row in rows)
    labels = list(dict.fromkeys([*facts.labels, *sorted(filter(None, found))]))
    speakers = {(row["corpus"], row["speaker_id"]) for row in rows if row["speaker_id"] is not None}
    return Completeness(
        corpus=facts.name,
        utterances=Count(len(rows), facts.num_utterances),
        speakers=Count(len(speakers), facts.num_speakers),
        labels={label: Count(found[label], facts.label_counts.get(label)) for label in labels},
        missing_speakers=missing_speakers,
        missing_ids=missing_ids,
        extra=_extra_files(
            root,
            [row["audio"]["path"] for row in rows],
            "the manifest does not list it"
            if isinstance(builder, Manifest)
            else "its name does not follow the scheme of the corpus",
        ),
        broken=builder.left_out(),
    )


def _missing(rows: Sequence[Mapping], published: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Speakers who are missing as a whole, and the other ids that are missing."""
    present = {row["utterance_id"] for row in rows}
    absent = sorted(set(published) - present)
    pattern = _speaker_pattern(rows)
    known = {row["speaker_id"] for row in rows}
    by_speaker: dict[str | None, list[str]] = defaultdict(list)
    for utterance_id in absent:
        match = pattern.match(utterance_id) if pattern else None
        by_speaker[match["speaker"] if match else None].append(utterance_id)
    whole = {speaker: len(ids) for speaker, ids in by_speaker.items() if speaker and speaker not in known}
    return whole, tuple(key for speaker, ids in by_speaker.items() if speaker not in whole for key in ids)


def _speaker_pattern(rows: Sequence[Mapping]) -> re.Pattern[str] | None:
    """
    Where the speaker stands in the utterance ids, learnt from those that are there: between the same number of
    separators from the start or from the end, or at fixed characters. `None` if it is not in all of them.
    """
    separated = r"(?P<speaker>[^_\W]+)"
    candidates = [rf"(?:[^_\W]+[_\W]){{{skipped}}}{separated}(?![^_\W])" for skipped in range(6)]
    candidates += [rf".*(?<![^_\W]){separated}(?:[_\W][^_\W]+){{{skipped}}}$" for skipped in range(6)]
    lengths = {len(row["speaker_id"]) for row in rows if row["speaker_id"]}
    if len(lengths) == 1:
        candidates += [rf".{{{start}}}(?P<speaker>.{{{lengths.copy().pop()}}})" for start in range(6)]
    for candidate in candidates:
        pattern = re.compile(candidate)
        matches = ((pattern.match(row["utterance_id"]), row["speaker_id"]) for row in rows)
        if all(match and match["speaker"] == speaker for match, speaker in matches):
            return pattern
    return None


def _extra_files(root: Path, paths: Iterable[str], otherwise: str) -> dict[str, str]:
    used = sorted(map(Path, paths), reverse=True)
    stems = {path.stem: path for path in used}
    sizes = {(path.stem, path.stat().st_size): path for path in used if path.is_file()}
    extra = {}
    for path in sorted(set(audio_files(root if root.is_dir() else root.parent)) - set(used)):
        if twin := sizes.get((path.stem, path.stat().st_size)):
            extra[str(path)] = f"second copy of {twin}"
        elif twin := stems.get(path.stem):
            extra[str(path)] = f"same name as {twin}, but another size: another version or format"
        else:
            extra[str(path)] = otherwise
    return extra
