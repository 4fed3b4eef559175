"""EA-ACT: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestEaAct(ManifestCase):
    name = "ea_act"
