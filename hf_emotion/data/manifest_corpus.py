"""Corpora that a table describes: the user's own recordings, and corpora whose archive has no published layout."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

from ..emotions import AROUSAL_VALENCE_CLASSES, canonical_emotion
from .corpus import Corpus, EmotionCorpus, Utterance
from .manifest import MANIFEST_COLUMNS, manifest_file, read_manifest


logger = logging.getLogger(__name__)

MANIFEST_LAYOUT = f"manifest.csv or manifest.jsonl with path, label and, as known, {', '.join(MANIFEST_COLUMNS[2:])}"


class Manifest(EmotionCorpus):
    """
    A corpus described by a table. The label is a canonical emotion or an alias of one, an arousal x valence class, or
    a word of your own, which is kept as `raw_label` while `emotion` and `arousal_valence` stay null.
    """

    VERSION = "1.0.0"
    facts = Corpus(
        name="manifest",
        full_name="Recordings described by a manifest",
        languages=(),
        labels={},
        how_to_obtain="write manifest.csv with the columns path (relative to the manifest) and label",
        layout=MANIFEST_LAYOUT,
    )

    def utterances(self, root: Path):
        manifest = manifest_file(root)
        if manifest is None:
            return
        own_words: Counter[str] = Counter()
        for row in read_manifest(manifest):
            label = row.pop("label")
            emotion = meaning(label)
            av_class = label if label in AROUSAL_VALENCE_CLASSES else None
            own_words[label] += emotion is None and av_class is None
            votes: Counter[str] = Counter()
            for word, count in row.pop("votes").items():
                votes[meaning(word) or word] += count
            yield Utterance(raw_label=label, emotion=emotion, arousal_valence=av_class, votes=votes, **row)
        if own_words.total():
            logger.warning(
                "%s: labels without a canonical meaning, whose emotion is null: %s. Rename them (aliases such as "
                "'angry' are understood), or train on raw_label.", manifest, dict(+own_words),
            )  # fmt: skip


class ManifestCorpus(Manifest):
    """
    A published corpus whose layout is not public: its file has the facts, the user's manifest says where the audio is.

    The label of a row is one of `facts.labels`, or the canonical emotion (or an alias) that one of them stands for.
    Where the labels are not known either (`facts.labels` is empty), every row of [`Manifest`] is understood.
    """

    def utterances(self, root: Path):
        by_emotion = {
            emotion: raw_label for raw_label, emotion in reversed(list(self.facts.labels.items())) if emotion
        }
        if not self.facts.labels:
            for utterance in super().utterances(root):
                yield replace(utterance, corpus=None)
            return
        manifest = manifest_file(root)
        for row in read_manifest(manifest) if manifest else ():
            label = row.pop("label")
            raw_label = label if label in self.facts.labels else by_emotion.get(meaning(label) or "", label)
            yield Utterance(raw_label=raw_label, **row | {"corpus": None})


def meaning(label: str) -> str | None:
    """Canonical emotion of a label; `None` for a word of the user's own."""
    try:
        return canonical_emotion(label)
    except ValueError:
        return None
