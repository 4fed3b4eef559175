"""AD: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestAd(ManifestCase):
    name = "ad"
