"""EMO-DB: German codes, sentences, speakers; the published 535 utterances."""

from collections import Counter

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


CODES = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


def load(data_dir, tmp_path):
    return load_corpus("emodb", data_dir, split="train", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("suffix", ["wav", "flac", "WAV"])
def test_the_sixth_character_is_the_label(tmp_path, suffix):
    for code in CODES:
        write_noise(tmp_path / "emodb" / "wav" / f"08a01{code}a.{suffix}", format=suffix.upper())
    rows = rows_by_id(load(tmp_path / "emodb", tmp_path))
    assert {row["raw_label"]: row["emotion"] for row in rows.values()} == CODES
    assert {row["gender"] for row in rows.values()} == {"female"}


def test_speaker_gender_and_sentence_come_from_the_name(tmp_path):
    write_noise(tmp_path / "emodb" / "wav" / "03b10Wb.wav")
    write_noise(tmp_path / "emodb" / "wav" / "16a05L.wav")
    rows = rows_by_id(load(tmp_path / "emodb", tmp_path))
    assert (rows["03b10Wb"]["speaker_id"], rows["03b10Wb"]["gender"]) == ("03", "male")
    assert rows["03b10Wb"]["text"] == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."
    assert (rows["16a05L"]["speaker_id"], rows["16a05L"]["gender"]) == ("16", "female")
    assert "Stück Papier" in rows["16a05L"]["text"]
    assert rows["16a05L"]["language"] == "de"


@pytest.mark.real_data
def test_the_real_archive_is_complete(real_data_dir, tmp_path, caplog):
    rows = load(real_data_dir / "emodb", tmp_path)
    assert not caplog.text
    assert len(rows) == 535
    assert Counter(rows["raw_label"]) == {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
    assert set(rows["speaker_id"]) == {"03", "08", "09", "10", "11", "12", "13", "14", "15", "16"}
    assert len(set(zip(rows["speaker_id"], rows["gender"], strict=True))) == 10
    assert len(set(rows["text"])) == 10
    assert sum(rows["duration"]) / 3600 == pytest.approx(0.413, abs=0.001)
