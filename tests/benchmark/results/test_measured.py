"""What was measured becomes a row of the leaderboard, and stays the same row."""

import datetime
import shutil

import pytest
from typer.testing import CliRunner

from hf_emotion.benchmark.cells import CELL_FILE, Cell, read_cells
from hf_emotion.benchmark.results.measured import measured_entries
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.cli.main import app
from tests.benchmark.tiny_benchmark import measure, write_benchmark


TODAY = datetime.date(2026, 1, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    write_benchmark(folder)
    measure(folder)
    return folder


def test_a_system_becomes_an_entry_with_scores_layers_and_predictions(folder):
    cells = read_cells(folder / "outputs")
    ((entry, predictions),) = measured_entries(cells, TODAY)
    assert (entry.system, entry.origin, entry.protocol) == ("hubert-large", "measured", "tiny")
    single = [result.record["scores"]["test"]["macro_f1"] for result in cells]
    assert entry.score("CREMA-D") == pytest.approx(sum(single) / 6)
    assert len(entry.layer_weights["CREMA-D"]) == 3
    assert sum(entry.layer_weights["CREMA-D"]) == pytest.approx(1)
    assert {fold: len(tables) for fold, tables in predictions["CREMA-D"].items()} == {1: 2, 2: 2, 3: 2}
    assert entry.facts["date"] == "2026-01-31"
    assert entry.encoder is None  # a folder of this machine


def test_publishing_twice_adds_one_entry(folder, tmp_path):
    for _ in range(2):
        result = CliRunner().invoke(app, ["benchmark", "publish", str(folder / "outputs"), "--store", str(tmp_path)])
        assert result.exit_code == 0, result.output
    store = ResultsStore(tmp_path, reported=None)
    (entry,) = store.entries()
    assert set(store.predictions(entry.id, "CREMA-D")) == {1, 2, 3}


def test_a_setting_with_an_unfinished_fold_is_left_out(folder, tmp_path):
    shutil.copytree(folder / "outputs", tmp_path / "outputs")
    for seed in (0, 1):
        (Cell("hubert-large", "CREMA-D", 2, seed).folder(tmp_path / "outputs") / CELL_FILE).unlink()
    with pytest.raises(ValueError, match="No setting is finished in all of its folds"):
        measured_entries(read_cells(tmp_path / "outputs"), TODAY)
