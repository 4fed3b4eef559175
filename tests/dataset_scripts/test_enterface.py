"""eNTERFACE'05: the subject of the folder, misspelt file names, the subject that is not cut."""

import pytest

from hf_emotion.data.loading import load_corpus
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = {"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "sa": "sadness", "su": "surprise"}


def clips(folder: int, prefix: str) -> tuple[str, ...]:
    """The first clip of every emotion of a subject, with the prefix that its file names have."""
    return tuple(f"subject {folder}/{emotion}/sentence 1/{prefix}_{code}_1.wav" for code, emotion in EMOTIONS.items())


class TestEnterface(CorpusCase):
    name = "enterface"
    files = (
        *(*clips(1, "s1"), *clips(3, "s_3"), *clips(11, "s12"), *clips(12, "s12")),
        *(f"subject 6/{emotion}/s6_{code}.wav" for code, emotion in EMOTIONS.items()),
        "subject 16/surprise/sentence 3/s16_su_3avi.wav",
        "subject 2/anger/sentence 1/s2_an_2.wav",
    )
    utterance_ids = (
        *(f"s{speaker}_{code}_1" for speaker in (1, 3, 11, 12) for code in EMOTIONS),
        *(f"s6_{code}" for code in EMOTIONS),
        "s16_su_3",
        "s2_an_2",
    )
    expected = {
        "s1_an_1": {
            "raw_label": "an",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "language": "en",
            "speaker_id": "1",
            "gender": None,
        },
        "s3_ha_1": {"speaker_id": "3", "emotion": "happiness"},
        "s11_an_1": {"speaker_id": "11"},
        "s12_an_1": {"speaker_id": "12"},
        "s6_di": {"speaker_id": "6", "emotion": "disgust"},
        "s16_su_3": {"speaker_id": "16", "emotion": "surprise", "arousal_valence": "high_neutral"},
        "s2_an_2": {"speaker_id": "2"},
    }

    def test_the_audio_of_subjects_11_and_12_is_kept_apart(self, rows):
        for speaker in ("11", "12"):
            assert f"/subject {speaker}/anger/" in rows[f"s{speaker}_an_1"]["audio"]["path"]

    def test_an_archive_of_videos_is_answered_with_the_command_that_extracts_the_audio(self, tmp_path):
        video = tmp_path / "enterface database" / "subject 1" / "anger" / "sentence 1" / "s1_an_1.avi"
        video.parent.mkdir(parents=True)
        video.write_bytes(b"RIFF")
        with pytest.raises(FileNotFoundError, match=r"(?s)1 \.avi files below it, but no audio.*ffmpeg"):
            load_corpus("enterface", tmp_path)
