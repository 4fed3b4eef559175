"""CVE: described by a manifest."""

from tests.dataset_scripts.corpus_case import ManifestCase


class TestCve(ManifestCase):
    name = "cve"
