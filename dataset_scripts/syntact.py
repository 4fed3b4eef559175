"""SyntAct: German sentences by six synthetic voices, whose prosody was changed by rules for six emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/[^/]+$")
# The MBROLA voices. The audformat header of the corpus (db.yaml) says the opposite of each.
VOICES = {"de1": "female", "de2": "male", "de3": "female", "de4": "male", "de6": "male", "de7": "female"}
TABLES = {part: f"db.emotion.categories.{part}.desired.csv" for part in ("train", "test")}


class Syntact(EmotionCorpus):
    """SyntAct, the database of categories (syntact_cat). Raw labels are those of its audformat tables."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="syntact",
        full_name="SyntAct: a synthesized database of basic emotions",
        languages=("de",),
        labels={
            "anger": "anger",
            "boredom": "boredom",
            "fear": "fear",
            "happiness": "happiness",
            "neutral": "neutral",
            "sadness": "sadness",
        },
        licence="CC BY-SA 4.0 as listed by SER-datasets, whose link leads to CC BY",
        access="open",
        how_to_obtain="syntact_cat.zip from https://zenodo.org/record/6573016, unpacked",
        layout="syntact_cat/db.files.csv, db.emotion.categories.{train,test}.desired.csv and the audio that they name",
        homepage="https://zenodo.org/record/6573016",
        citation="Burkhardt, Eyben, Schuller: SyntAct. Dataset Creation for Lower-Resourced Languages, LREC 2022",
        num_utterances=997,
        num_speakers=6,
        sampling_rate=16_000,
        sets=("exhubert_unseen",),
        published_splits={"official": PublishedSplit("audformat tables: de1 to de4 for train, de6 and de7 for test")},
        pitfalls=(
            "db.yaml swaps the gender of all voices; gender here is that of the MBROLA voices",
            "speech is synthetic: kind is empty, and emotions differ by rule, hence the high scores",
            "syntact_dim, a second database with arousal and valence, has tables of other names and is not read",
            "the number of utterances (997) is that of SER-datasets, not counted",
        ),
    )

    def utterances(self, root: Path):
        rows = {Path(row["file"]).stem: (part, row) for part in TABLES for row in table_rows(root, TABLES[part])}
        speakers = {Path(row["file"]).stem: row["speaker"] for row in table_rows(root, "db.files.csv")}
        for path, _ in named_audio_files(root, STEM):
            part, row = rows.get(path.stem, (None, {}))
            if part:
                speaker = speakers.get(path.stem)
                yield Utterance(
                    path=path,
                    raw_label=row["emotion"],
                    speaker_id=speaker,
                    gender=VOICES.get(speaker),
                    split=part,
                )
