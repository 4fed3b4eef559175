"""`hf-emotion corpora check`."""

import json

import pytest

from tests.data.fake_audio import write_noise


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Three of the 1440 utterances of RAVDESS."""
    folder = tmp_path / "ravdess"
    for stem in ("03-01-01-01-01-01-01", "03-01-05-01-01-01-01", "03-01-05-01-01-01-02"):
        write_noise(folder / f"Actor_{stem[-2:]}" / f"{stem}.wav")
    return folder


def test_an_incomplete_archive_is_shown_and_is_exit_code_1(run, archive):
    write_noise(archive / "notes" / "hello.wav")
    (archive / "Actor_01" / "03-01-05-01-01-01-01.wav").write_bytes(b"")
    result = run("corpora", "check", "ravdess", "--data_dir", archive)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[1].split() == ["utterances", "3", "1,440"]
    assert lines[2].split() == ["speakers", "2", "24"]
    assert "05              2        192" in lines
    assert "22 speakers are missing (1,320 utterances):" in lines
    assert "117 utterances are missing:" in lines
    assert "1 file broken, cannot be read:" in lines
    assert "  Actor_01/03-01-05-01-01-01-01.wav: file of 0 bytes" in lines
    assert "  notes/hello.wav: its name does not follow the scheme of the corpus" in lines
    assert lines[-1] == "ravdess: incomplete, 1 file broken."
    assert max(map(len, lines)) <= 80
    assert "published utterances" not in result.stderr, "the warning of the loader says the same again"


def test_json_has_all_names(run, archive):
    result = run("corpora", "check", "ravdess", "--data_dir", archive, "--format", "json")
    content = json.loads(result.stdout)
    assert (content["is_complete"], content["is_sound"]) == (False, True)
    assert content["utterances"] == {"found": 3, "published": 1440}
    assert (len(content["missing_ids"]), len(content["missing_speakers"])) == (117, 22)
    assert content["labels"]["05"] == {"found": 2, "published": 192}


def test_without_published_counts_completeness_is_unknown_and_no_failure(run, corpus_dir):
    result = run("corpora", "check", "manifest", "--data_dir", corpus_dir)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("manifest: no published counts")


def test_broken_files_alone_are_exit_code_1(run, tmp_path):
    write_noise(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    (tmp_path / "manifest.csv").write_text("path,label\na.wav,anger\nb.wav,fear\n")
    result = run("corpora", "check", "manifest", "--data_dir", tmp_path)
    assert result.exit_code == 1
    assert "b.wav: unreadable header" in result.stdout


def test_a_folder_without_the_corpus_says_what_is_expected(run, tmp_path):
    result = run("corpora", "check", "ravdess", "--data_dir", tmp_path)
    assert result.exit_code == 1
    assert "the folder is empty" in result.stderr


@pytest.mark.real_data
def test_the_45_missing_actors_of_real_crema_d_are_named(run, real_data_dir):
    result = run("corpora", "check", "crema_d", "--data_dir", real_data_dir / "crema_d")
    assert result.exit_code == 1
    assert "45 speakers are missing (3,682 utterances):\n  1002, 1004," in result.stdout
    assert "utterances are missing" not in result.stdout
    assert result.stdout.splitlines()[1].split() == ["utterances", "3,760", "7,442"]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ravdess", "emodb", "urdu"])
def test_complete_real_corpora_are_exit_code_0(run, real_data_dir, name):
    result = run("corpora", "check", name, "--data_dir", real_data_dir / name)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"{name}: complete, every file can be opened."
