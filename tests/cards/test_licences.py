"""Licences as corpora state them, and the one a card may state."""

import doctest

import pytest

from hf_emotion.cards import licences
from hf_emotion.cards.licences import (
    hub_licence,
    licence_conditions,
    licence_identifier,
    licence_url,
    redistribution,
    strictest_licence,
)
from hf_emotion.data.loading import corpus_facts, list_corpora


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
        ("ODC-By 1.0", "odc-by"),
        ("Open Data Commons Attribution License", "odc-by"),
        ("PDDL 1.0", "pddl"),
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
        ({"a": "CC0", "b": "ODC-By"}, "odc-by"),
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


@pytest.mark.parametrize(
    "terms",
    [
        "CC BY 4.0",
        "CC BY-NC-SA 4.0",
        "CC BY-NC-ND 4.0",
        "cc-by-nd-4.0",
        "CC0 1.0 as published by audEERING; the original site states free use",
        "Open Database License 1.0 (contents: Database Contents License 1.0)",
        "Apache 2.0 (OpenSLR)",
        "MIT",
    ],
)
def test_standard_licences_allow_passing_on_unchanged_copies(terms):
    assert redistribution(terms, "open").allowed
    assert redistribution(terms, None).allowed
    assert repr(terms) in redistribution(terms).reason


@pytest.mark.parametrize(
    ("terms", "access", "reason"),
    [
        (None, "open", "No licence is on record"),
        ("  ", "open", "No licence is on record"),
        ("research only", "open", "not known to allow"),
        ("EULA (academic)", "eula", "not known to allow"),
        ("free for academic use; Apache-2.0 on another page", "open", "not known to allow"),
        ("GPL-3.0 (annotations); the clips are under copyright", "open", "not known to allow"),
        ("CC BY 4.0 (annotations only)", "open", "reservation: 'annotations'"),
        ("CC BY 4.0 for non-commercial use", "open", "reservation: 'non'"),
        ("MIT for the code", "open", "reservation: 'code'"),
        ("MIT Media Lab academic licence", "open", "reservation: 'academic'"),
        ("CC BY 4.0", "eula", "handed out after signing an agreement"),
        ("CC BY 4.0", "on_request", "handed out on request"),
        ("CC BY 4.0", "commercial", "handed out for a fee"),
        ("CC BY 4.0", "not_public", "handed out to nobody"),
    ],
)
def test_everything_else_forbids_passing_copies_on_and_the_reason_says_why(terms, access, reason):
    answer = redistribution(terms, access)
    assert not answer.allowed
    assert reason in answer.reason


@pytest.mark.parametrize("name", list_corpora())
def test_only_corpora_that_are_open_and_under_a_standard_licence_may_be_published(name):
    facts = corpus_facts(name)
    if redistribution(facts.licence, facts.access).allowed:
        assert facts.access in ("open", "registration", None)
        assert licence_identifier(facts.licence)


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        ("CC BY-NC-SA 4.0", ("cc-by-nc-sa-4.0", None, None)),
        ("Open Database License 1.0", ("odbl", None, None)),
        (None, ("unknown", None, None)),
        ("research only", ("other", "my-corpus-terms", "https://x.org")),
        ("CC BY 4.0 (labels only)", ("other", "my-corpus-terms", "https://x.org")),
        ("CC BY-ND 3.0", ("other", "cc-by-nd-3.0", "https://creativecommons.org/licenses/by-nd/3.0/")),
        ("CC BY-NC", ("other", "cc-by-nc", "https://x.org")),  # nobody said which version
    ],
)
def test_a_card_states_a_licence_of_the_hub_or_names_and_links_another(terms, fields):
    assert hub_licence(terms, "my_corpus", "https://x.org") == fields


def test_conditions_and_address_of_a_licence():
    assert [text.split()[0] for text in licence_conditions("CC BY-NC-SA 4.0")] == ["Name", "No", "What"]
    assert licence_conditions("CC0 1.0") == licence_conditions("research only") == []
    assert len(licence_conditions("ODbL 1.0")) == 1
    assert licence_url("CC BY-ND 3.0") == "https://creativecommons.org/licenses/by-nd/3.0/"
    assert licence_url("research only") is None
