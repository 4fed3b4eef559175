"""Turkish emotional speech of Bogazici University: eleven amateurs speak eleven sentences in four emotions."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class TurkishEmo(ManifestCorpus):
    """TurkishEmo (BUEMODB). How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="turkish_emo",
        full_name="Bogazici University Turkish emotional database",
        languages=("tr",),
        labels={"angry": "anger", "happy": "happiness", "neutral": "neutral", "sad": "sadness"},
        access="on_request",
        how_to_obtain="not public: ask its authors; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Kaya, Salah, Guergen, Ekenel: Protocol and baseline for experiments on Bogazici University Turkish "
        "emotional speech corpus. SIU 2014",
        kind="acted",
        num_utterances=484,
        num_speakers=11,
        label_counts=dict.fromkeys(("angry", "happy", "neutral", "sad"), 121),
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "that EmoSet's TurkishEmoBUEE is this corpus is inferred from its name",
            "its authors define a protocol of train, validation and test (SIU 2014); its parts are not listed here",
        ),
    )
