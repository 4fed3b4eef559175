"""URDU: 400 utterances in four emotions, cut from Urdu talk shows."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


STEM = re.compile(r"/(?P<speaker>S(?P<gender>[MF])\d+)_F\d+_(?P<emotion>[AHNS])\d+$")
GENDERS = {"F": "female", "M": "male"}


class Urdu(EmotionCorpus):
    """URDU. Raw labels are the letter before the last number of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="urdu",
        full_name="URDU dataset",
        languages=("ur",),
        labels={"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
        licence="research only (README of the repository)",
        access="open",
        how_to_obtain="git clone https://github.com/siddiquelatif/URDU-Dataset",
        layout="{Angry,Happy,Neutral,Sad}/S<gender><speaker>_F<file>_<emotion><number>.wav",
        homepage="https://github.com/siddiquelatif/urdu-dataset",
        citation="Latif et al.: Cross lingual speech emotion recognition: Urdu vs. Western languages. FIT 2018",
        doi="10.1109/FIT.2018.00023",
        kind="natural",
        num_utterances=400,
        num_speakers=38,
        sampling_rate=44_100,
        label_counts={"A": 100, "H": 100, "N": 100, "S": 100},
        sets=("emoset_plus_plus", "emobox"),
        pitfalls=(
            "38 speakers are announced, 29 distinct ids occur in the file names",
            "speakers are very uneven (SM5 has 80 files, SM4 48, SM25 40, SM24 38)",
            "26 of the 29 speakers show one emotion only: a model that learnt voices fails on unseen speakers",
            "some clips are overlapping cuts of one recording, SF1_F4_H04 and SF4_F3_H019 even under two speaker ids",
            "152 clips have a constant offset, 84 of the 100 neutral ones: remove the mean, or it tells the label",
            "the EmoBox fold shares speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender=GENDERS[name["gender"]],
            )
