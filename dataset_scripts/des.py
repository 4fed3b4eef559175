"""DES: four Danish actors say words, sentences and passages in five emotions."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Des(ManifestCorpus):
    """DES. How its archive is laid out is not known here: a manifest says where the audio is."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="des",
        full_name="Danish Emotional Speech database",
        languages=("da",),
        labels={
            "angry": "anger",
            "happy": "happiness",
            "neutral": "neutral",
            "sad": "sadness",
            "surprised": "surprise",
        },
        access="on_request",
        how_to_obtain="not public: ask its authors (Aalborg University); then describe your copy in manifest.csv",
        layout=MANIFEST_LAYOUT,
        homepage="http://kom.aau.dk/~tb/speech/Emotions/",
        citation="Engberg, Hansen, Andersen, Dalsgaard: Design, recording and verification of a Danish emotional "
        "speech database. Eurospeech 1997",
        kind="acted",
        num_utterances=419,
        num_speakers=4,
        sampling_rate=20_000,
        label_counts={"angry": 85, "happy": 86, "neutral": 85, "sad": 84, "surprised": 79},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no layout of its archive is known",
            "two words, nine sentences and two passages of each actor and emotion make 260 recordings; the counts are "
            "recalled from the ASRU 2009 benchmark, whose 419 utterances must come from cutting the passages",
            "if the homepage does not answer, web.archive.org has a copy of 2007",
        ),
    )
