"""`hf-emotion benchmark table`: forms, comparisons, and help for wrong names."""

import json

import pytest

from hf_emotion.benchmark.cells import Cell
from tests.benchmark.tables.test_benchmark_table import EXHUBERT, HUBERT, write_cell
from tests.prediction_tables import random_predictions


@pytest.fixture
def output_dir(tmp_path):
    """Two systems of Table 2 on one of its settings."""
    for seed, system in enumerate((EXHUBERT, HUBERT)):
        frame = random_predictions({"aesi": (6, 60)}, seed=seed, skill=2 * (1 - seed))
        write_cell(tmp_path, Cell(system, "AESI", 1, 0), frame, protocol="exhubert_table_2")
    return tmp_path


@pytest.mark.parametrize("columns", [80, 160])
def test_a_table_fits_the_terminal(run, output_dir, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("benchmark", "table", "exhubert_table_2", output_dir)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert "- 2 of 48 scores are complete, with 2 cells measured." in lines
    assert any(line.startswith("ExHuBERT L ES++") for line in lines)


def test_two_systems_are_compared_on_what_both_have(run, output_dir):
    arguments = ("benchmark", "table", "exhubert_table_2", output_dir, "--compare", EXHUBERT, HUBERT)
    result = run(*arguments, "--format", "json")
    (row,) = json.loads(result.stdout)["comparisons"]
    assert (row["setting"], row["a"], row["b"]) == ("AESI", EXHUBERT, HUBERT)
    assert row["difference"] < 0
    assert "B - A [95 % CI]" in run(*arguments).stdout


def test_rows_and_columns_can_be_chosen(run, output_dir):
    chosen = ("--system", HUBERT, "--setting", "AESI", "--setting", "VIVAE")
    content = json.loads(run("benchmark", "table", "exhubert_table_2", output_dir, *chosen, "--format", "json").stdout)
    assert [(cell["system"], cell["setting"]) for cell in content["cells"]] == [(HUBERT, "AESI"), (HUBERT, "VIVAE")]


def test_wrong_names_are_told(run, output_dir):
    result = run("benchmark", "table", "exhubert_table_3", output_dir)
    assert result.exit_code == 1
    assert "no protocol exhubert_table_3" in result.stderr
    result = run("benchmark", "table", "exhubert_table_2", output_dir, "--setting", "AES")
    assert "Did you mean 'AESI' or" in result.stderr
    result = run("benchmark", "table", "exhubert_table_1", output_dir)
    assert "holds cells of 'exhubert_table_2', not of 'exhubert_table_1'" in result.stderr
