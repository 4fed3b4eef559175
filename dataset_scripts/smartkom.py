"""SmartKom: users of a simulated multimodal assistant, labelled with user states over time."""

from hf_emotion.data.corpus import Corpus
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


class Smartkom(ManifestCorpus):
    """SmartKom. Its archive holds whole sessions: utterances are cut first, and a manifest says where they are."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="smartkom",
        full_name="SmartKom (multimodal human-machine dialogues)",
        languages=("de",),
        labels={
            "Neutral": "neutral",
            "Freude/Erfolg": "joy",
            "Uberlegen/Nachdenken": "pondering",
            "Ratlosigkeit": "helplessness",
            "Arger/Miserfolg": "anger",
            "Uberraschung/Verwunderung": "surprise",
            "Restklasse": "rest",
        },
        access="eula",
        how_to_obtain="sign the licence at the BAS repository, Munich; cut the turns (TRN tier of the .par files, in "
        "samples) out of the session recordings and describe them in manifest.csv",
        layout=MANIFEST_LAYOUT,
        homepage="https://clarin.phonetik.uni-muenchen.de/BASRepository/",
        citation="Steininger, Schiel, Dioubina, Raubold: Development of user-state conventions for the multimodal "
        "corpus in SmartKom. LREC workshop 2002",
        kind="natural",
        num_utterances=3823,
        num_speakers=79,
        sampling_rate=16_000,
        label_counts={
            "Neutral": 2179,
            "Freude/Erfolg": 284,
            "Uberlegen/Nachdenken": 643,
            "Ratlosigkeit": 161,
            "Arger/Miserfolg": 220,
            "Uberraschung/Verwunderung": 70,
            "Restklasse": 266,
        },
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "no list of utterances is published: a session is one recording (SK-Public/w001_pk/w001_pkd.wav), its "
            "user states are a tier (USH: start and duration in samples, label) of w001_pk_<speaker>.par",
            "how a turn with several user states gets one label is a choice; the longest one is usual",
            "labels are German without umlauts, and misspelt (Uberlegen, Arger/Miserfolg)",
            "skip the annotation file with SMA in its name",
            "numbers of utterances, speakers and labels are recalled from the ASRU 2009 benchmark",
        ),
    )
