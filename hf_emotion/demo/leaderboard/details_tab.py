"""The third tab: all that is known of one row on one setting."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import pandas as pd

from ...benchmark.results.entries import Entry
from ...benchmark.results.store import ResultsStore
from ...benchmark.soft_predictions import has_probabilities
from .compare_tab import choices, testable_pair
from .figures import confusion_figure, layer_figure, reliability_figure
from .html_tables import ORIGIN_NOTES, class_html, gender_html
from .pictures import picture
from .tables import class_table, gender_table, has_predictions, setting_names


_ABSENT = "Not available for reported figures: papers print macro-F1 only."


def details_html(store: ResultsStore, key: str | None, setting: str | None) -> str:
    """What is known of a row on a setting."""
    known = {entry.id: entry for entry in store.entries()}
    entry = known.get(key or "")
    if entry is None:
        return '<p class="notice">Choose a system.</p>'
    settings, setting = setting_names(known.values()), setting or ""
    sections = [
        _section(f"Scores on {setting}", _scores(entry, setting)),
        _section("Classes", _classes(entry, setting)),
        _section("Gender of the speaker", _genders(entry, settings)),
        _section("Confusion", _confusion(entry, setting)),
        _section("Calibration", _calibration(store, entry, setting)),
        _section("Layer weights", _layers(entry, settings)),
    ]
    return f'<article class="details">{_facts(entry)}<div>{"".join(sections)}</div></article>'


def measured_setting(store: ResultsStore, key: str | None, setting: str | None) -> str | None:
    """The setting, if the row was measured on it, and otherwise the first that it was measured on."""
    entry = store.entry(key) if key else None
    if entry is None or setting in entry.settings:
        return setting
    return next(iter(entry.settings), setting)


def build_details_tab(store: ResultsStore) -> Any:
    """
    Lay out the tab.

    Returns:
        Its menu of rows.
    """
    import gradio as gr

    first = testable_pair(store)[0]
    measured = measured_setting(store, first, None)
    with gr.Row(elem_classes="controls"):
        system = gr.Dropdown(choices(store), value=first, label="System", elem_id="system", min_width=200)
        setting = gr.Dropdown(
            setting_names(store.entries()), value=measured, label="Setting", elem_id="setting", min_width=200
        )
    page = gr.HTML(details_html(store, first, measured), elem_id="details", apply_default_css=False)
    system.change(
        lambda key, name: measured_setting(store, key, name),
        [system, setting],
        setting,
        show_progress="hidden",
        api_visibility="private",
    )
    gr.on(
        [system.change, setting.change],
        lambda key, name: details_html(store, key, name),
        [system, setting],
        page,
        trigger_mode="always_last",
        api_visibility="private",
    )
    return system


def _facts(entry: Entry) -> str:
    size = None if entry.num_parameters is None else f"{entry.num_parameters:,.0f} million"
    facts = {
        "Origin": ORIGIN_NOTES[entry.origin].capitalize(),
        "Protocol": entry.protocol,
        "Parameters": size,
        "Encoder": entry.encoder,
        **{str(name).replace("_", " ").capitalize(): value for name, value in entry.facts.items()},
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_linked(str(value))}</dd>"
        for name, value in facts.items()
        if value not in (None, "")
    )
    return f'<h3>{escape(entry.system)} <span class="badge {entry.origin}">{entry.origin}</span></h3><dl>{rows}</dl>'


def _linked(text: str) -> str:
    """The text, as a link if it is an address and nothing else."""
    if not re.fullmatch(r"https://[^\s\"'<>`]+", text):
        return escape(text)
    return f'<a href="{escape(text)}" target="_blank" rel="nofollow noopener noreferrer">{escape(text)}</a>'


def _section(title: str, content: str) -> str:
    return f"<section><h4>{escape(title)}</h4>{content}</section>"


def _missing(entry: Entry, otherwise: str) -> str:
    return f'<p class="notice">{escape(otherwise if has_predictions(entry) else _ABSENT)}</p>'


def _scores(entry: Entry, setting: str) -> str:
    scores: Any = entry.settings.get(setting)
    if scores is None:
        return f'<p class="notice">{escape(entry.system)} was not measured on this setting.</p>'
    facts = {"Macro-F1": f"{scores['macro_f1']:.3f}"}
    if interval := scores.get("interval"):
        facts["95 % interval"] = (
            f"{interval[0]:.3f} to {interval[1]:.3f}, resampled by {scores.get('unit', 'speaker')}"
        )
    if folds := scores.get("folds"):
        facts["Folds"] = ", ".join(f"{name}: {value:.3f}" for name, value in folds.items())
    if (spread := scores.get("std_of_seeds")) is not None:
        facts["Deviation over seeds"] = f"{spread:.4f}"
    if (batches := scores.get("macro_f1_of_batches")) is not None:
        facts["Mean over batches"] = f"{batches:.3f}, as the released code logs"
    if count := scores.get("num_utterances"):
        facts["Test utterances"] = f"{count:,}"
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in facts.items())}</dl>"


def _classes(entry: Entry, setting: str) -> str:
    table = class_table(entry.settings.get(setting, {}))
    return _missing(entry, "Not available for this setting.") if table.empty else class_html(table)


def _genders(entry: Entry, settings: list[str]) -> str:
    table = gender_table(entry, settings)
    return _missing(entry, "No gender of speakers is on record.") if table.empty else gender_html(table)


def _confusion(entry: Entry, setting: str) -> str:
    scores = entry.settings.get(setting, {})
    classes = list(scores.get("per_class") or {})
    if not classes or not scores.get("confusion"):
        return _missing(entry, "Not available for this setting.")
    alt = f"Heat map of {len(classes)} classes: what {entry.system} predicts where a class is present on {setting}."
    caption = (
        "Share, in %, of the utterances with a class (rows) in which a class is predicted (columns). Utterances have "
        "several classes, so rows do not sum to 100."
    )
    return picture(confusion_figure(scores["confusion"], classes), alt, caption)


def _calibration(store: ResultsStore, entry: Entry, setting: str) -> str:
    scores = entry.settings.get(setting, {})
    if not has_predictions(entry) or setting not in entry.settings:
        return _missing(entry, "Not available for this setting.")
    try:
        folds = store.predictions(entry.id, setting)
    except (OSError, ValueError) as error:
        return f'<p class="notice">{escape(str(error))}</p>'
    predictions = pd.concat([table for tables in folds.values() for table in tables], ignore_index=True)
    if not has_probabilities(predictions):
        return '<p class="notice">Only decisions were submitted. Calibration needs probabilities.</p>'
    alt = f"Reliability diagram of {entry.system} on {setting}: mean soft label over predicted probability."
    gap = f"Calibration error {scores['calibration_error']:.3f}"
    caption = f"{gap}: how far probabilities are from the shares of votes. Dashed: no error."
    return picture(reliability_figure(predictions), alt, caption)


def _layers(entry: Entry, settings: list[str]) -> str:
    weights = {name: entry.layer_weights[name] for name in settings if name in entry.layer_weights}
    figure = layer_figure(weights)
    if figure is None:
        return _missing(entry, "This system learns no layer weights, or its submission does not state them.")
    alt = f"Learned share of each hidden state of {entry.system} on {', '.join(weights)}."
    return picture(figure, alt, "Share of each hidden state. Grey: an equal share.", legend=list(weights))
