"""Licences as corpora state them, and the one a card may state."""

import doctest

import pytest

from hf_emotion import licences
from hf_emotion.licences import licence_identifier, strictest_licence


def test_documentation_examples_run():
    assert doctest.testmod(licences).failed == 0


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("CC BY 4.0", "cc-by-4.0"),
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("cc-by-nc-nd-3.0", "cc-by-nc-nd-3.0"),
        ("CC BY-SA 4.0 (as the archive says)", "cc-by-sa-4.0"),
        ("CC0-1.0 as published; the original site states free use", "cc0-1.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("Open Database License 1.0 (contents: DbCL 1.0)", "odbl"),
        ("Apache-2.0", "apache-2.0"),
        ("MIT", "mit"),
        ("free for academic use", None),
        ("EULA (academic)", None),
        ("USC licence, research", None),
        ("", None),
        (None, None),
    ],
)
def test_standard_licences_are_recognised_in_free_text(text, identifier):
    assert licence_identifier(text) == identifier


@pytest.mark.parametrize(
    ("stated", "identifier"),
    [
        ({"a": "CC BY 4.0", "b": "CC0-1.0"}, "cc-by-4.0"),
        ({"ravdess": "CC BY-NC-SA 4.0", "mesd": "CC BY 4.0"}, "cc-by-nc-sa-4.0"),
        ({"a": "CC BY-SA 4.0", "b": "CC BY-NC 3.0"}, "cc-by-nc-sa-4.0"),
        ({"ravdess": "CC BY-NC-SA 4.0", "tess": "CC BY-NC-ND 4.0"}, "cc-by-nc-nd-4.0"),
        ({"a": "MIT", "b": "Apache-2.0", "c": "CC0"}, "apache-2.0"),
        ({"crema_d": "Open Database License 1.0", "base": "Apache-2.0"}, "odbl"),
        ({"crema_d": "Open Database License 1.0", "ravdess": "CC BY-NC-SA 4.0"}, "other"),
        ({"ravdess": "CC BY-NC-SA 4.0", "savee": "free for research"}, "other"),
        ({"ravdess": "CC BY-NC-SA 4.0", "abc": None}, "other"),
        ({}, "other"),
    ],
)
def test_the_strictest_terms_win(stated, identifier):
    assert strictest_licence(stated).identifier == identifier


def test_the_reason_names_what_is_not_standard():
    reason = strictest_licence({"savee": "free for research", "abc": None, "mesd": "CC BY 4.0"}).reason
    assert "abc: not stated; savee: free for research" in reason
    assert "mesd" not in reason
