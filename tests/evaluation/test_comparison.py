"""Two runs on the same utterances: matched, scored, tested."""

import doctest
import json

import numpy as np
import pandas as pd
import pytest

from hf_emotion.evaluation import comparison
from hf_emotion.evaluation.comparison import compare_predictions, format_comparison, load_run_predictions, paired_table
from hf_emotion.evaluation.predictions import predictions_table, save_predictions
from hf_emotion.evaluation.report import evaluate_predictions, save_metrics
from hf_emotion.metrics import concordance_statistics
from tests.prediction_tables import CLASSES, random_predictions


@pytest.fixture(scope="module")
def runs():
    """The second run is better; corpus `two` has two speakers only."""
    sizes = {"one": (12, 240), "two": (2, 40)}
    return random_predictions(sizes, skill=0.8, seed=0), random_predictions(sizes, skill=1.6, seed=1)


@pytest.fixture(scope="module")
def report(runs):
    return compare_predictions(*runs, names=("before", "after"))


def test_documentation_examples_run():
    assert doctest.testmod(comparison).failed == 0


def test_scores_are_those_of_the_evaluation(runs, report):
    evaluated = [evaluate_predictions(frame, num_resamples=10) for frame in runs]
    for run, expected in zip(("a", "b"), evaluated, strict=True):
        for metric in ("uar", "macro_f1", "accuracy"):
            assert report["overall"]["metrics"][metric][run] == pytest.approx(expected["overall"][metric])
            assert report["per_corpus"]["one"]["metrics"][metric][run] == pytest.approx(
                expected["per_corpus"]["one"][metric]
            )
        assert report["mean_of_corpora"]["uar"][run] == pytest.approx(expected["mean_corpus_uar"]["value"])
        recall = {name: entry[run] for name, entry in report["overall"]["recall"].items()}
        assert recall == pytest.approx(expected["overall"]["recall"])


def test_a_better_run_is_found_better(report):
    entry = report["overall"]["metrics"]["uar"]
    assert entry["difference"] == pytest.approx(entry["b"] - entry["a"])
    assert 0 < entry["interval"][0] < entry["difference"] < entry["interval"][1]
    assert entry["p_value"] < 0.01


def test_the_order_of_runs_changes_the_sign_and_nothing_else(runs, report):
    other = compare_predictions(*reversed(runs))["per_corpus"]["one"]["metrics"]["uar"]
    entry = report["per_corpus"]["one"]["metrics"]["uar"]
    assert other["difference"] == pytest.approx(-entry["difference"])
    assert other["p_value"] == pytest.approx(entry["p_value"], abs=0.002)


def test_speakers_are_the_unit_where_there_are_three(report):
    assert {name: part["unit"] for name, part in report["per_corpus"].items()} == {
        "one": "speaker",
        "two": "utterance",
    }
    assert report["overall"]["num_units"] == 12 + 40
    assert report["overall"]["num_speakers"] == 14


def test_a_corpus_gets_the_same_numbers_in_any_company(runs, report):
    alone = compare_predictions(*(frame[frame["corpus"] == "one"] for frame in runs))
    assert alone["overall"]["metrics"] == {
        name: {key: value for key, value in entry.items() if key != "p_value_holm"}
        for name, entry in report["per_corpus"]["one"]["metrics"].items()
    }
    assert alone["mean_of_corpora"] is None


def test_the_order_of_rows_does_not_matter(runs, report):
    shuffled = [frame.sample(frac=1, random_state=seed) for seed, frame in enumerate(runs)]
    assert compare_predictions(*shuffled, names=("before", "after")) == report


def test_adjusted_p_values_are_holms(report):
    p_values = [part["metrics"]["uar"]["p_value"] for part in report["per_corpus"].values()]
    adjusted = [part["metrics"]["uar"]["p_value_holm"] for part in report["per_corpus"].values()]
    assert min(adjusted) == pytest.approx(min(1, 2 * min(p_values)))
    assert max(adjusted) == pytest.approx(max(2 * min(p_values), max(p_values)))


def test_a_class_without_references_has_no_difference():
    frames = [random_predictions({"one": (4, 40)}, seed=seed, classes=CLASSES[:3]) for seed in (0, 1)]
    for frame in frames:
        frame["probability_disgust"] = 0.0
    assert compare_predictions(*frames)["overall"]["recall"]["disgust"] is None


def test_classes_in_another_order_are_the_same_classes(runs, report):
    columns = [name for name in runs[1].columns if not name.startswith("probability_")]
    turned = runs[1][[*columns, *(f"probability_{name}" for name in reversed(CLASSES))]]
    assert compare_predictions(runs[0], turned, names=("before", "after")) == report


def test_different_utterances_are_counted_and_refused(runs):
    with pytest.raises(ValueError, match=r"277 .* \(only in A: 3, first 'one_0' of one\)\. .*--intersect"):
        paired_table(runs[0], runs[1].iloc[3:])


def test_intersect_compares_common_utterances(runs):
    report = compare_predictions(runs[0].iloc[:-2], runs[1].iloc[3:], intersect=True)
    assert report["overall"]["num_utterances"] == 275
    assert report["settings"]["num_left_out"] == 5
    assert "5 utterances left out" in format_comparison(report)


def test_runs_without_common_utterances_cannot_be_compared(runs):
    with pytest.raises(ValueError, match="0 utterances in common.*tested on different corpora"):
        paired_table(runs[0], runs[1].assign(corpus="else"), intersect=True)


@pytest.mark.parametrize(("column", "value"), [("label", "anger"), ("speaker_id", "nobody")])
def test_contradicting_annotations_are_refused(runs, column, value):
    other = runs[1].copy()
    rows = other.index[(other[column] != value)][:2]
    other.loc[rows, column] = value
    with pytest.raises(ValueError, match=f"disagree on the {column} of 2 of 280 common utterances"):
        compare_predictions(runs[0], other)


def test_a_speaker_that_one_run_does_not_know_is_taken_from_the_other(runs, report):
    unknown = runs[0].assign(speaker_id=None)
    assert compare_predictions(unknown, runs[1], names=("before", "after")) == report


def test_an_unknown_metric_is_refused(runs):
    with pytest.raises(ValueError, match=r"no metric \['eer'\] to compare; choose from uar, macro_f1, accuracy"):
        compare_predictions(*runs, metrics=["eer"])


def test_the_table_fits_a_terminal_and_says_what_was_done(report):
    text = format_comparison(report)
    assert max(map(len, text.splitlines())) <= 80
    entry = report["per_corpus"]["one"]["metrics"]["uar"]
    line = next(line for line in text.splitlines() if line.startswith("one"))
    assert f"{100 * entry['a']:.1f}" in line
    assert f"{100 * entry['difference']:+.1f}" in line
    assert line.split()[-2:] == ["240", "12"]
    assert "A: before\nB: after" in text
    assert "Fewer than 10 known speakers in 1 of 2 corpora" in text  # those of `two`


def test_the_report_can_be_written(report, tmp_path):
    save_metrics(report, tmp_path / "comparison.json")
    assert json.loads((tmp_path / "comparison.json").read_text())["runs"] == {"a": "before", "b": "after"}


def test_a_run_is_a_folder_or_a_file(runs, tmp_path):
    save_predictions(runs[0], tmp_path / "predictions.parquet")
    pd.testing.assert_frame_equal(load_run_predictions(tmp_path), runs[0])
    pd.testing.assert_frame_equal(load_run_predictions(tmp_path / "predictions.parquet"), runs[0])
    with pytest.raises(FileNotFoundError, match="Name a run folder that holds predictions.parquet"):
        load_run_predictions(tmp_path / "nothing")


class TestDimensions:
    @pytest.fixture(scope="class")
    def rated(self):
        sizes = {"one": (12, 240), "two": (2, 40), "three": (5, 40)}
        options = {"dimensions": ("arousal", "valence"), "unrated": ["three"], "languages": {"one": "fa"}}
        return [random_predictions(sizes, skill=skill, seed=seed, **options) for seed, skill in enumerate((0.5, 2.0))]

    @pytest.fixture(scope="class")
    def report(self, rated):
        return compare_predictions(*rated)

    def test_scores_are_those_of_the_evaluation(self, rated, report):
        assert list(report["dimensions"]) == ["arousal", "valence"]
        for run, frame in zip(("a", "b"), rated, strict=True):
            expected = evaluate_predictions(frame, num_resamples=10)
            for name, entries in report["dimensions"].items():
                assert list(entries["per_corpus"]) == ["one", "two"]
                one = expected["per_corpus"]["one"]["dimensions"][name]
                assert entries["per_corpus"]["one"][run] == pytest.approx(one["ccc"])
                assert entries["overall"][run] == pytest.approx(expected["overall"]["dimensions"][name]["ccc"])
                mean = expected["mean_corpus_dimensions"][name]["ccc"]
                assert entries["mean_of_corpora"][run] == pytest.approx(mean)

    def test_a_better_run_is_found_better(self, report):
        entry = report["dimensions"]["arousal"]["per_corpus"]["one"]
        assert 0 < entry["interval"][0] < entry["difference"] < entry["interval"][1]
        assert entry["p_value"] < 0.01
        assert entry["p_value"] <= entry["p_value_holm"] <= 2 * entry["p_value"]
        assert (entry["num_utterances"], entry["num_speakers"], entry["unit"]) == (240, 12, "speaker")
        assert report["dimensions"]["arousal"]["per_corpus"]["two"]["unit"] == "utterance"

    def test_equal_runs_do_not_differ(self, rated):
        entry = compare_predictions(rated[0], rated[0])["dimensions"]["arousal"]["overall"]
        assert [entry["difference"], *entry["interval"]] == pytest.approx([0, 0, 0], abs=1e-12)
        assert entry["p_value"] == 1

    def test_few_speakers_are_exchanged_in_all_ways(self, rated):
        """Three speakers on whom the second run is much better: 2 of 8 exchanges are as extreme."""
        frames = [frame[frame["speaker_id"].isin(["s1", "s2", "s3"]) & (frame["corpus"] == "one")] for frame in rated]
        entry = compare_predictions(*frames)["dimensions"]["arousal"]["overall"]
        assert entry["is_exact"]
        assert entry["p_value"] == pytest.approx(0.25)

    def test_portions_do_not_change_the_result(self, rated, report, monkeypatch):
        monkeypatch.setattr(concordance_statistics, "_DRAWS_AT_ONCE", 500)
        found = compare_predictions(*rated)["dimensions"]["valence"]["overall"]
        expected = report["dimensions"]["valence"]["overall"]
        assert found["interval"] == pytest.approx(expected["interval"])
        assert found["p_value"] == pytest.approx(expected["p_value"], abs=0.01)

    def test_a_corpus_gets_the_same_numbers_in_any_company(self, rated, report):
        alone = compare_predictions(*(frame[frame["corpus"] == "one"] for frame in rated))["dimensions"]["arousal"]
        together = report["dimensions"]["arousal"]["per_corpus"]["one"]
        assert alone["overall"] == {key: value for key, value in together.items() if key != "p_value_holm"}
        assert alone["mean_of_corpora"] is None

    def test_only_dimensions_of_both_runs_are_compared(self, rated):
        fewer = rated[1].drop(columns=["arousal", "predicted_arousal"])
        assert list(compare_predictions(rated[0], fewer)["dimensions"]) == ["valence"]

    def test_dimensions_without_a_defined_score_are_left_out(self, rated):
        stuck = [frame.assign(arousal=2.0, predicted_arousal=2.0) for frame in rated]
        assert list(compare_predictions(*stuck)["dimensions"]) == ["valence"]

    def test_other_ratings_are_refused(self, rated):
        other = rated[1].copy()
        other.loc[0, "valence"] += 1
        with pytest.raises(ValueError, match="disagree on the valence of 1 of 320 common utterances"):
            compare_predictions(rated[0], other)

    def test_the_table_keeps_languages_and_fits_a_terminal(self, rated, report):
        pairs = paired_table(rated[0].drop(columns="language"), rated[1])
        assert pairs["language"].value_counts().to_dict() == {"fa": 240}
        text = format_comparison(report)
        assert max(map(len, text.splitlines())) <= 80
        line = next(line for line in text.partition("valence CCC")[2].splitlines() if line.startswith("one"))
        entry = report["dimensions"]["valence"]["per_corpus"]["one"]
        assert f"{100 * entry['difference']:+.1f} [" in line
        assert line.split()[-2:] == ["240", "12"]

    def test_reports_of_older_versions_can_be_shown(self, report):
        assert "CCC" not in format_comparison({key: value for key, value in report.items() if key != "dimensions"})


def test_hand_computed_p_value_of_a_small_corpus():
    """Three speakers, each better by one of four answers: 2 of 8 exchanges are as extreme, p = 0.25."""
    rows = [
        {"utterance_id": f"{speaker}{index}", "corpus": "toy", "speaker_id": speaker}
        for speaker in "abc"
        for index in range(4)
    ]
    labels = [0, 0, 1, 1] * 3
    tables = [
        predictions_table(rows, labels=labels, classes=["joy", "fear"], probabilities=np.eye(2)[guess * 3])
        for guess in ([0, 1, 1, 0], [0, 0, 1, 0])
    ]
    entry = compare_predictions(*tables)["overall"]["metrics"]["uar"]
    assert (entry["a"], entry["b"], entry["is_exact"]) == (0.5, 0.75, True)
    assert entry["p_value"] == pytest.approx(0.25)
    assert entry["interval"] == [0.25, 0.25]
