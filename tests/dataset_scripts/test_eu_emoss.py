"""EU-EmoSS: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestEuEmoss(ManifestCase):
    name = "eu_emoss"
