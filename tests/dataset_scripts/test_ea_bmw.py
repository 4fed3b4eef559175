"""EA-BMW: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestEaBmw(ManifestCase):
    name = "ea_bmw"
