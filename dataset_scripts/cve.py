"""CVE: four speakers of Mandarin say pseudo-sentences in seven emotions; listeners validated the stimuli."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Cve(ManifestCorpus):
    """CVE. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="cve",
        full_name="Chinese Vocal Emotions (validated database of Chinese vocal emotional stimuli)",
        languages=("zh",),
        labels={
            "anger": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "sadness": "sadness",
            "happiness": "happiness",
            "pleasant surprise": "pleasant_surprise",
            "neutral": "neutral",
        },
        access="on_request",
        how_to_obtain="not public: ask its authors (McGill University); then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Liu & Pell: Recognizing vocal emotions in Mandarin Chinese: A validated database of Chinese vocal "
        "emotional stimuli. Behavior Research Methods 44(4), 1042-1051, 2012",
        doi="10.3758/s13428-012-0203-3",
        kind="acted",
        num_utterances=874,
        num_speakers=4,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "the count is recalled from the literature",
            "pleasant surprise has positive valence, unlike the surprise of other corpora",
        ),
    )
