"""ABC: airline passengers, provoked by a scripted flight."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Abc(ManifestCorpus):
    """ABC. How its archive is laid out is not public: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="abc",
        full_name="Airplane Behaviour Corpus",
        languages=("de",),
        labels={
            "aggressive": "aggressiveness",
            "cheerful": "cheerfulness",
            "intoxicated": "intoxication",
            "nervous": "nervousness",
            "neutral": "neutral",
            "tired": "tiredness",
        },
        access="on_request",
        how_to_obtain="not public: ask its authors; then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        citation="Schuller, Arsic, Rigoll, Wimmer, Radig: Audiovisual behavior modeling by combined feature spaces. "
        "ICASSP 2007, vol. 2, 733-736",
        kind="elicited",
        num_utterances=430,
        num_speakers=8,
        sampling_rate=16_000,
        label_counts={
            "aggressive": 95,
            "cheerful": 105,
            "intoxicated": 33,
            "nervous": 93,
            "neutral": 79,
            "tired": 25,
        },
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is published",
            "counts by label are recalled from the ASRU 2009 benchmark; the first paper speaks of 431 clips",
        ),
    )
