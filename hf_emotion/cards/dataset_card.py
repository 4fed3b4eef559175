"""The card of a corpus on the Hub: what it is, under which terms, what is in it, and how it is loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import datasets
from huggingface_hub import DatasetCard, DatasetCardData

from ..data.columns import COLUMNS
from ..data.corpus_facts import ACCESS, Corpus
from ..data.label_table import label_table
from ..data.splits.split_info import SplitInfo
from ..emotions import AV_SOURCES, EMOTIONS
from .licences import Redistribution, hub_licence, licence_conditions, licence_url
from .templates import render_template


TEMPLATE_NAME = "dataset.md"
TAGS = ("audio", "speech", "speech-emotion-recognition", "emotion", "hf-emotion")
MAX_LABELS = 100  # rows of the table of labels

_SIZE_CATEGORIES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
# The label of acted speech is what the actor was asked for: nobody annotated it. Who rated other speech, the facts do
# not say.
_ANNOTATIONS_CREATORS = {"acted": "other", "elicited": "other", "synthetic": "machine-generated"}
_CLASS_SOURCES = AV_SOURCES | {"user": "given by whoever packed this copy"}
_COLUMN_TEXTS = {
    "audio": "the file, as it came with the corpus",
    "utterance_id": "unique in the corpus",
    "corpus": "name of the corpus",
    "language": "BCP 47 tag",
    "speaker_id": "as the corpus calls its speakers",
    "gender": "`female` or `male`, as the corpus records it",
    "session": "recording session",
    "text": "what is said",
    "raw_label": "the label as the corpus writes it",
    "emotion": "canonical emotion",
    "arousal_valence": "class in the arousal x valence plane",
    "arousal": "rating, on the scale of the corpus",
    "valence": "rating, on the scale of the corpus",
    "dominance": "rating, on the scale of the corpus",
    "votes": "number of raters per label",
    "duration": "seconds",
}


@dataclass(frozen=True)
class AudioSummary:
    """
    What the audio files of a corpus are.

    Args:
        num_bytes (`Mapping[str, int]`): Their size together, per part.
        sampling_rates (`Mapping[int, int]`): Number of files per sampling rate in Hz.
        formats (`Mapping[str, int]`): Number of files per suffix, such as `".wav"`.
    """

    num_bytes: Mapping[str, int]
    sampling_rates: Mapping[int, int]
    formats: Mapping[str, int]

    @property
    def sampling_rate(self) -> int | None:
        """The sampling rate in Hz, if all files share it."""
        return next(iter(self.sampling_rates)) if len(self.sampling_rates) == 1 else None


@dataclass(frozen=True)
class LabelRow:
    """A label as it occurs: its meaning, where its class comes from, and its utterances per part."""

    raw_label: str | None
    emotion: str | None
    arousal_valence: str | None
    source: str | None
    counts: Mapping[str, int]


@dataclass(frozen=True)
class CorpusCopy:
    """
    A corpus as it goes to the Hub: all that its card may state.

    Args:
        repo_id (`str`): Repository, `owner/name`.
        facts ([`~hf_emotion.data.corpus_facts.Corpus`]): Facts of the corpus.
        parts (`datasets.DatasetDict`): Its rows with the columns of `load_corpus`, by part.
        split ([`~hf_emotion.data.splits.split_info.SplitInfo`]): What the parts are.
        audio ([`AudioSummary`]): What the files are.
        redistribution ([`~hf_emotion.cards.licences.Redistribution`]): Whether the copy may be public.
        is_published (`bool`, *optional*, defaults to `True`): Whether it is a published corpus, and not recordings of
            the user's own.
    """

    repo_id: str
    facts: Corpus
    parts: datasets.DatasetDict
    split: SplitInfo
    audio: AudioSummary
    redistribution: Redistribution
    is_published: bool = True

    @cached_property
    def values(self) -> dict[str, dict[str, list[Any]]]:
        """Every column but the audio, by part."""
        columns = [column for column in COLUMNS if column != "audio"]
        return {part: rows.with_format(None).select_columns(columns)[:] for part, rows in self.parts.items()}

    def column(self, name: str) -> list[Any]:
        """A column of all parts, without nulls."""
        return [value for part in self.values.values() for value in part[name] if value is not None]

    @property
    def num_utterances(self) -> int:
        return sum(map(len, self.parts.values()))

    @property
    def languages(self) -> list[str]:
        """BCP 47 tags in the rows, or those of the facts if the rows have none."""
        return sorted(set(self.column("language"))) or list(self.facts.languages)

    def hours(self, *parts: str) -> float:
        """Duration of some parts, of all by default, in hours."""
        return sum(value or 0 for part in parts or self.values for value in self.values[part]["duration"]) / 3600

    def speakers(self, *parts: str) -> dict[tuple[str, str], str | None]:
        """Speakers of some parts, of all by default, with their genders; keys are corpus and speaker."""
        columns = ("corpus", "speaker_id", "gender")
        rows = (zip(*(self.values[part][name] for name in columns), strict=True) for part in parts or self.values)
        return {(corpus, speaker): gender for part in rows for corpus, speaker, gender in part if speaker is not None}

    def label_rows(self) -> list[LabelRow]:
        """What the labels mean and how often they occur, labels of the facts that do not occur included."""
        columns = ("raw_label", "emotion", "arousal_valence")
        counts = {
            part: Counter(zip(*(values[name] for name in columns), strict=True))
            for part, values in self.values.items()
        }
        keys = dict.fromkeys(key for part in counts.values() for key in part)
        occurring = {raw_label for raw_label, *_ in keys}
        sources = {(row.raw_label, row.emotion, row.arousal_valence): row.source for row in label_table([self.facts])}
        keys |= dict.fromkeys(key for key in sources if key[0] not in occurring)
        order = {raw_label: number for number, raw_label in enumerate(self.facts.labels)}
        return [
            LabelRow(
                raw_label,
                emotion,
                av_class,
                sources.get((raw_label, emotion, av_class)) or _class_source(emotion, av_class),
                {part: counts[part][raw_label, emotion, av_class] for part in counts},
            )
            for raw_label, emotion, av_class in sorted(
                keys, key=lambda key: (order.get(key[0], len(order)), *map(str, key))
            )
        ]


def _class_source(emotion: str | None, arousal_valence: str | None) -> str | None:
    """Where a class comes from that the facts of the corpus do not give."""
    if arousal_valence is None:
        return None
    usual = EMOTIONS[emotion] if emotion is not None else None
    return usual.source if usual is not None and usual.arousal_valence == arousal_valence else "user"


def build_dataset_card(copy: CorpusCopy) -> DatasetCard:
    """
    Write the card of a corpus on the Hub.

    Args:
        copy ([`CorpusCopy`]): The corpus as it goes to the Hub.

    Returns:
        `huggingface_hub.DatasetCard`: Metadata and text; `card.save("README.md")` writes it. What tells datasets where
        the files are (`configs`, `dataset_info`) is added by `push_to_hub`.
    """
    labels = copy.label_rows()
    content = render_template(
        TEMPLATE_NAME,
        filters={"prose": _prose, "number": "{:,}".format},
        metadata=_metadata(copy).to_yaml(),
        copy=copy,
        facts=copy.facts,
        summary=_summary(copy),
        terms=list(_terms(copy.facts)),
        conditions=licence_conditions(copy.facts.licence),
        part_rows=[(part, len(rows), len(copy.speakers(part)), copy.hours(part)) for part, rows in copy.parts.items()],
        labels=labels[:MAX_LABELS],
        num_more_labels=max(0, len(labels) - MAX_LABELS),
        class_sources={row.source: _CLASS_SOURCES[row.source] for row in labels if row.source},
        audio_files=_audio_files(copy.audio),
        published_rate=copy.facts.sampling_rate,
        columns=list(_columns(copy)),
    )
    return DatasetCard(content)


def _metadata(copy: CorpusCopy) -> DatasetCardData:
    licence = hub_licence(copy.facts.licence, copy.facts.name, copy.facts.homepage)
    creators = _ANNOTATIONS_CREATORS.get(copy.facts.kind or "")
    sizes = (name for limit, name in _SIZE_CATEGORIES if copy.num_utterances < limit)
    return DatasetCardData(
        pretty_name=copy.facts.full_name,
        language=sorted({tag.split("-")[0].lower() for tag in copy.languages}) or None,
        **{name: value for name, value in licence._asdict().items() if value is not None},
        task_categories=["audio-classification"],
        tags=[*TAGS, *([copy.facts.name.replace("_", "-")] if copy.is_published else [])],
        size_categories=[next(sizes, "1M<n<10M")],
        annotations_creators=[creators] if creators else None,
        source_datasets=["original"],
    )


def _summary(copy: CorpusCopy) -> str:
    genders = Counter(filter(None, copy.speakers().values()))
    speakers = f"{len(copy.speakers())} speakers" if copy.speakers() else "unknown speakers"
    if genders:
        speakers += f" ({', '.join(f'{genders[gender]} {gender}' for gender in sorted(genders))})"
    published = copy.facts.num_utterances
    share = f" (of {published:,} published)" if published not in (None, copy.num_utterances) else ""
    kind = f"{copy.facts.kind} speech" if copy.facts.kind else "speech"
    languages = f" in {', '.join(f'`{tag}`' for tag in copy.languages)}" if copy.languages else ""
    return f"{copy.num_utterances:,} utterances{share} of {kind}{languages} by {speakers}, {copy.hours():.2f} hours."


def _terms(facts: Corpus) -> Iterator[tuple[str, str]]:
    url = licence_url(facts.licence)
    licence = _prose(facts.licence) if facts.licence else "not known"
    yield "licence of the corpus", f"[{licence}]({url})" if url else licence
    if facts.access:
        yield "access to the original", ACCESS[facts.access]
    if facts.homepage:
        yield "homepage", f"<{facts.homepage}>"


def _audio_files(audio: AudioSummary) -> str:
    rates = [f"{rate:,} Hz ({count:,} files)" for rate, count in sorted(audio.sampling_rates.items())]
    formats = [f"`{suffix}` ({count:,} files)" for suffix, count in sorted(audio.formats.items())]
    return f"{sum(audio.num_bytes.values()) / 1e6:,.1f} MB; {', '.join(formats)}; sampled at {', '.join(rates)}"


def _columns(copy: CorpusCopy) -> Iterator[tuple[str, str, int]]:
    """Columns with a description and the number of rows in which they are filled in."""
    for name in copy.parts[next(iter(copy.parts))].column_names:
        num_filled = len(copy.column(name)) if name in COLUMNS and name != "audio" else copy.num_utterances
        yield name, _COLUMN_TEXTS.get(name, ""), num_filled


def _prose(text: str) -> str:
    """Text in which Markdown finds no markup; underscores inside words are none."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", " ".join(text.split()))
