"""The fourth tab: predictions of others, checked, scored and added to the table.

What arrives is hostile until shown otherwise. Gradio accepts only files that it has received itself; they are copied
into a folder of their own under their bare names. [`~hf_emotion.benchmark.submissions.submission`] reads them, and
nothing else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ...benchmark.protocol import Protocol
from ...benchmark.results.entries import Entry
from ...benchmark.results.store import ResultsStore
from ...benchmark.submissions.facts import SYSTEM_FILE
from ...benchmark.submissions.submission import submit
from ...benchmark.submissions.untrusted_files import SubmissionError
from ..html_tables import Cell, html_table, number


MAX_FILE_BYTES = 64 << 20  # about nine seeds of the largest setting
_MAX_FILES = 80  # nine settings: up to six folds, each with predictions and truth
_BY_NAME = "By the names of the files"
_MILLION = 1_000_000
_HELP = """Upload predictions for the **test** part of every fold of a setting, in one of two formats:

- Parquet: one table per setting, named after it (`crema_d.parquet`, `improv_p.parquet`), with the columns
  `utterance_id`, `fold` (from 1), `probability_<class>` for each class, and `seed` if there are several.
- The text files of EMO-SUPERB's code: `test_fold1_predict.txt` and so on, one per fold; choose their setting below.

A file may have 64 MB. The text below may be left out if a `system.json` is among the files."""


def receive(
    store: ResultsStore,
    protocol: Protocol,
    label_dir: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    setting: str | None,
    facts: Mapping[str, Any],
) -> Entry:
    """
    Check an upload, score it and add it to the store.

    Args:
        store ([`~hf_emotion.benchmark.results.store.ResultsStore`]): Where results are kept.
        protocol ([`~hf_emotion.benchmark.protocol.Protocol`]): The benchmark.
        label_dir (`str` or `os.PathLike`): Folder of the published label files.
        files (`Sequence`): Paths of the uploaded files, given by the server.
        setting (`str`, *optional*): What the files are predictions for, if their names do not say so.
        facts (`Mapping[str, Any]`): Fields of `system.json`, which are used unless such a file is among the others;
            None and `""` count as absent.

    Raises:
        SubmissionError: It is refused; `problems` says why.
    """
    if problems := _problems_of_files(files):
        raise SubmissionError(problems)
    names = [Path(file).name for file in files]
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    with tempfile.TemporaryDirectory(prefix="submission_") as folder:
        for file, name in zip(files, names, strict=True):
            shutil.copyfile(file, Path(folder) / name)
        return submit(
            folder, protocol, label_dir, store, setting=setting, facts=None if SYSTEM_FILE in names else known
        )


def accepted_html(entry: Entry) -> str:
    """The scores of an accepted submission."""
    rows = [
        [
            Cell(name, name),
            number(scores["macro_f1"]),
            Cell("{:.3f} to {:.3f}".format(*scores["interval"]), scores["interval"][0]),
            number(scores.get("calibration_error")),
        ]
        for name, scores in entry.settings.items()
    ]
    table = html_table(
        ["Setting", "Macro-F1", "95 % interval", "Calibration error"], rows, f"Scores of {entry.system}"
    )
    text = f"Accepted: {entry.system} is in the table now, as {entry.id}."
    return f'<div class="result" role="status"><p class="notice success">{escape(text)}</p>{table}</div>'


def refused_html(problems: Sequence[str]) -> str:
    """All problems of a submission."""
    listed = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    head = f"Refused; nothing was added. {len(problems)} problem{'s' * (len(problems) != 1)}:"
    return f'<div class="result" role="alert"><div class="notice error"><p>{head}</p><ul>{listed}</ul></div></div>'


def build_submit_tab(
    store: ResultsStore,
    protocol: Protocol,
    label_dir: str | os.PathLike[str] | None,
) -> Any:
    """
    Lay out the tab.

    Returns:
        The event after which the table is to be read again; None where no submissions are taken.
    """
    import gradio as gr

    if label_dir is None:
        gr.Markdown(
            "This leaderboard takes no uploads, as it has no label files to score them against. Score predictions on "
            "your own machine with `hf-emotion benchmark submit`, and send the result to the owner."
        )
        return None
    gr.Markdown(_HELP)
    names = [item.name for item in protocol.settings]
    with gr.Row(elem_classes="controls"):
        files = gr.File(
            label="Files: .parquet, .txt, system.json",
            file_count="multiple",
            file_types=[".parquet", ".txt", ".json"],
            height=180,
            elem_id="files",
            min_width=280,
        )
        with gr.Column(min_width=280):
            setting = gr.Dropdown([_BY_NAME, *names], value=_BY_NAME, label="Setting", elem_id="submitted_setting")
            name = gr.Textbox(label="Name of the system", max_lines=1, max_length=80, elem_id="submitted_name")
            submitted_by = gr.Textbox(label="Submitted by (optional)", max_lines=1, max_length=100)
    with gr.Accordion("More about the system (optional)", open=False), gr.Row(elem_classes="controls"):
        encoder = gr.Textbox(
            label="Encoder", info="Its id on the Hub", placeholder="microsoft/wavlm-large", max_lines=1
        )
        size = gr.Textbox(label="Parameters in millions", placeholder="317", max_lines=1)
        paper = gr.Textbox(label="Paper", max_lines=1, max_length=300)
        code = gr.Textbox(label="Code", placeholder="https://", max_lines=1, max_length=300)
        notes = gr.Textbox(label="Notes", lines=2, max_lines=6, max_length=2000)
    gr.Markdown("What you submit becomes public, the predictions included.")
    button = gr.Button("Check, score and add", variant="primary", elem_id="submit")
    result = gr.HTML(elem_id="result", apply_default_css=False)

    def handle(paths, chosen, system, by, encoder_id, millions, reference, address, remarks):
        try:
            facts = {
                "name": system,
                "submitted_by": by,
                "encoder": encoder_id,
                "num_parameters": _parameters(millions),
            }
            facts |= {"paper": reference, "code": address, "notes": remarks}
            known = None if chosen == _BY_NAME else chosen
            entry = receive(store, protocol, label_dir, paths or [], known, facts)
        except SubmissionError as error:
            return refused_html(error.problems)
        except (OSError, ValueError) as error:  # such as labels that this leaderboard lacks
            return refused_html([str(error)])
        return accepted_html(entry)

    inputs = [files, setting, name, submitted_by, encoder, size, paper, code, notes]
    return button.click(handle, inputs, result, api_visibility="private", concurrency_limit=1)


def _problems_of_files(files: Sequence[str | os.PathLike[str]]) -> list[str]:
    names = [Path(file).name for file in files]
    if not files:
        return ["There are no files. Choose those with the predictions."]
    if len(files) > _MAX_FILES:
        return [f"{len(files)} files are more than a submission needs: {_MAX_FILES} at most."]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        return [f"Several files are called {', '.join(repeated)}. Submit settings with text files one at a time."]
    return []


def _parameters(millions: str | None) -> int | None:
    if not millions or not millions.strip():
        return None
    try:
        return round(float(millions) * _MILLION)
    except (OverflowError, ValueError) as error:
        raise SubmissionError(
            [f"Parameters in millions must be a number such as 317, found {millions[:80]!r}."]
        ) from error
