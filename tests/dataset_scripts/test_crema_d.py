"""CREMA-D: names, votes of the voice, sex of the actors with and without the table, the silent clip."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


VOTES = """"","A","D","F","H","N","S","fileName","numResponses"
"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11
"100002",4,1,0,0,5,0,"1002_IEO_ANG_LO",10
"200001",9,9,9,9,9,9,"1001_IEO_NEU_XX",54
"300001",8,8,8,8,8,8,"1001_IEO_NEU_XX",48
"""
DEMOGRAPHICS = """"ActorID","Age","Sex","Race","Ethnicity"
1001,51,"Male","Caucasian","Not Hispanic"
1002,21,"Female","Caucasian","Not Hispanic"
"""


@pytest.fixture
def archive(tmp_path):
    for stem in ("1001_IEO_NEU_XX", "1002_IEO_ANG_LO", "1002_TSI_SAD_X"):
        write_noise(tmp_path / "crema_d" / "AudioWAV" / f"{stem}.wav")
        write_noise(tmp_path / "crema_d" / "AudioMP3" / f"{stem}.mp3", seconds=0.5, sampling_rate=16_000, format="MP3")
    (tmp_path / "crema_d" / "processedResults").mkdir()
    (tmp_path / "crema_d" / "processedResults" / "tabulatedVotes.csv").write_text(VOTES)
    (tmp_path / "crema_d" / "VideoDemographics.csv").write_text(DEMOGRAPHICS)
    return tmp_path / "crema_d"


def load(data_dir, tmp_path):
    return load_corpus("crema_d", data_dir, split="train", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("inner", [".", "AudioWAV"])
def test_names_and_tables_give_labels_votes_and_gender(archive, tmp_path, inner):
    rows = rows_by_id(load(archive / inner, tmp_path))
    assert set(rows) == {"1001_IEO_NEU_XX", "1002_IEO_ANG_LO", "1002_TSI_SAD_X"}
    angry = rows["1002_IEO_ANG_LO"]
    assert (angry["raw_label"], angry["emotion"], angry["speaker_id"]) == ("ANG", "anger", "1002")
    assert (angry["gender"], angry["text"]) == ("female", "It's eleven o'clock")
    assert angry["votes"] == [
        {"label": "anger", "count": 4},
        {"label": "disgust", "count": 1},
        {"label": "neutral", "count": 5},
    ]
    assert rows["1001_IEO_NEU_XX"]["gender"] == "male"
    assert rows["1001_IEO_NEU_XX"]["votes"] == [{"label": "happiness", "count": 1}, {"label": "neutral", "count": 10}]
    assert rows["1002_TSI_SAD_X"]["votes"] is None


def test_without_tables_gender_comes_from_the_facts_and_votes_are_null(archive, tmp_path):
    (archive / "VideoDemographics.csv").unlink()
    (archive / "processedResults" / "tabulatedVotes.csv").unlink()
    rows = rows_by_id(load(archive, tmp_path))
    assert [rows[stem]["gender"] for stem in sorted(rows)] == ["male", "female", "female"]
    assert all(row["votes"] is None for row in rows.values())


def test_an_unknown_code_is_an_error_that_names_the_file(archive, tmp_path):
    write_noise(archive / "AudioWAV" / "1001_IEO_SUR_XX.wav")
    with pytest.raises(ValueError, match=r"1001_IEO_SUR_XX\.wav: crema_d has no label 'SUR'"):
        load(archive, tmp_path)


def test_the_silent_clip_is_kept_and_documented(archive, tmp_path):
    soundfile.write(archive / "AudioWAV" / "1076_MTI_SAD_XX.wav", np.zeros(800), 16_000)
    assert rows_by_id(load(archive, tmp_path))["1076_MTI_SAD_XX"]["gender"] == "female"
    assert any("1076_MTI_SAD_XX is silent" in pitfall for pitfall in corpus_facts("crema_d").pitfalls)


def test_published_names_that_are_absent_are_named(archive, tmp_path, caplog):
    (archive / "SentenceFilenames.csv").write_text(
        '"Stimulus_Number","Filename"\n1,"1001_IEO_NEU_XX"\n2,"1003_IOM_HAP_XX"\n'
    )
    load(archive, tmp_path)
    assert "1 missing: 1003_IOM_HAP_XX." in caplog.text


@pytest.mark.real_data
def test_the_actors_of_the_real_archive_are_complete(real_data_dir, tmp_path, caplog):
    rows = load(real_data_dir / "crema_d", tmp_path)
    present = {f"{actor}" for actor in range(1001, 1092, 2)}
    assert set(rows["speaker_id"]) == present
    # 46 actors with 82 clips each, but 76 of actors 1009 and 1019.
    assert Counter(rows["speaker_id"]) == dict.fromkeys(present, 82) | {"1009": 76, "1019": 76}
    assert len(rows) == 3760
    assert Counter(rows["raw_label"]) == {"NEU": 550} | dict.fromkeys(("ANG", "DIS", "FEA", "HAP", "SAD"), 642)
    assert "3682 missing" in caplog.text
    assert all(row["votes"] for row in rows)
    assert rows_by_id(rows)["1001_IEO_HAP_HI"]["votes"] == [
        {"label": "anger", "count": 2},
        {"label": "happiness", "count": 6},
        {"label": "neutral", "count": 2},
    ]
    assert min(rows["duration"]) > 1


@pytest.mark.real_data
def test_the_table_of_the_real_archive_agrees_with_the_facts_about_sex(real_data_dir, tmp_path):
    with_table = rows_by_id(load(real_data_dir / "crema_d", tmp_path))
    (tmp_path / "no_table").mkdir()
    (tmp_path / "no_table" / "AudioWAV").symlink_to(real_data_dir / "crema_d" / "AudioWAV")
    without_table = rows_by_id(load(tmp_path / "no_table", tmp_path))
    assert {key: row["gender"] for key, row in with_table.items()} == {
        key: row["gender"] for key, row in without_table.items()
    }
