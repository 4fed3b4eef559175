"""MEAD: sentences are numbered anew in every folder; the videos have a tree of their own."""

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised")
SPEAKERS = ("M003", "W009", "W011", "M042")
FOLDERS = (
    *(f"{speaker}/audio/{emotion}/level_{level}" for speaker in SPEAKERS for emotion in EMOTIONS for level in (1, 3)),
    *(f"{speaker}/audio/neutral/level_1" for speaker in SPEAKERS),
)


class TestMead(CorpusCase):
    name = "mead"
    files = tuple(f"{folder}/001.wav" for folder in FOLDERS)
    utterance_ids = tuple(f"{folder.replace('/audio/', '_').replace('/', '_')}_001" for folder in FOLDERS)
    expected = {
        "M003_disgusted_level_3_001": {
            "raw_label": "disgusted",
            "emotion": "disgust",
            "arousal_valence": "low_negative",
            "speaker_id": "M003",
            "gender": "male",
            "text": None,
        },
        "M003_disgusted_level_1_001": {"raw_label": "disgusted"},
        "W011_neutral_level_1_001": {"raw_label": "neutral", "speaker_id": "W011", "gender": "female"},
        "W009_contempt_level_1_001": {"raw_label": "contempt", "emotion": "contempt"},
    }

    def test_audio_of_the_videos_is_not_taken_twice(self, scratch, tmp_path, rows):
        write_noise(scratch / "M003" / "video" / "front" / "angry" / "level_1" / "001.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
