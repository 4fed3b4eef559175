"""Predictions of segments become predictions of files: means of probabilities, one row for each file."""

import datasets
import numpy as np
import pytest

from hf_emotion.data.segmentation import segment_dataset
from hf_emotion.evaluation.file_predictions import aggregate_segments
from hf_emotion.evaluation.predictions import METADATA_COLUMNS, predictions_table
from hf_emotion.evaluation.report import evaluate_predictions
from tests.tiny_training import LABELS, tiny_model, tiny_trainer, write_corpora


CLASSES = ["sad", "joy"]


def table_of(rows, labels, probabilities):
    metadata = [{"utterance_id": name, "corpus": corpus, "speaker_id": speaker} for name, corpus, speaker in rows]
    return predictions_table(metadata, labels=labels, classes=CLASSES, probabilities=probabilities)


def test_probabilities_are_averaged_file_by_file_in_order_of_occurrence():
    rows = [("b#0", "x", "s1"), ("a#0", "x", None), ("b#1", "x", "s1"), ("b#2", "x", "s1")]
    scores = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.4, 0.6]]
    files = aggregate_segments(table_of(rows, ["joy", "joy", "joy", "joy"], scores), ["b", "a", "b", "b"])
    assert files["utterance_id"].tolist() == ["b", "a"]
    # two of three segments of b say joy, their mean says sad
    assert files["probability_sad"].tolist() == pytest.approx([1.7 / 3, 0.2])
    assert files["prediction"].tolist() == ["sad", "joy"]
    assert files["label"].tolist() == ["joy", "joy"]
    assert files["speaker_id"].tolist()[0] == "s1"
    assert files["speaker_id"].isna().tolist() == [False, True]


def test_ratings_are_averaged_too():
    metadata = [{"utterance_id": f"a#{index}", "corpus": "x", "language": "fa"} for index in range(3)]
    table = predictions_table(
        metadata,
        labels=["joy"] * 3,
        classes=CLASSES,
        probabilities=[[0.5, 0.5]] * 3,
        ratings={"arousal": [2.0, 2.0, None], "valence": [None] * 3},
        predicted_ratings={"arousal": [1.0, 2.0, 6.0], "valence": [0.0, 1.0, 2.0]},
    )
    (row,) = aggregate_segments(table, ["a", "a", "a"]).to_dict("records")
    assert (row["arousal"], row["predicted_arousal"], row["predicted_valence"]) == (2.0, 3.0, 1.0)
    assert np.isnan(row["valence"])
    assert row["language"] == "fa"


def test_tables_without_a_language_are_averaged():
    table = table_of([("a#0", "x", "s"), ("a#1", "x", "s")], ["sad", "sad"], [[0.9, 0.1], [0.2, 0.8]])
    files = aggregate_segments(table.drop(columns="language"), ["a", "a"])
    assert files["language"].isna().all()


def test_equal_ids_of_different_corpora_are_different_files():
    table = table_of([("a#0", "x", "s"), ("a#0", "y", "s")], ["sad", "joy"], [[0.9, 0.1], [0.2, 0.8]])
    files = aggregate_segments(table, ["a", "a"])
    assert files[["corpus", "label"]].values.tolist() == [["x", "sad"], ["y", "joy"]]


def test_files_of_one_segment_stay_what_they_are():
    table = table_of([("a", "x", "s"), ("b", "x", "t")], ["sad", "joy"], [[0.9, 0.1], [0.2, 0.8]])
    assert aggregate_segments(table, ["a", "b"]).equals(table)


def test_different_labels_in_a_file_are_refused_by_name():
    table = table_of([("a#0", "x", "s"), ("a#1", "x", "s")], ["sad", "joy"], [[0.9, 0.1], [0.2, 0.8]])
    with pytest.raises(ValueError, match="segments of 'a' of x have 2 different labels"):
        aggregate_segments(table, ["a", "a"])


def test_a_wrong_number_of_file_ids_is_refused():
    table = table_of([("a#0", "x", "s")], ["sad"], [[0.9, 0.1]])
    with pytest.raises(ValueError, match="1 rows of segments need as many file ids, found 2"):
        aggregate_segments(table, ["a", "a"])


def test_training_and_prediction_on_segments_end_in_a_report_of_files(tmp_path):
    corpora = write_corpora(tmp_path / "corpora", {"alba": 12})
    segments = {name: segment_dataset(rows, 0.15, 0.1, 0.1) for name, rows in corpora.items()}
    trainer = tiny_trainer(tmp_path / "run", segments, tiny_model(), max_steps=2)
    trainer.train()
    rows = datasets.concatenate_datasets(list(segments.values()))
    assert len(rows) > 12
    output = trainer.predict(rows)
    metadata = rows.to_pandas().reindex(columns=list(METADATA_COLUMNS))
    table = predictions_table(metadata, labels=output.label_ids.tolist(), classes=LABELS, logits=output.predictions)
    files = aggregate_segments(table, rows["file_id"][:])
    assert files["utterance_id"].tolist() == corpora["alba"]["utterance_id"][:]
    assert evaluate_predictions(files, num_resamples=10)["overall"]["num_utterances"] == 12
