"""AESI: twenty Greek speakers utter sentences whose words carry the emotion."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Aesi(ManifestCorpus):
    """AESI. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="aesi",
        full_name="Athens Emotional States Inventory",
        languages=("el",),
        labels={"anger": "anger", "fear": "fear", "joy": "joy", "sadness": "sadness", "neutral": "neutral"},
        access="on_request",
        how_to_obtain="not public: ask its authors; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Chaspari, Soldatos, Maragos: The development of the Athens Emotional States Inventory (AESI). "
        "World J. Biological Psychiatry 16(5), 312-322, 2015",
        doi="10.3109/15622975.2015.1012228",
        kind="acted",
        num_utterances=696,
        num_speakers=20,
        sets=("exhubert_unseen",),
        pitfalls=(
            "no layout of its archive is published",
            "the sentences have emotional content: their words give the class away, also to speakers held out",
        ),
    )
