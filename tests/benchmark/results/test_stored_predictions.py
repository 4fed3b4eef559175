"""Predictions in a results store: what comes back is what went in, and damage is named."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hf_emotion.benchmark.results.stored_predictions import (
    check_score,
    predictions_to_parquet,
    read_stored_predictions,
)
from hf_emotion.benchmark.soft_predictions import decisions_table, soft_predictions_table


CLASSES = ["angry", "sad"]
LABELS = np.array([[0.95, 0.05], [0.5, 0.5], [0.2, 0.8]])


def rows(prefix: str) -> pd.DataFrame:
    """Three utterances; of the last one, nothing is known."""
    ids = [f"{prefix}{number}" for number in range(3)]
    return pd.DataFrame({"utterance_id": ids, "speaker_id": ["1", "2", None], "gender": ["male", "female", None]})


@pytest.fixture
def soft():
    generator = np.random.default_rng(0)

    def table(prefix):
        angry = generator.random(3)
        return soft_predictions_table(rows(prefix), LABELS, np.stack([angry, 1 - angry], axis=1), CLASSES)

    return {1: [table("a"), table("a")], 2: [table("b"), table("b")]}


@pytest.fixture
def decided():
    return {1: [decisions_table(rows("a"), LABELS, LABELS > 0.5, CLASSES)]}


@pytest.mark.parametrize("kind", ["soft", "decided"])
def test_tables_come_back_to_the_last_bit(kind, tmp_path, request):
    folds = request.getfixturevalue(kind)
    path = tmp_path / "x.parquet"
    path.write_bytes(predictions_to_parquet("me", folds))
    found = read_stored_predictions(path, "me")
    assert set(found) == set(folds)
    for fold in folds:
        for table, expected in zip(found[fold], folds[fold], strict=True):
            pd.testing.assert_frame_equal(table, expected.astype(table.dtypes), check_exact=True)
            assert [value is None for value in table["gender"]] == [False, False, True]


def test_both_kinds_have_the_same_columns_and_types(soft, decided):
    schemas = [pq.read_schema(io.BytesIO(predictions_to_parquet("me", folds))) for folds in (soft, decided)]
    assert schemas[0].equals(schemas[1])
    assert schemas[0].names == [
        *("entry", "utterance_id", "speaker_id", "gender", "fold", "seed"),
        *("label_angry", "label_sad", "probability_angry", "probability_sad", "decision_angry", "decision_sad"),
    ]


def test_damage_is_named_with_the_file(soft, tmp_path):
    content, path = predictions_to_parquet("me", soft), tmp_path / "x.parquet"
    with pytest.raises(FileNotFoundError, match=r"lacks .*x\.parquet"):
        read_stored_predictions(path, "me")
    # a bit of a probability, in the middle of a page; its checksum tells
    place = content.index(np.float64(soft[1][0]["probability_angry"][1]).tobytes())
    flipped = bytes([content[place] ^ 1])
    for damaged in (content[:-10], b"", content[:place] + flipped + content[place + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"x\.parquet in the results store is damaged"):
            read_stored_predictions(path, "me")


def test_predictions_of_another_entry_are_refused(soft, tmp_path):
    (tmp_path / "x.parquet").write_bytes(predictions_to_parquet("other", soft))
    with pytest.raises(ValueError, match=r"it belongs to \['other'\]"):
        read_stored_predictions(tmp_path / "x.parquet", "me")


def test_a_score_must_be_that_of_the_predictions(decided):
    check_score(decided, 1 * (2 / 3 + 2 / 3) / 2 + 1 / 3, "me on x")  # all right at the threshold 1/2
    with pytest.raises(ValueError, match=r"me on x: macro-F1 is 0\.900000, but its predictions give 1\.000000"):
        check_score(decided, 0.9, "me on x")
