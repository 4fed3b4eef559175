"""`hf-emotion corpora push`."""

import sys
from pathlib import Path

import pytest

from tests.hub_double import HubDouble
from tests.small_corpora import write_manifest, write_ravdess


@pytest.fixture
def recordings(tmp_path) -> Path:
    return write_manifest(tmp_path / "recordings")


def test_a_dry_run_shows_parts_and_card_and_needs_neither_token_nor_network(run, recordings):
    result = run(
        *("corpora", "push", "manifest", "--data_dir", recordings, "--repo_id", "user/mine"),
        *("--licence", "cc-by-4.0", "--split", "speaker_independent", "--dry_run"),
    )
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "recordings -> user/mine: Its terms ('cc-by-4.0') allow passing on unchanged copies."
    assert [line.split()[:3] for line in lines[2:5]] == [
        ["train", "2", "1"],
        ["validation", "2", "1"],
        ["test", "2", "1"],
    ]
    assert lines[5].endswith("split: speaker_independent-validation0.1-test0.2-seed0")
    assert "Nothing was pushed. The card would be:" in lines
    assert "license: cc-by-4.0" in lines


def test_a_corpus_that_may_not_be_published_is_refused_in_one_sentence(run, tmp_path):
    result = run("corpora", "push", "urdu", "--data_dir", tmp_path, "--repo_id", "user/urdu", "--dry_run")
    assert result.exit_code == 1
    assert "urdu cannot be pushed to a public repository" in result.stderr
    assert "research only" in result.stderr
    assert result.stdout == ""


def test_private_is_accepted_where_public_is_not(run, recordings):
    command = ("corpora", "push", "manifest", "--data_dir", recordings, "--repo_id", "user/mine", "--dry_run")
    assert run(*command).exit_code == 1
    result = run(*command, "--private")
    assert result.exit_code == 0
    assert result.stdout.startswith("recordings -> user/mine (private): No licence is on record.\n")
    assert "This repository must stay private" in result.stdout


def test_a_fold_and_a_branch_are_pushed(tmp_path):
    data_dir = write_ravdess(tmp_path / "ravdess")
    with HubDouble(tmp_path / "hub") as hub:
        done = hub.start(
            *(sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "corpora", "push", "ravdess"),
            *("--data_dir", data_dir, "--repo_id", "user/ravdess", "--revision", "folds", "--max_shard_size", "60KB"),
            *("--split", "leave_one_speaker_out", "--fold", "1"),
        )
        assert done.returncode == 0, done.stderr
        [(sha, commit), *_] = hub.repository("user/ravdess").history("folds")
        assert f"Pushed: {hub.url}/datasets/user/ravdess/commit/{sha}" in done.stdout
        assert sorted(path for path in commit.files if path.startswith("data/")) == [
            "data/test-00000-of-00001.parquet",
            "data/train-00000-of-00003.parquet",
            "data/train-00001-of-00003.parquet",
            "data/train-00002-of-00003.parquet",
            "data/validation-00000-of-00001.parquet",
        ]
        assert "leave_one_speaker_out-fold1" in hub.read("user/ravdess", "README.md", revision="folds").decode()


def test_without_a_token_the_next_step_is_named(tmp_path):
    data_dir = write_ravdess(tmp_path / "ravdess")
    with HubDouble(tmp_path / "hub") as hub:
        done = hub.start(
            *(sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "corpora", "push", "ravdess"),
            *("--data_dir", data_dir, "--repo_id", "user/ravdess"),
            token=None,
        )
        assert done.returncode == 1
        assert "Error: There is no access token: run `hf auth login`, or set HF_TOKEN." in done.stderr
        assert hub.log == []
