"""EMO-DB: German codes, sentences, speakers; the published 535 utterances."""

from collections import Counter

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


CODES = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


class TestEmodb(CorpusCase):
    name = "emodb"
    files = (
        *(f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08", "12") for code in CODES),
        *("wav/03b10Wb.wav", "wav/16a05L.wav"),
    )
    expected = {
        "03b10Wb": {
            "raw_label": "W",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "03",
            "gender": "male",
            "text": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
            "language": "de",
        },
        "16a05L": {
            "emotion": "boredom",
            "speaker_id": "16",
            "gender": "female",
            "text": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
        },
    }

    @pytest.mark.parametrize("suffix", ["wav", "flac", "WAV"])
    def test_the_sixth_character_is_the_label(self, tmp_path, suffix):
        for code in CODES:
            write_noise(tmp_path / "emodb" / "wav" / f"08a01{code}a.{suffix}", format=suffix.upper())
        rows = self.load(tmp_path / "emodb", tmp_path / "cache")
        assert {row["raw_label"]: row["emotion"] for row in rows.values()} == CODES
        assert {row["gender"] for row in rows.values()} == {"female"}


@pytest.mark.real_data
def test_the_real_archive_is_complete(real_data_dir, tmp_path, caplog):
    rows = load_corpus("emodb", real_data_dir / "emodb", split="train", cache_dir=tmp_path / "cache")
    assert not caplog.text
    assert len(rows_by_id(rows)) == 535
    assert Counter(rows["raw_label"]) == {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
    assert set(rows["speaker_id"]) == {"03", "08", "09", "10", "11", "12", "13", "14", "15", "16"}
    assert len(set(zip(rows["speaker_id"], rows["gender"], strict=True))) == 10
    assert len(set(rows["text"])) == 10
    assert sum(rows["duration"]) / 3600 == pytest.approx(0.413, abs=0.001)
