"""SAVEE: both published layouts, two-letter codes, AIFF content under a .wav name."""

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


LAYOUTS = {
    "original": ("AudioData/DC/a01", "AudioData/DC/sa02", "AudioData/KL/su15", "AudioData/JE/n30"),
    "kaggle": ("ALL/DC_a01", "ALL/DC_sa02", "ALL/KL_su15", "ALL/JE_n30"),
}


def load(data_dir, tmp_path):
    return rows_by_id(load_corpus("savee", data_dir, split="train", cache_dir=tmp_path / "cache"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_give_the_same_utterances(layout, tmp_path):
    for path in LAYOUTS[layout]:
        write_noise(tmp_path / "savee" / f"{path}.wav")
    (tmp_path / "savee" / "Info.txt").touch()
    rows = load(tmp_path / "savee", tmp_path)
    assert {key: (row["speaker_id"], row["raw_label"], row["emotion"]) for key, row in rows.items()} == {
        "DC_a01": ("DC", "a", "anger"),
        "DC_sa02": ("DC", "sa", "sadness"),
        "KL_su15": ("KL", "su", "surprise"),
        "JE_n30": ("JE", "n", "neutral"),
    }
    assert {row["gender"] for row in rows.values()} == {"male"}


def test_the_folder_of_one_speaker_is_understood_and_called_incomplete(tmp_path, caplog):
    write_noise(tmp_path / "AudioData" / "DC" / "a01.wav")
    rows = load(tmp_path / "AudioData" / "DC", tmp_path)
    assert rows["DC_a01"]["speaker_id"] == "DC"
    assert "found 1 of 480 published utterances" in caplog.text
    assert "479 missing: DC_a02" in caplog.text


def test_aiff_content_under_a_wav_name_is_read(tmp_path):
    write_noise(tmp_path / "savee" / "ALL" / "DC_a01.wav", seconds=0.5, format="AIFF")
    assert load(tmp_path / "savee", tmp_path)["DC_a01"]["duration"] == 0.5


def test_other_speakers_initials_are_not_savee(tmp_path):
    write_noise(tmp_path / "savee" / "ALL" / "XY_a01.wav")
    with pytest.raises(FileNotFoundError, match=r"(?s)it holds ALL/.*AudioData/<speaker>.*registration"):
        load(tmp_path / "savee", tmp_path)
