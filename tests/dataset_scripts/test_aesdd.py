"""AESDD: spaces and brackets in file names, second takes, the two spellings of speaker 1."""

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


class TestAesdd(CorpusCase):
    name = "aesdd"
    files = (
        *(f"anger/a{utterance} ({speaker}).wav" for utterance in ("03", "20") for speaker in (1, 2, 3, 6)),
        "anger/a06 (5)b.wav",
        *(f"disgust/d03 ({speaker}).wav" for speaker in ("01", "2", "3", "4", "5", "6")),
        *("disgust/d01 (5)b.wav", "disgust/d01 (5).wav"),
        *(f"fear/f10 ({speaker}).wav" for speaker in ("01", "2", "3", "4", "5", "6")),
        *(f"happiness/h17 ({speaker}).wav" for speaker in (1, 2, 3, 4, 5, 6)),
        *(f"sadness/s04 ({speaker}).wav" for speaker in (1, 2, 3, 4, 6)),
        *("sadness/s01 (5)a.wav", "sadness/s01 (5)b.wav"),
    )
    expected = {
        "a03 (6)": {
            "raw_label": "a",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "6",
            "gender": None,
            "language": "el",
        },
        "d03 (01)": {"raw_label": "d", "emotion": "disgust", "speaker_id": "1"},
        "f10 (2)": {"raw_label": "f", "emotion": "fear", "speaker_id": "2"},
        "h17 (1)": {"raw_label": "h", "emotion": "happiness", "speaker_id": "1"},
        "s01 (5)b": {"raw_label": "s", "emotion": "sadness", "speaker_id": "5"},
    }

    def test_the_undecodable_file_is_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "sadness" / "s05 (3).wav")
        write_noise(scratch / "sadness" / "s05 (4).wav")
        assert set(self.load(scratch, tmp_path / "cache")) - set(rows) == {"s05 (4)"}
