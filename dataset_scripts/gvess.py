"""GVEESS: twelve actors portray fourteen emotions in meaningless sentences."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Gvess(ManifestCorpus):
    """GVEESS. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="gvess",
        full_name="Geneva Vocal Emotion Expression Stimulus Set",
        languages=(),
        labels={
            "hot anger": "hot_anger",
            "cold anger": "cold_anger",
            "panic fear": "panic_fear",
            "anxiety": "anxiety",
            "despair": "despair",
            "sadness": "sadness",
            "elation": "elation",
            "happiness": "happiness",
            "interest": "interest",
            "boredom": "boredom",
            "shame": "shame",
            "pride": "pride",
            "disgust": "disgust",
            "contempt": "contempt",
        },
        access="on_request",
        how_to_obtain="ask the Swiss Center for Affective Sciences, Geneva; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Banse & Scherer: Acoustic profiles in vocal emotion expression. J. Personality and Social "
        "Psychology 70(3), 614-636, 1996",
        doi="10.1037/0022-3514.70.3.614",
        kind="acted",
        num_speakers=12,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "pseudo sentences: no language tag",
            "224 portrayals were selected out of 1344 (recalled); how many of them EmoSet uses is not published",
        ),
    )
