"""CaFE: twelve actors speak six Canadian French sentences in six emotions of two intensities, and neutrally."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


SENTENCES = {
    "1": "Un cheval fou dans mon jardin",
    "2": "Deux ânes aigris au pelage brun",
    "3": "Trois cygnes aveugles au bord du lac",
    "4": "Quatre vieilles truies éléphantesques",
    "5": "Cinq pumas fiers et passionnés",
    "6": "Six ours aimants domestiqués",
}
STEM = re.compile(r"/(?P<speaker>\d\d)-(?P<emotion>[CDJNPST])-(?P<intensity>[12])-(?P<sentence>[1-6])$")


class Cafe(EmotionCorpus):
    """CaFE. Raw labels are the letter of the French emotion in the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="cafe",
        full_name="Canadian French Emotional speech database",
        languages=("fr-CA",),
        labels={
            "C": "anger",
            "D": "disgust",
            "J": "happiness",
            "N": "neutral",
            "P": "fear",
            "S": "surprise",
            "T": "sadness",
        },
        licence="CC BY-NC-SA 4.0",
        access="open",
        how_to_obtain="CaFE_48k.zip from https://zenodo.org/record/1478765, unpacked",
        layout="<Colère|Dégoût|Joie|Peur|Surprise|Tristesse>/<Faible|Fort>/<actor>-<code>-<intensity>-<sentence>.wav, "
        "Neutre/<actor>-N-1-<sentence>.wav",
        homepage="https://zenodo.org/record/1478765",
        citation="Gournay, Lahaie, Lefebvre: A Canadian French emotional speech dataset. ACM Multimedia Systems 2018, "
        "399-402",
        doi="10.5281/zenodo.1478765",
        kind="acted",
        num_utterances=936,
        num_speakers=12,
        sampling_rate=48_000,
        label_counts={"N": 72, **dict.fromkeys("CDJPST", 144)},
        sets=("emobox",),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-3 in its repository",
                by="speaker_id",
                folds=tuple({"test": tuple(t.split())} for t in ("01 07 08 10", "02 04 09 12", "03 05 06 11")),
                random_validation=0.2,
            ),
            "nkululeko": PublishedSplit(
                "nkululeko, data/cafe/process_database.py", "speaker_id", ({"test": ("11", "12")},)
            ),
        },
        pitfalls=(
            "unzip programs break the accents of the folder names in several ways; only file names are read",
            "the 192 kHz version has the same names: unpack one of the two versions, not both into one folder",
            "intensity (1 mild, 2 strong) is kept in the utterance id only; neutral has intensity 1",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="male" if int(name["speaker"]) % 2 else "female",
                text=SENTENCES[name["sentence"]],
            )
