"""The recognition app in a headless browser, on a desk and on a phone."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import soundfile

from hf_emotion.demo.recognition.app import Limits, build_app, launch_options
from hf_emotion.demo.recognition.model_shelf import ModelShelf
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES

from .loudness_recognizer import EMOTIONS, RATE, LoudnessRecognizer, ToldRecognizer, steps
from .pages import CHROMIUM, NAMELESS, OVERFLOW, PHONE, chromium, watched_pages


pytest.importorskip("gradio", reason="gradio is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LIMITS = Limits(max_seconds=15, max_megabytes=1)
HOSTILE_NAME = "<img src=x onerror=alert(1)> ${1+1} {{value}}"
PROBLEM = "There is no config.json in runs/broken. Name the folder of a trained model."
MODELS = {
    "runs/emotions": LoudnessRecognizer(EMOTIONS, ["arousal", "valence", "dominance"]),
    "user/exhubert": LoudnessRecognizer(AROUSAL_VALENCE_CLASSES),
    "user/told": ToldRecognizer(),
    "user/hostile": LoudnessRecognizer(["calm", HOSTILE_NAME], ["arousal", HOSTILE_NAME]),
}

# What can be seen of the names of the segments.
SEEN = """[...document.querySelectorAll(".timeline .segment")].map((segment) => [...segment.querySelectorAll("b")]
  .filter((name) => name.clientWidth > 0).map((name) => name.textContent))"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Quiet, loud and quiet again for 12 s; the loud part alone; one that is too long, one too large, and a text."""
    folder = tmp_path_factory.mktemp("recordings")
    soundfile.write(folder / "talk.wav", steps(0.01, 0.9, 0.01), RATE)
    soundfile.write(folder / "loud.wav", steps(0.9), RATE)
    soundfile.write(folder / "long.flac", steps(0.01, 0.01, 0.01, 0.01), RATE)
    (folder / "large.wav").write_bytes((folder / "talk.wav").read_bytes() * 3)
    (folder / "notes.wav").write_text("this is text")
    return folder


@pytest.fixture(scope="module")
def site():
    """The app, as it is being served."""

    def load(source):
        if source not in MODELS:
            raise ValueError(PROBLEM)
        return MODELS[source]

    app = build_app(ModelShelf([*MODELS, "runs/broken"], load), LIMITS)
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options(LIMITS))
    yield SimpleNamespace(url=url.rstrip("/"), app=app)
    app.close(verbose=False)


@pytest.fixture(scope="module")
def browser(recordings):
    """A browser with a microphone that hears the loud recording."""
    microphone = f"--use-file-for-fake-audio-capture={recordings / 'loud.wav'}"
    with chromium(
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--mute-audio", microphone
    ) as browser:
        yield browser


@pytest.fixture
def open_page(browser, site):
    # the player says so of text that is called audio, and so does the answer to a file that is too large
    with watched_pages(browser, site.url, "#model_note .note", ["Waveform load error", "413"]) as open_page:
        yield open_page


def upload(page, path: Path) -> None:
    clear = page.locator("#audio").get_by_label("Clear")
    if page.locator("#audio audio").count():
        clear.click()
    page.locator("#audio").get_by_label("Upload file").click()
    page.locator("#audio input[type=file]").set_input_files(path)


def choose(page, model: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=model, exact=True).click()


def is_fit(page) -> None:
    """Everything is within the width of the page, and every control has a name."""
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(NAMELESS) == []


def saved(page, title: str, name: str) -> str:
    """Content of a file that the page hands out under this name."""
    with page.expect_download() as download:
        page.get_by_role("link", name=title, exact=True).click()
    assert download.value.suggested_filename == name
    return Path(download.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "has_touch": True, "is_mobile": True}])
def test_a_file_gives_probabilities_plane_and_timeline_to_take_along(open_page, recordings, options):
    page = open_page(**options)
    upload(page, recordings / "talk.wav")
    playwright.expect(page.locator("#result h2")).to_be_in_viewport()
    playwright.expect(page.locator("#result .note").first).to_have_text(
        "talk.wav, 12 seconds, emotions; windows of 4 s every 2 s"
    )
    assert page.locator("#result .bars").first.locator("li").count() == len(EMOTIONS)
    assert page.locator(".timeline .long").all_text_contents() == ["neutral", "anger", "neutral"]
    assert page.evaluate(SEEN) == [["neutral"], ["anger"], ["neutral"]]
    assert "arousal" in page.locator(".plane [role=img]").get_attribute("aria-label")
    rows = page.get_by_role("table", name="Segments: 3").locator("tbody tr").all_inner_texts()
    assert [row.split()[3] for row in rows] == ["neutral", "anger", "neutral"]
    assert page.locator(".spoken[role=status]").inner_text() == page.locator("#result h2").inner_text()
    is_fit(page)
    everything = json.loads(saved(page, "JSON", "talk.json"))
    assert everything["model"] == "emotions"
    table = list(csv.DictReader(saved(page, "CSV", "talk.csv").splitlines()))
    assert [row["prediction"] for row in table] == [span["scores"][0]["label"] for span in everything["timeline"]]
    assert 'text = "anger"' in saved(page, "TextGrid", "talk.TextGrid")


def test_names_in_the_timeline_shrink_to_what_there_is_room_for(open_page, recordings):
    page = open_page(viewport=PHONE)
    upload(page, recordings / "talk.wav")
    playwright.expect(page.locator("#result .segment")).to_have_count(3)
    for width, seen in ((200, ["neutral"]), (30, ["neu"]), (8, [])):
        page.evaluate(f"document.querySelector('.segment').style.width = '{width}px'")
        assert page.evaluate(SEEN)[0] == seen


def test_the_microphone_is_heard(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").locator("visible=true").click()
    playwright.expect(page.locator("#result h2")).to_contain_text("anger")
    playwright.expect(page.locator("#result .note").first).to_contain_text("audio.wav")
    is_fit(page)


def test_what_cannot_be_heard_is_said_and_the_app_goes_on(open_page, recordings):
    page = open_page()
    page.locator("#start").click()
    playwright.expect(page.locator("#result")).to_contain_text("Record something or choose a file")
    alert = page.locator("#result [role=alert]")
    upload(page, recordings / "notes.wav")
    playwright.expect(alert).to_contain_text("notes.wav cannot be read as audio")
    upload(page, recordings / "long.flac")
    playwright.expect(alert).to_contain_text("long.flac is too long; recordings up to 15 seconds can be heard here")
    upload(page, recordings / "large.wav")
    playwright.expect(page.get_by_test_id("toast-body")).to_contain_text("exceed")
    upload(page, recordings / "loud.wav")
    playwright.expect(page.locator("#result h2")).to_contain_text("anger")


def test_another_model_is_picked_and_one_that_is_broken_says_so(open_page, recordings):
    page = open_page()
    upload(page, recordings / "loud.wav")
    playwright.expect(page.locator("#result .plane")).to_be_visible()
    choose(page, "exhubert")
    playwright.expect(page.locator("#model_note")).to_contain_text("Knows 6 emotions.")
    page.locator("#start").click()
    playwright.expect(page.get_by_role("table", name="Arousal (rows)")).to_be_visible()
    choose(page, "broken")
    playwright.expect(page.locator("#model_note [role=alert]")).to_contain_text(PROBLEM)
    page.locator("#start").click()
    playwright.expect(page.locator("#result [role=alert]")).to_contain_text(PROBLEM)


def test_what_a_model_calls_its_classes_is_text_and_nothing_else(open_page, recordings):
    page = open_page()
    choose(page, "hostile")
    playwright.expect(page.locator("#model_note")).to_contain_text(HOSTILE_NAME)
    upload(page, recordings / "loud.wav")
    playwright.expect(page.locator("#result h2")).to_contain_text(HOSTILE_NAME)
    page.get_by_role("button", name="Emotions and timeline").click()
    playwright.expect(page.locator("#labels")).to_contain_text(HOSTILE_NAME)
    assert page.locator("img[src=x]").count() == 0


def test_emotions_are_left_out_and_windows_chosen_by_keyboard(open_page, recordings):
    page = open_page()
    page.get_by_role("button", name="Emotions and timeline").focus()
    page.keyboard.press("Enter")
    box = page.locator("#labels").get_by_label("anger")
    box.focus()
    page.keyboard.press("Space")
    playwright.expect(box).not_to_be_checked()
    page.locator("#mode").get_by_label("Windows", exact=True).focus()
    page.keyboard.press("Space")
    playwright.expect(page.locator("#seconds")).to_be_visible()
    upload(page, recordings / "loud.wav")
    playwright.expect(page.locator("#result .note").first).to_contain_text("not considered: anger")
    assert page.locator("#result .bars").first.locator("li").count() == len(EMOTIONS) - 1
    playwright.expect(page.get_by_role("table", name="Segments")).to_be_visible()
    for label in ("neutral", "happiness"):
        page.locator("#labels").get_by_label(label).uncheck()
    page.locator("#start").click()
    playwright.expect(page.locator("#result [role=alert]")).to_contain_text("At least two emotions")


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "has_touch": True, "is_mobile": True}])
def test_the_speaker_is_asked_for_where_it_matters_and_chosen_by_keyboard(open_page, recordings, options):
    page = open_page(**options)
    playwright.expect(page.locator("#speaker")).not_to_be_visible()
    choose(page, "told")
    playwright.expect(page.locator("#speaker")).to_be_visible()
    upload(page, recordings / "loud.wav")
    heading, note = page.locator("#result h2"), page.locator("#result .note").first
    playwright.expect(heading).to_contain_text("untold")
    for name in ("Male", "Female"):
        page.locator("#speaker").get_by_label(name, exact=True).focus()
        page.keyboard.press("Space")
        page.locator("#start").press("Enter")
        playwright.expect(heading).to_contain_text(f"Sounds most like {name.lower()}")
        playwright.expect(note).to_have_text(f"loud.wav, 4 seconds, told, {name.lower()} speaker")
    is_fit(page)
    choose(page, "exhubert")
    playwright.expect(page.locator("#speaker")).not_to_be_visible()
    page.locator("#start").click()
    playwright.expect(note).to_have_text("loud.wav, 4 seconds, exhubert")


def test_a_synthetic_voice_stands_in_for_a_recording_and_limits_are_explained(open_page):
    page = open_page(color_scheme="dark")
    page.get_by_role("button", name="Try a synthetic voice").click()
    playwright.expect(page.locator("#result .timeline")).to_be_visible()
    page.get_by_role("button", name="What this can and cannot do").click()
    playwright.expect(page.locator("#about")).to_contain_text("Do not use it to decide about people")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_no_path_that_a_visitor_names_is_opened(site, recordings):
    number = next(index for index, handler in site.app.fns.items() if handler.name == "recognise")
    session = {"fn_index": number, "session_hash": "by-hand"}
    file = {"path": str(recordings / "loud.wav"), "meta": {"_type": "gradio.FileData"}}
    data = [file, "emotions", "unknown", [], "", "Automatic", 4, 2]
    httpx.post(f"{site.url}/gradio_api/queue/join", json={"data": data, **session}).raise_for_status()
    with httpx.stream("GET", f"{site.url}/gradio_api/queue/data?session_hash=by-hand", timeout=30) as stream:
        messages = [json.loads(line.removeprefix("data:")) for line in stream.iter_lines() if line.strip()]
    (answer,) = [message for message in messages if message["msg"] == "process_completed"]
    assert not answer["success"]
