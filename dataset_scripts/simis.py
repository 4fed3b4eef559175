"""SIMIS: speech of surgeons during minimally invasive operations."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Simis(ManifestCorpus):
    """SIMIS. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="simis",
        full_name="Speech In Minimal Invasive Surgery",
        languages=("de",),
        labels={
            "angry": "anger",
            "confused": "confusion",
            "happy": "happiness",
            "impatient": "impatience",
            "neutral": "neutral",
        },
        access="not_public",
        how_to_obtain="not public: ask its authors; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Schuller, Eyben, Can, Feussner: Speech in minimal invasive surgery - towards an affective language "
        "resource of real-life medical operations. LREC workshop EMOTION 2010",
        kind="natural",
        num_speakers=10,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "the labels and the ten surgeons are recalled, the number of segments is not known",
        ),
    )
