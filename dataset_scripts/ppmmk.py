"""PPMMK-EMO: a corpus of EmoSet that only the EmoNet paper describes."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Ppmmk(ManifestCorpus):
    """PPMMK-EMO. Neither its labels nor its layout are public: a manifest says where the audio is, and what it is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="ppmmk",
        full_name="PPMMK-EMO",
        languages=(),
        labels={},
        access="not_public",
        how_to_obtain="not public: ask the authors of EmoNet; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="documented in Gerczuk, Amiriparian, Ottl, Schuller: EmoNet. IEEE Trans. Affective Computing "
        "14(2), 2023",
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published, nor are its language, size and labels",
            "the code of EmoNet spells it PPMK-EMO",
        ),
    )
