"""What a submission says of its system: every field is checked before others see it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_emotion.benchmark.submissions.facts import MAX_FACTS_BYTES, check_system_facts, parse_system_facts
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError


SETTINGS = ["CREMA-D", "IEMOCAP"]
FACTS = {
    "name": "Système 7 (large)",
    "encoder": "microsoft/wavlm-large",
    "num_parameters": 317_000_000,
    "layer_weights": {"CREMA-D": [0.25, 0.5, 0.25]},
    "paper": "A. Author: A paper, Interspeech 2030",
    "code": "https://github.com/owner/code",
    "submitted_by": "A. Author <3",
    "notes": "Two\nlines, with p < 0.05. Training data: ours & theirs.",
}


def problems_of(facts) -> str:
    with pytest.raises(SubmissionError) as caught:
        check_system_facts(facts, SETTINGS)
    return "\n".join(caught.value.problems)


def test_complete_facts_are_accepted_as_they_are():
    assert parse_system_facts(json.dumps(FACTS).encode(), SETTINGS) == FACTS


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "", "It must be text that is not empty"),
        ("name", 7, "It must be text"),
        ("name", "x" * 81, "It has 81 characters; 80 are allowed"),
        ("name", "two\nlines", "control characters"),
        ("name", "\x1b[2J", "control characters"),
        ("name", "WavLM\u202egnp", "control characters"),
        ("name", "\ud800", "control characters"),
        ("name", "<script>alert(1)</script>", "It holds HTML"),
        ("notes", "<IMG src=x onerror=alert(1)>", "It holds HTML"),
        ("notes", "&#60;script&#62;", "It holds HTML"),
        ("notes", "[paper](javascript:alert(1))", "an address that runs code"),
        ("paper", "x" * 301, "300 are allowed"),
        ("notes", "data:text/html;base64,AAAA", "an address that runs code"),
        ("code", "http://example.org", "begins with https://"),
        ("code", 'https://example.org/"onclick=', "begins with https://"),
        ("encoder", "../../etc/passwd", "the id of a model on the Hub"),
        ("encoder", "/absolute", "the id of a model on the Hub"),
        ("encoder", ["owner/name"], "the id of a model on the Hub"),
        ("num_parameters", 317, "It counts parameters, not millions of them"),
        ("num_parameters", -1, "It must be an integer"),
        ("num_parameters", 3.17e8, "It must be an integer"),
        ("num_parameters", True, "It must be an integer"),
        ("num_parameters", 10**15, "It must be an integer"),
        ("layer_weights", [0.5, 0.5], "It must be an object"),
        ("layer_weights", {"CREMA": [1.0]}, "There is no setting 'CREMA'"),
        ("layer_weights", {"CREMA-D": [0.5, 0.6]}, "sum to 1"),
        ("layer_weights", {"CREMA-D": [1.5, -0.5]}, "sum to 1"),
        ("layer_weights", {"CREMA-D": [True]}, "sum to 1"),
        ("layer_weights", {"CREMA-D": "1"}, "sum to 1"),
        ("layer_weights", {"CREMA-D": [0.001] * 1000}, "up to 200"),
        ("layer_weights", {"CREMA-D": []}, "up to 200"),
    ],
)
def test_a_field_that_cannot_be_accepted_is_named_with_what_was_found(field, value, expected):
    text = problems_of(FACTS | {field: value})
    assert text.startswith(f"system.json, {field}: found ")
    assert expected in text
    assert text.isprintable()


def test_all_problems_are_named_at_once():
    text = problems_of({"nmae": "x", "code": "ftp://x", "num_parameters": -1})
    assert "has no field 'nmae'. Did you mean 'name'?" in text
    assert "lacks the field name" in text
    assert "system.json, code" in text
    assert "system.json, num_parameters" in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[" * 60_000, "nested too deeply|no JSON"),
        (b'{"a":' * 10_000, "nested too deeply|no JSON"),
        (b'{"name": NaN}', "NaN is not allowed"),
        (b'{"name": "a", "name": "b"}', "a field is given twice"),
        (b'{"num_parameters": ' + b"9" * 10_000 + b"}", "no JSON"),
        (b'{"layer_weights": {"CREMA-D": [1e999]}, "name": "a"}', "sum to 1"),
        (b"\xff\xfe", "no JSON in UTF-8"),
        (b"", "no JSON in UTF-8"),
        (b"[]", "must be an object"),
        (b" " * (MAX_FACTS_BYTES + 1), "65,537 bytes; 65,536 are allowed"),
    ],
    ids=["lists", "objects", "NaN", "twice", "digits", "infinity", "encoding", "empty", "list", "size"],
)
def test_a_hostile_file_is_refused(content, expected):
    with pytest.raises(SubmissionError, match=expected):
        parse_system_facts(content, SETTINGS)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*FACTS, "other"]) | st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_content_gives_facts_or_problems(content):
    try:
        facts = parse_system_facts(content, SETTINGS)
    except SubmissionError:
        return
    assert facts["name"].isprintable()
