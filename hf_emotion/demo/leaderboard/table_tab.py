"""The first tab: all rows, with filters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...benchmark.results.entries import ORIGINS
from ...benchmark.results.store import ResultsStore
from .html_tables import ORIGIN_NOTES, leaderboard_html
from .tables import leaderboard_table, setting_names


_SORT_SCRIPT = Path(__file__).with_name("sortable_table.js")
_ANY, _SIZES = 0, (10, 25, 50, 100, 350, 1000)  # millions of parameters
_SCORES, _INTERVALS = "Scores", "Scores and intervals"


def filtered_table(
    store: ResultsStore,
    query: str = "",
    origins: Sequence[str] = ORIGINS,
    max_parameters: float = _ANY,
    settings: Sequence[str] | None = None,
    view: str = _SCORES,
) -> str:
    """The leaderboard as HTML, as the controls ask for it; all settings by default."""
    entries = {entry.id: entry for entry in store.entries()}
    names = [name for name in setting_names(entries.values()) if settings is None or name in settings]
    limit = None if max_parameters == _ANY else max_parameters
    table = leaderboard_table(entries.values(), names, query=query or "", origins=origins, max_parameters=limit)
    return leaderboard_html(table, entries, names, show_intervals=view == _INTERVALS)


def build_table_tab(store: ResultsStore, num_rows: Any) -> None:
    """Lay out the tab. The table is made anew when a control or `num_rows`, a `gradio.State`, changes."""
    import gradio as gr

    names = setting_names(store.entries())
    with gr.Row(elem_classes="controls"):
        query = gr.Textbox(
            label="Search",
            info="Name, encoder, source",
            placeholder="wavlm",
            max_lines=1,
            elem_id="search",
            min_width=200,
        )
        limit = gr.Dropdown(
            [("any number", _ANY), *((f"up to {size} million", size) for size in _SIZES)],
            value=_ANY,
            label="Parameters",
            info="With a limit, rows that do not say are left out",
            elem_id="max_parameters",
            min_width=200,
        )
        origins = gr.CheckboxGroup(
            list(ORIGINS),
            value=list(ORIGINS),
            label="Origin",
            info="Where figures come from",
            elem_id="origins",
            min_width=300,
        )
    with gr.Accordion("Settings and view", open=False):
        settings = gr.CheckboxGroup(
            names, value=names, label="Settings", info="The average is over those chosen", elem_id="settings"
        )
        view = gr.Radio([_SCORES, _INTERVALS], value=_SCORES, label="Show", elem_id="view")
    controls = [query, origins, limit, settings, view]
    board = gr.HTML(
        filtered_table(store),
        js_on_load=_SORT_SCRIPT.read_text(encoding="utf-8"),
        elem_id="leaderboard",
        apply_default_css=False,
    )
    gr.HTML(f'<p class="note">{_legend()}</p>', apply_default_css=False)
    # one listener for all: a slow answer never overwrites a later one
    gr.on(
        [control.change for control in (*controls, num_rows)],
        lambda *values: filtered_table(store, *values),
        controls,
        board,
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )


def _legend() -> str:
    badges = [f'<span class="badge {name}">{name}</span> {note}' for name, note in ORIGIN_NOTES.items()]
    return (
        f"{'; '.join(badges)}. Bold: the best of a column. A row that lacks one of the chosen settings has no average."
    )
