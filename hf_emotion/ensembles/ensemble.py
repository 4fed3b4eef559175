"""Ensembles of finished runs: weights fitted on their validation predictions, scored on the test parts, and a folder
with the record of a run that [`load_ensemble`] makes callable on audio."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..cards.model_card import CorpusUse, RunFacts, build_model_card
from ..evaluation.plots import save_report_figures
from ..evaluation.predictions import PREDICTIONS_FILE, VALIDATION_PREDICTIONS_FILE, save_predictions
from ..evaluation.report import evaluate_predictions, save_metrics
from ..recognition import ENSEMBLE_FILE, load_ensemble
from ..run_record import (
    CARD_FILE,
    CORPORA_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    environment,
    is_finished,
    launch_command,
    lineage,
)
from . import weights as weighting
from .members import (
    EnsembleMember,
    EnsemblePart,
    aligned_parts,
    load_member,
    load_member_predictions,
)


__all__ = [
    "METHODS",
    "EnsembleMember",
    "build_ensemble",
    "load_ensemble",
    "load_member",
    "load_member_predictions",
]

METHODS = {
    "weighted": "weighted sum of probabilities, weights by SLSQP",
    "greedy": "weighted sum of probabilities, weights by greedy forward selection",
    "mean": "mean of probabilities",
    "vote": "majority vote",
}


def build_ensemble(
    members: Sequence[EnsembleMember],
    output_dir: str | Path,
    *,
    method: str = "weighted",
    objective: str = "log_loss",
    num_restarts: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """
    Fit weights on the validation predictions of the members, score the ensemble on the test parts, and write
    `predictions.parquet`, `validation_predictions.parquet`, `metrics.json`, figures, `ensemble.json`, `corpora.json`,
    `environment.json` and the card `README.md` into `output_dir`, as a training run does. The card is written last.

    With the methods `"weighted"` and `"greedy"` the objective on the validation parts is never worse than that of the
    best member. Nothing of the test parts has a say in the weights.

    Args:
        members (`Sequence[EnsembleMember]`): One or more; the names must differ.
        output_dir (`str` or `pathlib.Path`): Folder to write; it must not hold a run.
        method (`str`, *optional*, defaults to `"weighted"`): `"weighted"` (see
            [`~hf_emotion.ensembles.weights.optimise_weights`]), `"greedy"` (see
            [`~hf_emotion.ensembles.weights.greedy_weights`]), `"mean"` or `"vote"`.
        objective (`str`, *optional*, defaults to `"log_loss"`): `"log_loss"`, `"soft_macro_f1"`, or `"macro_f1"`,
            which `"weighted"` cannot follow.
        num_restarts (`int`, *optional*, defaults to 8): Random starts of the solver.
        seed (`int`, *optional*, defaults to 0): Seed of the starts and of the bootstrap.

    Returns:
        `dict`: The content of `ensemble.json`: `method`, `objective`, `classes`, `members` (name, folder, weight,
        hashes of their splits), `splits` (size and hash of the validation and the test part), `scores` of the members
        and of all methods on both parts, and `diversity` of the members on the validation part.

    Raises:
        ValueError: Members differ in classes, utterances or labels; parts overlap; an option cannot work.
    """
    folder = Path(output_dir)
    _check_options(method, objective)
    if is_finished(folder) or (folder / ENSEMBLE_FILE).is_file():
        raise ValueError(f"{folder} holds a run already. Choose another output_dir, or delete the folder.")
    validation, test = aligned_parts(members)
    weights = _all_weights(validation, method, objective, num_restarts, seed)
    record = {
        "method": method,
        "objective": objective,
        "higher_is_better": weighting.OBJECTIVES[objective].higher_is_better,
        "num_restarts": num_restarts,
        "seed": seed,
        "classes": validation.classes,
        "members": [
            _member_entry(member, weight, folder) for member, weight in zip(members, weights[method], strict=True)
        ],
        "splits": {
            part.name: {"num_utterances": len(part.metadata), "hash": part.hash} for part in (validation, test)
        },
        "scores": {part.name: _scores(part, weights, objective) for part in (validation, test)},
        "diversity": _diversity(validation),
    }
    _write(
        folder, members, record, validation.combined(weights[method], method), test.combined(weights[method], method)
    )
    return record


def _check_options(method: str, objective: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; choose one of {', '.join(METHODS)}.")
    if objective not in weighting.OBJECTIVES:
        raise ValueError(f"objective={objective!r} is unknown; choose one of {', '.join(weighting.OBJECTIVES)}.")


def _all_weights(
    part: EnsemblePart, method: str, objective: str, num_restarts: int, seed: int
) -> dict[str, np.ndarray]:
    """Weights by each method; the solver is left out where it is not asked for and cannot follow the objective."""
    goal = weighting.OBJECTIVES[objective](part.probabilities, part.labels)
    uniform = np.full(len(part.members), 1 / len(part.members))
    found = {"greedy": weighting.greedy_weights(goal), "mean": uniform, "vote": uniform}
    if method == "weighted" or isinstance(goal, weighting.SmoothObjective):
        found["weighted"] = weighting.optimise_weights(goal, num_restarts=num_restarts, seed=seed)
    return {name: found[name] for name in METHODS if name in found}


def _scores(part: EnsemblePart, weights: dict[str, np.ndarray], objective: str) -> dict[str, Any]:
    members = {
        name: weighting.scores(probabilities, part.labels, objective)
        for name, probabilities in zip(part.members, part.probabilities, strict=True)
    }
    methods = {
        name: weighting.scores(weighting.combine(part.probabilities, values, name), part.labels, objective)
        for name, values in weights.items()
    }
    return {"members": members, "methods": methods}


def _diversity(part: EnsemblePart) -> dict[str, Any]:
    pairs = weighting.pairwise_diversity(part.probabilities, part.labels, part.members)
    plain = pairs.astype(object).where(pairs.notna(), None)
    return {
        "part": part.name,
        "pairs": plain.to_dict("records"),
        "oracle_accuracy": weighting.oracle_accuracy(part.probabilities, part.labels),
    }


def _member_entry(member: EnsembleMember, weight: float, folder: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": member.name, "path": None, "weight": float(weight), "split_hashes": {}}
    if member.folder is not None:
        # relative, so that the runs and their ensemble can be moved together
        entry["path"] = Path(os.path.relpath(member.folder.resolve(), folder.resolve())).as_posix()
        _, uses = lineage(str(member.folder), [])
        entry["split_hashes"] = {use.name: use.split.get("hash") for use in uses}
    return entry


def _write(
    folder: Path,
    members: Sequence[EnsembleMember],
    record: dict[str, Any],
    validation: pd.DataFrame,
    test: pd.DataFrame,
) -> None:
    report = evaluate_predictions(test, record["classes"], seed=record["seed"])
    folder.mkdir(parents=True, exist_ok=True)
    save_predictions(test, folder / PREDICTIONS_FILE)
    save_predictions(validation, folder / VALIDATION_PREDICTIONS_FILE)
    figures = save_report_figures(report, folder)
    origins, uses = _origins(members)
    versions = environment()
    for name, value in {
        ENSEMBLE_FILE: record,
        CORPORA_FILE: [vars(use) for use in uses],
        ENVIRONMENT_FILE: versions,
    }.items():
        text = json.dumps(value, indent=2, ensure_ascii=False, default=list, allow_nan=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    save_metrics(report, folder / METRICS_FILE)
    facts = RunFacts(
        model_id=re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or "ensemble",
        classes=record["classes"],
        base_model=origins[0] if len(origins) == 1 else None,
        corpora=uses,
        report=report,
        training=_card_facts(record),
        command=launch_command(),
        environment=versions,
        figures={caption: path.name for caption, path in figures.items()},
        limitations=_limitations(members, origins, list(report["overall"]["dimensions"])),
        library_name="hf-emotion",
    )
    build_model_card(facts).save(folder / CARD_FILE)


def _origins(members: Sequence[EnsembleMember]) -> tuple[list[str], list[CorpusUse]]:
    """What the members' training started from, and every corpus that one of them has seen."""
    origins: dict[str, None] = {}
    uses: dict[str, CorpusUse] = {}
    for member in members:
        if member.folder is None:
            continue
        origin, corpora = lineage(str(member.folder), [])
        if origin is not None and Path(origin) != member.folder:
            origins[origin] = None
        uses = {use.name: use for use in corpora} | uses
    return list(origins), list(uses.values())


def _card_facts(record: dict[str, Any]) -> dict[str, Any]:
    scores = record["scores"]["validation"]
    objective = record["objective"]
    facts = {"ensemble": METHODS[record["method"]]}
    for member in record["members"]:
        value = scores["members"][member["name"]][objective]
        facts[f"weight of `{member['name']}`"] = f"{member['weight']:.4f} (validation {objective} {value:.4f})"
    facts[f"validation {objective} of the ensemble"] = f"{scores['methods'][record['method']][objective]:.4f}"
    return facts


def _limitations(members: Sequence[EnsembleMember], origins: Sequence[str], dimensions: Sequence[str]) -> list[str]:
    found = ["An ensemble takes the time and memory of all its members with a weight above zero."]
    if tables := [f"`{member.name}`" for member in members if member.folder is None]:
        found.append(f"{', '.join(tables)} were given as predictions: the ensemble can be scored, but not be run.")
    if dimensions:
        found.append(f"Called on audio, the ensemble answers with classes; {', '.join(dimensions)} were only scored.")
    if len(origins) > 1:
        names = ", ".join(f"`{origin}`" for origin in origins)
        found.append(f"The members started from different models ({names}), whose licences apply as well.")
    return found
