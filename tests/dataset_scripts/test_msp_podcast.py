"""MSP-Podcast: tables of several releases, official parts, withheld labels, unknown speakers, votes."""

import json

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


# Clip, class, speaker, gender, part, words of the raters.
CLIPS = (
    ("0001_0008", "N", "30", "Male", "Train", ("Neutral", "Neutral", "Surprise", "Other-amused by it")),
    ("0001_0009", "A", "31", "Female", "Train", ("Angry",)),
    ("0002_0010_0001", "S", "32", "Female", "Train", ("Sad",)),
    ("0002_0011", "H", "Unknown", "Unknown", "Train", ("Happy",)),
    ("0003_0001", "U", "33", "Male", "Development", ("Surprise",)),
    ("0003_0002", "F", "33", "Male", "Development", ("Fear",)),
    ("0004_0001", "D", "34", "Female", "Test1", ("Disgust",)),
    ("0004_0002", "C", "34", "Female", "Test1", ("Contempt",)),
    ("0005_0001", "O", "35", "Male", "Test2", ("Other",)),
    ("0005_0002", "X", "35", "Male", "Test2", ("Sad", "Happy")),
)
HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"


class TestMspPodcast(CorpusCase):
    name = "msp_podcast"
    files = {
        "release_1.11": tuple(f"Audios/MSP-PODCAST_{clip}.wav" for clip, *_ in CLIPS),
        "release_1.9": tuple(f"Audio/MSP-PODCAST_{clip}.wav" for clip, *_ in CLIPS),
    }
    expected = {
        "MSP-PODCAST_0001_0008": {
            "raw_label": "N",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "30",
            "gender": "male",
            "session": "0001",
            "text": "first words",
            "split": "train",
            "arousal": 2.2,
            "valence": 4.0,
            "dominance": 2.6,
            "votes": [
                {"label": "neutral", "count": 2},
                {"label": "other", "count": 1},
                {"label": "surprise", "count": 1},
            ],
        },
        "MSP-PODCAST_0002_0011": {"speaker_id": None, "gender": None, "session": "0002", "text": None},
        "MSP-PODCAST_0003_0002": {"split": "validation", "emotion": "fear"},
        "MSP-PODCAST_0004_0002": {"split": "test", "emotion": "contempt"},
        "MSP-PODCAST_0005_0002": {
            "split": "test",
            "raw_label": "X",
            "emotion": "unknown",
            "votes": [{"label": "happiness", "count": 1}, {"label": "sadness", "count": 1}],
        },
    }

    def annotate(self, root):
        is_new = (root / "Audios").is_dir()
        labels = root / ("Labels" if is_new else "labels")
        labels.mkdir()
        rows = [f"MSP-PODCAST_{clip}.wav,{label},2.2,4.0,2.6,{rest}" for clip, label, rest in self.table(is_new)]
        (labels / f"labels_{'consensus' if is_new else 'concensus'}.csv").write_text("\n".join([HEADER, *rows, ""]))
        detailed = {
            f"MSP-PODCAST_{clip}.wav": {
                f"WORKER{number:08d}": {"EmoClass_Major": word, "EmoClass_Second": f"{word},Concerned", "EmoAct": 4.0}
                for number, word in enumerate(words)
            }
            for clip, *_, words in CLIPS
        }
        (labels / "labels_detailed.json").write_text(json.dumps(detailed))
        (root / "Transcripts").mkdir()
        (root / "Transcripts" / "MSP-PODCAST_0001_0008.txt").write_text("first words\n")

    @staticmethod
    def table(is_new: bool):
        for clip, label, speaker, gender, part, _ in CLIPS:
            part = part if is_new else part.replace("Development", "Validation")
            yield clip, label, f"{speaker},{gender},{part}"

    def test_clips_without_public_labels_are_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "Audios" / "MSP-PODCAST_0006_0001.wav")  # listed as Test3
        write_noise(scratch / "Audios" / "MSP-PODCAST_0007_0001.wav")  # not listed
        table = scratch / "Labels" / "labels_consensus.csv"
        table.write_text(table.read_text() + "MSP-PODCAST_0006_0001.wav,,,,,36,Male,Test3\n")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_a_part_that_is_not_known_is_an_error(self, scratch, tmp_path):
        table = scratch / "Labels" / "labels_consensus.csv"
        table.write_text(table.read_text().replace("Test2", "Test4"))
        with pytest.raises(ValueError, match="split is 'Test4'"):
            self.load(scratch, tmp_path / "cache")

    def test_the_folder_of_the_audio_finds_the_tables_beside_it(self, scratch, tmp_path, rows):
        assert set(self.load(scratch / "Audios", tmp_path / "cache")) == set(rows)

    def test_audio_without_tables_is_refused(self, scratch, tmp_path):
        (scratch / "Labels" / "labels_consensus.csv").unlink()
        with pytest.raises(FileNotFoundError, match="Labels/labels_consensus.csv"):
            load_corpus("msp_podcast", scratch, cache_dir=tmp_path / "cache")
