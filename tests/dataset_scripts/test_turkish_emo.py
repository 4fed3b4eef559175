"""TurkishEmo: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestTurkishEmo(ManifestCase):
    name = "turkish_emo"
