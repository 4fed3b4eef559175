"""EMNS: a table separated by bars, recordings without a name code, rows that need updating."""

from pathlib import Path

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


HEADER = "id|utterance|description|emotion|date_created|status|gender|age|level|audio_recording|user_id"
RECORDINGS = {
    "recorded_audio": ("Excited", "Why don't you play and let's smash them?"),
    "recorded_audio_RF6OuQ4": ("Disgust", "Then she stood up."),
    "recorded_audio_pHms5lI": ("Surprised", 'The track says ""See you later"".'),
    "recorded_audio_iwMuZ78": ("Sarcastic", "Its name was taken from Buffalo Bill."),
    "recorded_audio_3aCYrjz": ("Sad", "There are two mechanisms."),
    "recorded_audio_eaBgSte": ("Neutral", "Three people float on the water."),
    "recorded_audio_NpmegxE": ("Happy", "The orchestra is conducted, as always."),
    "recorded_audio_4HoFTXz": ("Angry", "Damn thee!"),
}


def row(number: int, stem: str, emotion: str, text: str, status: str = "Complete") -> str:
    fields = (number, f'"{text}"', "{user_id} said {transcription}", emotion, "2022-07-11 10:30:33", status)
    return "|".join(map(str, (*fields, "Female", "20s", 5, f"wavs/{stem}.webm", 3)))


class TestEmns(CorpusCase):
    name = "emns"
    files = tuple(f"cleaned_webm/{stem}.wav" for stem in RECORDINGS)
    shared_speakers = True  # one speaker
    expected = {
        "recorded_audio": {
            "raw_label": "Excited",
            "emotion": "excitement",
            "arousal_valence": "high_positive",
            "speaker_id": "3",
            "gender": "female",
            "text": "Why don't you play and let's smash them?",
            "language": "en-GB",
        },
        "recorded_audio_pHms5lI": {
            "raw_label": "Surprised",
            "emotion": "surprise",
            "text": 'The track says "See you later".',
        },
        "recorded_audio_iwMuZ78": {"raw_label": "Sarcastic", "emotion": "sarcasm"},
        "recorded_audio_NpmegxE": {"raw_label": "Happy", "text": "The orchestra is conducted, as always."},
    }

    def annotate(self, root: Path) -> None:
        rows = [row(number, stem, *said) for number, (stem, said) in enumerate(RECORDINGS.items(), start=1)]
        rows.append(row(1071, "recorded_audio_phsJFva", "Disgust", "The orchestra.", status="Needs Updating"))
        (root / "metadata.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    def test_recordings_that_need_updating_or_are_not_listed_are_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "cleaned_webm" / "recorded_audio_phsJFva.wav")
        write_noise(scratch / "cleaned_webm" / "recorded_audio_0000000.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_without_its_table_the_corpus_is_not_found(self, scratch, tmp_path):
        (scratch / "metadata.csv").unlink()
        with pytest.raises(FileNotFoundError, match="metadata.csv"):
            load_corpus("emns", scratch, cache_dir=tmp_path / "cache")
