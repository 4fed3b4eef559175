"""M3ED: dialogues of two out of 56 Chinese television series; three raters per utterance."""

import json
import re
from collections import Counter
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/[AB]_(?P<utterance>(?P<dialogue>(?P<series>[a-z]+)_\d+)_\d+)$")
LABELS = {
    "Anger": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
RATERS = ("EmoAnnotator1", "EmoAnnotator2", "EmoAnnotator3")
PARTS = {"train": "train", "val": "validation", "test": "test"}


class M3ed(EmotionCorpus):
    """M3ED. Raw labels are `final_main_emo`, `votes` the main emotion of each rater, sessions the dialogues."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="m3ed",
        full_name="Multi-modal Multi-scene Multi-label Emotional Dialogue database",
        languages=("zh",),
        labels=LABELS,
        access="open",
        how_to_obtain="annotation.json and splitInfo from https://github.com/AIM3-RUC/RUCM3ED; the audio clips from "
        "the Baidu link in its README, unpacked beside them",
        layout="annotation.json, splitInfo/movie_list_<train|val|test>.txt, modality_speech/<A|B>_<utterance>.wav",
        homepage="https://github.com/AIM3-RUC/RUCM3ED",
        citation="Zhao, Zhang, Hu, Liu, Jin, Wang, Li: M3ED: Multi-modal multi-scene multi-label emotional dialogue "
        "database. ACL 2022, 5699-5710",
        doi="10.18653/v1/2022.acl-long.391",
        kind="natural",
        num_utterances=24_437,
        num_speakers=626,
        sampling_rate=16_000,
        label_counts=dict(zip(LABELS, (5231, 1497, 395, 2286, 10_021, 3957, 1050), strict=True)),
        sets=("emobox",),
        published_splits={
            "official": PublishedSplit(source="splitInfo of its repository: 38, 7 and 11 series; the fold of EmoBox")
        },
        pitfalls=(
            "the paper counts 24,449 utterances; EmoBox finds the audio of 24,437, with these label counts",
            "a speaker is a role of a series (635 names, 626 published): a nameless role (p2) can be several people, "
            "and an actor of two series is two speakers",
            "utterances can have several emotions (final_mul_emo); the main one is the label",
        ),
    )

    def utterances(self, root: Path):
        annotation = archive_file(root, "annotation.json")
        series = json.loads(read_text(annotation)) if annotation else {}
        lists = {part: archive_file(root, f"splitInfo/movie_list_{part}.txt") for part in PARTS}
        parts = {title: PARTS[part] for part, path in lists.items() if path for title in read_text(path).split()}
        for path, name in named_audio_files(root, STEM):
            dialogue = series.get(name["series"], {}).get(name["dialogue"], {})
            if (said := dialogue.get("Dialog", {}).get(name["utterance"])) is None:
                continue
            role, ratings = dialogue["SpeakerInfo"][said["Speaker"]], said["EmoAnnotation"]
            yield Utterance(
                path=path,
                raw_label=ratings["final_main_emo"],
                utterance_id=name["utterance"],
                speaker_id=f"{name['series']}_{role['Name']}",
                gender={"f": "female", "m": "male"}.get((role.get("Gender") or "")[:1].lower()),
                session=name["dialogue"],
                text=said["Text"],
                split=parts.get(name["series"]),
                votes=Counter(ratings[rater].split(",")[0].strip() for rater in RATERS if ratings.get(rater)),
            )
