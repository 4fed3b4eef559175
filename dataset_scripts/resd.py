"""RESD: actors improvise fifty Russian dialogues; each partner plays an emotion that was handed out beforehand."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# 32_happiness_enthusiasm_h_120: dialogue, emotions of the two partners, emotion of this one, number.
STEM = re.compile(r"/(?P<part>train|test)/(?:[^/]+/)?(?P<dialogue>\d\d)_[a-z]+_[a-z]+[ _](?P<emotion>[adefhns])_\d+$")
EMOTIONS = ("anger", "disgust", "enthusiasm", "fear", "happiness", "neutral", "sadness")
LETTERS = {emotion[0]: emotion for emotion in EMOTIONS}


class Resd(EmotionCorpus):
    """RESD. The letter in the file name is the emotion, sessions are the dialogues."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="resd",
        full_name="Russian Emotional Speech Dialogs",
        languages=("ru",),
        labels={emotion: emotion for emotion in EMOTIONS},
        licence="MIT",
        access="open",
        how_to_obtain="load_dataset('Aniemore/resd_annotated').cast_column('speech', Audio(decode=False)); for the "
        "parts train and test write the bytes of every row's speech to <part>/<row['path']>, and the other columns to "
        "<part>.csv",
        layout="<train|test>/<emotions>_<dialogue>/<dialogue>_<emotions>_<letter>_<number>.wav, train.csv, test.csv",
        homepage="https://huggingface.co/datasets/Aniemore/resd_annotated",
        citation="Amentes, Lubenets, Davidchuk: Open library of artificial intelligence for the analysis of emotional "
        "shades of human speech (in Russian), 2022",
        doi="10.57967/hf/1272",
        kind="acted",
        num_utterances=1396,
        label_counts={
            "anger": 219,
            "disgust": 185,
            "enthusiasm": 198,
            "fear": 223,
            "happiness": 218,
            "neutral": 191,
            "sadness": 162,
        },
        sets=("emobox",),
        published_splits={
            "official": PublishedSplit(
                source="parts of the dataset on the Hub; the fold of EmoBox",
                leak="all 50 dialogues, and so their speakers",
            )
        },
        pitfalls=(
            "the parts train and test are cut out of the same 50 dialogues",
            "who speaks is not told: EmoBox counts 200 speakers, but 50 dialogues of two have at most 100",
            "about half of the files are sampled at 16 kHz, half at 44.1 kHz",
            "texts are those of speech recognition, in the column text of the annotated version",
        ),
    )

    def utterances(self, root: Path):
        tables = {part: table_rows(root, f"{part}.csv") for part in ("train", "test")}
        texts = {Path(row["path"]).stem: row.get("text") for rows in tables.values() for row in rows}
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=LETTERS[name["emotion"]],
                session=name["dialogue"],
                split=name["part"],
                text=texts.get(path.stem),
            )
