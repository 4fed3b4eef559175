"""MER2023: clips of Chinese films and television series, the labelled part of the challenge MER 2023."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/(?P<part>train|test[123])/(?P<clip>sample(?:new)?_\d{8})$")
# Where the tables are: beside the folders (baseline code of the challenge), or as they were handed out.
TABLES = ("{part}-label.csv", "mer2023train/{part}-label.csv", "test-labels/{part}-label.csv")


class Mer2023(EmotionCorpus):
    """MER2023. Sessions are the parts of the challenge, since three of them are test parts of different tracks."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="mer2023",
        full_name="MER 2023 challenge",
        languages=("zh",),
        labels={
            "angry": "anger",
            "happy": "happiness",
            "neutral": "neutral",
            "sad": "sadness",
            "surprise": "surprise",
            "worried": "worry",
        },
        licence="end user licence agreement: academic research, no redistribution of clips and labels",
        access="eula",
        how_to_obtain="sign the agreement of https://huggingface.co/datasets/MERChallenge/MER2023; extract the audio "
        "of the avi and mp4 clips beside them",
        layout="<train|test1|test2|test3>/<clip>.wav and <part>-label.csv (also in mer2023train/ and test-labels/)",
        homepage="http://www.merchallenge.cn/datasets",
        citation="Lian et al.: MER 2023: Multi-label learning, modality robustness, and semi-supervised learning. "
        "ACM Multimedia 2023, 9610-9614",
        doi="10.1145/3581783.3612836",
        kind="natural",
        num_utterances=5030,
        label_counts={"angry": 1208, "happy": 1038, "neutral": 1248, "sad": 730, "surprise": 190, "worried": 616},
        sets=("emobox",),
        published_splits={
            "official": PublishedSplit(
                source="MER 2023: test is test1 (MER-MULTI), test2 (MER-NOISE) and test3 (MER-SEMI) together",
                leak="perhaps speakers (the corpus names none)",
            ),
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), fold 1 in its repository: test1 only",
                by="session",
                folds=({"train": ("train",), "test": ("test1",)},),
                random_validation=0.2,
                leak="perhaps speakers (the corpus names none)",
            ),
        },
        pitfalls=(
            "the speakers are not named: no speaker-independent split can be made",
            "test2 has added noise; score the three test parts one by one (column session)",
            "clips without a label (most of test3) are left out; test3 has no valence",
        ),
    )

    def utterances(self, root: Path):
        parts = ("train", "test1", "test2", "test3")
        tables = {part: [row for name in TABLES for row in table_rows(root, name.format(part=part))] for part in parts}
        labels = {(part, row["name"]): row for part, rows in tables.items() for row in rows}
        for path, name in named_audio_files(root, STEM):
            if (row := labels.get((name["part"], name["clip"]))) is None:
                continue
            yield Utterance(
                path=path,
                raw_label=row["discrete"],
                session=name["part"],
                split="train" if name["part"] == "train" else "test",
                valence=float(row["valence"]) if row.get("valence") else None,
            )
