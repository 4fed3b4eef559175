"""ASED: 65 volunteers speak 27 Amharic sentences in five emotions; eight judges chose the recordings."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# a5-03-01-02-50: emotion and folder, sentence, repetition, gender (01 female), speaker. One name has a capital S.
STEM = re.compile(r"/(?P<emotion>[afhnsS])[1-5]-\d\d-\d\d-0[12]-(?P<speaker>\d\d)$")
# By the gender code of their files; the code of one file each of 09, 15, 21, 23 and 25 contradicts all their others.
FEMALE = "01 03 05 07 09 11 13 15 17 19 21 23 25 27 29 31 33 35 37 43 47 48 49 58 62"


class Ased(EmotionCorpus):
    """ASED. Raw labels are the first letter of the file name, in lower case."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="ased",
        full_name="Amharic Speech Emotional Dataset",
        languages=("am",),
        labels={"a": "anger", "f": "fear", "h": "happiness", "n": "neutral", "s": "sadness"},
        access="open",
        how_to_obtain="git clone https://github.com/Ethio2021/ASED_V1 (or its copy https://github.com/wgwangang/ASED_V1)",
        layout="<01Neutral|02Fearful|03Happy|04Sad|05Angry>/"
        "<emotion><folder>-<sentence>-<repetition>-<gender>-<speaker>.wav",
        homepage="https://github.com/wgwangang/ASED_V1",
        citation="Retta, Almekhlafi, Sutcliffe, Mhamed, Ali, Feng: A new Amharic speech emotion dataset and "
        "classification benchmark. ACM Trans. Asian and Low-Resource Language Information Processing 22(1), 2023",
        doi="10.1145/3529759",
        kind="acted",
        num_utterances=2474,
        num_speakers=65,
        sampling_rate=16_000,
        label_counts={"a": 486, "f": 510, "h": 486, "n": 522, "s": 470},
        sets=("emobox",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/ased/process_database.py: speakers 56 to 65 are test",
                by="speaker_id",
                folds=({"test": tuple(str(speaker) for speaker in range(56, 66))},),
            )
        },
        pitfalls=(
            "S4-04-02-01-29 is written with a capital S; its label is s (EmoBox lists a sixth code S for it)",
            "five file names have the wrong gender code; gender is that of all other files of the speaker, which "
            "gives the published 25 women and 40 men",
            "two sentences are common to all emotions, the other 25 belong to one each: text gives the emotion away",
            "no licence is stated",
            "the EmoBox fold shares 63 of 65 speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"].lower(),
                speaker_id=name["speaker"],
                gender="female" if name["speaker"] in FEMALE.split() else "male",
            )
