"""SUSAS: air command words under actual stress (roller coaster, free fall) and in simulated speaking styles."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Susas(ManifestCorpus):
    """SUSAS, actual stress. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="susas",
        full_name="Speech Under Simulated and Actual Stress",
        languages=("en-US",),
        labels={
            "high stress": "high_stress",
            "medium stress": "medium_stress",
            "neutral": "neutral",
            "scream": "screaming",
        },
        licence="LDC user agreement",
        access="commercial",
        how_to_obtain="buy LDC99S78 from the Linguistic Data Consortium; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        homepage="https://catalog.ldc.upenn.edu/LDC99S78",
        citation="Hansen & Bou-Ghazale: Getting started with SUSAS. Eurospeech 1997, 1743-1746",
        kind="natural",
        num_utterances=3593,
        num_speakers=7,
        sampling_rate=8_000,
        label_counts={"high stress": 1202, "medium stress": 1276, "neutral": 701, "scream": 414},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "facts are those of the actual-stress part (35 words), which the cross-corpus literature uses; the "
            "simulated part has speaking styles (angry, clear, fast, loud, Lombard ...); which one EmoSet uses is not "
            "published",
            "numbers of utterances and labels are recalled from the ASRU 2009 benchmark",
            "medium stress has no agreed valence, so no arousal x valence class",
            "8 kHz, with the noise of the ride",
        ),
    )
