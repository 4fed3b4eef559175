"""Ensembles of predictions: what the folder says, agreement of the members, and the order that must not matter."""

import json

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard

from hf_emotion.ensembles.ensemble import (
    METHODS,
    EnsembleMember,
    build_ensemble,
    load_ensemble,
    load_member,
    load_member_predictions,
)
from hf_emotion.evaluation.predictions import (
    DIMENSIONS,
    load_predictions,
    predicted_dimensions,
    predictions_table,
    save_predictions,
)
from hf_emotion.evaluation.report import evaluate_predictions, load_metrics
from hf_emotion.metrics import load_metric
from hf_emotion.run_record import is_finished
from tests.prediction_tables import random_predictions


CLASSES = ["anger", "joy", "sadness"]


def table(part, seed, skill=2.0, size=60, classes=CLASSES):
    """Predictions of a made-up member; part and size fix utterances and labels, the seed fixes its errors."""
    labels = np.random.default_rng([size, len(part)]).integers(len(classes), size=size)
    logits = np.random.default_rng([seed, size]).standard_normal((size, len(classes))) + skill * np.eye(3)[labels]
    rows = [
        {"utterance_id": f"{part}{n:03d}", "corpus": "toy", "speaker_id": f"{part}{n % 5}", "gender": "female"}
        for n in range(size)
    ]
    return predictions_table(rows, labels=labels, classes=classes, logits=logits)


def member(name, seed=None, skill=2.0):
    seed = ord(name[0]) if seed is None else seed
    return EnsembleMember(name, table("validation", seed, skill), table("test", seed, skill, size=40))


@pytest.fixture
def members():
    return [member("a", skill=1.0), member("b", skill=2.0), member("c", skill=1.5)]


class TestFolder:
    def test_it_is_a_finished_run(self, members, tmp_path):
        record = build_ensemble(members, tmp_path / "sum")
        assert is_finished(tmp_path / "sum")
        assert {path.name for path in (tmp_path / "sum").iterdir()} == {
            "README.md", "confusion_matrix_toy.png", "corpora.json", "ensemble.json", "environment.json",
            "metrics.json", "predictions.parquet", "validation_predictions.parquet",
        }  # fmt: skip
        assert json.loads((tmp_path / "sum" / "ensemble.json").read_text()) == record

    def test_its_predictions_are_the_weighted_sums_and_its_metrics_theirs(self, members, tmp_path):
        record = build_ensemble(members, tmp_path / "sum")
        weights = [entry["weight"] for entry in record["members"]]
        found = load_predictions(tmp_path / "sum" / "predictions.parquet")
        columns = [f"probability_{name}" for name in CLASSES]
        expected = sum(weight * m.test[columns].to_numpy() for weight, m in zip(weights, members, strict=True))
        np.testing.assert_allclose(found[columns], expected, rtol=1e-12)
        report = load_metrics(tmp_path / "sum" / "metrics.json")
        assert report == evaluate_predictions(found)
        ids = {name: CLASSES.index(name) for name in CLASSES}
        score = load_metric("macro_f1").compute(
            predictions=found["prediction"].map(ids), references=found["label"].map(ids)
        )
        assert record["scores"]["test"]["methods"]["weighted"]["macro_f1"] == pytest.approx(score["macro_f1"])

    def test_the_card_says_what_the_ensemble_is_and_how_it_runs(self, members, tmp_path):
        record = build_ensemble(members, tmp_path / "sum")
        card = ModelCard.load(tmp_path / "sum" / "README.md")
        assert card.data.library_name == "hf-emotion"
        assert 'load_recognizer("sum")' in card.content
        assert 'pipeline("audio-classification"' not in card.content
        assert f"| weight of `b` | {record['members'][1]['weight']:.4f} (validation log_loss" in card.content
        assert "weights by SLSQP" in card.content

    def test_hashes_tell_parts_apart(self, members, tmp_path):
        record = build_ensemble(members, tmp_path / "one")
        again = build_ensemble(members[::-1], tmp_path / "two")
        assert record["splits"] == again["splits"]
        assert record["splits"]["validation"]["num_utterances"] == 60
        assert record["splits"]["validation"]["hash"] != record["splits"]["test"]["hash"]

    def test_a_folder_with_a_run_is_not_overwritten(self, members, tmp_path):
        build_ensemble(members, tmp_path / "sum")
        before = (tmp_path / "sum" / "ensemble.json").read_text()
        with pytest.raises(ValueError, match="holds a run already"):
            build_ensemble(members[:1], tmp_path / "sum")
        assert (tmp_path / "sum" / "ensemble.json").read_text() == before

    def test_an_ensemble_of_tables_does_not_run(self, members, tmp_path):
        build_ensemble(members, tmp_path / "sum")
        assert "`a`, `b`, `c` were given as predictions" in (tmp_path / "sum" / "README.md").read_text()
        with pytest.raises(ValueError, match="Member 'b' of .* was given as predictions"):
            load_ensemble(tmp_path / "sum")

    def test_a_folder_without_an_ensemble_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no ensemble"):
            load_ensemble(tmp_path)


class TestWeights:
    @pytest.mark.parametrize("objective", ["log_loss", "soft_macro_f1", "macro_f1"])
    @pytest.mark.parametrize("method", ["weighted", "greedy"])
    def test_the_validation_objective_is_never_worse_than_that_of_the_best_member(
        self, method, objective, members, tmp_path
    ):
        if (method, objective) == ("weighted", "macro_f1"):
            with pytest.raises(ValueError, match="changes in steps"):
                build_ensemble(members, tmp_path / "sum", method=method, objective=objective)
            assert not (tmp_path / "sum").exists()
            return
        record = build_ensemble(members, tmp_path / "sum", method=method, objective=objective)
        found = record["scores"]["validation"]
        sign = 1 if record["higher_is_better"] else -1
        best = max(sign * scores[objective] for scores in found["members"].values())
        assert sign * found["methods"][method][objective] >= best

    @pytest.mark.parametrize("method", METHODS)
    def test_the_order_of_the_members_does_not_matter(self, method, members, tmp_path):
        straight = build_ensemble(members, tmp_path / "one", method=method)
        permuted = build_ensemble([members[2], members[0], members[1]], tmp_path / "two", method=method)
        weights = [{entry["name"]: entry["weight"] for entry in record["members"]} for record in (straight, permuted)]
        assert weights[1] == pytest.approx(weights[0], abs=1e-3)
        first, second = (load_predictions(tmp_path / name / "predictions.parquet") for name in ("one", "two"))
        columns = [f"probability_{name}" for name in CLASSES]
        np.testing.assert_allclose(first[columns], second[columns], atol=1e-3)

    @pytest.mark.parametrize("method", ["weighted", "greedy", "mean"])
    def test_one_member_stays_what_it_is(self, method, members, tmp_path):
        record = build_ensemble(members[:1], tmp_path / "one", method=method)
        assert [entry["weight"] for entry in record["members"]] == [1.0]
        assert record["diversity"]["pairs"] == []
        pd.testing.assert_frame_equal(load_predictions(tmp_path / "one" / "predictions.parquet"), members[0].test)

    def test_identical_members_are_worth_one(self, members, tmp_path):
        twins = [EnsembleMember(name, members[0].validation, members[0].test) for name in ("x", "y")]
        record = build_ensemble(twins, tmp_path / "twins")
        found = load_predictions(tmp_path / "twins" / "predictions.parquet")
        columns = [f"probability_{name}" for name in CLASSES]
        np.testing.assert_allclose(found[columns], members[0].test[columns])
        assert record["diversity"]["pairs"][0]["disagreement"] == 0

    def test_a_member_that_says_one_class_with_certainty_gets_nothing(self, members, tmp_path):
        def certain(frame):
            frame = frame.copy()
            frame[[f"probability_{name}" for name in CLASSES]] = [1.0, 0.0, 0.0]
            return frame.assign(prediction="anger")

        degenerate = EnsembleMember("stuck", certain(members[0].validation), certain(members[0].test))
        record = build_ensemble([degenerate, *members], tmp_path / "sum")
        assert record["members"][0]["weight"] < 0.01
        assert sum(entry["weight"] for entry in record["members"]) == pytest.approx(1)

    def test_the_test_part_has_no_say(self, members, tmp_path):
        others = [EnsembleMember(m.name, m.validation, table("test", 99, size=40)) for m in members]
        records = [build_ensemble(members, tmp_path / "one"), build_ensemble(others, tmp_path / "two")]
        assert records[0]["members"] == records[1]["members"]

    @pytest.mark.parametrize(("option", "value"), [("method", "stacking"), ("objective", "accuracy")])
    def test_unknown_options_are_refused_with_the_known_ones(self, option, value, members, tmp_path):
        with pytest.raises(ValueError, match=f"{option}='{value}' is unknown; choose one of .*"):
            build_ensemble(members, tmp_path / "sum", **{option: value})


class TestAgreement:
    def test_rows_and_classes_may_come_in_any_order(self, members, tmp_path):
        def turned(frame):
            other = frame.sample(frac=1, random_state=0)
            return other[[*other.columns[:7], *other.columns[:6:-1]]]

        twin = EnsembleMember("twin", turned(members[1].validation), turned(members[1].test))
        record = build_ensemble([members[1], twin], tmp_path / "sum")
        scores = record["scores"]["test"]["members"]
        assert scores["twin"] == pytest.approx(scores["b"])
        found = load_predictions(tmp_path / "sum" / "predictions.parquet")
        pd.testing.assert_frame_equal(found, members[1].test)

    def test_other_classes_are_named(self, members, tmp_path):
        other = EnsembleMember("other", table("validation", 0, classes=["anger", "joy", "fear"]), members[0].test)
        with pytest.raises(
            ValueError, match=r"a and other .* classes: \['sadness'\] only in the first, \['fear'\] only"
        ):
            build_ensemble([members[0], other], tmp_path / "sum")

    @pytest.mark.parametrize("part", ["validation", "test"])
    def test_other_utterances_are_named(self, part, members, tmp_path):
        tables = {"validation": members[1].validation, "test": members[1].test}
        tables[part] = tables[part].iloc[1:]
        with pytest.raises(ValueError, match=rf"a and b differ in their {part} utterances: 1 \(toy/{part}000\) only"):
            build_ensemble([members[0], EnsembleMember("b", **tables)], tmp_path / "sum")

    def test_the_same_id_in_another_corpus_is_another_utterance(self, members, tmp_path):
        moved = EnsembleMember("b", members[1].validation.assign(corpus="game"), members[1].test)
        with pytest.raises(ValueError, match=r"60 \(toy/.*, \.\.\.\) only in the first, 60 \(game/"):
            build_ensemble([members[0], moved], tmp_path / "sum")

    def test_other_labels_are_named(self, members, tmp_path):
        relabelled = members[1].test.copy()
        was = relabelled.loc[3, "label"]
        relabelled.loc[3, "label"] = now = next(name for name in CLASSES if name != was)
        with pytest.raises(ValueError, match=f"labels of 1 of 40 test utterances, first toy/test003: {was} and {now}"):
            build_ensemble([members[0], EnsembleMember("b", members[1].validation, relabelled)], tmp_path / "sum")

    def test_weights_are_not_fitted_on_test_utterances(self, members, tmp_path):
        leaky = [EnsembleMember(m.name, m.test, m.test) for m in members]
        with pytest.raises(ValueError, match=r"share utterances: 40 \(toy/test000.*too good"):
            build_ensemble(leaky, tmp_path / "sum")

    def test_members_need_names_of_their_own(self, members, tmp_path):
        with pytest.raises(ValueError, match="Two members are called 'a'"):
            build_ensemble([members[0], members[0]], tmp_path / "sum")

    def test_no_member_is_no_ensemble(self, tmp_path):
        with pytest.raises(ValueError, match="at least one member"):
            build_ensemble([], tmp_path / "sum")


class TestDimensions:
    @staticmethod
    def members(*dimensions):
        """One member for each tuple of dimensions, with the same utterances and ratings."""
        found = []
        for number, names in enumerate(dimensions):
            parts = [
                random_predictions({corpus: (5, size)}, seed=number, dimensions=DIMENSIONS, languages={corpus: "fa"})
                for corpus, size in (("validation", 60), ("test", 40))
            ]
            dropped = [column for name in DIMENSIONS if name not in names for column in (name, f"predicted_{name}")]
            found.append(EnsembleMember(f"m{number}", *(part.drop(columns=dropped) for part in parts)))
        return found

    @pytest.mark.parametrize("method", METHODS)
    def test_ratings_are_weighted_as_the_probabilities(self, method, tmp_path):
        members = self.members(DIMENSIONS, DIMENSIONS, DIMENSIONS)
        record = build_ensemble(members, tmp_path / "sum", method=method)
        weights = [entry["weight"] for entry in record["members"]]
        found = load_predictions(tmp_path / "sum" / "predictions.parquet")
        for name in DIMENSIONS:
            column = f"predicted_{name}"
            expected = sum(weight * m.test[column] for weight, m in zip(weights, members, strict=True))
            np.testing.assert_allclose(found[column], expected)
            np.testing.assert_array_equal(found[name], members[0].test[name])
        assert found["language"].unique().tolist() == ["fa"]
        report = load_metrics(tmp_path / "sum" / "metrics.json")
        assert report["overall"]["dimensions"].keys() == set(DIMENSIONS)
        card = (tmp_path / "sum" / "README.md").read_text()
        assert "the ensemble answers with classes; arousal, valence, dominance were only scored" in card

    def test_dimensions_that_a_member_lacks_are_left_out_with_a_warning(self, tmp_path, caplog):
        build_ensemble(self.members(DIMENSIONS, ("valence",)), tmp_path / "sum")
        found = load_predictions(tmp_path / "sum" / "predictions.parquet")
        assert predicted_dimensions(found) == ["valence"]
        assert "does not predict arousal on the test parts: m1 does not" in caplog.text
        assert "valence on" not in caplog.text

    def test_members_without_dimensions_are_no_reason_to_warn(self, members, tmp_path, caplog):
        build_ensemble(members, tmp_path / "sum")
        assert "does not predict" not in caplog.text

    def test_other_ratings_are_named(self, tmp_path):
        first, second = self.members(DIMENSIONS, DIMENSIONS)
        second.test.loc[3, "valence"] = 99
        with pytest.raises(ValueError, match="m0 and m1 differ in the valence of 1 of 40 test utterances.* and 99"):
            build_ensemble([first, second], tmp_path / "sum")

    def test_tables_without_a_language_are_members(self, members, tmp_path):
        older = [
            EnsembleMember(m.name, *(t.drop(columns="language") for t in (m.validation, m.test))) for m in members
        ]
        build_ensemble(older, tmp_path / "sum")
        assert load_predictions(tmp_path / "sum" / "predictions.parquet")["language"].isna().all()


class TestLoading:
    def test_a_run_is_read_from_its_folder(self, members, tmp_path):
        save_predictions(members[0].test, tmp_path / "run" / "predictions.parquet")
        with pytest.raises(FileNotFoundError, match="no validation_predictions.parquet.*--eval_split validation"):
            load_member(tmp_path / "run")
        save_predictions(members[0].validation, tmp_path / "run" / "validation_predictions.parquet")
        found = load_member(tmp_path / "run")
        assert (found.name, found.folder) == ("run", tmp_path / "run")
        pd.testing.assert_frame_equal(found.validation, members[0].validation)
        with pytest.raises(FileNotFoundError, match=f"Did you mean {tmp_path}/run?"):
            load_member(tmp_path)

    def test_tables_are_members_without_a_folder(self, members, tmp_path):
        save_predictions(members[0].test, tmp_path / "t.parquet")
        save_predictions(members[0].validation, tmp_path / "v.parquet")
        found = load_member_predictions(tmp_path / "v.parquet", tmp_path / "t.parquet")
        assert (found.name, found.folder) == ("t", None)

    def test_an_ensemble_can_be_a_member(self, members, tmp_path):
        build_ensemble(members[:2], tmp_path / "inner")
        inner = load_member(tmp_path / "inner")
        record = build_ensemble([inner, members[2]], tmp_path / "outer")
        assert [entry["path"] for entry in record["members"]] == ["../inner", None]
