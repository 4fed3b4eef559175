"""EU-Emotion Voice Database: 54 actors convey twenty emotional states in British English, Swedish and Hebrew."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class EuEv(ManifestCorpus):
    """EU-EV. How its archive is laid out is not public: a manifest says where the audio is, and in which language."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="eu_ev",
        full_name="EU-Emotion Voice Database",
        languages=("en-GB", "sv", "he"),
        labels={
            "afraid": "fear",
            "angry": "anger",
            "ashamed": "shame",
            "bored": "boredom",
            "disappointed": "disappointment",
            "disgusted": "disgust",
            "excited": "excitement",
            "frustrated": "frustration",
            "happy": "happiness",
            "hurt": "hurt",
            "interested": "interest",
            "jealous": "jealousy",
            "joking": "joking",
            "kind": "kindness",
            "neutral": "neutral",
            "proud": "pride",
            "sad": "sadness",
            "sneaky": "sneakiness",
            "surprised": "surprise",
            "unfriendly": "unfriendliness",
            "worried": "worry",
        },
        access="registration",
        how_to_obtain="part of the EU-Emotion Stimulus Set, free for academic research after registration at the "
        "Autism Research Centre; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Lassalle et al.: The EU-Emotion Voice Database. Behavior Research Methods 51, 493-506, 2019",
        doi="10.3758/s13428-018-1048-1",
        kind="acted",
        num_utterances=2159,
        num_speakers=54,
        sets=("emoset_plus_plus",),
        pitfalls=(
            "no layout of its archive is published",
            "three languages: give the column language in the manifest",
            "ExHuBERT's supplement lists it among the corpora of EmoSet, the code of EmoNet does not",
            "the list of labels is recalled, not read in the archive",
        ),
    )
