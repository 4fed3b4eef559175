"""CREMA-D: names, votes of the voice, sex of the actors with and without the table, the silent clip, MP3 copies."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import rows_by_id, write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


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
STEMS = (
    *("1001_IEO_NEU_XX", "1001_DFA_HAP_XX", "1002_IEO_ANG_LO", "1002_TSI_SAD_X", "1002_IWW_DIS_XX"),
    *("1003_IEO_FEA_HI", "1003_ITH_ANG_XX", "1091_WSI_SAD_XX", "1091_MTI_NEU_XX"),
)


class TestCremaD(CorpusCase):
    name = "crema_d"
    files = tuple(f"AudioWAV/{stem}.wav" for stem in STEMS)
    expected = {
        "1002_IEO_ANG_LO": {
            "raw_label": "ANG",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "1002",
            "gender": "female",
            "text": "It's eleven o'clock",
            "votes": [
                {"label": "anger", "count": 4},
                {"label": "disgust", "count": 1},
                {"label": "neutral", "count": 5},
            ],
        },
        "1001_IEO_NEU_XX": {
            "gender": "male",
            "votes": [{"label": "happiness", "count": 1}, {"label": "neutral", "count": 10}],
        },
        "1002_TSI_SAD_X": {"emotion": "sadness", "text": "The surface is slick", "votes": None},
        "1091_WSI_SAD_XX": {"speaker_id": "1091", "gender": "female"},
    }

    def annotate(self, root):
        for stem in STEMS[:3]:
            path = root / "AudioMP3" / f"{stem}.mp3"
            write_noise(path, seconds=0.5, sampling_rate=16_000, format="MP3")
        (root / "processedResults").mkdir()
        (root / "processedResults" / "tabulatedVotes.csv").write_text(VOTES)
        (root / "VideoDemographics.csv").write_text(DEMOGRAPHICS)

    def test_the_folder_of_the_audio_finds_the_tables_beside_it(self, archive, tmp_path, rows):
        inner = self.load(archive / "AudioWAV", tmp_path)
        assert {key: row["votes"] for key, row in inner.items()} == {key: row["votes"] for key, row in rows.items()}

    def test_the_mp3_copies_are_not_read(self, rows):
        assert all(row["audio"]["path"].endswith(".wav") for row in rows.values())

    def test_without_tables_gender_comes_from_the_facts_and_votes_are_null(self, scratch, tmp_path, rows):
        (scratch / "VideoDemographics.csv").unlink()
        (scratch / "processedResults" / "tabulatedVotes.csv").unlink()
        without = self.load(scratch, tmp_path / "cache")
        assert {key: row["gender"] for key, row in without.items()} == {
            key: row["gender"] for key, row in rows.items()
        }
        assert all(row["votes"] is None for row in without.values())

    def test_an_unknown_code_is_an_error_that_names_the_file(self, scratch, tmp_path):
        write_noise(scratch / "AudioWAV" / "1001_IEO_SUR_XX.wav")
        with pytest.raises(ValueError, match=r"1001_IEO_SUR_XX\.wav: crema_d has no label 'SUR'"):
            self.load(scratch, tmp_path / "cache")

    def test_the_silent_clip_is_kept_and_documented(self, scratch, tmp_path):
        soundfile.write(scratch / "AudioWAV" / "1076_MTI_SAD_XX.wav", np.zeros(800), 16_000)
        assert self.load(scratch, tmp_path / "cache")["1076_MTI_SAD_XX"]["gender"] == "female"
        assert any("1076_MTI_SAD_XX is silent" in pitfall for pitfall in corpus_facts("crema_d").pitfalls)

    def test_published_names_that_are_absent_are_named(self, scratch, tmp_path, caplog):
        (scratch / "SentenceFilenames.csv").write_text(
            '"Stimulus_Number","Filename"\n1,"1001_IEO_NEU_XX"\n2,"1003_IOM_HAP_XX"\n'
        )
        self.load(scratch, tmp_path / "cache")
        assert "1 missing: 1003_IOM_HAP_XX." in caplog.text

    @pytest.mark.parametrize("name", ["emosuperb_code", "peft_ser"])
    def test_every_actor_is_tested_once(self, name):
        folds = corpus_facts("crema_d").published_splits[name].folds
        assert sorted(actor for fold in folds for actor in fold["test"]) == [str(actor) for actor in range(1001, 1092)]


def load(data_dir, tmp_path):
    return load_corpus("crema_d", data_dir, split="train", cache_dir=tmp_path / "cache")


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
