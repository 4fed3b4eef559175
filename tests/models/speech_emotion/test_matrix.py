"""Every encoder family with every pooling and conditioning, and these with each other: from a config to the pipeline.

`HF_EMOTION_FULL_MATRIX=1` runs the whole product instead, as `python -m tests.models.speech_emotion.full_matrix` does.
"""

import os

import pytest
import torch

from hf_emotion.models.speech_emotion.configuration_speech_emotion import HEADS, POOLINGS

from .full_matrix import (
    CONDITIONINGS,
    DEPTHS,
    LAYERS,
    NUM_DIMENSIONS,
    ROWS,
    TOLERANCE,
    Cell,
    all_cells,
    facts_of_saved,
    pairwise_cells,
    problem_of,
    run_cells,
    train_two_steps,
    write_cell,
)
from .tiny_encoders import padded_batch, tiny_model


pytestmark = pytest.mark.usefixtures("one_thread")

CELLS = all_cells() if os.environ.get("HF_EMOTION_FULL_MATRIX") else pairwise_cells()
# two, for two workers: each has a fresh process
HALVES = {"even_rows": list(ROWS)[::2], "odd_rows": list(ROWS)[1::2]}


@pytest.mark.parametrize("rows", HALVES.values(), ids=HALVES)
def test_cells_train_reload_bit_equal_without_the_package_run_in_the_pipeline_and_ignore_padding(rows, tmp_path):
    facts = run_cells([cell for cell in CELLS if cell.row in rows], tmp_path)
    assert {cell.row for cell in facts} == set(rows)
    assert not {str(cell): problem for cell, of in facts.items() if (problem := problem_of(of))}


@pytest.mark.parametrize("cells", [pairwise_cells(), all_cells()], ids=["pairwise", "all"])
def test_every_pair_of_row_pooling_and_conditioning_and_every_other_value_of_every_row_is_in_the_matrix(cells):
    values = {"row": set(ROWS), "pooling": set(POOLINGS), "conditioning": set(CONDITIONINGS)}
    others = {"layer": set(LAYERS), "head": set(HEADS), "num_dimensions": {0, NUM_DIMENSIONS}}
    others["num_frame_layers"] = set(DEPTHS)
    for first, second in [("row", "pooling"), ("row", "conditioning"), ("pooling", "conditioning")]:
        pairs = {(getattr(cell, first), getattr(cell, second)) for cell in cells}
        assert len(pairs) == len(values[first]) * len(values[second])
    for name, wanted in others.items():
        for row in ROWS:
            assert {getattr(cell, name) for cell in cells if cell.row == row} == wanted


def test_part_that_does_not_learn_and_loss_that_is_not_finite_are_noticed():
    batch, _ = padded_batch("wavlm-base")
    inputs = batch | {"labels": torch.tensor([0, 1])}
    model = tiny_model("wavlm-base")
    model.freeze_feature_encoder()
    with pytest.raises(AssertionError, match=r"did not change \['speech_encoder.feature_extractor'\]"):
        train_two_steps(model, inputs)
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    with pytest.raises(AssertionError, match="the loss is nan"):
        train_two_steps(model, inputs)


def test_fresh_process_notices_other_outputs_other_clips_and_missing_code(tmp_path):
    names = ["as_saved", "other_outputs", "other_clips", "no_code"]
    folders = {name: tmp_path / "cells" / name for name in names}
    for folder in folders.values():
        write_cell(Cell("wavlm-base", "mean", "gender film"), folder)
    saved = torch.load(folders["as_saved"] / "cell.pt")
    other_outputs = [outputs * (1 + 2e-7) for outputs in saved["outputs"]]
    torch.save(saved | {"outputs": other_outputs}, folders["other_outputs"] / "cell.pt")
    torch.save(saved | {"alone": saved["alone"][::-1]}, folders["other_clips"] / "cell.pt")
    (folders["no_code"] / "pooling_speech_emotion.py").unlink()
    facts = facts_of_saved(tmp_path)
    assert problem_of(facts["as_saved"]) is None
    assert not facts["other_outputs"]["is_bit_equal"]
    assert facts["other_clips"]["is_bit_equal"]
    assert facts["other_clips"]["batch_difference"] > TOLERANCE
    assert "pooling_speech_emotion" in facts["no_code"]["error"]


def test_differences_above_the_tolerance_and_other_failures_are_problems():
    good = {"is_bit_equal": True, "batch_difference": 1e-6, "pipeline_difference": 0.0}
    assert problem_of(good) is None
    changes = [{"is_bit_equal": False}, {"batch_difference": 2e-5}, {"pipeline_difference": float("nan")}]
    for change in [*changes, {"error": "ImportError: hf_emotion"}]:
        assert problem_of(good | change)
