"""Your own recordings, described by manifest.csv or manifest.jsonl: one row per utterance, with `path` and `label`."""

import logging
from collections import Counter
from pathlib import Path

from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance
from hf_emotion.data.manifest import MANIFEST_COLUMNS, manifest_file, read_manifest
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES, canonical_emotion


logger = logging.getLogger(__name__)


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
        layout=f"manifest.csv or manifest.jsonl with path, label and, as known, {', '.join(MANIFEST_COLUMNS[2:])}",
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


def meaning(label: str) -> str | None:
    """Canonical emotion of a label; `None` for a word of the user's own."""
    try:
        return canonical_emotion(label)
    except ValueError:
        return None
