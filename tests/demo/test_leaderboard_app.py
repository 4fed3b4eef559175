"""The leaderboard in a headless browser."""

import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import pytest

from hf_emotion.demo.leaderboard.app import build_app, launch_options
from tests.benchmark.submissions.tiny_labels import PROTOCOL, tiny_predictions, tiny_setting, write_tiny_labels

from .pages import CHROMIUM, NAMELESS, OVERFLOW, PHONE, chromium, watched_pages
from .small_store import HOSTILE_NAME, SETTING, small_store


pytest.importorskip("gradio", reason="gradio is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

MAX_UPLOAD = 100_000  # bytes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A leaderboard that is being served: its address, store, app and label files."""
    folder = tmp_path_factory.mktemp("site")
    store, label_dir = small_store(folder / "store"), write_tiny_labels(folder / "data")
    app = build_app(store, label_dir, protocol=PROTOCOL)
    options = launch_options() | {"max_file_size": MAX_UPLOAD}
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **options)
    yield SimpleNamespace(url=url.rstrip("/"), store=store, app=app, label_dir=label_dir)
    app.close(verbose=False)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser, site):
    """Opens the app; at the end, nothing was asked of other servers, and the console has no error."""
    with watched_pages(browser, site.url, "#leaderboard tbody tr") as open_page:
        yield open_page


def names(page) -> list[str]:
    """First words of the rows of the table, without the origin."""
    rows = page.locator("#leaderboard tbody th").all_inner_texts()
    return [row.rsplit(maxsplit=1)[0].strip() for row in rows]


def wait_for_rows(page, count: int) -> None:
    playwright.expect(page.locator("#leaderboard tbody th")).to_have_count(count)


def choose(page, menu: str, text: str) -> None:
    box = page.locator(f"#{menu} input")
    box.click()
    box.fill(text)
    page.get_by_role("option", name=text).first.click()


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_the_table_is_sorted_by_its_headers_with_mouse_and_keyboard(open_page):
    page = open_page()
    assert names(page)[:2] == ["Fine-tuned W2V2 R", "XLS-R-1B"]
    header = page.locator("#leaderboard thead th", has_text="CREMA-D")
    header.get_by_role("button").click()
    playwright.expect(header).to_have_attribute("aria-sort", "descending")
    best = names(page)
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    playwright.expect(header).to_have_attribute("aria-sort", "ascending")
    assert names(page) == best[::-1]
    assert names(page)[0] == "FBANK"
    page.locator("#leaderboard thead th", has_text="Average").get_by_role("button").click()
    assert names(page)[-4:] != names(page)[:4]
    assert set(names(page)[-4:]) == {"HuBERT base, random", "APC from scratch", HOSTILE_NAME, "decisions"}


def test_filters_narrow_the_table_and_keep_its_order(open_page):
    page = open_page()
    page.locator("#leaderboard thead th", has_text="System").get_by_role("button").click()
    page.get_by_label("Search").fill("w2v")
    wait_for_rows(page, 5)
    assert names(page) == ["Fine-tuned W2V2 R", "VQ-W2V", "W2V", "W2V2 Large", "W2V2 R"]
    page.get_by_label("Search").fill("")
    page.get_by_label("reported").uncheck()
    wait_for_rows(page, 4)
    choose(page, "max_parameters", "up to 10 million")
    wait_for_rows(page, 1)
    assert names(page) == ["APC from scratch"]


def test_the_average_is_over_the_chosen_settings_and_intervals_can_be_shown(open_page):
    page = open_page()
    page.get_by_role("button", name="Settings and view").click()
    playwright.expect(page.locator("#settings label")).to_have_count(9)
    for setting in page.locator("#settings label").all_inner_texts():
        if setting.strip() != SETTING:
            page.locator("#settings").get_by_label(setting.strip(), exact=True).uncheck()
    playwright.expect(page.locator("#leaderboard thead th", has_text="IEMOCAP")).to_have_count(0)
    playwright.expect(page.locator("#leaderboard thead th")).to_have_count(5)
    assert page.locator("#leaderboard tbody tr").first.inner_text().split()[-3:-1] == ["0.742"] * 2
    page.get_by_label("Scores and intervals").check()
    playwright.expect(page.locator("#leaderboard small")).to_have_count(4)


def test_two_systems_are_compared_on_a_radar_chart_and_tested(open_page):
    page = open_page()
    open_tab(page, "Compare")
    chart = page.locator("#radar [role=img]")
    playwright.expect(chart).to_be_visible()
    choose(page, "systems", "HuBERT base, random")
    playwright.expect(page.locator("#radar .swatch")).to_have_count(3)
    assert "HuBERT base, random" in chart.get_attribute("aria-label")
    assert page.locator("#radar tbody tr").count() == 10  # nine settings and the average
    choose(page, "system_a", "HuBERT base, random")
    choose(page, "system_b", "APC from scratch")
    page.get_by_role("button", name="Test the difference").click()
    playwright.expect(page.locator("#significance")).to_contain_text("B is better")
    choose(page, "system_a", "FBANK")
    page.get_by_role("button", name="Test the difference").click()
    playwright.expect(page.locator("#significance")).to_contain_text("reported by a paper without predictions")


def test_details_show_figures_of_measured_rows_and_say_what_reported_ones_lack(open_page):
    page = open_page(color_scheme="dark")
    open_tab(page, "Details")
    choose(page, "system", "FBANK")
    playwright.expect(page.locator("#details")).to_contain_text("Not available for reported figures")
    choose(page, "setting", "NNIME")
    playwright.expect(page.locator("#details")).to_contain_text("Scores on NNIME")
    choose(page, "system", "HuBERT base, random")  # which was not measured on it
    playwright.expect(page.locator("#details")).to_contain_text(f"Scores on {SETTING}")
    figures = page.locator("#details [role=img]")
    playwright.expect(figures).to_have_count(3)
    assert all(figure.get_attribute("aria-label") for figure in figures.all())
    colours = "node => [getComputedStyle(node).fill, getComputedStyle(document.body).color]"
    fill, text = page.locator("#details [role=img] > svg").first.evaluate(colours)
    assert fill == text  # letters of figures follow the dark page


def test_what_submitters_call_themselves_is_text_and_nothing_else(open_page):
    page = open_page()
    assert HOSTILE_NAME in names(page)
    open_tab(page, "Details")
    choose(page, "system", HOSTILE_NAME)
    playwright.expect(page.locator("#details h3")).to_contain_text(HOSTILE_NAME)
    playwright.expect(page.locator("#details dd").filter(has_text="<b>me</b>")).to_have_count(1)
    assert page.locator("img[src=x]").count() == 0


def without_probabilities(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=[name for name in frame.columns if name.startswith("probability_")])


BAD_UPLOADS = {
    "a part of the test set": (lambda frame: frame.iloc[:-1], "1 of 10 utterances of the test part are missing"),
    "an utterance twice": (lambda frame: pd.concat([frame, frame.iloc[:1]]), "is there twice"),
    "no numbers": (lambda frame: frame.assign(probability_sad=np.nan), "empty or not a number"),
    "no probabilities": (without_probabilities, "probability_"),
    "no table": (lambda frame: b"PAR1 <img src=x onerror=alert(1)>", "crema_d.parquet"),
}


@pytest.fixture
def submission_page(open_page):
    page = open_page()
    open_tab(page, "Submit")

    def send(path: Path, name: str):
        clear, uploaded = page.locator("#files").get_by_label("Clear", exact=True), page.locator("#files .filename")
        if uploaded.count():
            clear.click()
            playwright.expect(uploaded).to_have_count(0)
        page.locator("#files input[type=file]").set_input_files(path)
        playwright.expect(uploaded).to_have_count(1)
        page.get_by_label("Name of the system").fill(name)
        page.evaluate("document.querySelector('#result .result')?.remove()")  # the next answer is the one to this
        page.get_by_role("button", name="Check, score and add").click()
        return page

    return send


def test_a_good_submission_is_scored_and_in_the_table_and_bad_ones_are_refused(submission_page, site, tmp_path):
    good = tiny_predictions(tiny_setting(site.label_dir))
    path, before = tmp_path / "crema_d.parquet", len(site.store.entries())
    for number, (spoil, problem) in enumerate(BAD_UPLOADS.values()):
        spoilt = spoil(good)
        path.write_bytes(spoilt) if isinstance(spoilt, bytes) else spoilt.to_parquet(path)
        page = submission_page(path, f"Bad {number}")
        playwright.expect(page.locator("#result [role=alert]")).to_contain_text(problem)
        assert len(site.store.entries()) == before
    good.to_parquet(path)
    page = submission_page(path, "Good <i>one</i>")
    playwright.expect(page.locator("#result [role=alert]")).to_contain_text("It holds HTML")
    page = submission_page(path, "Good one")
    playwright.expect(page.locator("#result [role=status]")).to_contain_text("Accepted: Good one")
    assert len(site.store.entries()) == before + 1
    open_tab(page, "Table")
    wait_for_rows(page, before + 1)
    assert "Good one" in names(page)
    open_tab(page, "Details")
    choose(page, "system", "Good one")
    playwright.expect(page.locator("#details h3")).to_contain_text("Good one")


def submit_by_hand(site, files: list[dict]) -> str:
    """Send a submission past the page, as somebody would who chooses paths; the server's last message."""
    number = next(index for index, handler in site.app.fns.items() if handler.name == "handle")
    data = [files, "CREMA-D", "Name", *[""] * 6]
    session = {"fn_index": number, "session_hash": "by-hand"}
    httpx.post(f"{site.url}/gradio_api/queue/join", json={"data": data, **session}).raise_for_status()
    with httpx.stream("GET", f"{site.url}/gradio_api/queue/data?session_hash=by-hand", timeout=30) as stream:
        messages = [json.loads(line.removeprefix("data:")) for line in stream.iter_lines() if line.strip()]
    return json.dumps(next(message for message in messages if message["msg"] == "process_completed"))


def test_no_path_that_a_user_names_is_opened(site, tmp_path):
    secret = tmp_path / "crema_d.parquet"
    tiny_predictions(tiny_setting(site.label_dir)).to_parquet(secret)
    before = len(site.store.entries())
    for path in (str(secret), "/etc/passwd", "file:///etc/passwd"):
        answer = submit_by_hand(site, [{"path": path, "meta": {"_type": "gradio.FileData"}}])
        assert '"success": false' in answer
        assert "root:" not in answer
    assert len(site.store.entries()) == before


def test_files_that_are_too_large_are_not_received(site):
    upload = httpx.post(f"{site.url}/gradio_api/upload", files={"files": ("a.parquet", b"0" * (MAX_UPLOAD + 1))})
    assert upload.status_code == 413


def test_on_a_phone_everything_is_within_reach(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    for tab in ("Table", "Compare", "Details", "Submit", "About"):
        button = page.get_by_role("tab", name=tab)
        playwright.expect(button).to_be_visible()
        button.tap()
        playwright.expect(button).to_have_attribute("aria-selected", "true")
        assert page.evaluate(OVERFLOW) <= 0
        assert page.evaluate(NAMELESS) == []


def test_tables_scroll_by_keyboard_and_say_what_they_are(open_page):
    page = open_page(viewport=PHONE)
    region = page.get_by_role("region", name="Macro-F1 on each setting")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("node => node.scrollLeft > 0", arg=region.element_handle())
    assert page.get_by_role("table", name="Macro-F1 on each setting").is_visible()
