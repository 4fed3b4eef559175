"""EA-BMW: a corpus that is known by its name in EmoNet only."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class EaBmw(ManifestCorpus):
    """EA-BMW. Neither its layout nor its labels are public: a manifest says what there is, in any emotion words."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="ea_bmw",
        full_name="EA-BMW",
        languages=(),
        labels={},
        access="not_public",
        how_to_obtain="not public; if you have a copy, describe it in manifest.csv",
        layout=MANIFEST_LAYOUT,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=("nothing but its name is published: neither a layout, nor its language, its size or its labels",),
    )
