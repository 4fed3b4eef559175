"""SUSAS: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestSusas(ManifestCase):
    name = "susas"

    def test_medium_stress_has_no_arousal_valence_class(self, rows):
        classes = {row["raw_label"]: row["arousal_valence"] for row in rows.values()}
        assert classes["medium stress"] is None
        assert classes["high stress"] == "high_negative"
