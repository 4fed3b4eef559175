"""BES: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestBes(ManifestCase):
    name = "bes"
