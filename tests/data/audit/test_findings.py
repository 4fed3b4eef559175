"""Findings: known kinds and severities only, every kind is explained and used."""

import re
from pathlib import Path

import pytest

from hf_emotion.data.audit import findings
from hf_emotion.data.audit.findings import FINDING_KINDS, Finding, grouped


@pytest.mark.parametrize(("kind", "severity"), [("loud", "note"), ("silent", "fatal")])
def test_unknown_kinds_and_severities_are_refused(kind, severity):
    with pytest.raises(ValueError, match="out of FINDING_KINDS and a severity out of"):
        Finding(kind, severity, (), "")


def test_every_kind_has_a_title_of_its_own_and_advice_in_sentences():
    assert len({kind.title for kind in FINDING_KINDS.values()}) == len(FINDING_KINDS)
    assert all(kind.advice.endswith(".") for kind in FINDING_KINDS.values())


def test_every_kind_is_found_by_some_check():
    folder = Path(findings.__file__).parent
    checks = "".join(
        (folder / f"{name}.py").read_text() for name in ("signal_checks", "identical_audio", "split_leaks")
    )
    assert set(FINDING_KINDS) <= set(re.findall(r'"(\w+)"', checks))


def test_groups_are_sorted_by_severity_then_kind():
    found = [
        Finding("shared_speakers", "warning", (), ""),
        Finding("clipped", "warning", ("b",), ""),
        Finding("shared_speakers", "error", (), ""),
        Finding("clipped", "warning", ("a",), ""),
    ]
    assert [(key, len(members)) for key, members in grouped(found).items()] == [
        (("error", "shared_speakers"), 1),
        (("warning", "shared_speakers"), 1),
        (("warning", "clipped"), 2),
    ]
