"""A results store on the Hub: one commit per entry, also beside others, and nothing of one that was interrupted."""

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.benchmark.submissions.submission import submit
from tests.benchmark.submissions.tiny_labels import PROTOCOL, write_submission, write_tiny_labels
from tests.hub_double import Fault, HubDouble


REPO = "user/results"
COMMIT = "/commit/main$"
# Adds an entry of a local store; prints ids and damaged files that the Hub has then.
ADD = """
import json, sys
from hf_emotion.benchmark.results.store import ResultsStore
local, target = ResultsStore(sys.argv[1]), ResultsStore.from_hub("user/results", reported=None)
entry = local.entry(sys.argv[2])
target.add(entry, {setting: local.predictions(entry.id, setting) for setting in entry.settings})
print(json.dumps([[entry.id for entry in target.entries()], [path.name for path in target.damaged]]))
"""
PUSH = """
import json, sys
from hf_emotion.benchmark.results.store import ResultsStore
print(json.dumps([ResultsStore(sys.argv[1]).push("user/results") for _ in range(2)]))
"""
SUBMIT = """
import json, sys
from hf_emotion.benchmark.results.store import open_results_store
from hf_emotion.benchmark.submissions.submission import submit
from tests.benchmark.submissions.tiny_labels import PROTOCOL
store = open_results_store("user/results")
print(json.dumps([submit(*sys.argv[1:2], PROTOCOL, sys.argv[2], store).id for _ in range(2)]))
"""
READ = """
import datasets, json
from hf_emotion.benchmark.results.store import ResultsStore
store = ResultsStore.from_hub("user/results", reported=None)
scores = datasets.load_dataset("user/results", split="test")
predictions = datasets.load_dataset("user/results", "crema_d", split="test")
print(json.dumps({
    "stored": {entry.id: sum(map(len, store.predictions(entry.id, "CREMA-D")[1])) for entry in store.entries()},
    "scores": sorted(zip(scores["id"], scores["setting"])),
    "rows": {name: predictions["entry"].count(name) for name in sorted(set(predictions["entry"]))},
}))
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Folder of a submission and label folder."""
    root = tmp_path_factory.mktemp("submission")
    label_dir = write_tiny_labels(root / "labels")
    return write_submission(root / "mine", label_dir), label_dir


@pytest.fixture(scope="module")
def local(arguments, tmp_path_factory) -> ResultsStore:
    store = ResultsStore(tmp_path_factory.mktemp("local") / "store", reported=None)
    for name in ("First", "Second"):
        submit(arguments[0], PROTOCOL, arguments[1], store, facts={"name": name})
    return store


@pytest.fixture(scope="module")
def first(local) -> str:
    return local.entries()[0].id


@pytest.fixture(scope="module")
def second(local) -> str:
    return local.entries()[1].id


@pytest.fixture
def hub(tmp_path):
    with HubDouble(tmp_path / "hub") as double:
        double.storage.create("datasets", REPO, private=False, author="user")
        yield double


@pytest.fixture(scope="module")
def folder_with_first(tmp_path_factory, local, first):
    folder = tmp_path_factory.mktemp("hubs") / "hub"
    with HubDouble(folder) as double:
        double.storage.create("datasets", REPO, private=False, author="user")
        assert double.run(ADD, local.folder, first) == [[first], []]
    return folder


@pytest.fixture
def hub_with_first(folder_with_first, tmp_path):
    with HubDouble(shutil.copytree(folder_with_first, tmp_path / "hub", symlinks=True)) as double:
        yield double


def messages(hub) -> list[str]:
    return [commit.message for _, commit in hub.repository(REPO).history("main")]


def files(hub) -> set[str]:
    return set(hub.repository(REPO).history("main")[0][1].files) - {".gitattributes"}


def overwrite(hub, path: str, content: bytes, message: str = "") -> None:
    header = {"key": "header", "value": {"summary": message}}
    line = {"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode()}}
    hub.storage.commit(hub.repository(REPO), "main", "user", [header, line])


@contextmanager
def commit_in_between(hub) -> Iterator[None]:
    """Before the next commit that arrives, somebody changes the card."""
    original = hub.storage.commit

    def commit(*arguments):
        hub.storage.commit = original
        overwrite(hub, "README.md", hub.read(REPO, "README.md") + b"\nMine.\n", "In between")
        return original(*arguments)

    hub.storage.commit = commit
    yield
    hub.storage.commit = original


def test_a_submission_is_one_commit_and_the_same_again_is_none(hub, arguments):
    entry_id, again = hub.run(SUBMIT, *arguments)
    assert again == entry_id
    assert messages(hub) == [f"Add {entry_id}", "initial commit"]
    assert files(hub) == {
        "README.md",
        "scores.parquet",
        f"entries/{entry_id}.json",
        f"predictions/{entry_id}/crema_d.parquet",
        f"predictions/{entry_id}/improv_p.parquet",
    }


def test_a_pushed_folder_is_read_by_others_and_pushing_again_adds_nothing(hub, local, first, second):
    assert hub.run(PUSH, local.folder) == [[first, second], []]
    assert messages(hub) == [f"Add {second}", f"Add {first}", "initial commit"]
    assert hub.run(READ, token=None, home="reader") == {
        "stored": {first: 10, second: 10},
        "scores": sorted([name, setting] for name in (first, second) for setting in ("CREMA-D", "IMPROV (P)")),
        "rows": {first: 30, second: 30},
    }


def test_a_commit_that_comes_in_between_is_kept(hub_with_first, local, first, second):
    with commit_in_between(hub_with_first):
        assert hub_with_first.run(ADD, local.folder, second) == [[first, second], []]
    assert messages(hub_with_first)[:3] == [f"Add {second}", "In between", f"Add {first}"]
    assert len(hub_with_first.requests("POST", COMMIT, status=412)) == 1
    card = hub_with_first.read(REPO, "README.md")
    assert b"Mine." in card
    assert b"config_name: crema_d" in card


def test_entries_that_are_added_at_the_same_time_are_all_kept(hub, local, first, second):
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(hub.run, ADD, local.folder, name, home=f"home {number}")
            for number, name in enumerate((first, second, first))
        ]
        found = [run.result() for run in runs]
    assert all(damaged == [] for _, damaged in found)
    assert [first, second] in [ids for ids, _ in found]
    assert sorted(messages(hub)) == sorted([f"Add {first}", f"Add {second}", "initial commit"])


@pytest.mark.parametrize(
    "fault",
    [Fault("^/lfs/", skip=1, status=403), Fault(COMMIT, method="POST", status=500, count=9)],
    ids=["upload", "commit"],
)
def test_an_entry_whose_transfer_failed_is_absent_and_can_be_added_again(hub, local, first, fault):
    hub.faults.append(fault)
    with pytest.raises(RuntimeError, match="ConnectionError|HfHubHTTPError"):
        hub.run(ADD, local.folder, first)
    assert (messages(hub), files(hub)) == (["initial commit"], set())
    hub.faults.clear()
    assert hub.run(ADD, local.folder, first) == [[first], []]


def test_an_entry_whose_process_was_killed_is_absent_and_can_be_added_again(hub, local, first):
    fault = Fault("^/lfs/", skip=1, delay=2)
    hub.faults.append(fault)
    command = [sys.executable, "-c", ADD, str(local.folder), first]
    with subprocess.Popen(command, env=hub.client_environment(), cwd=hub.folder) as process:
        deadline = time.monotonic() + 120
        while fault.count and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert fault.count == 0
    assert (messages(hub), files(hub)) == (["initial commit"], set())
    assert hub.run(ADD, local.folder, first) == [[first], []]


def test_a_damaged_entry_hides_no_other_and_does_not_stop_new_ones(hub_with_first, local, first, second):
    overwrite(hub_with_first, f"entries/{first}.json", b"{")
    assert hub_with_first.run(ADD, local.folder, second) == [[second], [f"{first}.json"]]
    assert hub_with_first.read(REPO, f"entries/{first}.json") == b"{"


def test_another_entry_of_the_same_id_is_never_overwritten(hub_with_first, local, first):
    other = json.loads(hub_with_first.read(REPO, f"entries/{first}.json"))
    other["facts"]["notes"] = "of somebody else"
    overwrite(hub_with_first, f"entries/{first}.json", json.dumps(other).encode())
    with pytest.raises(RuntimeError, match="is another entry, and entries are never overwritten"):
        hub_with_first.run(ADD, local.folder, first)
    assert b"of somebody else" in hub_with_first.read(REPO, f"entries/{first}.json")


def test_only_those_who_may_write_to_the_repository_add_entries(hub, local, first):
    with pytest.raises(RuntimeError, match="403"):
        hub.run(ADD, local.folder, first, token="hf_stranger")
    assert files(hub) == set()


def test_a_repository_that_does_not_exist_is_named(hub):
    with pytest.raises(RuntimeError, match=r"RepositoryNotFoundError(.|\n)*user/none"):
        hub.run("from hf_emotion.benchmark.results.store import ResultsStore; ResultsStore.from_hub('user/none')")
