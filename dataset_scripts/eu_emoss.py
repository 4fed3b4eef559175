"""EU-Emotion Stimulus Set: actors express twenty emotions and mental states with face, body and voice."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class EuEmoss(ManifestCorpus):
    """EU-EmoSS. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="eu_emoss",
        full_name="EU-Emotion Stimulus Set",
        languages=("en-GB",),
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
        how_to_obtain="register as an academic user at the Autism Research Centre (see the homepage); then describe "
        "your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        homepage="https://www.autismresearchcentre.com/projects/eu-emotion-stimulus-set/",
        citation="O'Reilly, Pigat, Fridenson, Berggren, Tal, Golan, Boelte, Baron-Cohen, Lundqvist: The EU-Emotion "
        "Stimulus Set: a validation study. Behavior Research Methods 48, 567-576, 2016",
        doi="10.3758/s13428-015-0601-4",
        kind="acted",
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "the set is mainly visual (face, body, social scene); which of its audio EmoSet uses is not published",
            "the voice recordings are a corpus of their own here (eu_ev): do not count an actor twice",
            "the list of labels is recalled, not read in the archive",
        ),
    )
