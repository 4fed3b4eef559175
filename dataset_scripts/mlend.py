"""MLEnd Spoken Numerals: 151 people speak numerals in four intonations."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/\d{5}$")
# The ids 74, 123 and 149 do not occur.
NKULULEKO_TEST = tuple(str(speaker) for speaker in range(121, 154) if speaker not in (123, 149))


class Mlend(EmotionCorpus):
    """MLEnd Spoken Numerals. Raw labels are the intonations, `text` is the numeral as its table writes it: digits."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="mlend",
        full_name="MLEnd Spoken Numerals",
        languages=("en",),
        labels={"neutral": "neutral", "bored": "boredom", "excited": "excitement", "question": "question"},
        access="open",
        how_to_obtain="https://www.kaggle.com/datasets/jesusrequena/mlend-spoken-numerals, unpacked",
        layout="MLEndSND_Public/<nnnnn>.wav, MLEndSND_Audio_Attributes.csv",
        homepage="https://mlenddatasets.github.io/spoken_numerals/",
        citation="MLEnd datasets, Queen Mary University of London, 2021",
        kind="acted",
        num_utterances=32_654,
        num_speakers=151,
        label_counts={"neutral": 8187, "bored": 8042, "excited": 8223, "question": 8202},
        sets=("exhubert_unseen",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/mlendsnd/mlendsnd_test.csv (speakers above 120)",
                by="speaker_id",
                folds=({"test": NKULULEKO_TEST},),
            )
        },
        pitfalls=(
            "labels are intonations, not emotions; question has no arousal x valence class",
            "the homepage speaks of 154 speakers, the table has 151 ids between 0 and 153",
            "32 distinct numerals of about a second; the gender of the speakers is not published",
            "an older release (20000 clips, trainingMLEnd.csv) has other names and is not read",
        ),
    )

    def utterances(self, root: Path):
        name = "MLEndSND_Audio_Attributes.csv"
        table = table_rows(root, name) or table_rows(root, f"MLEndSND_Public/{name}")
        attributes = {row["Public filename"]: row for row in table}
        for path, _ in named_audio_files(root, STEM):
            if row := attributes.get(path.stem):
                yield Utterance(
                    path=path,
                    raw_label=row["Intonation"],
                    speaker_id=row["Speaker"],
                    text=row["Numeral"],
                )
