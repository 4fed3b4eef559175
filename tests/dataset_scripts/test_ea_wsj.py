"""EA-WSJ: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestEaWsj(ManifestCase):
    name = "ea_wsj"
