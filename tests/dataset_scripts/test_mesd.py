"""MESD: voices without speakers, words of several parts, other sets of files with similar names."""

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


FOLDER = "Mexican Emotional Speech Database (MESD)"
NAMES = (
    *(f"{emotion}_F_A_{word}" for emotion in ("Anger", "Disgust", "Fear") for word in ("ayer", "por_favor")),
    *(f"{emotion}_M_A_{word}" for emotion in ("Happiness", "Neutral", "Sadness") for word in ("ayer", "por_favor")),
    *("Fear_C_B_abandono", "Happiness_C_A_lento_dentro", "Sadness_M_B_amenazado"),
)


class TestMesd(CorpusCase):
    name = "mesd"
    files = {
        "mendeley": tuple(f"{FOLDER}/{name}.wav" for name in NAMES),
        "flat": tuple(f"{name}.wav" for name in NAMES),
    }
    shared_speakers = True  # no file says who speaks
    expected = {
        "Anger_F_A_por_favor": {
            "raw_label": "Anger",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": None,
            "gender": "female",
            "text": "por favor",
            "language": "es-MX",
        },
        "Sadness_M_B_amenazado": {"gender": "male", "emotion": "sadness", "text": "amenazado"},
        "Fear_C_B_abandono": {"gender": None, "emotion": "fear", "text": "abandono"},
        "Happiness_C_A_lento_dentro": {"text": "lento dentro"},
    }

    def test_versions_of_reduced_quality_are_not_read(self, scratch, tmp_path):
        write_noise(scratch / "reduced" / "Anger_F_A_4_ayer.wav")
        assert len(load_corpus("mesd", scratch, split="train", cache_dir=tmp_path / "cache")) == len(NAMES)
