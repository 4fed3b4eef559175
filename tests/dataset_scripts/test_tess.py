"""TESS: flat and folder layouts, the OA_bite typo, the tree held twice."""

import shutil

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


FOLDERS = (
    "OAF_angry/OAF_back_angry.wav",
    "OAF_disgust/OAF_back_disgust.wav",
    "OAF_Fear/OAF_back_fear.wav",
    "OAF_happy/OAF_back_happy.wav",
    "OAF_neutral/OA_bite_neutral.wav",
    "OAF_Pleasant_surprise/OAF_bar_ps.wav",
    "OAF_Sad/OAF_back_sad.wav",
    "YAF_angry/YAF_back_angry.wav",
    "YAF_fear/YAF_back_fear.wav",
    "YAF_pleasant_surprised/YAF_bar_ps.wav",
)


class TestTess(CorpusCase):
    name = "tess"
    files = {"kaggle": FOLDERS, "dataverse": tuple(file.split("/")[1] for file in FOLDERS)}
    utterance_ids = (
        *(f"OAF_back_{emotion}" for emotion in ("angry", "disgust", "fear", "happy", "sad")),
        *("OAF_bite_neutral", "OAF_bar_ps", "YAF_back_angry", "YAF_back_fear", "YAF_bar_ps"),
    )
    expected = {
        "OAF_bar_ps": {
            "raw_label": "ps",
            "emotion": "pleasant_surprise",
            "arousal_valence": "high_positive",
            "speaker_id": "OAF",
            "gender": "female",
            "text": "Say the word bar",
        },
        "OAF_bite_neutral": {"speaker_id": "OAF", "emotion": "neutral", "text": "Say the word bite"},
        "YAF_back_fear": {"speaker_id": "YAF", "emotion": "fear", "arousal_valence": "high_negative"},
    }

    def test_both_spellings_of_the_misspelt_file_are_a_conflict(self, scratch, tmp_path):
        write_noise(scratch / "OAF_neutral" / "OAF_bite_neutral.wav")
        with pytest.raises(ValueError, match="OAF_bite_neutral: .*bite_neutral.wav and .*bite_neutral.wav"):
            self.load(scratch, tmp_path / "cache")

    def test_the_second_tree_of_the_kaggle_zip_is_ignored(self, scratch, tmp_path):
        shutil.copytree(scratch, scratch / "tess toronto emotional speech set data")
        assert len(load_corpus("tess", scratch, split="train", cache_dir=tmp_path / "cache")) == len(FOLDERS)
