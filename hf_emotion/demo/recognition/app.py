"""Emotion recognition as a Gradio app: a recording in, probabilities, plane and timeline out."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...pipelines.conditions import GENDERS
from ...pipelines.recognizer import SpeechEmotionRecognizer
from ..page import UPLOADS_KEPT, import_gradio, notice, page_options
from .analysis import AUTOMATIC, CHOSEN, WHOLE, Windows, analyse
from .clips import FORMATS, read_clip
from .clock import spoken_duration
from .emotion_marks import display_name
from .model_shelf import ModelShelf
from .result_page import result_html
from .synthetic_voice import synthetic_voice


if TYPE_CHECKING:
    import gradio as gr

TITLE = "Emotions in a voice"
_LEAD = (
    "Record a voice or choose a file, and see which emotions a model hears in it, and when. It hears how a voice "
    "**sounds**, not what a person **feels**: do not use it to decide about people."
)
_EMPTY = "Record something or choose a file: what the model hears appears here."
_MODES = "Automatic: one for a short recording, windows that overlap for a longer one."
_UNKNOWN = "unknown"
_SPEAKER = "This model uses the speaker's gender. Left unknown, it goes by the voice alone."
_MEGABYTE = 2**20  # bytes, as gradio counts in its message
_FOLDER = Path(__file__).parent
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class Limits:
    """
    What one visitor may ask for.

    Args:
        max_seconds (`float`, *optional*, defaults to 600): Longest recording.
        max_megabytes (`float`, *optional*, defaults to 50): Largest file.
        concurrency (`int`, *optional*, defaults to 1): Recordings that are analysed at the same time; others wait.
        queue_size (`int`, *optional*, defaults to 32): How many may wait; others are asked to come back.

    Raises:
        ValueError: One of them is not positive.
    """

    max_seconds: float = 600.0
    max_megabytes: float = 50.0
    concurrency: int = 1
    queue_size: int = 32

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}, and nothing could be analysed. Set it above 0.")


def build_app(models: ModelShelf, limits: Limits | None = None, title: str = TITLE) -> gr.Blocks:
    """
    Lay out the app. Launch it with the options of [`launch_options`].

    Args:
        models ([`~hf_emotion.demo.recognition.model_shelf.ModelShelf`]): The models to choose from.
        limits ([`Limits`], *optional*): What one visitor may ask for.
        title (`str`, *optional*): Title of the page.

    Returns:
        `gradio.Blocks`: The app.

    Raises:
        ImportError: gradio is not installed.
    """
    gr = import_gradio()
    limits = limits or Limits()
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=UPLOADS_KEPT) as app:
        gr.Markdown(f"# {title}\n{_LEAD}", elem_id="lead")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=2, min_width=320):
                controls = _controls(models, limits)
            with gr.Column(scale=3, min_width=320):
                result = gr.HTML(
                    notice(_EMPTY), elem_id="result", apply_default_css=False, js_on_load=_script("result.js")
                )
        with gr.Accordion("What this can and cannot do", open=False):
            gr.Markdown((_FOLDER / "about.md").read_text(encoding="utf-8"), elem_id="about")
        _connect(app, controls, result, models, limits)
    app.queue(max_size=limits.queue_size, default_concurrency_limit=limits.concurrency)
    return app


def launch_options(limits: Limits | None = None) -> dict[str, Any]:
    """
    Arguments of `Blocks.launch`, see [`~hf_emotion.demo.page.page_options`].

    Raises:
        ImportError: gradio is not installed.
    """
    limits = limits or Limits()
    return page_options([_FOLDER / "recognition.css"], round(limits.max_megabytes * _MEGABYTE))


@dataclass(frozen=True)
class _Controls:
    audio: Any
    start: Any
    example: Any
    model: Any
    model_note: Any
    speaker: Any
    labels: Any
    labels_of: Any  # the model that the labels belong to
    mode: Any
    seconds: Any
    hop: Any


def _controls(models: ModelShelf, limits: Limits) -> _Controls:
    gr = import_gradio()
    audio = gr.Audio(
        sources=["microphone", "upload"],
        type="filepath",
        label="Recording",
        buttons=[],
        elem_id="audio",
        waveform_options=gr.WaveformOptions(sample_rate=16_000),
    )
    gr.HTML(
        f'<p class="note">{FORMATS}, up to {spoken_duration(limits.max_seconds)} and {limits.max_megabytes:g} MB.</p>',
        apply_default_css=False,
    )
    with gr.Row():
        start = gr.Button("Recognise emotions", variant="primary", size="md", elem_id="start", min_width=150)
        example = gr.Button("Try a synthetic voice", size="md", elem_id="example", min_width=150)
    model = gr.Dropdown(
        models.names,
        value=models.names[0],
        label="Model",
        filterable=False,
        elem_id="model",
        visible=len(models.names) > 1,
    )
    model_note = gr.HTML(elem_id="model_note", apply_default_css=False)
    speaker = gr.Radio(
        [(name.capitalize(), name) for name in (_UNKNOWN, *GENDERS)],
        value=_UNKNOWN,
        label="Speaker",
        info=_SPEAKER,
        elem_id="speaker",
        visible=False,
    )
    with gr.Accordion("Emotions and timeline", open=False, elem_id="settings"):
        labels = gr.CheckboxGroup([], label="Emotions to consider", elem_id="labels", visible=False)
        mode = gr.Radio([AUTOMATIC, WHOLE, CHOSEN], value=AUTOMATIC, label="Estimates", info=_MODES, elem_id="mode")
        with gr.Group(visible=False) as chosen:
            seconds = gr.Slider(1, 30, value=4, step=0.5, label="Length of a window in seconds", elem_id="seconds")
            hop = gr.Slider(0.5, 15, value=2, step=0.5, label="A new window every ... seconds", elem_id="hop")
        mode.change(lambda value: gr.Group(visible=value == CHOSEN), mode, chosen, show_progress="hidden", **_PRIVATE)
    return _Controls(audio, start, example, model, model_note, speaker, labels, gr.State(""), mode, seconds, hop)


def _connect(app: gr.Blocks, controls: _Controls, result: Any, models: ModelShelf, limits: Limits) -> None:
    gr = import_gradio()

    def prepare(name: str) -> tuple[str, Any, Any, str]:
        """What a model knows, once it is loaded."""
        try:
            recognizer = models.open(name)
        except (ImportError, OSError, ValueError) as error:
            problem = notice(f"{name} cannot be used. {error}", "error")
            return problem, gr.Radio(visible=False), gr.CheckboxGroup(visible=False), ""
        classes = [(display_name(label), label) for label in recognizer.classes]
        menu = gr.CheckboxGroup(choices=classes, value=list(recognizer.classes), visible=bool(classes))
        speaker = gr.Radio(visible="gender" in recognizer.conditioned_on)
        return _model_note(recognizer), speaker, menu, name

    def recognise(
        path: str | None,
        name: str,
        speaker: str,
        labels: list[str],
        labels_of: str,
        mode: str,
        seconds: float,
        hop: float,
    ) -> str:
        """The result, or a sentence that says what is wrong."""
        if path is None:
            return notice(_EMPTY)
        try:
            recognizer = models.open(name)
            clip = read_clip(path, recognizer.sampling_rate, limits.max_seconds)
            kept = labels if labels_of == name and recognizer.classes else None
            windows = Windows(mode, seconds, hop)
            gender = None if speaker == _UNKNOWN else speaker
            return result_html(analyse(recognizer, name, clip, labels=kept, windows=windows, gender=gender))
        except (ImportError, OSError, ValueError) as error:
            return notice(str(error), "error")

    prepared = [controls.model_note, controls.speaker, controls.labels, controls.labels_of]
    gr.on([app.load, controls.model.change], prepare, controls.model, prepared, **_PRIVATE)
    audio = controls.audio
    settings = [controls.speaker, controls.labels, controls.labels_of, controls.mode, controls.seconds, controls.hop]
    inputs = [audio, controls.model, *settings]
    gr.on([controls.start.click, audio.upload, audio.stop_recording], recognise, inputs, result, **_PRIVATE)
    spoken = controls.example.click(synthetic_voice, None, audio, **_PRIVATE)
    spoken.then(recognise, inputs, result, **_PRIVATE)
    audio.clear(lambda: notice(_EMPTY), None, result, show_progress="hidden", **_PRIVATE)


def _model_note(recognizer: SpeechEmotionRecognizer) -> str:
    known = f"Knows {len(recognizer.classes)} emotions" if recognizer.classes else "Knows no classes"
    if recognizer.dimension_names:
        known += f"; rates {', '.join(recognizer.dimension_names)}"
    return f'<p class="note">{escape(known)}.</p>'


def _script(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
