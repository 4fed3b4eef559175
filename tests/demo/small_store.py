"""A small leaderboard: the paper's figures, and rows with predictions on a generated CREMA-D."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hf_emotion.benchmark.results.entries import Entry
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.benchmark.scores import setting_scores
from hf_emotion.benchmark.soft_predictions import decisions_of, decisions_table, labels_of, soft_predictions_table


CLASSES = ("angry", "sad", "disgust", "fear", "neutral", "happy")
SETTING = "CREMA-D"
NUM_SPEAKERS, NUM_UTTERANCES = 12, 8
# A name that is HTML, a template, a formula, and starts as matplotlib's hidden lines do.
HOSTILE_NAME = "_<img src=x onerror=alert(1)> ${1+1} {{value}} $\\frac{x$"


def fold_table(fold: int, skill: float, seed: int = 0) -> pd.DataFrame:
    """Predictions on a fold. With a skill of 1 they are the labels."""
    generator = np.random.default_rng(fold)
    speakers = [f"{1000 * fold + index}" for index in range(NUM_SPEAKERS) for _ in range(NUM_UTTERANCES)]
    rows = pd.DataFrame(
        {
            "utterance_id": [f"{speaker}_{index:03d}.wav" for index, speaker in enumerate(speakers)],
            "speaker_id": speakers,
            "gender": ["female" if int(speaker) % 2 else "male" for speaker in speakers],
        }
    )
    labels, noise = (
        drawing.dirichlet(np.full(len(CLASSES), 0.3), size=len(rows))
        for drawing in (generator, np.random.default_rng([fold, seed + 1]))
    )
    return soft_predictions_table(rows, labels, skill * labels + (1 - skill) * noise, CLASSES)


def decided(table: pd.DataFrame) -> pd.DataFrame:
    """The same table as the text format has it: without probabilities."""
    return decisions_table(table, labels_of(table), decisions_of(table), CLASSES)


def add_row(
    store: ResultsStore, key: str, skill: float, *, seeds: Sequence[int] = (0,), is_soft: bool = True, **facts: Any
) -> Entry:
    """Add a row with predictions on two folds; `facts` are fields of the entry."""
    folds = {fold: [fold_table(fold, skill, seed) for seed in seeds] for fold in (1, 2)}
    if not is_soft:
        folds = {fold: [decided(table) for table in tables] for fold, tables in folds.items()}
    fields = {"system": key, "origin": "measured", "protocol": "emo_superb_code", "num_parameters": 94.4} | facts
    return store.add(
        Entry(id=key, settings={SETTING: setting_scores(folds, num_resamples=50)}, **fields), {SETTING: folds}
    )


def small_store(folder: str | os.PathLike) -> ResultsStore:
    """The paper's rows and four others."""
    store = ResultsStore(folder)
    weights = {SETTING: np.random.default_rng(0).dirichlet(np.ones(13)).tolist()}
    add_row(store, "hubert-base", 0.15, system="HuBERT base, random", layer_weights=weights, seeds=(0, 1))
    add_row(store, "apc", 0.6, system="APC from scratch", num_parameters=4.0, facts={"notes": "half of the actors"})
    add_row(store, "hostile", 0.4, system=HOSTILE_NAME, origin="submitted", facts={"submitted_by": "<b>me</b>"})
    add_row(store, "decisions", 0.3, origin="submitted", num_parameters=None, is_soft=False)
    return store
