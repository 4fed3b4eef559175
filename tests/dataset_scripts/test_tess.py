"""TESS: flat and folder layouts, the OA_bite typo, the tree held twice."""

import shutil

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


FLAT = ("OAF_back_angry", "OAF_bar_ps", "YAF_back_fear")
FOLDERS = {"OAF_angry": "OAF_back_angry", "OAF_Pleasant_surprise": "OAF_bar_ps", "YAF_fear": "YAF_back_fear"}


def load(data_dir, tmp_path):
    return rows_by_id(load_corpus("tess", data_dir, split="train", cache_dir=tmp_path / "cache"))


@pytest.fixture(params=["flat", "folders"])
def archive(request, tmp_path):
    for folder, stem in FOLDERS.items():
        write_noise(tmp_path / "tess" / ("" if request.param == "flat" else folder) / f"{stem}.wav")
    return tmp_path / "tess"


def test_the_last_part_of_the_name_is_the_label_in_both_layouts(archive, tmp_path):
    rows = load(archive, tmp_path)
    assert set(rows) == set(FLAT)
    assert [rows[stem]["emotion"] for stem in FLAT] == ["anger", "pleasant_surprise", "fear"]
    assert [rows[stem]["arousal_valence"] for stem in FLAT] == ["high_negative", "high_positive", "high_negative"]
    assert [rows[stem]["speaker_id"] for stem in FLAT] == ["OAF", "OAF", "YAF"]
    assert {row["gender"] for row in rows.values()} == {"female"}
    assert rows["YAF_back_fear"]["text"] == "Say the word back"


def test_the_misspelt_file_belongs_to_the_older_speaker_under_its_proper_id(archive, tmp_path):
    write_noise(archive / "OA_bite_neutral.wav")
    row = load(archive, tmp_path)["OAF_bite_neutral"]
    assert (row["speaker_id"], row["emotion"]) == ("OAF", "neutral")
    assert row["audio"]["path"].endswith("OA_bite_neutral.wav")


def test_both_spellings_of_the_misspelt_file_are_a_conflict(archive, tmp_path):
    write_noise(archive / "OA_bite_neutral.wav")
    write_noise(archive / "OAF_bite_neutral.wav")
    with pytest.raises(ValueError, match="OAF_bite_neutral: .*bite_neutral.wav and .*bite_neutral.wav"):
        load(archive, tmp_path)


def test_the_second_tree_of_the_kaggle_zip_is_ignored(archive, tmp_path):
    shutil.copytree(archive, archive / "tess toronto emotional speech set data")
    assert len(load(archive, tmp_path)) == 3
