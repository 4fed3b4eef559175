"""DES: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestDes(ManifestCase):
    name = "des"
