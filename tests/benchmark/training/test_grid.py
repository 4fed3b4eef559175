"""The grid of trainings: what is finished stays, what was killed goes on, what fails is told, and nothing is mixed."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from hf_emotion import run_record
from hf_emotion.benchmark.cells import Cell, read_cells
from hf_emotion.benchmark.protocol import load_protocol
from hf_emotion.benchmark.training import grid as training_grid
from hf_emotion.benchmark.training.grid import run_training_protocol
from hf_emotion.ensembles import ensemble
from hf_emotion.evaluation.report import load_metrics
from hf_emotion.run_record import is_finished
from tests.benchmark.training.toy_grid import CORPORA, draw_no_figures, write_protocol, write_toy


TOY_GRID = "tests.benchmark.training.toy_grid"


pytestmark = pytest.mark.usefixtures("quiet_training")


@pytest.fixture(scope="module")
def without_figures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_record, "save_report_figures", draw_no_figures)
        patch.setattr(ensemble, "save_report_figures", draw_no_figures)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, without_figures):
    folder = tmp_path_factory.mktemp("grid")
    write_toy(folder)
    return folder


@pytest.fixture(scope="module")
def toy(folder):
    return load_protocol(folder / "toy.yaml")


@pytest.fixture(scope="module")
def finished(folder, toy):
    """Output folder of the whole grid, trained without interruption, and the summary."""
    lines = []
    summary = run_training_protocol(toy, folder / "whole", on_progress=lines.append)
    return folder / "whole", summary, lines


def plain(toy):
    return toy.selected(systems=["plain"], settings=["Alba"])


def files(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def kept(record):
    """What a training has found, without what differs from call to call."""
    return {name: record[name] for name in ("scores", "intervals", "test", "classes", "split", "metric", "unit")}


def results(output_dir):
    return {result.cell: (kept(result.record), result.predictions()) for result in read_cells(output_dir)}


def assert_same(found, expected):
    assert set(found) <= set(expected)
    for cell, (record, predictions) in found.items():
        assert record == expected[cell][0]
        pd.testing.assert_frame_equal(predictions, expected[cell][1])


def test_each_cell_holds_the_scores_of_its_run(finished):
    output_dir, summary, lines = finished
    assert (summary.num_trained, summary.num_finished, summary.failures) == (8, 0, {})
    assert [line.split(":")[0] for line in lines[:2]] == ["[1/8] plain on Alba, seed 0", "[2/8] plain on Alba, seed 1"]
    cells = read_cells(output_dir)
    assert {result.cell for result in cells} == {
        Cell(system, setting, 1, seed)
        for system in ("plain", "slow")
        for setting in ("Alba", "Brio")
        for seed in (0, 1)
    }
    for result in cells:
        run_dir = output_dir / result.record["training"]["folder"]
        assert is_finished(run_dir)
        part = load_metrics(run_dir / "metrics.json")["overall"]
        assert result.record["scores"]["test"]["uar"] == part["uar"]
        assert result.record["intervals"]["uar"] == part["intervals"]["uar"]
        assert result.record["recipe"]["seed"] == result.cell.seed
        assert result.record["recipe"]["learning_rate"] == {"plain": 1e-2, "slow": 1e-4}[result.cell.system]
        assert result.predictions()["corpus"].unique() == [f"synthetic_{result.cell.setting.lower()}"]


def test_seeds_settings_and_systems_are_different_trainings(finished):
    probabilities = [
        tuple(predictions.filter(like="probability_").to_numpy().ravel())
        for _, predictions in results(finished[0]).values()
    ]
    assert len(set(probabilities)) == 8


def test_a_second_call_trains_nothing_and_touches_nothing(finished, toy):
    output_dir, *_ = finished
    before = files(output_dir)
    summary = run_training_protocol(toy, output_dir)
    assert (summary.num_trained, summary.num_finished) == (0, 8)
    elsewhere = {"cache_dir": "elsewhere", "dataloader_num_workers": 2}
    assert run_training_protocol(toy, output_dir, overrides=elsewhere).num_trained == 0
    assert files(output_dir) == before


def test_checkpoints_of_finished_trainings_are_deleted_unless_they_are_kept(finished, folder, toy):
    assert not list(finished[0].rglob("checkpoint-*"))
    only = plain(toy).selected(seeds=[0])
    run_training_protocol(only, folder / "kept", keep_checkpoints=True)
    assert sorted(path.name for path in (folder / "kept").rglob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    assert_same(results(folder / "kept"), results(finished[0]))


def test_a_grid_killed_within_a_training_goes_on_there(finished, folder, toy):
    output_dir = folder / "killed"
    command = [
        sys.executable,
        "-m",
        TOY_GRID,
        str(folder / "toy.yaml"),
        str(output_dir),
        "2",
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == -9, run.stderr
    assert [result.cell for result in read_cells(output_dir)] == [Cell("plain", "Alba", 1, 0)]
    killed = Cell("plain", "Alba", 1, 1).folder(output_dir)
    checkpoint = killed / "plain-alba" / "checkpoint-1"
    before = files(Cell("plain", "Alba", 1, 0).folder(output_dir)), files(checkpoint)

    summary = run_training_protocol(plain(toy), output_dir, keep_checkpoints=True)
    assert (summary.num_trained, summary.num_finished) == (1, 1)
    assert (files(Cell("plain", "Alba", 1, 0).folder(output_dir)), files(checkpoint)) == before
    assert (killed / "train.log").read_text().count("plain on Alba, seed 1") == 2
    assert_same(results(output_dir), results(finished[0]))


def test_a_grid_killed_before_a_cell_is_written_does_not_train_it_again(finished, folder, toy):
    output_dir = folder / "unwritten"
    only = plain(toy).selected(seeds=[0])
    run_training_protocol(only, output_dir)
    cell = Cell("plain", "Alba", 1, 0).folder(output_dir)
    (cell / "cell.json").unlink()
    before = files(cell / "plain-alba")
    assert run_training_protocol(only, output_dir).num_trained == 1
    assert files(cell / "plain-alba") == before
    assert_same(results(output_dir), results(finished[0]))


def test_two_processes_train_each_cell_together(folder, toy):
    values = yaml.safe_load((folder / "toy.yaml").read_text())
    values |= {"systems": values["systems"][:1], "seeds": [0], "name": "toy"}
    (folder / "two.yaml").write_text(yaml.safe_dump(values))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [
        sys.executable,
        *launcher,
        "-m",
        TOY_GRID,
        folder / "two.yaml",
        folder / "two",
    ]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("trained 2, finished before 0, failed {}") == 2  # both processes say the same
    cells = read_cells(folder / "two")
    assert [result.cell.setting for result in cells] == ["Alba", "Brio"]
    for result in cells:
        assert not result.predictions()["utterance_id"].duplicated().any()
        (split,) = result.record["split"].values()
        assert len(result.predictions()) == split["sizes"]["test"]
        card = (folder / "two" / result.record["training"]["folder"] / "README.md").read_text()
        assert "| batch size | 2 x 1 accumulated x 2 |" in card


def test_one_training_fills_the_cells_of_all_its_corpora(folder):
    path = write_protocol(
        folder / "shared.yaml",
        systems=[{"name": "plain", "config": str(folder / "plain.yaml")}],
        settings=[
            {"name": "Alba", "training": "both", "corpus": CORPORA[0]},
            {"name": "Brio", "training": "both", "corpus": CORPORA[1]},
            {"name": "F1", "training": "both", "metric": "macro_f1"},
            {"name": "Corda", "training": "both", "corpus": "synthetic_corda"},
        ],
    )
    summary = run_training_protocol(load_protocol(path), folder / "shared")
    assert summary.num_trained == 3
    assert summary.failures == {
        "plain, Corda": "plain on both, seed 0 tested nothing of synthetic_corda, which was not among its corpora."
    }
    report = load_metrics(folder / "shared" / "plain" / "both" / "fold_1_seed_0" / "plain-both" / "metrics.json")
    cells = {result.cell.setting: result for result in read_cells(folder / "shared")}
    assert set(cells) == {"Alba", "Brio", "F1"}
    for setting, corpus in zip(("Alba", "Brio"), CORPORA, strict=True):
        assert cells[setting].record["scores"]["test"]["uar"] == report["per_corpus"][corpus]["uar"]
        assert set(cells[setting].predictions()["corpus"]) == {corpus}
    assert cells["F1"].record["metric"] == "macro_f1"
    assert set(cells["F1"].predictions()["corpus"]) == set(CORPORA)
    assert len(list((folder / "shared").rglob("model.safetensors"))) == 1


def test_a_training_that_fails_is_told_and_the_others_are_trained(folder, toy):
    values = yaml.safe_load((folder / "toy.yaml").read_text())
    settings = values["settings"][:1]
    values["settings"] = [
        {"name": "Nowhere", "overrides": {"corpora": [{"name": "tess", "data_dir": "none"}]}},
        *settings,
    ]
    path = write_protocol(folder / "failing.yaml", **values | {"seeds": [0], "systems": values["systems"][:1]})
    lines = []
    for attempt in (1, 2):
        summary = run_training_protocol(load_protocol(path), folder / "failing", on_progress=lines.append)
        (name, reason), *others = summary.failures.items()
        assert (name, others) == ("plain on Nowhere, seed 0", [])
        assert "FileNotFoundError" in reason
        assert summary.num_finished == attempt - 1
        log = (folder / "failing" / "plain" / "nowhere" / "fold_1_seed_0" / "train.log").read_text()
        assert log.count("Traceback") == attempt
    assert [line.split(":")[0] for line in lines] == [
        "[1/2] plain on Nowhere, seed 0",
        "[2/2] plain on Alba, seed 0",
        "[1/1] plain on Nowhere, seed 0",
    ]


def test_what_failed_before_is_tried_last(folder, toy, monkeypatch):
    def fail(arguments):
        raise RuntimeError("no memory")

    monkeypatch.setattr(training_grid.train, "main", fail)
    first = plain(toy).selected(seeds=[0])
    assert run_training_protocol(first, folder / "later").failures
    lines = []
    run_training_protocol(plain(toy), folder / "later", on_progress=lines.append)
    assert lines == [
        "[1/2] plain on Alba, seed 1: failed: RuntimeError: no memory",
        "[2/2] plain on Alba, seed 0: failed: RuntimeError: no memory",
    ]


def test_cells_of_another_recipe_or_protocol_are_refused_by_name(finished, toy, folder):
    output_dir, *_ = finished
    before = files(output_dir)
    with pytest.raises(ValueError, match=r"plain/alba/fold_1_seed_0 was trained with another max_steps than plain on"):
        run_training_protocol(toy, output_dir, overrides={"max_steps": 9})
    other = write_protocol(folder / "other.yaml", **yaml.safe_load((folder / "toy.yaml").read_text()))
    with pytest.raises(ValueError, match="holds cells of 'toy'. Choose another folder for 'other'"):
        run_training_protocol(load_protocol(other), output_dir)
    assert files(output_dir) == before


def test_what_cannot_work_is_said_before_anything_is_trained(folder, toy):
    with pytest.raises(ValueError, match=r"plain on Alba, seed 0 cannot be trained.*'learning_rates'.*learning_rate"):
        run_training_protocol(toy, folder / "refused", overrides={"learning_rates": 1})
    with pytest.raises(ValueError, match="overrides: seed cannot be overridden"):
        run_training_protocol(toy, folder / "refused", overrides={"seed": 1})
    assert not list((folder / "refused").rglob("*.safetensors"))


def test_steps_of_an_experiment_become_an_ensemble(folder, toy):
    values = yaml.safe_load((folder / "plain.yaml").read_text())
    origin = {"config_name": values.pop("config_name"), "config_overrides": values.pop("config_overrides")}
    values["steps"] = [
        {"step_name": name, **origin, "learning_rate": rate} for name, rate in (("a", 1e-2), ("b", 1e-3))
    ]
    (folder / "steps.yaml").write_text(yaml.safe_dump(values))
    path = write_protocol(
        folder / "ensemble.yaml",
        settings=[{"name": "Both"}],
        systems=[{"name": "all", "config": str(folder / "steps.yaml"), "is_ensemble": True}],
    )
    summary = run_training_protocol(load_protocol(path), folder / "ensemble")
    assert (summary.num_trained, summary.failures) == (1, {})
    (cell,) = read_cells(folder / "ensemble")
    assert cell.record["training"]["folder"].endswith("all-both/b")
    members = json.loads((cell.folder / "ensemble" / "ensemble.json").read_text())["members"]
    assert [member["name"] for member in members] == ["a", "b"]
    report = load_metrics(cell.folder / "ensemble" / "metrics.json")
    assert cell.record["scores"]["test"]["uar"] == report["overall"]["uar"]
    (cell.folder / "cell.json").unlink()
    (cell.folder / "ensemble" / "README.md").unlink()  # as if killed before it was complete
    assert run_training_protocol(load_protocol(path), folder / "ensemble").num_trained == 1
    assert_same(results(folder / "ensemble"), {cell.cell: (kept(cell.record), cell.predictions())})
