"""CASIA: four speakers by folder, spellings of the folders, the sentences that are not shared."""

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "zhaozuoxiang")
EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")


class TestCasia(CorpusCase):
    name = "casia"
    files = {
        "lower_case": tuple(f"{speaker}/{emotion}/201.wav" for speaker in SPEAKERS for emotion in EMOTIONS),
        "capitals": tuple(
            f"相同文本50/{speaker}/{emotion}/201.wav"
            for speaker in (*SPEAKERS[:3], "ZhaoZuoxiang")
            for emotion in EMOTIONS
        ),
    }
    utterance_ids = tuple(f"{speaker}-{emotion}-201" for speaker in SPEAKERS for emotion in EMOTIONS)
    absent_labels = ("normal",)
    expected = {
        "liuchanhg-angry-201": {
            "raw_label": "angry",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "language": "zh",
            "speaker_id": "liuchanhg",
            "gender": "female",
        },
        "zhaozuoxiang-surprise-201": {"speaker_id": "zhaozuoxiang", "gender": "male", "emotion": "surprise"},
        "zhaoquanyin-neutral-201": {"gender": "female", "arousal_valence": "low_neutral"},
        "wangzhe-happy-201": {"gender": "male", "emotion": "happiness"},
    }

    def test_sentences_that_are_not_shared_have_the_same_speakers_and_labels(self, scratch, tmp_path):
        write_noise(scratch / "不同文本100" / "Zuoxiang.Zhao" / "normal" / "201.wav")
        row = self.load(scratch, tmp_path / "cache")["zuoxiang.zhao-normal-201"]
        assert (row["speaker_id"], row["gender"]) == ("zhaozuoxiang", "male")
        assert (row["raw_label"], row["emotion"]) == ("normal", "neutral")
