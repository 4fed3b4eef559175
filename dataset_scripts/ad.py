"""AD: a corpus for the detection of anger, known by its name in EmoNet only."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Ad(ManifestCorpus):
    """AD. Neither its layout nor its labels are public: a manifest says where the audio is, in any emotion words."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="ad",
        full_name="Anger Detection",
        languages=(),
        labels={},
        access="not_public",
        how_to_obtain="not public; if you have a copy, describe it in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Gerczuk, Amiriparian, Ottl, Schuller: EmoNet. IEEE Trans. Affective Computing 14(2), 2023 (the only "
        "reference that the ExHuBERT model card gives)",
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published, nor its language, its size or its labels",
            "its name suggests anger against everything else: 'other' is a label without an arousal x valence class",
        ),
    )
