"""The report of an audit: what is in it, that the page stands alone and can be read by everybody."""

import csv
import html.parser
import json
import math
import re

import pytest

from hf_emotion import __version__
from hf_emotion.corpus_reports.audit_report import (
    MAX_ROWS,
    TEMPLATE,
    audit_as_dict,
    finding_groups,
    render_audit,
    verdict,
    write_audit,
)
from hf_emotion.data.audit import CorpusAudit, PartSummary
from hf_emotion.data.audit.audio_measurement import AudioMeasurement
from hf_emotion.data.audit.findings import FINDING_KINDS, Finding


FINDINGS = (
    Finding("conflicting_labels", "error", ("u0", "u1"), "the same samples, with the labels A and <B>"),
    Finding("band_limited_corpus", "warning", (), "nothing above 5.5 kHz"),
)


def measured(number: int) -> AudioMeasurement:
    return AudioMeasurement(
        path=f"/private/folder/u{number}.wav",
        file_format="WAV",
        subtype="PCM_16",
        sampling_rate=16_000,
        num_channels=1,
        num_frames=16_000 + number,
        level=-20.0 - number,
        bandwidth=5_000.0 + number,
        digest=f"{number:02d}",
    )


def make_audit(findings=FINDINGS, parts=("train", "test"), count=10) -> CorpusAudit:
    ids = [f"u{number}" for number in range(count)]
    share = len(ids) // len(parts)
    summaries = {
        part: PartSummary(
            tuple(ids[start * share : (start + 1) * share]), {"anger": share}, 2, 0.5, 1.0, 2.0, 2.5, 4.0
        )
        for start, part in enumerate(parts)
    }
    return CorpusAudit(
        corpus="toy",
        full_name="Toy & <Corpus>",
        findings=tuple(findings),
        measurements={utterance_id: measured(number) for number, utterance_id in enumerate(ids)},
        labels={utterance_id: "anger" if number % 2 else "fear" for number, utterance_id in enumerate(ids)},
        parts=summaries,
        split_name="official",
        bandwidth=5_005.0,
    )


class Page(html.parser.HTMLParser):
    """Elements of a page and its text; unclosed or crossed tags are errors."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def test_groups_have_titles_advice_and_counts():
    group, corpus = finding_groups(make_audit())
    assert (group.severity, group.title) == ("error", "identical audio, different labels")
    assert (group.num_utterances, group.by_label) == (2, "")
    assert group.advice == FINDING_KINDS["conflicting_labels"].advice
    assert (corpus.kind, corpus.num_utterances) == ("band_limited_corpus", 0)


def test_how_findings_fall_on_the_labels_is_told():
    findings = [Finding("clipped", "warning", (f"u{number}",), "") for number in (0, 1, 2, 3, 4, 5, 6, 8)]
    (group,) = finding_groups(make_audit(findings))
    assert group.by_label == "fear 5 of 5, anger 3 of 5"


def test_verdict():
    assert verdict(make_audit()) == "1 error, 1 warning"
    assert verdict(make_audit([FINDINGS[0]] * 2)) == "2 errors"
    assert verdict(make_audit([])) == "nothing found"


def test_json_holds_findings_and_parts_and_no_path():
    content = json.loads(json.dumps(audit_as_dict(make_audit()), allow_nan=False))
    assert content["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert content["findings"][0] == {
        "kind": "conflicting_labels",
        "severity": "error",
        "utterance_ids": ["u0", "u1"],
        "explanation": "the same samples, with the labels A and <B>",
    }
    assert content["parts"]["test"]["num_utterances"] == 5
    assert (content["corpus"], content["bandwidth_hz"], content["num_files"]) == ("toy", 5_005.0, 10)
    assert content["formats"] == {"16,000 Hz, 1 channel, WAV PCM_16": 10}
    assert content["hf_emotion_version"] == __version__
    assert "/private" not in json.dumps(content)


def test_three_files_are_written_the_same_each_time(tmp_path):
    names = [path.name for path in write_audit(make_audit(), tmp_path / "a")]
    assert names == ["audit.json", "audit_files.csv", "audit.html"]
    write_audit(make_audit(), tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with (tmp_path / "a" / "audit_files.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert rows[1]["utterance_id"] == "u1"
    assert (rows[1]["label"], rows[1]["level"], rows[1]["bandwidth"]) == ("anger", "-21", "5001")


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_audit(make_audit()))


def test_the_page_says_what_was_found(page):
    words = " ".join(page.text.split())
    for expected in (
        "Toy & <Corpus>",
        "1 error, 1 warning",
        "the labels A and <B>",
        "u0",
        "sound up to 5.0 kHz",
        "official",
    ):
        assert expected in words


def test_the_page_loads_nothing(page):
    assert page.all("script") == page.all("link") == []
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert "url(" not in TEMPLATE.read_text()
    assert "http" not in TEMPLATE.read_text()


def test_the_page_is_made_for_phones_and_screen_readers(page):
    assert page.all("html") == [{"lang": "en"}]
    assert any("width=device-width" in meta.get("content", "") for meta in page.all("meta"))
    headings = [tag for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    descriptions = [image["alt"] for image in page.all("img")]
    assert len(set(descriptions)) == 4
    assert "Histogram of durations: median 1.0 s, from 1.0 to 1.0 s." in descriptions
    assert all(heading.get("scope") for heading in page.all("th"))


def test_colours_have_the_contrast_that_wcag_asks_for():
    """At least 4.5 : 1 for text (WCAG 2.2, AA)."""
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", TEMPLATE.read_text()))

    def luminance(colour):
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert {"ink", "soft", "error", "warning", "note"} <= set(colours)
    for name in ("ink", "soft", "error", "warning", "note"):
        for ground in ("#ffffff", "#f6f6f8") if name in ("ink", "soft") else ("#ffffff",):
            assert (luminance(ground) + 0.05) / (luminance(colours[name]) + 0.05) >= 4.5, (name, ground)


def test_many_findings_are_cut_on_the_page_and_it_says_so():
    findings = [Finding("clipped", "warning", (f"u{number}",), "some") for number in range(MAX_ROWS + 7)]
    page = Page(render_audit(make_audit(findings, count=MAX_ROWS + 7)))
    assert len(page.all("code")) == MAX_ROWS
    assert "7 more are in audit.json" in page.text


def test_a_corpus_without_findings_and_one_without_decodable_files_have_pages_too():
    assert "Nothing was found." in Page(render_audit(make_audit([], parts=("all",)))).text
    broken = AudioMeasurement("a.wav", error="no samples")
    nothing = PartSummary((), {}, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    audit = CorpusAudit(
        "toy", "Toy", (Finding("undecodable", "error", ("a",), "no samples"),), {"a": broken}, {"a": "anger"},
        {"all": nothing}, None, None,
    )  # fmt: skip
    page = Page(render_audit(audit))
    assert page.all("img") == []
    assert "bandwidthunknown" in page.text


def test_digital_silence_does_not_stop_the_figures(tmp_path):
    audit = make_audit(parts=("all",))
    silent = AudioMeasurement("s.wav", sampling_rate=16_000, num_frames=16_000, num_channels=1, level=-math.inf)
    audit.measurements["u0"] = silent
    assert len(Page(render_audit(audit)).all("img")) == 4
    write_audit(audit, tmp_path)
    assert ",-inf," in (tmp_path / "audit_files.csv").read_text()
    audit.measurements.update(dict.fromkeys(audit.measurements, silent))
    assert len(Page(render_audit(audit)).all("img")) == 2, "labels and durations"
