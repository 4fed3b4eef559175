"""`hf-emotion corpora list`: every corpus on a line, filters, what of it is there, and help for wrong words."""

import json

import pytest

from hf_emotion.data.corpus_sets import CORPUS_SETS
from hf_emotion.data.loading import corpora_of_set, corpus_facts, list_corpora
from tests.data.fake_audio import write_noise


@pytest.fixture
def listed(run):
    """`listed("--set", ...)` -> cells of the first column, without the header and the last line."""

    def names(*options):
        result = run("corpora", "list", *options)
        assert result.exit_code == 0, result.stderr
        return [line.split()[0] for line in result.stdout.splitlines()[1:-1]]

    return names


@pytest.fixture
def corpora_dir(tmp_path):
    """Four utterances of `emodb`, nothing else."""
    for letter in "WLEA":
        write_noise(tmp_path / "emodb" / "wav" / f"03a01{letter}a.wav")
    return tmp_path


def test_every_corpus_has_a_line_that_fits_80_columns_and_its_whole_name(run, listed):
    assert listed() == list_corpora()
    result = run("corpora", "list")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.splitlines()[-1] == f"{len(list_corpora())} corpora"


def test_a_wide_terminal_shows_more_of_the_licences(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    wide = run("corpora", "list").stdout
    monkeypatch.setenv("COLUMNS", "80")
    assert 80 < max(map(len, wide.splitlines())) <= 110
    assert len(wide) > len(run("corpora", "list").stdout)


@pytest.mark.parametrize("name", sorted(CORPUS_SETS))
def test_a_set_shows_its_members(name, listed):
    assert listed("--set", name) == corpora_of_set(name)


def test_a_language_stands_for_its_varieties_but_not_the_other_way_round(listed):
    english = listed("--language", "en")
    assert {"crema_d", "ravdess", "savee"} <= set(english)
    assert all(any(tag.split("-")[0] == "en" for tag in corpus_facts(name).languages) for name in english)
    american = listed("--language", "EN-us")
    assert "crema_d" in american
    assert "savee" not in american


@pytest.mark.parametrize(
    ("licence", "member", "other"),
    [
        ("cc-by-nc-sa-4.0", "ravdess", "tess"),
        ("CC BY-NC-SA", "ravdess", "tess"),
        ("odbl", "crema_d", "ravdess"),
        ("FREE FOR RESEARCH", "savee", "ravdess"),
    ],
)
def test_a_licence_is_found_by_its_words_and_by_its_identifier(licence, member, other, listed):
    found = listed("--licence", licence)
    assert member in found
    assert other not in found


def test_filters_add_up(listed):
    both = listed("--access", "open", "--set", "lora_paper")
    assert both == [name for name in corpora_of_set("lora_paper") if corpus_facts(name).access == "open"]
    assert "savee" not in both


def test_no_match_is_no_error(run):
    result = run("corpora", "list", "--licence", "no such licence")
    assert (result.exit_code, result.stdout) == (0, "0 corpora\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "emobxo"), r"no set of corpora 'emobxo'. Did you mean 'emobox'"),
        (("--language", "english"), r"No corpus has language 'english'. Known: .*de, .*en, .*ur"),
        (("--access", "opne"), r"No corpus has access 'opne'. Did you mean 'open'"),
        (("--corpora_dir", "nowhere"), r"corpora_dir='nowhere' is not a folder"),
    ],
)
def test_a_wrong_word_is_an_error_that_helps(options, message, run):
    result = run("corpora", "list", *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    for part in message.split(".*"):
        assert part in result.stderr


def test_a_folder_shows_what_of_each_corpus_is_there(run, corpora_dir):
    header, *lines, last = run("corpora", "list", "--corpora_dir", corpora_dir).stdout.splitlines()
    assert header.split()[-1] == "found"
    assert max(map(len, lines)) <= 80
    states = {line.split()[0]: " ".join(line.split()[-3:]) for line in lines}
    assert states["emodb"] == "4 of 535"
    assert states["tess"].endswith("missing")
    assert last.startswith(
        f"{len(list_corpora())} corpora; 0 present, 1 incomplete, {len(list_corpora()) - 1} missing."
    )


def test_json_holds_the_facts_and_the_state(run, corpora_dir):
    rows = json.loads(run("corpora", "list", "--set", "lora_paper", "--format", "json").stdout)
    assert [row["name"] for row in rows] == corpora_of_set("lora_paper")
    facts, [row] = corpus_facts("ravdess"), [row for row in rows if row["name"] == "ravdess"]
    assert (row["licence"], row["licence_id"]) == (facts.licence, "cc-by-nc-sa-4.0")
    assert (row["languages"], row["num_utterances"]) == (["en-CA"], 1440)
    assert "state" not in row
    options = ("--set", "emobox", "--corpora_dir", corpora_dir, "--format", "json")
    found = {row["name"]: row for row in json.loads(run("corpora", "list", *options).stdout)}
    assert (found["emodb"]["state"], found["emodb"]["num_found"]) == ("incomplete", 4)
    assert found["tess"]["state"] == "missing"


def test_sets_are_described_with_their_members(run):
    shown = " ".join(run("corpora", "list", "--sets").stdout.split())
    for name, description in CORPUS_SETS.items():
        assert f"{name} {description}. {', '.join(corpora_of_set(name))}" in shown
    members = json.loads(run("corpora", "list", "--sets", "--format", "json").stdout)
    assert members == {name: corpora_of_set(name) for name in CORPUS_SETS}


def test_help_names_the_sets(run):
    shown = run("corpora", "list", "--help").stdout
    assert all(name in shown for name in CORPUS_SETS)
