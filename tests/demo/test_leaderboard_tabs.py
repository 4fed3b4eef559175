"""What the tabs of the leaderboard answer, without a browser."""

import json
import shutil
from pathlib import Path

import pytest

from hf_emotion.benchmark.results.hub_store import HubResultsStore
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError
from hf_emotion.demo.leaderboard import app, compare_tab, details_tab, submit_tab
from hf_emotion.demo.leaderboard.compare_tab import choices, radar_html, significance_html
from hf_emotion.demo.leaderboard.details_tab import details_html, measured_setting
from hf_emotion.demo.leaderboard.submit_tab import accepted_html, receive, refused_html
from hf_emotion.demo.leaderboard.table_tab import filtered_table
from tests.benchmark.submissions.tiny_labels import (
    PROTOCOL,
    tiny_predictions,
    tiny_setting,
    write_text_files,
    write_tiny_labels,
)

from .small_store import HOSTILE_NAME, SETTING, small_store


@pytest.fixture(scope="module")
def label_dir(tmp_path_factory) -> Path:
    return write_tiny_labels(tmp_path_factory.mktemp("labels") / "data")


@pytest.fixture
def parquet(tmp_path, label_dir) -> Path:
    """A valid upload for CREMA-D."""
    path = tmp_path / "uploads" / "crema_d.parquet"
    path.parent.mkdir()
    tiny_predictions(tiny_setting(label_dir)).to_parquet(path)
    return path


def test_the_table_follows_its_controls(store):
    assert "22 of 22 systems" in filtered_table(store)
    assert "1 of 22 systems" in filtered_table(store, "fbank", ["reported"])
    assert "6 of 22 systems" in filtered_table(store, max_parameters=10)
    assert "small>" not in filtered_table(store)
    assert "small>" in filtered_table(store, view="Scores and intervals")
    assert "NNIME" not in filtered_table(store, settings=[SETTING])


def test_menus_have_the_best_first_and_say_the_origin(store):
    menu = choices(store)
    assert menu[0] == ("Fine-tuned W2V2 R (reported)", "reported-fine_tuned_w2v2_r")
    assert ("APC from scratch (measured)", "apc") in menu
    assert len(menu) == 22


def test_a_radar_chart_comes_with_its_legend_and_its_figures(store):
    html = radar_html(store, ["apc", "hostile"])
    assert html.count('class="swatch"') == 2
    assert "&lt;img src=x" in html
    assert "<img" not in html
    assert f"{store.entry('apc').score(SETTING):.3f}" in html
    assert "Radar chart of macro-F1 on 9 settings for APC from scratch" in html


@pytest.mark.parametrize("ids", [[], ["../../etc/passwd"]])
def test_without_known_rows_there_is_no_chart(store, ids):
    assert "Choose one to five systems" in radar_html(store, ids)


def test_significance_is_tested_where_both_rows_have_predictions(store):
    html = significance_html(store, "hubert-base", "apc")
    assert "B is better" in html
    assert "bootstrap by speaker" in html
    assert "reported by a paper without predictions" in significance_html(store, "reported-fbank", "apc")
    assert "one and the same row" in significance_html(store, "apc", "apc")
    assert "Choose two systems" in significance_html(store, None, "apc")


def test_details_of_a_measured_row_have_every_section(store):
    html = details_html(store, "hubert-base", SETTING)
    assert "ot available" not in html
    assert html.count('role="img"') == 3  # confusion, calibration, layers
    for text in ("Deviation over seeds", "Macro-F1 by gender", "Scores of each class", "Calibration error 0."):
        assert text in html


def test_details_of_a_reported_row_say_what_papers_do_not_print(store):
    html = details_html(store, "reported-fbank", SETTING)
    assert html.count("Not available for reported figures") == 5
    assert "0.144" in html
    assert "IEEE SLT 2024" in html
    assert 'role="img"' not in html


def test_details_of_decisions_have_all_but_calibration(store):
    html = details_html(store, "decisions", SETTING)
    assert "Calibration needs probabilities" in html
    assert "Heat map of 6 classes" in html


def test_details_of_another_setting_or_row_say_that_there_is_nothing(store):
    assert "was not measured on this setting" in details_html(store, "apc", "NNIME")
    assert "Choose a system" in details_html(store, "nobody", SETTING)


def test_only_addresses_become_links():
    page = details_tab._linked("https://github.com/user/code")
    assert page.startswith('<a href="https://github.com/user/code" target="_blank" rel="nofollow')
    for text in ("javascript:alert(1)", 'https://x" onclick="alert(1)', "see https://x.org", "http://x.org"):
        assert "<a" not in details_tab._linked(text)


def test_a_store_without_any_row_can_be_shown(tmp_path):
    empty = ResultsStore(tmp_path, reported=None)
    assert "No row fits the filters" in filtered_table(empty)
    pytest.importorskip("gradio", reason="gradio is not installed")
    assert "Choose a system." in str(app.build_app(empty).config)


def test_a_row_is_first_shown_on_a_setting_that_it_was_measured_on(store):
    assert measured_setting(store, "apc", "NNIME") == SETTING
    assert measured_setting(store, "apc", None) == SETTING
    assert measured_setting(store, "reported-fbank", "NNIME") == "NNIME"
    assert measured_setting(store, None, "NNIME") == "NNIME"


def test_rows_with_predictions_are_offered_first_and_reported_ones_where_there_are_no_others(store, tmp_path):
    assert compare_tab.testable_pair(store) == ["apc", "decisions"]
    assert compare_tab.testable_pair(ResultsStore(tmp_path)) == ["reported-fine_tuned_w2v2_r", "reported-xls_r_1b"]
    assert compare_tab.testable_pair(ResultsStore(tmp_path, reported=None)) == [None, None]


def test_details_escape_what_submitters_wrote(store):
    html = details_html(store, "hostile", SETTING)
    assert "&lt;b&gt;me&lt;/b&gt;" in html
    assert "<img" not in html
    assert HOSTILE_NAME not in html


def test_a_damaged_file_is_named_and_breaks_nothing_else(tmp_path):
    store = small_store(tmp_path)
    (tmp_path / "predictions" / "apc" / "crema_d.parquet").write_bytes(b"PAR1 no")
    html = details_html(store, "apc", SETTING)
    assert "is damaged" in html
    assert "Heat map" in html
    assert "is damaged" in significance_html(store, "apc", "hubert-base")


def test_a_valid_upload_is_scored_and_added(tmp_path, label_dir, parquet):
    store = ResultsStore(tmp_path / "store")
    entry = receive(store, PROTOCOL, label_dir, [parquet], None, {"name": "Mine", "paper": "", "notes": None})
    assert store.entry(entry.id) == entry
    assert (entry.system, entry.origin, list(entry.settings)) == ("Mine", "submitted", ["CREMA-D"])
    html = accepted_html(entry)
    assert f"{entry.score('CREMA-D'):.3f}" in html
    assert 'role="status"' in html


def test_text_files_are_of_the_chosen_setting(tmp_path, label_dir):
    write_text_files(tmp_path / "uploads", tiny_setting(label_dir, "IMPROV (P)"))
    files = sorted((tmp_path / "uploads").iterdir())
    store = ResultsStore(tmp_path / "store")
    entry = receive(store, PROTOCOL, label_dir, files, "IMPROV (P)", {"name": "Text"})
    assert list(entry.settings) == ["IMPROV (P)"]
    assert "Scores of Text" in accepted_html(entry)


def test_system_json_may_replace_the_form(tmp_path, label_dir, parquet):
    facts = parquet.with_name("system.json")
    facts.write_text(json.dumps({"name": "By file"}), encoding="utf-8")
    entry = receive(ResultsStore(tmp_path / "store"), PROTOCOL, label_dir, [parquet, facts], None, {"name": "By form"})
    assert entry.system == "By file"


def test_files_that_cannot_be_told_apart_are_refused(tmp_path, label_dir, parquet):
    other = tmp_path / "other" / parquet.name
    other.parent.mkdir()
    shutil.copy(parquet, other)
    store = ResultsStore(tmp_path / "store")
    with pytest.raises(SubmissionError, match="Several files are called crema_d.parquet"):
        receive(store, PROTOCOL, label_dir, [parquet, other], None, {"name": "Mine"})
    with pytest.raises(SubmissionError, match="There are no files"):
        receive(store, PROTOCOL, label_dir, [], None, {"name": "Mine"})
    with pytest.raises(SubmissionError, match="81 files are more than a submission needs"):
        receive(store, PROTOCOL, label_dir, [f"{index}.txt" for index in range(81)], None, {"name": "Mine"})
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("text", "expected"), [("317", 317_000_000), (" 0.5 ", 500_000), ("", None), (None, None)])
def test_parameters_are_given_in_millions(text, expected):
    assert submit_tab._parameters(text) == expected


@pytest.mark.parametrize("text", ["many", "nan", "inf", "1e400"])
def test_parameters_that_are_no_number_are_refused(text):
    with pytest.raises(SubmissionError, match="must be a number"):
        submit_tab._parameters(text)


def test_problems_are_listed_and_escaped():
    html = refused_html(["<script>alert(1)</script>", "two"])
    assert "2 problems:" in html
    assert "&lt;script&gt;" in html
    assert 'role="alert"' in html
    assert "1 problem:" in refused_html(["one"])


def test_a_page_shows_what_others_have_added_and_the_last_snapshot_while_the_hub_is_away(store, caplog):
    class Board(HubResultsStore):
        def __init__(self, folder):
            self.folder, self.reported = folder, "emo_superb"

        def refresh(self):
            if self.folder == store.folder:
                raise ConnectionError("no network")
            self.folder = store.folder

    board = Board(store.folder.with_name("empty"))
    assert len(board.entries()) == 18
    assert app._refreshed(board) == 22
    assert caplog.text == ""
    assert app._refreshed(board) == 22
    assert "The results could not be refreshed: no network" in caplog.text
