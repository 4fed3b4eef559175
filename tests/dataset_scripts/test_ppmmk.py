"""PPMMK-EMO: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestPpmmk(ManifestCase):
    name = "ppmmk"
