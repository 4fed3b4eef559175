"""`hf-emotion corpora audit`."""

import json
import shutil

import datasets
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def archive(corpus_dir, tmp_path):
    return shutil.copytree(corpus_dir, tmp_path / "archive")


def test_a_sound_corpus_is_exit_code_0(run, archive):
    result = run("corpora", "audit", "manifest", "--data_dir", archive, "--num_proc", 1)
    assert result.exit_code == 0, result.stdout
    lines = result.stdout.splitlines()
    assert lines[0].endswith("25 files, sound up to 12.0 kHz")
    assert lines[1] == "  25 x 24,000 Hz, 1 channel, WAV PCM_16"
    assert lines[-1] == "manifest: nothing found"


def test_errors_are_exit_code_1_and_the_report_is_written(run, archive, tmp_path):
    first, second, *_ = sorted((archive / "audio").iterdir())
    shutil.copy(first, second)
    result = run("corpora", "audit", "manifest", "--data_dir", archive, "--output_dir", tmp_path / "report")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("error")]
    assert line.split(maxsplit=5)[1:5] == ["identical", "audio,", "different", "labels"]
    assert f"{first.stem}, " in line
    assert line.endswith("the same samples, with the labels anger and fear")
    written = [tmp_path / "report" / name for name in ("audit.json", "audit_files.csv", "audit.html")]
    assert result.stdout.splitlines()[-4:] == ["manifest: 1 error", *map(str, written)]
    assert all(path.stat().st_size for path in written)
    assert json.loads(written[0].read_text())["counts"] == {"error": 1, "warning": 0, "note": 0}


def test_the_parts_of_a_split_are_compared(run, archive):
    command = ("corpora", "audit", "manifest", "--data_dir", archive, "--num_proc", 1)
    independent = run(*command, "--split", "speaker_independent")
    assert "speakers in two parts" not in independent.stdout
    assert [line.split()[0] for line in independent.stdout.splitlines()[-5:-2]] == ["train", "validation", "test"]
    random = run(*command, "--split", "random")
    assert random.exit_code == 1
    assert "speakers of test are in train" in random.stdout


def test_folds_and_seeds_are_passed_on(run, archive, tmp_path):
    command = ("corpora", "audit", "manifest", "--data_dir", archive, "--num_proc", 1, "--split", "k_fold")
    assert "fold=7 does not exist" in run(*command, "--fold", 7).stderr
    reports = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        assert run(*command, "--fold", 1, "--seed", seed, "--output_dir", folder).exit_code == 0
        reports.append((folder / "audit.html").read_text())
        assert json.loads((folder / "audit.json").read_text())["split"] == f"k_fold-fold1-seed{seed}"
    assert reports[0] != reports[1]


def test_kinds_with_many_findings_take_one_line(run, archive):
    for path in (archive / "audio").iterdir():
        path.write_bytes(path.read_bytes()[:2_000])
    result = run("corpora", "audit", "manifest", "--data_dir", archive, "--num_proc", 1)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("error     cut off")]
    assert "by label: " in line
    assert "anger 5 of 5" in line
    assert "for example duna_" in line


def test_an_unknown_split_is_refused(run, archive):
    result = run("corpora", "audit", "manifest", "--data_dir", archive, "--split", "speaker")
    assert result.exit_code == 1
    assert "speaker_independent" in result.stderr


@pytest.mark.real_data
def test_a_speaker_independent_split_of_real_emodb_shares_texts_only(run, real_data_dir):
    result = run("corpora", "audit", "emodb", "--data_dir", real_data_dir / "emodb", "--split", "speaker_independent")
    assert result.exit_code == 0
    assert "10 of 10 texts of test are in train" in result.stdout
    assert result.stdout.splitlines()[-1] == "emodb: 1 warning, 4 notes"
