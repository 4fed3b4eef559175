"""MES: six speakers of Mandarin speak in six emotions."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Mes(ManifestCorpus):
    """MES. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="mes",
        full_name="Mandarin Emotional Speech",
        languages=("zh",),
        labels={
            "anger": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "joy": "joy",
            "sadness": "sadness",
            "surprise": "surprise",
        },
        access="on_request",
        how_to_obtain="not public: ask its authors; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Nwe, Foo, De Silva: Speech emotion recognition using hidden Markov models. Speech Communication "
        "41(4), 603-623, 2003",
        doi="10.1016/S0167-6393(03)00099-2",
        kind="acted",
        num_utterances=360,
        num_speakers=6,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=("no layout of its archive is published", "no neutral utterances"),
    )
