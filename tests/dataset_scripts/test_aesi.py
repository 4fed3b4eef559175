"""AESI: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestAesi(ManifestCase):
    name = "aesi"
