"""SmartKom: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestSmartkom(ManifestCase):
    name = "smartkom"
