"""GEMEP: ten actors portray eighteen affective states in pseudo-linguistic sentences."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Gemep(ManifestCorpus):
    """GEMEP. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="gemep",
        full_name="Geneva Multimodal Emotion Portrayals",
        languages=("fr",),
        labels={
            "admiration": "admiration",
            "amusement": "amusement",
            "tenderness": "tenderness",
            "anger": "hot_anger",
            "disgust": "disgust",
            "despair": "despair",
            "pride": "pride",
            "anxiety": "anxiety",
            "interest": "interest",
            "irritation": "irritation",
            "joy": "elation",
            "contempt": "contempt",
            "fear": "panic_fear",
            "pleasure": "pleasure",
            "relief": "relief",
            "surprise": "surprise",
            "sadness": "sadness",
            "shame": "shame",
        },
        access="on_request",
        how_to_obtain="ask the Swiss Center for Affective Sciences, Geneva (the core set is free for research); then "
        "describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        homepage="https://www.unige.ch/cisa/gemep/",
        citation="Baenziger, Mortillaro, Scherer: Introducing the Geneva Multimodal Expression corpus. Emotion 12(5), "
        "1161-1179, 2012",
        doi="10.1037/a0025827",
        kind="acted",
        num_utterances=1260,
        num_speakers=10,
        arousal_valence={"anxiety": ("low_negative", "gemep_design_recalled")},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "1260 selected portrayals (recalled); the core set has 145",
            "anxiety is a state of low arousal in its design, unlike everywhere else",
            "its anger, joy and fear are hot anger, elation and panic fear; subtler forms have labels of their own",
            "pseudo-linguistic sentences and a sustained vowel: the language tag names the actors' language",
        ),
    )
