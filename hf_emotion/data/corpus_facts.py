"""What a corpus file states: `Corpus` (facts), `PublishedSplit` (partitions), `Utterance` (what its archive says)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..emotions import AROUSAL_VALENCE_CLASSES, AV_SOURCES, EMOTIONS
from .corpus_sets import CORPUS_SETS


SPLITS = ("train", "validation", "test")
GENDERS = ("female", "male")
# Values of `Corpus.access`, in words.
ACCESS = {
    "open": "open to download",
    "registration": "after registration",
    "eula": "after signing an agreement",
    "on_request": "on request to its authors",
    "commercial": "sold",
    "not_public": "not public",
}


@dataclass(frozen=True)
class PublishedSplit:
    """
    A partition of a corpus that somebody published: official parts, or folds given as lists of speakers or sessions.

    `split_corpus(dataset, "<name>", fold=<n>)` makes it, and warns about `leak`.

    Args:
        source (`str`):
            Who published it, and where.
        by (`str`, *optional*):
            Column that the lists of `folds` are about: `"speaker_id"` or `"session"`. `None` for the official parts,
            which the archive itself tells (`Utterance.split`).
        folds (`tuple[dict[str, tuple[str, ...]], ...]`):
            Per fold the speakers or sessions of `"train"`, `"validation"` and `"test"`. Without `"train"`, everything
            that is in no other part is train.
        random_validation (`float`, *optional*, defaults to 0):
            Share of train that the source takes at random, by utterance, for validation. Only without a
            `"validation"` list.
        leak (`str`, *optional*):
            What the parts share, for the warning; `None` if no speaker is in two parts.

    Raises:
        `ValueError`: If a fold has an unknown part, or a speaker or session twice.
    """

    source: str
    by: str | None = None
    folds: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    random_validation: float = 0.0
    leak: str | None = None

    def __post_init__(self):
        if self.by not in (None, "speaker_id", "session") or (self.by is None) != (not self.folds):
            raise ValueError(f"A published split is by 'speaker_id' or 'session' and has folds, or neither: {self}.")
        for number, fold in enumerate(self.folds):
            members = [member for part in fold.values() for member in part]
            twice = sorted({member for member in members if members.count(member) > 1})
            if not {"test"} <= set(fold) <= set(SPLITS) or twice:
                raise ValueError(f"Fold {number} must have distinct members in parts out of {SPLITS}: {fold}.")


@dataclass(frozen=True)
class Corpus:
    """
    The facts of one corpus; `None` or empty where unknown, never invented.

    Args:
        name (`str`):
            Name of the corpus: stem of its file in `dataset_scripts/`, name of the builder, name on the command line.
        full_name (`str`):
            Name as published.
        languages (`tuple[str, ...]`):
            BCP 47 tags. A single one fills the column `language`.
        labels (`dict[str, str | None]`):
            Canonical emotion (a key of `hf_emotion.emotions.EMOTIONS`) of every label that the archive uses. Empty for
            a corpus whose utterances say their emotion themselves (the user's manifest).
        licence (`str`, *optional*):
            Licence as its publishers state it.
        access (`str`, *optional*):
            One of `ACCESS`: `"open"` (anybody can download it), `"registration"`, `"eula"` (a signed agreement),
            `"on_request"` (ask the authors), `"commercial"`, `"not_public"`.
        how_to_obtain (`str`):
            What a user has to do to get the archive.
        layout (`str`):
            The tree that the loader expects below `data_dir`.
        homepage, citation, doi (`str`, *optional*):
            Where it is published.
        kind (`str`, *optional*):
            `"acted"`, `"elicited"` or `"natural"`.
        num_utterances, num_speakers, sampling_rate (`int`, *optional*):
            As published; the sampling rate in Hz.
        label_counts (`dict[str, int]`):
            Published number of utterances of every raw label.
        arousal_valence (`dict[str, tuple[str | None, str]]`):
            Exceptions, by raw label, to the arousal x valence class of the canonical emotion: the class, and where it
            comes from (a key of `hf_emotion.emotions.AV_SOURCES`).
        rating_range (`tuple[float, float]`, *optional*):
            Ends of the scale that arousal, valence and dominance were rated on.
        sets (`tuple[str, ...]`):
            Named sets that the corpus belongs to, out of `hf_emotion.data.corpus_sets.CORPUS_SETS`.
        published_splits (`dict[str, PublishedSplit]`):
            Partitions that somebody published, by the name that `split_corpus` takes. `"official"` is the one that the
            archive itself tells.
        pitfalls (`tuple[str, ...]`):
            What goes wrong with this corpus.

    Raises:
        `ValueError`: If a label is mapped to something that is not a canonical emotion or class.
    """

    name: str
    full_name: str
    languages: tuple[str, ...]
    labels: Mapping[str, str | None]
    licence: str | None = None
    access: str | None = None
    how_to_obtain: str = ""
    layout: str = ""
    homepage: str | None = None
    citation: str | None = None
    doi: str | None = None
    kind: str | None = None
    num_utterances: int | None = None
    num_speakers: int | None = None
    sampling_rate: int | None = None
    label_counts: Mapping[str, int] = field(default_factory=dict)
    arousal_valence: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    rating_range: tuple[float, float] | None = None
    sets: tuple[str, ...] = ()
    published_splits: Mapping[str, PublishedSplit] = field(default_factory=dict)
    pitfalls: tuple[str, ...] = ()

    def __post_init__(self):
        wrong = {raw: emotion for raw, emotion in self.labels.items() if emotion not in (None, *EMOTIONS)}
        wrong |= {
            raw: (name, source)
            for raw, (name, source) in self.arousal_valence.items()
            if name not in (None, *AROUSAL_VALENCE_CLASSES) or source not in AV_SOURCES or raw not in self.labels
        }
        wrong |= {raw: count for raw, count in self.label_counts.items() if raw not in self.labels}
        if wrong:
            raise ValueError(
                f"{self.name}: labels map to a canonical emotion (a key of hf_emotion.emotions.EMOTIONS) or None, "
                f"exceptions to an arousal x valence class and a key of AV_SOURCES, counts belong to labels; found "
                f"{wrong}."
            )
        if self.access not in (None, *ACCESS):
            raise ValueError(f"{self.name}: access is one of {sorted(ACCESS)} or None, not {self.access!r}.")
        if unknown := set(self.sets) - set(CORPUS_SETS):
            raise ValueError(f"{self.name}: no such set: {sorted(unknown)}; sets are {sorted(CORPUS_SETS)}.")

    def arousal_valence_class(self, raw_label: str) -> str | None:
        """Arousal x valence class of a raw label: the exception of this corpus, or that of the canonical emotion."""
        if raw_label in self.arousal_valence:
            return self.arousal_valence[raw_label][0]
        emotion = self.labels[raw_label]
        return None if emotion is None else EMOTIONS[emotion].arousal_valence


@dataclass(frozen=True)
class Utterance:
    """
    What the archive says about one utterance; the builder base adds everything else.

    Args:
        path (`Path`):
            Audio file.
        raw_label (`str`, *optional*):
            Label as the corpus writes it; `None` for an unlabelled utterance.
        utterance_id (`str`, *optional*, defaults to the file stem):
            Unique within the corpus.
        speaker_id, gender, session, text, language (`str`, *optional*):
            `gender` is `"female"` or `"male"`; `language` defaults to the corpus' only language.
        corpus (`str`, *optional*, defaults to the name of the corpus):
            For a manifest that names its source.
        split (`str`, *optional*):
            `"train"`, `"validation"` or `"test"` if the corpus publishes official splits.
        emotion, arousal_valence (`str`, *optional*):
            Only where they do not follow from `raw_label` and the facts of the corpus.
        arousal, valence, dominance (`float`, *optional*):
            Ratings on the scale of the corpus.
        votes (`dict[str, int]`):
            Number of annotators per raw label.
    """

    path: Path
    raw_label: str | None = None
    utterance_id: str | None = None
    speaker_id: str | None = None
    gender: str | None = None
    session: str | None = None
    text: str | None = None
    language: str | None = None
    corpus: str | None = None
    split: str | None = None
    emotion: str | None = None
    arousal_valence: str | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    votes: Mapping[str, int] = field(default_factory=dict)
