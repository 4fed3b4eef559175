"""What every label of every corpus means, and where that comes from."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..emotions import EMOTIONS
from .corpus_facts import Corpus


# How a key of `AV_SOURCES` came about. Only the card's authors are those of the six-class mapping.
_ORIGINS = {
    "exhubert_card": "published",
    "keesing_2020": "literature",
    "asru2009_recalled": "literature",
    "gemep_design_recalled": "literature",
    "is2009_2class": "literature",
    "vivae_design": "literature",
    "derived_from_card_joy": "derived",
    "derived": "derived",
    "user": "user",
}
ORIGINS: dict[str, str] = {
    "published": "printed by the authors of ExHuBERT",
    "literature": "from other publications",
    "derived": "assigned by this package",
    "user": "overridden by you",
}


@dataclass(frozen=True)
class LabelMapping:
    """
    What one label of a corpus means.

    Args:
        corpus, raw_label (`str`):
            The label as the corpus writes it.
        emotion (`str`, *optional*):
            Canonical emotion; `None` if the label is left out.
        arousal_valence (`str`, *optional*):
            Arousal x valence class; `None` if it has none.
        source (`str`, *optional*):
            Where the class comes from: a key of `hf_emotion.emotions.AV_SOURCES`; `None` if there is no class.
        is_exception (`bool`):
            Whether the class differs from that of the canonical emotion, for this corpus only.
        count (`int`, *optional*):
            Published number of utterances.
    """

    corpus: str
    raw_label: str
    emotion: str | None
    arousal_valence: str | None
    source: str | None
    is_exception: bool
    count: int | None

    @property
    def origin(self) -> str | None:
        """How the class was found, a key of `ORIGINS`; `None` if there is no class."""
        return None if self.source is None else _ORIGINS[self.source]


def label_table(facts: Iterable[Corpus]) -> list[LabelMapping]:
    """
    The mapping of every label: raw label -> canonical emotion -> arousal x valence class, with sources.

    Args:
        facts (`Iterable[Corpus]`):
            The corpora, for example `map(corpus_facts, list_corpora())`.

    Returns:
        `list[LabelMapping]`: In the order of the corpora and of their labels.

    Example:

    ```python
    >>> from hf_emotion import corpus_facts
    >>> from hf_emotion.data.label_table import label_table
    >>> [(row.raw_label, row.emotion, row.source) for row in label_table([corpus_facts("urdu")])][:2]
    [('A', 'anger', 'exhubert_card'), ('H', 'happiness', 'derived_from_card_joy')]

    ```
    """
    return [_mapping(corpus, raw_label) for corpus in facts for raw_label in corpus.labels]


def _mapping(facts: Corpus, raw_label: str) -> LabelMapping:
    emotion = facts.labels[raw_label]
    is_exception = raw_label in facts.arousal_valence
    av_class = facts.arousal_valence_class(raw_label)
    source = facts.arousal_valence[raw_label][1] if is_exception else emotion and EMOTIONS[emotion].source
    return LabelMapping(
        corpus=facts.name,
        raw_label=raw_label,
        emotion=emotion,
        arousal_valence=av_class,
        source=None if av_class is None else source,
        is_exception=is_exception,
        count=facts.label_counts.get(raw_label),
    )
