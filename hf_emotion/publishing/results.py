"""Pushing scores: a store of benchmark results, or the reports of runs as one table."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import CommitInfo, DatasetCardData

from ..benchmark.results.store import ENTRIES_DIR, ResultsStore
from ..cards.card_check import card_problems
from ..cards.model_card_text import table
from ..cards.templates import render_template
from ..evaluation.report import load_metrics
from ..run_record import CORPORA_FILE, METRICS_FILE
from .folders import read_json, to_json
from .upload import CARD_FILE, Upload


SCORES_FILE = "scores.parquet"
_INTERVALS = ("uar", "macro_f1", "accuracy")
_SCORES = ("uar", "macro_f1", "accuracy", "weighted_f1", "micro_f1", "eer", "ece", "chance_level")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("run", "corpus", "split", "split_hash")),
        *((name, pa.float64()) for name in _SCORES),
        *((f"{name}_{end}", pa.float64()) for name in _INTERVALS for end in ("low", "high")),
        *((f"uar_{gender}", pa.float64()) for gender in ("female", "male")),
        *((name, pa.int64()) for name in ("num_utterances", "num_speakers", "num_classes")),
    ]
)


def push_results(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> CommitInfo | list[str]:
    """
    Push scores to a dataset repository.

    Args:
        folder (`str` or `os.PathLike`):
            A results store (see [`~hf_emotion.benchmark.results.store.ResultsStore`]), whose entries are added to
            those in the repository, one commit each; or the folder of a run, or of several runs, whose reports become
            a table with a row for each run and corpus, and replace the table that is there.
        repo_id (`str`):
            Dataset repository `owner/name`. It is created if need be.
        private, token:
            As in [`~hf_emotion.publishing.model.push_model`].
        revision (`str`, *optional*):
            Branch to push to; of reports of runs only.
        options:
            `commit_message` and the `licence` of the table; of reports of runs only.

    Returns:
        `huggingface_hub.CommitInfo`: The commit; for a store, a `list[str]` of the ids of entries that were added.

    Raises:
        `FileNotFoundError`: If the folder holds no results.
        `ValueError`: If a report or an entry is damaged, or `revision` is given for a store.
        `PermissionError`, `ConnectionError`: See [`~hf_emotion.publishing.model.push_model`].

    Example:

    ```python
    >>> from hf_emotion.publishing import push_results
    >>> push_results("outputs/exhubert", "me/exhubert-scores")  # doctest: +SKIP

    ```
    """
    if is_results_store(Path(folder)):
        if revision is not None:
            raise ValueError("Entries of a results store go to the main branch: leave out the revision.")
        return ResultsStore(folder, reported=None).push(repo_id, token=token, private=private)
    return prepare_results(folder, repo_id, private=private, **options).push(token=token, revision=revision)


def prepare_results(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str = "Push results",
    licence: str | None = None,
) -> Upload:
    """
    Everything that [`push_results`] does with reports of runs before it uploads. Needs no network.

    Args and raised errors: as [`push_results`].
    """
    source = Path(folder)
    runs = run_folders(source)
    if not runs:
        raise FileNotFoundError(f"{source} holds no scores: there is no {METRICS_FILE} in it or below it.")
    reports = {name: _report(path) for name, path in runs.items()}
    rows = [row for name, report in reports.items() for row in _rows(name, report, _splits(runs[name]))]
    card = _card(repo_id, rows, licence)
    files: dict[str, Path | bytes] = {f"metrics/{name}.json": to_json(report) for name, report in reports.items()}
    return Upload(
        repo_id,
        {**files, SCORES_FILE: _parquet(rows), CARD_FILE: card.encode()},
        commit_message,
        repo_type="dataset",
        private=private,
        replaces=("metrics/*.json",),
        problems=card_problems(card, "dataset"),
    )


def is_results_store(folder: Path) -> bool:
    """Whether a folder is a store of benchmark results."""
    return any((folder / ENTRIES_DIR).glob("*.json"))


def run_folders(folder: Path) -> dict[str, Path]:
    """Folders with a report, by a name that tells them apart: the folder itself, or else all below it."""
    if (folder / METRICS_FILE).is_file():
        return {folder.resolve().name: folder}
    paths = sorted(path.parent for path in folder.rglob(METRICS_FILE))
    return {"_".join(path.relative_to(folder).parts): path for path in paths}


def _report(folder: Path) -> dict[str, Any]:
    path = folder / METRICS_FILE
    report = load_metrics(path)
    if not {"overall", "per_corpus", "per_corpus_gender"} <= set(report):
        raise ValueError(f"{path} is no report of hf-emotion: it has no per_corpus. `hf-emotion evaluate` writes one.")
    return report


def _splits(folder: Path) -> dict[str, Mapping[str, Any]]:
    path = folder / CORPORA_FILE
    return {entry["name"]: entry.get("split") or {} for entry in read_json(path)} if path.is_file() else {}


def _rows(run: str, report: Mapping[str, Any], splits: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for corpus, part in report["per_corpus"].items():
        split, genders = splits.get(corpus, {}), report["per_corpus_gender"].get(corpus, {})
        row = {name: part.get(name) for name in _SCHEMA.names} | {"run": run, "corpus": corpus}
        row |= {"split": split.get("name"), "split_hash": split.get("hash")}
        for name in _INTERVALS:
            row[f"{name}_low"], row[f"{name}_high"] = part["intervals"][name] or (None, None)
        row |= {f"uar_{gender}": genders[gender]["uar"] for gender in ("female", "male") if gender in genders}
        rows.append(row)
    return rows


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), content)
    return content.getvalue()


def _card(repo_id: str, rows: list[dict[str, Any]], licence: str | None) -> str:
    data = DatasetCardData(
        license=licence,
        pretty_name=f"Scores of speech emotion recognition: {repo_id.split('/')[-1]}",
        task_categories=["audio-classification"],
        tags=["speech-emotion-recognition", "results", "hf-emotion"],
        configs=[
            {"config_name": "default", "data_files": [{"split": "test", "path": SCORES_FILE}]},
        ],
    )
    cells = [
        [row["run"], f"`{row['corpus']}`", _percent(row, "uar"), _percent(row, "macro_f1"), row["num_utterances"]]
        for row in rows
    ]
    header = ["run", "corpus", "UAR", "macro-F1", "utterances"]
    return render_template("results.md", metadata=data.to_yaml(), repo_id=repo_id, scores=table(header, cells))


def _percent(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "-"
    interval = (
        "" if row[f"{name}_low"] is None else f" [{100 * row[f'{name}_low']:.1f}, {100 * row[f'{name}_high']:.1f}]"
    )
    return f"{100 * row[name]:.1f}{interval}"
