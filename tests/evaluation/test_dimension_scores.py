"""Concordance of emotion dimensions: from the table over the report to terminal and card."""

import doctest

import numpy as np
import pandas as pd
import pytest

from hf_emotion.evaluation import dimension_scores as module
from hf_emotion.evaluation.dimension_scores import dimension_scores, format_dimensions
from hf_emotion.evaluation.predictions import check_predictions, predicted_dimensions, predictions_table
from hf_emotion.evaluation.report import (
    evaluate_predictions,
    format_report,
    load_metrics,
    load_predictions,
    save_metrics,
    save_predictions,
)
from hf_emotion.metrics import load_metric
from hf_emotion.metrics.confidence_interval import bootstrap_interval
from tests.prediction_tables import CLASSES, random_predictions


DIMENSIONS = ("arousal", "valence", "dominance")
ROWS = [{"utterance_id": f"u{index}", "corpus": "toy"} for index in range(3)]


def _concordance(rows, name):
    metric = load_metric("concordance_correlation_coefficient")
    predicted, rated = rows[f"predicted_{name}"].tolist(), rows[name].tolist()
    (score,) = metric.compute(predictions=predicted, references=rated).values()
    return score


def _table(ratings, predicted, rows=ROWS):
    return predictions_table(
        rows,
        labels=[0] * len(rows),
        classes=["joy"],
        probabilities=np.ones((len(rows), 1)),
        ratings=ratings,
        predicted_ratings=predicted,
    )


@pytest.fixture(scope="module")
def frame():
    """`one` and `two` (two speakers) are rated, `three` is not."""
    sizes = {"one": (8, 160), "two": (2, 50), "three": (5, 50)}
    return random_predictions(sizes, dimensions=DIMENSIONS, unrated=["three"])


@pytest.fixture(scope="module")
def report(frame):
    return evaluate_predictions(frame)


def test_documentation_examples_run():
    assert doctest.testmod(module).failed == 0


class TestTable:
    def test_ratings_stand_beside_their_predictions_in_a_fixed_order(self):
        table = _table({"valence": [1, 2, None], "arousal": [3, 4, 5]}, {"valence": [1, 1, 1], "arousal": [2, 2, 2]})
        assert list(table.columns[-4:]) == ["arousal", "predicted_arousal", "valence", "predicted_valence"]
        assert predicted_dimensions(table) == ["arousal", "valence"]
        assert table["valence"].tolist()[:2] == [1.0, 2.0]
        assert np.isnan(table["valence"][2])

    def test_a_table_without_dimensions_has_no_such_columns(self):
        assert predicted_dimensions(_table(None, None)) == []
        assert not {"arousal", "predicted_arousal"} & set(_table({}, {}).columns)

    @pytest.mark.parametrize(
        ("ratings", "predicted", "message"),
        [
            ({"arousal": [1, 2, 3]}, None, r"`ratings` hold the dimensions \['arousal'\], `predicted_ratings` \[\]"),
            ({"arousal": [1, 2, 3]}, {"valence": [1, 2, 3]}, r"\['valence'\]; pass both for the same ones"),
            ({"anger": [1, 2, 3]}, {"anger": [1, 2, 3]}, "out of arousal, valence, dominance"),
            ({"arousal": [1, 2]}, {"arousal": [1, 2, 3]}, r"as many values in `arousal`, found the shape \(2,\)"),
            ({"arousal": [1, 2, 3]}, {"arousal": [[1], [2], [3]]}, r"`predicted_arousal`, found the shape \(3, 1\)"),
            ({"arousal": [1, 2, 3]}, {"arousal": [1, None, 3]}, "`predicted_arousal` of 1 of 3 .* first 'u1'"),
            ({"arousal": [1, 2, np.inf]}, {"arousal": [1, 2, 3]}, "`arousal` of 1 of 3 .* first 'u2'"),
        ],
    )
    def test_ratings_that_do_not_fit_are_refused(self, ratings, predicted, message):
        with pytest.raises(ValueError, match=message):
            _table(ratings, predicted)

    @pytest.mark.parametrize("column", ["arousal", "predicted_arousal"])
    def test_half_a_dimension_is_refused(self, frame, column):
        with pytest.raises(ValueError, match=f"lacks the column `{column}`: a dimension needs"):
            check_predictions(frame.drop(columns=column), CLASSES)

    def test_ratings_survive_the_disk(self, frame, report, tmp_path):
        save_predictions(frame, tmp_path / "predictions.parquet")
        loaded = load_predictions(tmp_path / "predictions.parquet")
        pd.testing.assert_frame_equal(loaded, frame)
        assert evaluate_predictions(loaded) == report
        save_metrics(report, tmp_path / "metrics.json")
        assert load_metrics(tmp_path / "metrics.json") == report


class TestScores:
    def test_they_are_those_of_the_metric_over_rated_utterances(self, frame, report):
        rated = frame[frame["corpus"] != "three"]
        for name in DIMENSIONS:
            assert report["overall"]["dimensions"][name]["ccc"] == pytest.approx(_concordance(rated, name))
            one = report["per_corpus"]["one"]["dimensions"][name]
            rows = frame[frame["corpus"] == "one"]
            assert one["ccc"] == pytest.approx(_concordance(rows, name))
            assert one["pearson"] == pytest.approx(rows[name].corr(rows[f"predicted_{name}"]))
            assert one["mae"] == pytest.approx((rows[name] - rows[f"predicted_{name}"]).abs().mean())

    def test_only_rated_utterances_count(self, report):
        overall = report["overall"]["dimensions"]["arousal"]
        assert (overall["num_utterances"], overall["num_speakers"]) == (210, 10)
        assert report["per_corpus"]["three"]["dimensions"] == {}
        assert report["per_gender"]["female"]["dimensions"]["arousal"]["num_utterances"] == 80 + 25

    def test_some_ratings_of_a_corpus_may_be_unknown(self, frame):
        rows = frame[frame["corpus"] == "one"].copy()
        rows.loc[rows.index[:150], "valence"] = np.nan
        scores = dimension_scores(rows)
        assert scores["valence"]["num_utterances"] == 10
        assert scores["valence"]["ccc"] == pytest.approx(_concordance(rows[150:], "valence"))
        rows.loc[rows.index[:159], "valence"] = np.nan
        assert "valence" not in dimension_scores(rows)

    def test_the_mean_over_corpora_counts_each_the_same(self, report):
        mean = report["mean_corpus_dimensions"]["arousal"]
        parts = [report["per_corpus"][name]["dimensions"]["arousal"]["ccc"] for name in ("one", "two")]
        assert mean["ccc"] == pytest.approx(np.mean(parts))
        assert mean["num_corpora"] == 2
        assert mean["interval"][0] < mean["ccc"] < mean["interval"][1]

    def test_intervals_resample_speakers_as_those_of_the_recall(self, frame, report):
        entry = report["per_corpus"]["one"]["dimensions"]["arousal"]
        assert entry["interval_unit"] == report["per_corpus"]["one"]["interval_unit"] == "speaker"
        assert report["per_corpus"]["two"]["dimensions"]["arousal"]["interval_unit"] == "utterance"
        assert report["overall"]["dimensions"]["arousal"]["interval_unit"] == "speaker or utterance"
        rows = frame[frame["corpus"] == "one"]
        expected = bootstrap_interval(
            lambda truth, guess: 1 - ((truth - guess) ** 2).mean()
            / (truth.var() + guess.var() + (truth.mean() - guess.mean()) ** 2),
            rows["arousal"].to_numpy(),
            rows["predicted_arousal"].to_numpy(),
            groups=rows["speaker_id"].tolist(),
            num_resamples=2000,
        )  # fmt: skip
        assert entry["interval"] == pytest.approx([expected.low, expected.high], abs=0.02)

    def test_a_corpus_gets_the_same_numbers_in_any_company(self, frame, report):
        alone = evaluate_predictions(frame[frame["corpus"] == "one"])
        assert alone["overall"]["dimensions"] == report["per_corpus"]["one"]["dimensions"]
        assert (
            alone["mean_corpus_dimensions"]["arousal"]["interval"]
            == alone["overall"]["dimensions"]["arousal"]["interval"]
        )

    def test_the_order_of_rows_does_not_matter(self, frame, report):
        assert evaluate_predictions(frame.sample(frac=1, random_state=0)) == report

    def test_a_constant_model_has_a_score_of_zero(self):
        report = evaluate_predictions(_table({"arousal": [1.1, 2.2, 3.3]}, {"arousal": [2.2] * 3}))
        entry = report["overall"]["dimensions"]["arousal"]
        assert entry["ccc"] == 0
        assert entry["pearson"] is None

    def test_equal_constants_have_no_score(self):
        report = evaluate_predictions(_table({"arousal": [2.2] * 3}, {"arousal": [2.2] * 3}))
        entry = report["overall"]["dimensions"]["arousal"]
        assert (entry["ccc"], entry["interval"], report["mean_corpus_dimensions"]) == (None, None, {})
        assert "arousal   toy                     -" in format_dimensions(report)


class TestTerminal:
    def test_dimensions_have_a_block_of_their_own(self, report):
        text = format_report(report)
        assert max(map(len, text.splitlines())) <= 80
        entry = report["per_corpus"]["one"]["dimensions"]["arousal"]
        low, high = entry["interval"]
        line = next(line for line in text.splitlines() if line.startswith("arousal"))
        assert line.split() == [
            "arousal", "one", f"{entry['ccc']:.3f}", f"[{low:.3f},", f"{high:.3f}]", f"{entry['pearson']:.3f}",
            f"{entry['mae']:.3f}", "160", "8",
        ]  # fmt: skip
        assert f"mean of 2 corpora   {report['mean_corpus_dimensions']['valence']['ccc']:.3f}" in text

    def test_without_dimensions_there_is_no_block(self):
        report = evaluate_predictions(random_predictions({"one": (5, 50)}))
        assert report["overall"]["dimensions"] == report["mean_corpus_dimensions"] == {}
        assert "CCC" not in format_report(report)

    def test_a_single_corpus_has_one_line_per_dimension(self):
        text = format_dimensions(
            evaluate_predictions(random_predictions({"one": (5, 50)}, dimensions=DIMENSIONS), num_resamples=20)
        )
        assert [line.split()[:2] for line in text.splitlines()[2:-1]] == [[name, "one"] for name in DIMENSIONS]

    def test_reports_of_older_versions_can_be_shown(self, report):
        older = report | {
            "overall": {name: value for name, value in report["overall"].items() if name != "dimensions"}
        }
        assert "CCC" not in format_report(older)

    def test_wide_scales_fit_as_well(self):
        frame = random_predictions({"a_corpus_with_an_endless_name": (2, 60), "two": (2, 80)}, dimensions=DIMENSIONS)
        columns = [column for name in DIMENSIONS for column in (name, f"predicted_{name}")]
        frame[columns] *= -1000
        frame["predicted_valence"] *= -1
        assert max(map(len, format_report(evaluate_predictions(frame, num_resamples=20)).splitlines())) <= 80
