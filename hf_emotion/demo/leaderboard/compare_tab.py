"""The second tab: chosen rows over the settings, and whether two differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ...benchmark.results.entries import Entry
from ...benchmark.results.store import ResultsStore
from ..page import notice
from .figures import MAX_SYSTEMS, radar_figure
from .html_tables import comparison_html, scores_html
from .pictures import picture
from .tables import (
    SIGNIFICANT,
    comparison_table,
    has_predictions,
    leaderboard_table,
    score_table,
    setting_names,
)


_COMMON_SCALE, _OWN_SCALES = "One scale, from 0", "Each setting from its lowest to its highest"


def choices(store: ResultsStore) -> list[tuple[str, str]]:
    """Labels and ids of all rows, best average first, for a menu."""
    entries = {entry.id: entry for entry in store.entries()}
    table = leaderboard_table(entries.values(), setting_names(entries.values()))
    return [(f"{entries[key].system} ({entries[key].origin})", key) for key in table["id"]]


def radar_html(store: ResultsStore, ids: Sequence[str], scale: str = _COMMON_SCALE) -> str:
    """Radar chart of some rows, and its figures as a table."""
    known = {entry.id: entry for entry in store.entries()}
    chosen = {key: known[key] for key in ids[:MAX_SYSTEMS] if key in known}
    if not chosen:
        return notice("Choose one to five systems above.")
    settings = setting_names(known.values())
    table = score_table(list(chosen.values()), settings)
    names = _distinct_names(list(chosen.values()))
    figure = radar_figure(list(chosen.values()), settings, is_relative=scale == _OWN_SCALES)
    drawing = ""
    if figure is not None:
        alt = f"Radar chart of macro-F1 on {len(settings)} settings for {', '.join(names)}. The table has its figures."
        caption = "Macro-F1 on each setting, farther out is better. A gap: not measured."
        drawing = picture(figure, alt, caption, legend=names)
    return f'<div class="side-by-side">{drawing}{scores_html(table, chosen, names)}</div>'


def significance_html(store: ResultsStore, first: str | None, second: str | None) -> str:
    """Paired comparison of two rows, setting by setting."""
    known = {entry.id: entry for entry in store.entries()}
    if first not in known or second not in known:
        return notice("Choose two systems.")
    a, b = known[first], known[second]
    if first == second:
        return notice("These are one and the same row: choose another for A or B.")
    reported = [entry.system for entry in (a, b) if not has_predictions(entry)]
    if reported:
        return notice(
            f"{' and '.join(reported)}: reported by a paper without predictions. A paired test needs the "
            "predictions of both rows; choose rows that were measured or submitted."
        )
    table = comparison_table(store, a, b, setting_names(known.values()))
    units = ", ".join(sorted(set(table["unit"].dropna())))
    how = (
        f"Permutation test and bootstrap by {units}, on the same utterances. p (Holm) allows for the number of "
        f"settings; below {SIGNIFICANT} counts as significant."
    )
    return comparison_html(table, a.system, b.system, SIGNIFICANT) + (
        f'<p class="note">{escape(how)}</p>' if units else ""
    )


def build_compare_tab(store: ResultsStore) -> list[Any]:
    """
    Lay out the tab.

    Returns:
        Its menus of rows: any number of them, A and B.
    """
    import gradio as gr

    menu = choices(store)
    best = [key for _, key in menu[:2]]
    pair = testable_pair(store)
    chosen = gr.Dropdown(
        menu,
        value=best,
        multiselect=True,
        max_choices=MAX_SYSTEMS,
        label="Systems",
        info="Up to five",
        elem_id="systems",
    )
    scale = gr.Radio([_COMMON_SCALE, _OWN_SCALES], value=_COMMON_SCALE, label="Scale of the chart", elem_id="scale")
    chart = gr.HTML(radar_html(store, best), elem_id="radar", apply_default_css=False)
    gr.Markdown("### Do two systems differ by more than chance?")
    with gr.Row(elem_classes="controls"):
        first = gr.Dropdown(menu, value=pair[0], label="System A", elem_id="system_a", min_width=200)
        second = gr.Dropdown(menu, value=pair[1], label="System B", elem_id="system_b", min_width=200)
    test = gr.Button("Test the difference", variant="primary", elem_id="test_difference")
    verdict = gr.HTML(elem_id="significance", apply_default_css=False)
    gr.on(
        [chosen.change, scale.change],
        lambda ids, how: radar_html(store, ids or [], how),
        [chosen, scale],
        chart,
        trigger_mode="always_last",
        api_visibility="private",
    )
    test.click(lambda a, b: significance_html(store, a, b), [first, second], verdict, api_visibility="private")
    return [chosen, first, second]


def testable_pair(store: ResultsStore) -> list[str | None]:
    """The two best rows with predictions; the best ones, as far as there are none."""
    with_predictions = {entry.id for entry in store.entries() if has_predictions(entry)}
    ids = sorted((key for _, key in choices(store)), key=lambda key: key not in with_predictions)
    return [*ids[:2], None, None][:2]


def _distinct_names(entries: Sequence[Entry]) -> list[str]:
    """Names of systems, with the origin where two have the same."""
    names = [entry.system for entry in entries]
    return [
        entry.system if names.count(entry.system) == 1 else f"{entry.system} ({entry.origin}, {entry.id})"
        for entry in entries
    ]
