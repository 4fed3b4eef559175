"""The leaderboard as a Gradio app."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...benchmark.protocol import Protocol, load_protocol, protocol_files
from ...benchmark.results.hub_store import HubResultsStore
from ...benchmark.results.store import ResultsStore
from ..page import UPLOADS_KEPT, import_gradio, page_options
from .compare_tab import build_compare_tab, choices
from .details_tab import build_details_tab
from .submit_tab import MAX_FILE_BYTES, build_submit_tab
from .table_tab import build_table_tab


if TYPE_CHECKING:
    import gradio as gr

logger = logging.getLogger(__name__)

TITLE = "EMO-SUPERB leaderboard"
PROTOCOL = "emo_superb_code"
_FOLDER = Path(__file__).parent


def build_app(
    store: ResultsStore,
    label_dir: str | os.PathLike[str] | None = None,
    *,
    protocol: Protocol | None = None,
    title: str = TITLE,
) -> gr.Blocks:
    """
    Lay out the leaderboard. Launch it with the options of [`launch_options`].

    Args:
        store ([`~hf_emotion.benchmark.results.store.ResultsStore`]): Its rows.
        label_dir (`str` or `os.PathLike`, *optional*): Folder of EMO-SUPERB's published label files, which submissions
            are scored against. Without it, the app takes none.
        protocol ([`~hf_emotion.benchmark.protocol.Protocol`], *optional*): What submissions are held against; by
            default EMO-SUPERB as its code runs it.
        title (`str`, *optional*): Title of the page.

    Returns:
        `gradio.Blocks`: The app.

    Raises:
        ImportError: gradio is not installed.
    """
    gr = import_gradio()
    protocol = protocol or load_protocol(protocol_files()[PROTOCOL])
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=UPLOADS_KEPT) as app:
        gr.Markdown(f"# {title}\nSpeech emotion recognition with frozen encoders: macro-F1 on nine settings.")
        # how many rows a page knows of: all that lists rows follows it
        num_rows = gr.State(len(store.entries()))
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Table", id="table"):
                build_table_tab(store, num_rows)
            with gr.Tab("Compare", id="compare"):
                menus = build_compare_tab(store)
            with gr.Tab("Details", id="details"):
                menus.append(build_details_tab(store))
            with gr.Tab("Submit", id="submit"):
                submitted = build_submit_tab(store, protocol, label_dir)
            with gr.Tab("About", id="about"):
                gr.Markdown((_FOLDER / "about.md").read_text(encoding="utf-8"), elem_id="about")
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        app.load(lambda: _refreshed(store), None, num_rows, **hidden)
        if submitted is not None:
            submitted.then(lambda: len(store.entries()), None, num_rows, **hidden)
        num_rows.change(lambda: _menus(store, len(menus)), None, menus, **hidden)
    return app


def launch_options() -> dict[str, Any]:
    """
    Arguments of `Blocks.launch`, see [`~hf_emotion.demo.page.page_options`].

    Raises:
        ImportError: gradio is not installed.
    """
    return page_options([_FOLDER / "leaderboard.css"], MAX_FILE_BYTES)


def _refreshed(store: ResultsStore) -> int:
    """Number of rows, with those that others have added to the Hub; while it is away, the last snapshot will do."""
    if isinstance(store, HubResultsStore):
        try:
            store.refresh()
        except OSError as error:
            logger.warning("The results could not be refreshed: %s", error)
    return len(store.entries())


def _menus(store: ResultsStore, count: int) -> list[Any]:
    gr = import_gradio()
    menu = choices(store)
    return [gr.Dropdown(choices=menu) for _ in range(count)]
