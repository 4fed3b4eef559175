"""`hf-emotion benchmark analysis`, `layers` and `export`, on the cells that a benchmark leaves behind."""

import json

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark.analysis import NOTE, analyse_cells, analysis_columns, analysis_rows, complete_seeds
from hf_emotion.benchmark.cells import read_cells
from hf_emotion.benchmark.scores import setting_scores
from tests.benchmark.tiny_cells import CLASSES, soft_table, write_cell


@pytest.fixture
def output_dir(tmp_path):
    """Two systems on a setting of two folds and two seeds, one of them on another setting."""
    folder = tmp_path / "run"
    for fold in (1, 2):
        for seed in (0, 1):
            for system, skill in (("HuBERT", 2.0), ("FBANK", 0.2)):
                table = soft_table(seed=seed, fold=fold, skill=skill)
                weights = [0.7, 0.2, 0.1] if system == "HuBERT" else [1.0]
                write_cell(folder, system, "CREMA-D", fold, seed, predictions=table, layer_weights=weights)
    write_cell(folder, "HuBERT", "IMPROV (P)", predictions=soft_table().assign(gender=None))
    return folder


def test_analysis_shows_what_the_score_hides(output_dir):
    analyses = {(a.system, a.setting): a for a in analyse_cells(read_cells(output_dir), num_resamples=100)}
    found = analyses["HuBERT", "CREMA-D"]
    assert (found.num_folds, found.num_seeds) == (2, 2)
    tables = {fold: [soft_table(seed=seed, fold=fold, skill=2.0) for seed in (0, 1)] for fold in (1, 2)}
    expected = setting_scores(tables, num_resamples=100)
    assert found.scores["macro_f1"] == expected["macro_f1"]
    f1 = {name: values["f1"] for name, values in expected["per_class"].items()}
    assert found.best_class == max(f1.items(), key=lambda item: item[1])
    assert found.worst_class == min(f1.items(), key=lambda item: item[1])
    columns = analysis_columns(list(analyses.values()))
    row = dict(zip(columns, analysis_rows([found])[0], strict=True))
    assert row["macro-F1"] == f"{expected['macro_f1']:.3f}"
    assert row["macro-F1 female"] == f"{expected['per_gender']['female']:.3f}"
    assert row["gap (points)"] == f"{100 * expected['gender_gap']:.1f}"
    assert row["calibration error (%)"] == f"{100 * expected['calibration_error']:.1f}"
    assert row["batch average"] == f"{expected['macro_f1_of_batches']:.3f}"
    assert row["batch average"] != row["macro-F1"]


def test_classes_that_nobody_has_are_neither_best_nor_worst(tmp_path):
    table = soft_table()
    table["label_angry"] = 0.0
    others = [f"label_{name}" for name in CLASSES[1:]]
    table[others] = table[others].div(table[others].sum(axis=1), axis=0)
    (found,) = analyse_cells([write_cell(tmp_path, predictions=table)], num_resamples=100)
    assert found.scores["per_class"]["angry"]["f1"] == 0
    assert found.worst_class[0] != "angry"


def test_the_command_prints_a_row_for_each_system_and_setting(run, output_dir):
    result = run("benchmark", "analysis", output_dir, "--num_resamples", "100")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["FBANK", "HuBERT", "HuBERT"]
    assert "macro-F1 female" in lines[0]
    improv = next(line for line in lines if "IMPROV (P)" in line)
    assert improv.split()[-8:-5] == ["-", "-", "-"]  # no genders, no gap
    assert NOTE in result.stdout


def test_the_command_writes_tables_and_figures(run, output_dir, tmp_path):
    result = run(
        "benchmark", "analysis", output_dir, "--system", "hubert", "--setting", "CREMA-D", "--num_resamples", "100",
        "--save_dir", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "analysis.csv",
        "analysis.json",
        "analysis.md",
        "confusion_hubert_crema_d.png",
        "radar_crema_d.png",
        "reliability_hubert_crema_d.png",
    ]
    (entry,) = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert entry["num_seeds"] == 2
    table = pd.read_csv(tmp_path / "out" / "analysis.csv")
    assert table["macro-F1"].item() == pytest.approx(entry["scores"]["macro_f1"], abs=5e-4)
    assert "| class | F1 | precision | recall | utterances |" in (tmp_path / "out" / "analysis.md").read_text()


def test_seeds_that_are_not_finished_for_all_folds_do_not_count(output_dir, caplog):
    write_cell(output_dir, "HuBERT", "CREMA-D", 1, 2, predictions=soft_table(seed=2))
    results = [r for r in read_cells(output_dir) if (r.cell.system, r.cell.setting) == ("HuBERT", "CREMA-D")]
    assert len(complete_seeds(results)) == 4
    assert "1 of 5 cells are left out" in caplog.text
    lonely = [result for result in results if (result.cell.fold, result.cell.seed) in ((1, 2), (2, 0))]
    with pytest.raises(ValueError, match=r"no seed in common: \{1: \[2\], 2: \[0\]\}"):
        complete_seeds(lonely)


def test_layers_prints_the_summary(run, output_dir):
    result = run("benchmark", "layers", output_dir)
    assert result.exit_code == 0, result.stderr
    row = next(line for line in result.stdout.splitlines() if line.startswith("HuBERT  CREMA-D"))
    assert row.split() == ["HuBERT", "CREMA-D", "4", "3", "0", "70.00", "0.20", "0.73"]


def test_layers_writes_csv_markdown_and_figure(run, output_dir, tmp_path):
    out = tmp_path / "out"
    result = run(
        "benchmark", "layers", output_dir, "--system", "HuBERT", "--plot", out / "layers.png",
        "--csv", out / "layers.csv", "--markdown", out / "layers.md",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    frame = pd.read_csv(out / "layers.csv")
    assert len(frame) == 6
    np.testing.assert_allclose(frame.groupby("setting")["share"].sum(), 1)
    assert (out / "layers.png").read_bytes().startswith(b"\x89PNG")
    assert "## HuBERT" in (out / "layers.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["layers", "nowhere"], "There is no folder nowhere"),
        (["analysis", "empty"], "No cell of a benchmark is finished in empty"),
        (["layers", "run", "--system", "HuBRT"], "Did you mean 'HuBERT'?"),
        (["layers", "run", "--plot", "x.png", "--kind", "pie"], "kind must be one of settings, systems, heatmap"),
        (["export", "run", "model", "--system", "HuBERT", "--setting", "CREMA-D"], "4 cells fit: HuBERT on CREMA-D"),
        (["export", "run", "model", "--fold", "7"], "No finished cell has fold 7"),
        (["export", "run", "model", "--setting", "IMPROV (P)"], "has no head.safetensors"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(run, output_dir, arguments, message, monkeypatch):
    monkeypatch.chdir(output_dir.parent)
    (output_dir.parent / "empty").mkdir()
    result = run("benchmark", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (output_dir.parent / "x.png").exists()
    assert not (output_dir.parent / "model").exists()


def test_cells_without_soft_labels_are_no_matter_for_analysis(tmp_path):
    with pytest.raises(ValueError, match="No finished cell was scored by multi-label macro-F1"):
        analyse_cells([write_cell(tmp_path, metric="uar")])
