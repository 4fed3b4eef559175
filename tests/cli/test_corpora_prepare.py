"""`hf-emotion corpora prepare`: one corpus, several, a set; what is missing, what fails, what is done already."""

import re
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from hf_emotion.data.corpus_sets import CORPUS_SETS
from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise


@pytest.fixture
def corpora_dir(tmp_path):
    """Eight utterances of `urdu`, two of them broken; four of `emodb`; two of `tess` that contradict each other."""
    folder = tmp_path / "corpora"
    for number in range(8):
        write_noise(folder / "urdu" / f"SM{number}_F1_{'AHNS'[number % 4]}{number:02d}.wav", seconds=0.9)
    (folder / "urdu" / "SM0_F1_A00.wav").write_bytes(b"")
    (folder / "urdu" / "SM1_F1_H01.wav").write_bytes(b"RIFF but not really")
    for letter in "WLEA":
        write_noise(folder / "emodb" / "wav" / f"03a01{letter}a.wav")
    for name, seconds in (("OAF_bite_neutral", 0.1), ("OA_bite_neutral", 0.2)):
        write_noise(folder / "tess" / f"{name}.wav", seconds)
    return folder


@pytest.fixture
def prepare(run, corpora_dir, tmp_path):
    """`prepare("urdu", ...)` in the folder of corpora and a cache of its own."""
    return lambda *arguments: run(
        "corpora", "prepare", *arguments, "--corpora_dir", corpora_dir, "--cache_dir", tmp_path / "cache"
    )


def test_it_says_how_much_there_is_what_was_left_out_and_where_the_table_lies(prepare, tmp_path):
    result = prepare("urdu")
    assert result.exit_code == 0
    report, table = result.stdout.splitlines()
    assert re.fullmatch(r"urdu: 6 utterances, 0\.00 h, 2 broken files left out, prepared in \d+\.\d s", report)
    folder = Path(table.removeprefix("  table: "))
    assert folder.is_relative_to(tmp_path / "cache")
    assert len(datasets.Dataset.from_file(str(next(folder.glob("*.arrow"))))) == 6


def test_hours_are_those_of_the_audio(prepare, corpora_dir):
    for number in range(2, 8):
        path = corpora_dir / "urdu" / f"SM{number}_F1_{'AHNS'[number % 4]}{number:02d}.wav"
        write_noise(path, seconds=12, sampling_rate=1_000)
    assert "6 utterances, 0.02 h" in prepare("urdu").stdout  # 72 s


def test_what_was_prepared_is_what_load_corpus_reads(prepare, corpora_dir, tmp_path, monkeypatch):
    prepare("emodb")
    monkeypatch.setattr("soundfile.SoundFile", lambda *_: pytest.fail("read a header again"))
    assert len(load_corpus("emodb", corpora_dir / "emodb", split="train", cache_dir=tmp_path / "cache")) == 4


def test_a_second_run_skips_what_is_prepared(prepare):
    prepare("emodb")
    result = prepare("emodb", "urdu")
    assert re.search(r"^emodb: .*, already prepared$", result.stdout, flags=re.MULTILINE)
    assert re.search(r"^urdu: .*, prepared in", result.stdout, flags=re.MULTILINE)


def test_members_of_a_set_that_are_missing_are_listed_with_where_to_get_them(prepare):
    result = prepare("--set", "lora_paper", "urdu")
    assert result.exit_code == 1  # the contradictory tess
    assert "tess failed:\ntess: 1 utterance ids are not unique" in result.stderr
    report, missing = result.stdout.split("\n\n")
    assert report.startswith("urdu: 6 utterances")
    assert missing.startswith("lora_paper: 3 of 4 corpora not found:\n")
    for name in ("crema_d", "ravdess", "savee"):
        assert f"\n{name}: no utterance found" in missing
        assert corpus_facts(name).how_to_obtain in missing


def test_missing_members_are_no_failure_as_long_as_there_is_one(prepare, corpora_dir):
    assert prepare("--set", "emoset").exit_code == 0
    assert prepare("--set", "emo_superb").exit_code == 1


def test_a_named_corpus_that_is_missing_fails_and_the_others_go_on(prepare):
    result = prepare("savee", "emodb")
    assert result.exit_code == 1
    assert "savee failed:" in result.stderr
    assert corpus_facts("savee").how_to_obtain in result.stderr
    assert result.stdout.startswith("emodb: 4 utterances")


def test_an_archive_of_broken_files_fails_and_the_others_go_on(prepare, corpora_dir):
    for path in (corpora_dir / "urdu").iterdir():
        path.write_bytes(b"")
    result = prepare("urdu", "emodb")
    assert result.exit_code == 1
    assert "urdu failed:\nurdu: none of the 8 files can be read" in result.stderr
    assert result.stdout.startswith("emodb: 4 utterances")


def test_one_corpus_may_lie_anywhere(run, corpora_dir, tmp_path):
    options = ("--data_dir", corpora_dir / "emodb", "--cache_dir", tmp_path / "cache", "--num_threads", 2)
    assert run("corpora", "prepare", "emodb", *options).stdout.startswith("emodb: 4 utterances")
    result = run("corpora", "prepare", "emodb", "urdu", *options)
    assert result.exit_code == 2
    assert "use --corpora_dir" in re.sub(r"[│\s]+", " ", result.stderr)


def test_recordings_of_ones_own_can_be_prepared(run, tmp_path):
    write_noise(tmp_path / "mine" / "a.wav")
    (tmp_path / "mine" / "manifest.csv").write_text("path,label\na.wav,anger\n")
    result = run("corpora", "prepare", "manifest", "--data_dir", tmp_path / "mine", "--cache_dir", tmp_path / "cache")
    assert result.stdout.startswith("manifest: 1 utterances")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("emodb",), "--corpora_dir DIR for archives in DIR/NAME"),
        (("--corpora_dir", "."), "Name corpora"),
        (("emodb", "--corpora_dir", ".", "--data_dir", "."), "--corpora_dir DIR for archives in DIR/NAME"),
        (("emodb", "--corpora_dir", "nowhere"), "does not exist"),
        (("emodb", "--corpora_dir", ".", "--num_threads", 0), "num_threads"),
    ],
)
def test_wrong_usage_is_explained(arguments, message, run):
    result = run("corpora", "prepare", *arguments)
    assert result.exit_code == 2
    assert message in re.sub(r"[│\s]+", " ", result.stderr)


def test_an_unknown_corpus_stops_before_anything_is_prepared(prepare):
    result = prepare("emodb", "urdo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean 'urdu'" in result.stderr


def test_two_processes_may_prepare_the_same_corpus_at_once(corpora_dir, tmp_path):
    command = [sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "corpora", "prepare", "urdu"]
    options = ["--corpora_dir", str(corpora_dir), "--cache_dir", str(tmp_path / "cache")]
    both = [subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    reports = [process.communicate(timeout=120)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(report[0].startswith("urdu: 6 utterances") for report in reports)
    assert reports[0][1] == reports[1][1]  # the table


def test_there_is_no_progress_bar_where_there_is_no_terminal(corpora_dir, tmp_path):
    command = [sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "corpora", "prepare", "emodb"]
    options = ["--corpora_dir", str(corpora_dir), "--cache_dir", str(tmp_path / "cache")]
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("emodb: 4 utterances")
    assert "found 4 of 535" in result.stderr
    assert not {"%", "\r"} & set(result.stderr)


def test_progress_bars_come_back(prepare):
    datasets.enable_progress_bars()  # whatever ran before
    prepare("emodb")
    assert not datasets.are_progress_bars_disabled()


def test_help_names_the_sets(run):
    shown = run("corpora", "prepare", "--help").stdout
    assert all(name in shown for name in CORPUS_SETS)
