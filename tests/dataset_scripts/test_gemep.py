"""GEMEP: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestGemep(ManifestCase):
    name = "gemep"

    def test_anxiety_is_of_low_arousal(self, rows):
        [anxiety] = {row["arousal_valence"] for row in rows.values() if row["raw_label"] == "anxiety"}
        assert anxiety == "low_negative"
