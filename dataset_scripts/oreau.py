"""Oréau: 32 speakers say 79 French classroom sentences, written for seven emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# 10a02Ja: speaker, sentence, emotion, version. The folders of emotions repeat the letter.
STEM = re.compile(r"/(?P<gender>[fm])/sess[cdjnpst]/(?P<speaker>\d\d)[a-z]\d\d(?P<emotion>[CDJNPST])[a-z]?$")


class Oreau(EmotionCorpus):
    """Oréau. Raw labels are the letter of the French emotion in the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="oreau",
        full_name="French Emotional Speech Database - Oréau",
        languages=("fr",),
        labels={
            "C": "anger",
            "D": "disgust",
            "J": "happiness",
            "N": "neutral",
            "P": "fear",
            "S": "surprise",
            "T": "sadness",
        },
        licence="CC BY 4.0",
        access="open",
        how_to_obtain="OréauFR_02 (the validated version) from https://zenodo.org/records/4405783, unpacked",
        layout="<f|m>/sess<c|d|j|n|p|s|t>/<speaker><sentence><emotion><version>.wav, for example f/sessj/10a02Ja.wav",
        homepage="https://zenodo.org/records/4405783",
        citation="French Emotional Speech Database - Oréau. Zenodo, 2020",
        doi="10.5281/zenodo.4405783",
        kind="acted",
        num_utterances=434,
        num_speakers=32,
        sampling_rate=44_100,
        label_counts={"C": 67, "D": 67, "J": 62, "N": 70, "P": 51, "S": 62, "T": 55},
        sets=("emobox",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/oreau2/process_database.py: speakers up to 11 are test",
                by="speaker_id",
                folds=({"test": ("07", "08", "09", "10", "11")},),
            )
        },
        pitfalls=(
            "two versions have the same file names: OréauFR_01 (502 files) and OréauFR_02 (434 files, kept after a "
            "listening test); counts are those of the second",
            "the homepage counts 8 women and 24 men, the folders of OréauFR_02 have 7 and 25",
            "every sentence belongs to one emotion: text and emotion are confounded",
            "the EmoBox fold shares all speakers of its test part; its file list is read with "
            "split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="female" if name["gender"] == "f" else "male",
            )
