"""SUBESCO: twenty actors speak ten Bangla sentences in seven emotions, five times each."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {
    "ANGRY": "anger",
    "DISGUST": "disgust",
    "FEAR": "fear",
    "HAPPY": "happiness",
    "NEUTRAL": "neutral",
    "SAD": "sadness",
    "SURPRISE": "surprise",
}
# One file of the archive has a stray bracket: F_02_MONIKA_S_2_SURPRISE_3].wav
STEM = re.compile(r"/(?P<id>(?P<speaker>(?P<gender>[MF])_\d{2})_[A-Z]+_S_\d{1,2}_(?P<emotion>[A-Z]+)_\d)\]?$")


class Subesco(EmotionCorpus):
    """SUBESCO. Speaker ids are the gender and the number, since numbers repeat across genders."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="subesco",
        full_name="SUST Bangla Emotional Speech Corpus",
        languages=("bn",),
        labels=LABELS,
        licence="CC BY 4.0",
        access="open",
        how_to_obtain="https://zenodo.org/record/4526477",
        layout="SUBESCO/<F|M>_<number>_<NAME>_S_<sentence>_<EMOTION>_<take>.wav",
        homepage="https://zenodo.org/record/4526477",
        citation="Sultana, Rahman, Selim, Iqbal: SUST Bangla Emotional Speech Corpus (SUBESCO). PLoS ONE 16(4), 2021",
        doi="10.1371/journal.pone.0250173",
        kind="acted",
        num_utterances=7000,
        num_speakers=20,
        sampling_rate=48_000,
        label_counts=dict.fromkeys(LABELS, 1000),
        sets=("emoset_plus_plus", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-5 in its repository",
                by="speaker_id",
                folds=(
                    {"test": ("F_03", "M_03", "M_08", "M_09")},
                    {"test": ("F_01", "F_04", "F_10", "M_07")},
                    {"test": ("F_06", "F_08", "M_05", "M_06")},
                    {"test": ("F_05", "F_07", "F_09", "M_04")},
                    {"test": ("F_02", "M_01", "M_02", "M_10")},
                ),
                random_validation=0.2,
            ),
            "audb": PublishedSplit(
                source="audEERING's datasets (audb), subesco",
                by="speaker_id",
                folds=({"validation": ("F_01", "F_06", "M_03", "M_10"), "test": ("F_02", "F_07", "M_05", "M_07")},),
            ),
            "nkululeko": PublishedSplit("nkululeko", "speaker_id", ({"test": ("F_09", "F_10", "M_09", "M_10")},)),
        },
        pitfalls=(
            "F_02_MONIKA_S_2_SURPRISE_3].wav has a stray bracket, which its utterance id does not have",
            "4555 files are sampled at 44.1 kHz, 2445 at 48 kHz",
            "ten sentences in every part of every split: a speaker-independent test is not text-independent",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                utterance_id=name["id"],
                speaker_id=name["speaker"],
                gender="female" if name["gender"] == "F" else "male",
            )
