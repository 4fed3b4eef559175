"""Tables of benchmarks: means, averages over equal sets, differences from the paper, tests, and every form of them."""

import csv
import io
import json
import math

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark.cells import Cell, finish_cell
from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, FrozenSetting, FrozenSystem
from hf_emotion.benchmark.soft_predictions import soft_predictions_table
from hf_emotion.benchmark.tables.benchmark_table import benchmark_table
from hf_emotion.benchmark.tables.formats import (
    FORMATS,
    format_csv,
    format_json,
    format_latex,
    format_markdown,
    format_text,
)
from hf_emotion.benchmark.training.protocol import TrainingProtocol, TrainingSetting, TrainingSystem
from hf_emotion.evaluation.predictions import save_predictions
from hf_emotion.evaluation.report import evaluate_predictions
from tests.prediction_tables import random_predictions


EXHUBERT, HUBERT = "ExHuBERT L ES++", "HuBERT L ES++"
SPEAKERS = {"toy": (8, 160)}


def protocol(**changes):
    fields = {
        "name": "toy",
        "settings": tuple(map(TrainingSetting, ("AESI", "MLEnd", "VIVAE"))),
        "systems": tuple(TrainingSystem(name, "x.yaml") for name in (EXHUBERT, HUBERT)),
        "seeds": (0, 1),
        "reported": "exhubert_table_2",
    }
    return TrainingProtocol(**fields | changes)


def write_cell(output_dir, cell, frame, uar=None, **record):
    """A finished training; its UAR is that of the predictions unless it is given."""
    report = evaluate_predictions(frame, num_resamples=100)["overall"]
    test = {name: report[name] for name in ("uar", "macro_f1", "weighted_f1", "micro_f1", "accuracy", "eer", "ece")}
    save_predictions(frame, cell.folder(output_dir) / "predictions.parquet")
    scores = {"test": test | ({} if uar is None else {"uar": uar})}
    facts = {"protocol": "toy", "num_folds": 1, "intervals": report["intervals"], "unit": report["interval_unit"]}
    return finish_cell(cell, output_dir, facts | {"scores": scores} | record)


@pytest.fixture
def output_dir(tmp_path):
    """ExHuBERT on all settings, HuBERT not on the last one, and with one seed of two on MLEnd."""
    scores = {"AESI": (0.5, 0.75), "MLEnd": (0.8, 0.8), "VIVAE": (0.25, 0.5)}
    for setting, values in scores.items():
        for seed, uar in enumerate(values):
            frame = random_predictions(SPEAKERS, seed=seed, skill=2)
            write_cell(tmp_path, Cell(EXHUBERT, setting, 1, seed), frame, uar)
    for setting, seed, uar in (("AESI", 0, 0.3), ("AESI", 1, 0.4), ("MLEnd", 0, 0.9)):
        write_cell(tmp_path, Cell(HUBERT, setting, 1, seed), random_predictions(SPEAKERS, seed=seed + 5, skill=0), uar)
    return tmp_path


def test_a_score_is_the_mean_over_seeds_beside_the_papers_figure(output_dir):
    table = benchmark_table(protocol(), output_dir)
    cell = table.cell(EXHUBERT, "AESI")
    assert (cell["score"], cell["reported"], cell["difference"]) == (62.5, 94.7, pytest.approx(62.5 - 94.7))
    assert cell["std_of_seeds"] == pytest.approx(100 * np.std([0.5, 0.75], ddof=1))
    assert tuple(cell[["num_cells", "num_expected", "num_folds", "num_seeds", "num_utterances"]]) == (2, 2, 1, 2, 160)
    assert cell["low"] < cell["high"]
    assert cell["unit"] == "speaker"


def test_half_a_cell_has_no_score_but_a_count(output_dir):
    table = benchmark_table(protocol(), output_dir)
    half, none = table.cell(HUBERT, "MLEnd"), table.cell(HUBERT, "VIVAE")
    assert math.isnan(half["score"])
    assert math.isnan(half["difference"])
    assert (half["num_cells"], half["num_expected"], none["num_cells"], none["num_expected"]) == (1, 2, 0, 2)
    assert (half["reported"], none["reported"]) == (81.4, 54.5)
    assert table.notes[0] == "4 of 6 scores are complete, with 9 cells measured."


def test_with_one_seed_asked_for_the_half_is_whole(output_dir):
    cell = benchmark_table(protocol(seeds=(0,)), output_dir).cell(HUBERT, "MLEnd")
    assert (cell["score"], cell["num_seeds"], cell["num_expected"]) == (90, 1, 1)
    both = benchmark_table(protocol(seeds=(0,)), output_dir).cell(EXHUBERT, "AESI")
    assert (both["score"], both["num_seeds"]) == (62.5, 2)  # a further seed counts where all of its folds are there


def test_the_interval_of_a_single_training_is_that_of_its_report(output_dir):
    cell = benchmark_table(protocol(seeds=(0,)), output_dir).cell(HUBERT, "MLEnd")
    report = evaluate_predictions(random_predictions(SPEAKERS, seed=5, skill=0), num_resamples=100)["overall"]
    assert [cell["low"], cell["high"]] == pytest.approx([100 * value for value in report["intervals"]["uar"]])


def test_averages_are_over_settings_that_all_systems_with_scores_have(output_dir):
    table = benchmark_table(protocol(), output_dir)
    assert table.average_settings == ()  # only AESI, and one setting is no average
    assert any(note.startswith("There is no average") for note in table.notes)
    alone = benchmark_table(protocol().selected(systems=[EXHUBERT]), output_dir)
    assert alone.average_settings == ("AESI", "MLEnd", "VIVAE")
    average = alone.average(EXHUBERT)
    assert average["score"] == pytest.approx((62.5 + 80 + 37.5) / 3)
    assert average["reported"] == pytest.approx((94.7 + 80.0 + 58.2) / 3)
    assert average["difference"] == pytest.approx(average["score"] - average["reported"])
    two = benchmark_table(protocol(seeds=(0,)), output_dir)
    assert two.average_settings == ("AESI", "MLEnd")
    assert [two.average(name)["score"] for name in (EXHUBERT, HUBERT)] == pytest.approx(
        [(62.5 + 80) / 2, (35 + 90) / 2]
    )
    assert two.average(HUBERT)["reported"] == pytest.approx((93.0 + 81.4) / 2)
    assert "Averages are over AESI, MLEnd: what all systems with a score have." in two.notes


def test_a_system_without_any_score_does_not_narrow_the_average(output_dir):
    systems = (*protocol().systems, TrainingSystem("ExHuBERT XL ES++", "x.yaml"))
    table = benchmark_table(protocol(systems=systems).selected(systems=[EXHUBERT, "ExHuBERT XL ES++"]), output_dir)
    assert len(table.average_settings) == 3
    assert math.isnan(table.average("ExHuBERT XL ES++")["score"])
    assert table.average("ExHuBERT XL ES++")["reported"] == pytest.approx((33.7 + 60.1 + 25.1) / 3)


def test_different_metrics_have_no_average_and_the_lowest_error_rate_is_best(tmp_path):
    settings = (TrainingSetting("micro-F1", metric="micro_f1"), TrainingSetting("EER", metric="eer"))
    systems = tuple(TrainingSystem(name, "x.yaml") for name in ("full fine-tuning", "other"))
    toy = protocol(settings=settings, systems=systems, seeds=(0,), reported="lora_table_3")
    frames = {
        "full fine-tuning": random_predictions(SPEAKERS, skill=3),
        "other": random_predictions(SPEAKERS, skill=0),
    }
    for system, frame in frames.items():
        for setting in settings:
            write_cell(tmp_path, Cell(system, setting.name, 1, 0), frame)
    table = benchmark_table(toy, tmp_path, with_letters=True)
    assert table.average_settings == ()
    assert table.best_systems("micro-F1") == table.best_systems("EER") == ["full fine-tuning"]
    assert table.cell("full fine-tuning", "EER")["score"] < table.cell("other", "EER")["score"] < 1
    assert math.isnan(table.cell("other", "EER")["low"])
    assert set(table.pairwise["setting"]) == {"micro-F1"}
    assert "Average" not in format_text(table)


def test_two_readings_of_a_row_stand_beside_the_same_figure(tmp_path):
    systems = tuple(TrainingSystem(name, "x.yaml", reported_as=EXHUBERT) for name in ("a", "b"))
    table = benchmark_table(protocol(systems=systems), tmp_path)
    assert [table.cell(name, "AESI")["reported"] for name in "ab"] == [94.7, 94.7]


def test_tests_are_adjusted_within_their_family(output_dir):
    toy = protocol(seeds=(0,))
    table = benchmark_table(toy, output_dir, pairs=[(EXHUBERT, HUBERT)])
    assert list(table.comparisons["setting"]) == ["AESI", "MLEnd"]  # VIVAE lacks one of them
    assert (table.comparisons["difference"] < -20).all()
    assert table.comparisons["p_value"].to_list() == pytest.approx([2 / 2**8] * 2)  # all eight speakers agree
    assert table.comparisons["p_value_holm"].to_list() == pytest.approx([4 / 2**8] * 2)
    letters = benchmark_table(toy, output_dir, with_letters=True)
    assert [letters.cell(name, "AESI")["letters"] for name in (EXHUBERT, HUBERT)] == ["a", "b"]
    assert letters.pairwise["p_value_holm"].to_list() == pytest.approx([2 / 2**8] * 2)  # one pair in each setting
    assert letters.comparisons.empty
    whole = benchmark_table(protocol().selected(settings=["MLEnd"]), output_dir, pairs=[(EXHUBERT, HUBERT)])
    assert (
        whole.notes[-1]
        == f"{EXHUBERT} and {HUBERT} have no setting in common whose score is complete and can be tested."
    )
    with pytest.raises(ValueError, match="has no system 'ExHuBERT'"):
        benchmark_table(toy, output_dir, pairs=[("ExHuBERT", HUBERT)])


def test_cells_of_another_protocol_and_missing_folders_are_refused(output_dir):
    with pytest.raises(ValueError, match="holds cells of 'toy', not of 'other'"):
        benchmark_table(protocol(name="other"), output_dir)
    with pytest.raises(FileNotFoundError, match="nothing has been run into it"):
        benchmark_table(protocol(), output_dir / "nowhere")


def soft_frame(answers, speakers):
    """Truth a, b, a, b, ...; answers as given."""
    rows = pd.DataFrame(
        {"utterance_id": [f"u{i}" for i in range(len(answers))], "speaker_id": list(speakers), "gender": "female"}
    )
    labels = [[0.95, 0.05] if index % 2 == 0 else [0.05, 0.95] for index in range(len(answers))]
    probabilities = [[0.8, 0.2] if answer == "a" else [0.2, 0.8] for answer in answers]
    return soft_predictions_table(rows, labels, probabilities, ["a", "b"])


def test_frozen_encoders_have_macro_f1_over_folds(tmp_path):
    settings = (FrozenSetting("CREMA-D", "crema_d", 1, label_folder="CREMA-D/Primary"),)
    systems = (FrozenSystem("FBANK", model_type="filter_bank"), FrozenSystem("APC", model_type="apc"))
    toy = FrozenEncoderProtocol("toy", settings, systems, seeds=(3,), reported="emo_superb")
    folds = {1: ("abababab", "wwxxyyzz"), 2: ("aaaaaaaa", "kkllmmnn")}
    for fold, (answers, speakers) in folds.items():
        cell = Cell("FBANK", "CREMA-D", fold, 3)
        cell.folder(tmp_path).mkdir(parents=True)
        soft_frame(answers, speakers).to_parquet(cell.folder(tmp_path) / "predictions.parquet")
        finish_cell(cell, tmp_path, {"protocol": "toy"})
    table = benchmark_table(toy, tmp_path)
    cell = table.cell("FBANK", "CREMA-D")
    # fold 1 is all right; in fold 2 class a has F1 2/3 and class b 0
    assert cell["score"] == pytest.approx((1 + 1 / 3) / 2)
    assert (cell["reported"], cell["num_folds"], cell["num_cells"], table.in_percent) == (0.144, 2, 2, False)
    assert table.cell("APC", "CREMA-D")["num_expected"] == 2
    assert ".667" in format_text(table)
    assert ".144 (+.523)" in format_text(table)


@pytest.mark.parametrize("width", [80, 160])
def test_text_fits_the_terminal_and_shows_every_cell(output_dir, width):
    text = format_text(benchmark_table(protocol(), output_dir, with_letters=True), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "toy: UAR in %"
    header, _, ours, interval, paper, half, *_ = lines[2:]
    assert header.split() == ["AESI", "MLEnd", "VIVAE"]
    assert ours.split() == ["ExHuBERT", "L", "ES++", "62.5", "a", "80.0", "37.5"]
    assert interval.count("[") == 3
    assert paper.split() == ["paper", "94.7", "(-32.2)", "80.0", "(+0.0)", "58.2", "(-20.7)"]
    assert half.split() == ["HuBERT", "L", "ES++", "35.0", "b", "-", "1", "of", "2", "-"]
    assert "- 4 of 6 scores are complete, with 9 cells measured." in lines


def test_a_narrow_terminal_gets_blocks_of_columns(output_dir):
    text = format_text(benchmark_table(protocol(), output_dir), 40)
    headers = [line.split() for line in text.splitlines() if line.startswith(" " * 10)]
    assert [title for line in headers for title in line if title in ("AESI", "MLEnd", "VIVAE")] == [
        "AESI",
        "MLEnd",
        "VIVAE",
    ]
    assert len([line for line in headers if {"AESI", "MLEnd", "VIVAE"} & set(line)]) == 3


def test_half_a_tenth_is_rounded_as_in_print(tmp_path):
    systems = (TrainingSystem("XLS-R 300M", "x.yaml"),)
    settings = tuple(
        map(TrainingSetting, ("EMO-DB", "DEMoS", "EmoFilm", "EmotiW-2014", "eNTERFACE", "IEMOCAP", "MELD", "MES"))
    )
    table = benchmark_table(protocol(systems=systems, settings=settings, reported="exhubert_table_1"), tmp_path)
    assert table.average("XLS-R 300M")["reported"] == pytest.approx(57.05)
    assert format_text(table, 200).splitlines()[5].split()[-1] == "57.1"


def test_csv_and_json_hold_all_numbers(output_dir):
    table = benchmark_table(protocol(seeds=(0,)), output_dir, pairs=[(EXHUBERT, HUBERT)])
    rows = list(csv.DictReader(io.StringIO(format_csv(table))))
    assert [row["setting"] for row in rows] == ["AESI", "MLEnd", "VIVAE"] * 2 + ["Average"] * 2
    assert (rows[0]["score"], rows[0]["num_cells"], rows[5]["score"], rows[-1]["num_cells"]) == ("62.5", "2", "", "")
    content = json.loads(format_json(table))
    assert content["cells"][0]["score"] == 62.5
    assert content["cells"][5]["score"] is None
    assert content["averages"][0]["score"] == pytest.approx(71.25)
    assert [row["setting"] for row in content["comparisons"]] == ["AESI", "MLEnd"]
    assert content["average_settings"] == ["AESI", "MLEnd"]


def test_markdown_and_latex_mark_the_best_and_escape_what_they_must(output_dir):
    table = benchmark_table(protocol(seeds=(0,)), output_dir, with_letters=True)
    markdown, latex = format_markdown(table), format_latex(table)
    assert "| System | AESI | MLEnd | VIVAE | Average |" in markdown
    assert "| ExHuBERT L ES++ | **62.5 a** [" in markdown
    assert "<br>paper 94.7 (-32.2) |" in markdown
    assert "**90.0 a** [" in markdown.replace("**90.0 b**", "**90.0 a**")
    assert r"ExHuBERT L ES++ & \textbf{62.5}$^{a}$ &" in latex
    assert r"\begin{tabular}{lrrrr}" in latex
    body = latex[latex.index(r"\midrule") : latex.index(r"\bottomrule")].splitlines()[1:]
    assert {line.count("&") for line in body} == {4}
    assert all(line.startswith("%") for line in latex[: latex.index(r"\begin")].splitlines())


def test_latex_escapes_names(tmp_path):
    systems = (TrainingSystem("100 % a_b & c", "x.yaml"),)
    assert r"100 \% a\_b \& c &" in format_latex(benchmark_table(protocol(systems=systems), tmp_path))


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_folder_shows_the_papers_figures(tmp_path, name):
    text = FORMATS[name](benchmark_table(protocol(), tmp_path))
    assert "94.7" in text
    assert "nan" not in text.lower()
