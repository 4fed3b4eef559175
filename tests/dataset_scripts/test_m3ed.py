"""M3ED: one annotation file for all series, official parts by series, ratings with several emotions."""

import json
from pathlib import Path

import pytest

from hf_emotion.data.loading import load_corpus
from tests.dataset_scripts.corpus_case import CorpusCase


LABELS = ("Neutral", "Surprise", "Disgust", "Anger", "Sad", "Happy", "Fear")
SERIES = {"shaonianpai": "train", "yijiarenzhiming": "val", "huanlesong": "test"}
ROLES = {
    "A": {"Name": "王胜男", "Age": "mid", "Gender": "female", "OtherName": []},
    "B": {"Name": "p2", "Age": "mid", "Gender": "Male", "OtherName": []},
}
ENTRIES = tuple(
    (series, f"{series}_{dialogue}_{number}", "AB"[number % 2], label)
    for series in SERIES
    for dialogue, labels in ((1, LABELS[:4]), (2, LABELS[4:]))
    for number, label in enumerate(labels, start=1)
)


def said(speaker: str, label: str) -> dict:
    ratings = {"EmoAnnotator1": label, "EmoAnnotator2": f"{label},Fear", "EmoAnnotator3": "Neutral"}
    final = {"final_mul_emo": f"{label},Fear", "final_main_emo": label}
    times = {"StartTime": "00:00:00:01", "EndTime": "00:00:01:03"}
    return {**times, "Text": "钟点工阿姨", "Speaker": speaker, "EmoAnnotation": {**ratings, **final}}


class TestM3ed(CorpusCase):
    name = "m3ed"
    files = tuple(f"modality_speech/{speaker}_{utterance}.wav" for _, utterance, speaker, _ in ENTRIES)
    utterance_ids = tuple(utterance for _, utterance, _, _ in ENTRIES)
    expected = {
        "shaonianpai_1_2": {
            "raw_label": "Surprise",
            "emotion": "surprise",
            "arousal_valence": "high_neutral",
            "speaker_id": "shaonianpai_王胜男",
            "gender": "female",
            "session": "shaonianpai_1",
            "text": "钟点工阿姨",
            "language": "zh",
            "split": "train",
            "votes": [{"label": "neutral", "count": 1}, {"label": "surprise", "count": 2}],
        },
        "yijiarenzhiming_2_1": {
            "raw_label": "Sad",
            "emotion": "sadness",
            "speaker_id": "yijiarenzhiming_p2",
            "gender": "male",
            "split": "validation",
        },
        "huanlesong_1_1": {"raw_label": "Neutral", "split": "test", "votes": [{"label": "neutral", "count": 3}]},
    }

    def annotate(self, root: Path) -> None:
        annotation: dict = {}
        for series, utterance, speaker, label in ENTRIES:
            dialogues = annotation.setdefault(series, {})
            dialogue = dialogues.setdefault(utterance.rpartition("_")[0], {"SpeakerInfo": ROLES, "Dialog": {}})
            dialogue["Dialog"][utterance] = said(speaker, label)
        (root / "annotation.json").write_text(json.dumps(annotation, ensure_ascii=False), encoding="utf-8")
        (root / "splitInfo").mkdir()
        for series, part in SERIES.items():
            (root / "splitInfo" / f"movie_list_{part}.txt").write_text(f"{series}\n", encoding="utf-8")

    def test_without_its_annotation_the_corpus_is_not_found(self, scratch, tmp_path):
        (scratch / "annotation.json").unlink()
        with pytest.raises(FileNotFoundError, match="annotation.json"):
            load_corpus(self.name, scratch, cache_dir=tmp_path / "cache")
