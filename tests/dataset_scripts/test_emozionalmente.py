"""Emozionalmente: tables of samples, users, evaluations and parts; the first version has no parts."""

import csv
import shutil
from pathlib import Path

import pytest

from hf_emotion.data.loading import load_corpus
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("anger", "disgust", "fear", "joy", "neutrality", "sadness", "surprise")
# Hashes of user names in the real tables.
ACTORS = {"3111cf7b": "Male", "3a8927e9": "Female", "322ad29c": "Other"}
PARTS = dict(zip(ACTORS, ("train", "dev", "test"), strict=True))
SAMPLES = {
    f"16136550624{number:02}.wav": (actor, emotion)
    for number, (actor, emotion) in enumerate((actor, emotion) for actor in ACTORS for emotion in EMOTIONS)
}
FIRST = "1613655062400"


def write_table(path: Path, header: str, rows: list[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


class TestEmozionalmente(CorpusCase):
    name = "emozionalmente"
    files = tuple(f"audio/{name}" for name in SAMPLES)
    expected = {
        FIRST: {
            "raw_label": "anger",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "3111cf7b",
            "gender": "male",
            "text": "Sono in ritardo, vado",
            "language": "it",
            "split": "train",
            "votes": [{"label": "anger", "count": 3}, {"label": "neutral", "count": 2}],
        },
        "1613655062410": {"raw_label": "joy", "emotion": "happiness", "gender": "female", "split": "validation"},
        "1613655062418": {
            "raw_label": "neutrality",
            "emotion": "neutral",
            "gender": None,
            "split": "test",
            "votes": None,
        },
    }

    def annotate(self, root: Path) -> None:
        metadata = root / "metadata"
        samples = [(name, "Sono in ritardo, vado", "it", actor, emotion) for name, (actor, emotion) in SAMPLES.items()]
        header = "file_name,sentence,sentence_language,actor,emotion_expressed"
        write_table(metadata / "samples.csv", header, samples)
        users = [(actor, gender, 30, "italian") for actor, gender in ACTORS.items()]
        write_table(metadata / "users.csv", "username,gender,age,mother_tongue", users)
        heard = ["anger", "neutrality", "anger", "anger", "neutrality"]
        evaluations = [(f"{FIRST}.wav", f"evaluator{number}", "good", word) for number, word in enumerate(heard)]
        write_table(metadata / "evaluations.csv", "file_name,evaluator,audio_quality,emotion_recognized", evaluations)
        for actor, part in PARTS.items():
            rows = [sample for sample in samples if sample[3] == actor]
            write_table(metadata / "split" / f"{part}.csv", header, rows)

    def test_the_first_version_has_no_official_parts(self, scratch, tmp_path, rows):
        shutil.rmtree(scratch / "metadata" / "split")
        parts = load_corpus(self.name, scratch, cache_dir=tmp_path / "cache")
        assert {part: len(dataset) for part, dataset in parts.items()} == {"train": len(rows)}

    def test_without_its_tables_the_corpus_is_not_found(self, scratch, tmp_path):
        (scratch / "metadata" / "samples.csv").unlink()
        with pytest.raises(FileNotFoundError, match="metadata/samples.csv"):
            load_corpus(self.name, scratch, cache_dir=tmp_path / "cache")
