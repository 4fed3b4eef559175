"""`hf-emotion benchmark submit` and `hf-emotion benchmark relabel`."""

import json
import shutil

import pandas as pd
import pytest

from tests.benchmark.submissions.tiny_labels import write_submission, write_tiny_labels


@pytest.fixture(scope="module")
def label_dir(tmp_path_factory):
    return write_tiny_labels(tmp_path_factory.mktemp("labels"))


@pytest.fixture
def folder(tmp_path, label_dir):
    return write_submission(tmp_path / "mine", label_dir)


@pytest.fixture
def submit(run, folder, label_dir):
    return lambda *options: run("benchmark", "submit", folder, "--label_dir", label_dir, *options)


def test_a_good_submission_is_scored_and_stored(submit, tmp_path):
    store = tmp_path / "store"
    result = submit("--store", store)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Tiny on emo_superb_code"
    (entry,) = store.glob("entries/*.json")
    scores = json.loads(entry.read_text(encoding="utf-8"))["settings"]
    assert lines[2].split()[:2] == ["CREMA-D", f"{scores['CREMA-D']['macro_f1']:.3f}"]
    assert lines[3].split()[-1] == "-"  # decisions have no calibration
    assert lines[-1].startswith(f"{store} has the entry {entry.stem}, of 20")
    assert submit("--store", store).stdout == result.stdout
    assert len(list(store.glob("entries/*"))) == 1


def test_a_dry_run_scores_and_writes_nothing(submit, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = submit("--store", tmp_path / "store", "--dry_run")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "Valid. Nothing was written."
    assert submit("--dry_run").stdout == result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bad_submission_is_refused_with_all_of_its_problems_and_nothing_is_written(submit, folder, tmp_path):
    frame = pd.read_parquet(folder / "crema_d.parquet").drop(0)
    frame.to_parquet(folder / "crema_d.parquet")
    (folder / "system.json").write_text('{"name": "<script>"}', encoding="utf-8")
    result = submit("--store", tmp_path / "store")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Refused, 2 problem(s):" in result.stderr
    assert "system.json, name: found '<script>'. It holds HTML" in result.stderr
    assert "'crema_d.parquet', fold 1: 1 of 10 utterances of the test part are missing" in result.stderr
    assert not (tmp_path / "store").exists()


def test_without_a_store_it_says_what_is_needed(submit):
    result = submit()
    assert result.exit_code == 1
    assert "Say where the results are kept (--store)" in result.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--protocol", "emo_superb_cod"), "There is no protocol emo_superb_cod"),
        (("--setting", "CREMA"), "has no setting 'CREMA'. Did you mean 'CREMA-D'?"),
    ],
)
def test_a_misspelt_protocol_or_setting_is_named(options, expected, submit):
    result = submit("--dry_run", *options)
    assert result.exit_code == 1
    assert expected in result.stderr


def test_relabel_compares_new_labels_with_published_ones(run, label_dir, tmp_path):
    new = shutil.copytree(label_dir / "CREMA-D" / "Primary", tmp_path / "new")
    path = new / "labels_consensus_1.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    name, *_, speaker, gender, part = lines[1].split(",")
    lines[1] = ",".join([name, "1", "0", "0", "0", "0", "0", speaker, gender, part])
    path.write_text("\n".join(lines), encoding="utf-8")
    options = ("--setting", "CREMA-D", "--label_dir", label_dir, "--output", tmp_path / "comparison.json")
    result = run("benchmark", "relabel", new, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "CREMA-D: labels of 1 of 30 utterances to train and validate on differ"
    comparison = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert (comparison["setting"], comparison["num_changed"]) == ("CREMA-D", 1)
    assert result.stdout.splitlines()[-1].split() == ["macro-F1", f"{comparison['macro_f1']:.3f}"]


def test_relabel_refuses_another_partition_and_writes_nothing(run, label_dir, tmp_path):
    new = shutil.copytree(label_dir / "CREMA-D" / "Primary", tmp_path / "new")
    path = new / "labels_consensus_1.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Development", "Train", 1), encoding="utf-8")
    options = ("--setting", "CREMA-D", "--label_dir", label_dir, "--output", tmp_path / "comparison.json")
    result = run("benchmark", "relabel", new, *options)
    assert result.exit_code == 1
    assert "line 2: Split_Set is 'Train', published is Development" in result.stderr
    assert not (tmp_path / "comparison.json").exists()
