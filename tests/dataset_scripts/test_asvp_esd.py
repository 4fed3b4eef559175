"""ASVP-ESD: names with stray fields, speech and other sounds, an undefined code, numbers of several people."""

import logging

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


FILES = (
    *(
        f"Audio/actor_{actor}/03-01-{code:02d}-01-06-{actor}-02-02-01-39"
        for actor in (12, 33)
        for code in range(1, 10)
    ),
    *(f"Audio/actor_27/03-02-{code}-01-08-27-02-03-00-14-77" for code in (10, 11, 12, 13)),
    "Audio/actor_39/03-02-03-021-10-39-03-01-00-13",
    "Audio/actor_1/03-01-09-01-18-01-106-02-02-11",
    "Audio/actor_0/03-02-03-02-32-00-01-02-02-13",
    "Audio/actor_87/03-02-06-01-01-85-02-02",
    "Audio/actor_/03-02-13-01-04-90-02-02-02-13",
    "Bonus/actor_150/03-02-04-01-99-150-0401-00-14-02",
)
UNDEFINED = "Bonus/actor_200/03-01-17-01-02-200-05-02-01-12"


class TestAsvpEsd(CorpusCase):
    name = "asvp_esd"
    files = tuple(f"{file}.wav" for file in FILES)
    expected = {
        "03-01-05-01-06-12-02-02-01-39": {
            "raw_label": "05",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "12",
            "gender": "male",
            "language": "zh",
        },
        "03-01-09-01-06-33-02-02-01-39": {"emotion": "excitement", "speaker_id": "33", "gender": "female"},
        "03-01-09-01-18-01-106-02-02-11": {"speaker_id": "01", "gender": "female", "language": "en"},
        "03-02-13-01-08-27-02-03-00-14-77": {"emotion": "breath", "arousal_valence": None, "language": None},
        "03-02-03-021-10-39-03-01-00-13": {"emotion": "happiness", "speaker_id": "39"},
        # the name counts, not the folder
        "03-02-06-01-01-85-02-02": {"speaker_id": "85", "emotion": "fear", "language": None},
        # several people
        "03-02-03-02-32-00-01-02-02-13": {"speaker_id": "00", "gender": None},
        "03-02-04-01-99-150-0401-00-14-02": {"speaker_id": "150", "gender": None, "emotion": "sadness"},
    }

    def test_an_undefined_emotion_is_kept_without_a_label_and_named(self, scratch, tmp_path, rows, caplog):
        write_noise(scratch / f"{UNDEFINED}.wav")
        with caplog.at_level(logging.WARNING, logger="hf_emotion"):
            loaded = self.load(scratch, tmp_path / "cache")
        assert set(loaded) - set(rows) == {UNDEFINED.rsplit("/", 1)[1]}
        row = loaded[UNDEFINED.rsplit("/", 1)[1]]
        assert (row["raw_label"], row["emotion"], row["language"]) == (None, None, "zh")
        assert "actor_200/03-01-17-01-02-200-05-02-01-12.wav has the undefined emotion 17" in caplog.text

    def test_the_second_field_of_the_id_tells_speech_from_other_sounds(self, rows):
        assert {utterance_id.split("-")[1] for utterance_id in rows} == {"01", "02"}

    def test_labelled_files_and_the_undefined_one_add_up(self):
        facts = corpus_facts("asvp_esd")
        assert sum(facts.label_counts.values()) + 1 == facts.num_utterances

    @pytest.mark.parametrize("part", ["Audio", "Bonus"])
    def test_one_part_alone_can_be_loaded(self, scratch, tmp_path, part):
        dataset = load_corpus("asvp_esd", scratch / part, split="train", cache_dir=tmp_path / "cache")
        assert len(dataset) == sum(file.startswith(part) for file in FILES)
