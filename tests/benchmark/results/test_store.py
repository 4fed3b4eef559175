"""A results store in a folder: entries are whole or absent, never overwritten, and damage of one hides no other."""

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest

from hf_emotion.benchmark.results import store as results_store
from hf_emotion.benchmark.results.entries import Entry
from hf_emotion.benchmark.results.store import ResultsStore, open_results_store
from hf_emotion.benchmark.scores import compare_settings, setting_scores
from hf_emotion.benchmark.submissions.submission import read_submission, submit
from tests.benchmark.submissions.tiny_labels import PROTOCOL, write_submission, write_tiny_labels


LOAD = """
import datasets, json, sys
name = sys.argv[1]
configs = ["scores", "crema_d", "improv_p"]
found = {config: datasets.load_dataset(name, config, split="test") for config in configs}
default = datasets.load_dataset(name, split="test")
entries = {config: sorted(set(found[config]["entry"])) for config in configs[1:]}
print(json.dumps({"rows": {config: len(rows) for config, rows in found.items()}, "entries": entries,
                  "same": default[:] == found["scores"][:], "systems": sorted(set(default["system"]))}))
"""


@pytest.fixture(scope="module")
def label_dir(tmp_path_factory):
    return write_tiny_labels(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def submission(tmp_path_factory, label_dir):
    folder = write_submission(tmp_path_factory.mktemp("submissions") / "mine", label_dir)
    return read_submission(folder, PROTOCOL, label_dir)


@pytest.fixture(scope="module")
def scores(submission):
    return {setting: setting_scores(folds) for setting, folds in submission.predictions.items()}


@pytest.fixture(scope="module")
def entry(scores):
    return Entry("mine", "Mine", "submitted", "tiny", scores, facts={"date": "2030-01-02"})


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "store")


@pytest.fixture(scope="module")
def filled_dir(entry, submission, tmp_path_factory):
    store = ResultsStore(tmp_path_factory.mktemp("stores") / "store")
    for name in ("b", "a"):
        store.add(dataclasses.replace(entry, id=name, system=name.upper()), submission.predictions)
    return store.folder


@pytest.fixture
def filled(filled_dir, tmp_path):
    return ResultsStore(shutil.copytree(filled_dir, tmp_path / "filled"))


def own_ids(store) -> list[str]:
    return [entry.id for entry in store.entries() if entry.origin != "reported"]


def test_a_store_that_does_not_exist_yet_has_the_reported_entries(store):
    entries = store.entries()
    assert {entry.origin for entry in entries} == {"reported"}
    assert len(entries) == 18
    assert store.entry("reported-fbank").score("CREMA-D") == 0.144
    assert store.entry("none") is None
    assert ResultsStore(store.folder, reported=None).entries() == []
    assert not store.folder.exists()


def test_entries_come_back_as_they_were_after_the_reported_ones(filled, entry):
    assert own_ids(filled) == ["a", "b"]
    assert [item.origin for item in filled.entries()] == ["reported"] * 18 + ["submitted"] * 2
    assert filled.entry("a") == dataclasses.replace(entry, id="a", system="A")
    assert filled.damaged == {}


def test_stored_predictions_can_be_scored_and_compared(filled, submission, scores):
    for setting in submission.predictions:
        assert setting_scores(filled.predictions("a", setting)) == scores[setting]
    pair = compare_settings(filled.predictions("a", "CREMA-D"), filled.predictions("b", "CREMA-D"))
    assert (pair["difference"], pair["p_value"]) == (0.0, 1.0)


def test_adding_again_changes_nothing_and_another_entry_of_the_id_is_refused(filled, entry, submission):
    before = {path: path.read_bytes() for path in filled.folder.rglob("*") if path.is_file()}
    later = dataclasses.replace(entry, id="a", system="A", facts={"date": "2031-01-01"})
    assert filled.add(later, submission.predictions).facts == {"date": "2030-01-02"}
    with pytest.raises(ValueError, match=r"entries/a\.json is another entry, and entries are never overwritten"):
        filled.add(dataclasses.replace(entry, id="a", system="Other"), submission.predictions)
    assert {path: path.read_bytes() for path in filled.folder.rglob("*") if path.is_file()} == before


def test_scores_and_predictions_must_belong_together(store, entry, submission):
    only = {"CREMA-D": submission.predictions["CREMA-D"]}
    with pytest.raises(ValueError, match=r"scores on \['CREMA-D', 'IMPROV \(P\)'\], but predictions on \['CREMA-D'\]"):
        store.add(entry, only)
    better = dataclasses.replace(entry, settings={"CREMA-D": entry.settings["CREMA-D"] | {"macro_f1": 0.99}})
    with pytest.raises(ValueError, match=r"mine on CREMA-D: macro-F1 is 0\.990000, but its predictions give"):
        store.add(better, only)
    with pytest.raises(ValueError, match="is reported by a paper"):
        store.add(dataclasses.replace(entry, origin="reported"), submission.predictions)
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "", "A", "a" * 200])
def test_an_id_that_is_no_file_name_is_refused(filled, name):
    with pytest.raises(ValueError, match="must be small letters"):
        filled.predictions(name, "CREMA-D")
    with pytest.raises(ValueError, match="must be small letters"):
        filled.entry(name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "An entry must be JSON"),
        (b"[" * 100_000, "is damaged"),
        (b"\xff", "is damaged"),
        (b"{}", "lacks a field"),
        (b'{"id": "a", "surprise": 1}', "has no field 'surprise'"),
        (lambda text: text.replace('"id": "a"', '"id": "c"').encode(), "holds the submitted entry 'c'"),
        (lambda text: text.replace('"submitted"', '"reported"').encode(), "holds the reported entry 'a'"),
        (lambda text: text.replace('"macro_f1": 0', '"macro_f1": 7').encode(), "must be between 0 and 1"),
        (lambda text: text.replace('"num_utterances": 30', '"num_utterances": "x"').encode(), "is damaged"),
        (lambda text: text.replace('"interval": [', '"interval": [1,').encode(), "is damaged"),
        (lambda text: text.replace('"system": "A"', '"system": ["A"]').encode(), "is damaged"),
    ],
)
def test_a_damaged_entry_is_listed_with_its_reason_and_hides_no_other(filled, content, reason):
    path = filled.folder / "entries" / "a.json"
    path.write_bytes(content(path.read_text(encoding="utf-8")) if callable(content) else content)
    assert own_ids(filled) == ["b"]
    assert list(filled.damaged) == [path]
    assert reason in filled.damaged[path]
    with pytest.raises(ValueError, match=r"entries/a\.json"):
        filled.entry("a")


def test_an_entry_whose_predictions_are_missing_is_damaged(filled):
    missing = filled.folder / "predictions" / "a" / "crema_d.parquet"
    missing.unlink()
    assert own_ids(filled) == ["b"]
    assert list(filled.damaged.values()) == [f"Its predictions are missing: {missing}."]
    with pytest.raises(FileNotFoundError, match=r"a/crema_d\.parquet"):
        filled.predictions("a", "CREMA-D")


@pytest.mark.parametrize("written", range(1, 3))
def test_an_entry_that_was_killed_while_it_was_written_is_absent_and_can_be_added(
    written, store, entry, submission, monkeypatch
):
    write, count = results_store.write_atomically, iter(range(10))

    def killed(path, content):
        if next(count) == written:
            raise KeyboardInterrupt
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(results_store, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            store.add(entry, submission.predictions)
    assert own_ids(store) == []
    store.add(entry, submission.predictions)
    assert own_ids(store) == ["mine"]
    assert store.damaged == {}


def test_a_card_that_was_not_written_any_more_is_written_by_adding_again(store, entry, submission):
    store.add(entry, submission.predictions)
    (store.folder / "README.md").unlink()
    store.add(entry, submission.predictions)
    assert "predictions/*/improv_p.parquet" in (store.folder / "README.md").read_text(encoding="utf-8")


def test_what_people_wrote_into_the_card_stays(filled, entry, submission):
    path = filled.folder / "README.md"
    card = path.read_text(encoding="utf-8")
    path.write_text(card.replace("pretty_name: Results", "license: mit\npretty_name: Results") + "\nMine.\n", "utf-8")
    filled.add(dataclasses.replace(entry, id="c"), submission.predictions)
    found = path.read_text(encoding="utf-8")
    assert "license: mit" in found
    assert found.endswith("\nMine.\n")
    path.write_text("---\n[: x\n---\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"The metadata of the store's README\.md is damaged"):
        filled.add(dataclasses.replace(entry, id="d"), submission.predictions)


def test_load_dataset_reads_scores_and_predictions_of_all_entries(filled):
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(filled.folder)],
        capture_output=True,
        text=True,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(filled.folder.parent / "home"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "rows": {"scores": 4, "crema_d": 60, "improv_p": 60},
        "entries": {"crema_d": ["a", "b"], "improv_p": ["a", "b"]},
        "same": True,
        "systems": ["A", "B"],
    }


def test_processes_that_add_at_once_lose_nothing(tmp_path, label_dir):
    code = """
import sys
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.benchmark.submissions.submission import submit
from tests.benchmark.submissions.tiny_labels import PROTOCOL
submit(sys.argv[1], PROTOCOL, sys.argv[2], ResultsStore(sys.argv[3]), facts={"name": sys.argv[4]})
"""
    folder = write_submission(tmp_path / "x", label_dir)
    arguments = [str(folder), str(label_dir), str(tmp_path / "store")]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *arguments, name], stderr=subprocess.PIPE, text=True)
        for name in ("One", "Two", "One")
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    store = ResultsStore(tmp_path / "store")
    assert [name.split("-")[0] for name in own_ids(store)] == ["one", "two"]
    assert store.damaged == {}
    ids = results_store.scores_table([entry for entry in store.entries() if entry.origin != "reported"])
    assert (store.folder / "scores.parquet").read_bytes() == ids


def test_a_submission_and_its_store_work_together(tmp_path, label_dir):
    store = open_results_store(tmp_path / "store")
    entry = submit(write_submission(tmp_path / "x", label_dir), PROTOCOL, label_dir, store)
    assert open_results_store(str(tmp_path / "store")).entry(entry.id) == entry


@pytest.mark.parametrize("name", ["./owner/name", "results", "/a/b", "a/b/c", "~/x"])
def test_names_that_are_folders(name):
    assert type(open_results_store(name)) is ResultsStore


def test_an_existing_folder_is_no_repository(tmp_path, monkeypatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert type(open_results_store("owner/name")) is ResultsStore


@pytest.mark.parametrize("name", ["owner/name", "hf://datasets/owner/name"])
def test_names_that_are_repositories(name, monkeypatch):
    monkeypatch.setattr(ResultsStore, "from_hub", lambda repo_id, token=None: repo_id)
    assert open_results_store(name) == "owner/name"
