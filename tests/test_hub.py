"""Pushing corpora: what arrives, what comes back, what happens if it breaks. The Hub is that of `hub_double`."""

import base64
import hashlib
import io
import re
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from hf_emotion.data.columns import COLUMNS
from hf_emotion.data.loading import load_corpus
from hf_emotion.data.splits import split_corpus
from hf_emotion.data.splits.split_info import describe_split
from tests.hub_double import Fault, HubDouble
from tests.small_corpora import write_manifest, write_ravdess


PUSH = """
import json, sys
from hf_emotion.hub import push_corpus
name, data_dir, repo_id, options = sys.argv[1:]
print(json.dumps(push_corpus(name, repo_id, data_dir=data_dir, **json.loads(options)).oid))
"""
# What a user of datasets gets, with audio as its checksum; without and with streaming.
LOAD = """
import datasets, hashlib, io, json, soundfile, sys
def plain(row):
    audio = row.pop("audio")
    content = audio["bytes"]
    samples, sampling_rate = soundfile.read(io.BytesIO(content))
    file = {"sha256": hashlib.sha256(content).hexdigest(), "path": audio["path"], "sampling_rate": sampling_rate}
    return row | file | {"num_samples": len(samples)}
raw = datasets.Audio(decode=False)
loaded = datasets.load_dataset(sys.argv[1])
streamed = datasets.load_dataset(sys.argv[1], streaming=True)
print(json.dumps({
    "features": repr(loaded["train"].features),
    "parts": {part: [plain(row) for row in rows.cast_column("audio", raw)] for part, rows in loaded.items()},
    "streamed": {part: [plain(row) for row in rows.cast_column("audio", raw)] for part, rows in streamed.items()},
}))
"""


@pytest.fixture(scope="module")
def ravdess_dir(tmp_path_factory) -> Path:
    return write_ravdess(tmp_path_factory.mktemp("archives") / "ravdess")


@pytest.fixture(scope="module")
def ravdess(ravdess_dir, tmp_path_factory) -> datasets.DatasetDict:
    return load_corpus("ravdess", ravdess_dir, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pushed(ravdess_dir, tmp_path_factory):
    """A Hub to which ravdess has been pushed once; tests do not change that repository."""
    with HubDouble(tmp_path_factory.mktemp("hub")) as hub:
        hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
        yield hub


@pytest.fixture(scope="module")
def loaded(pushed) -> dict:
    """What `load_dataset` gives in a process that has no token and an empty cache."""
    return pushed.run(LOAD, "user/ravdess", token=None, home="reader")


@pytest.fixture
def hub(tmp_path):
    with HubDouble(tmp_path / "hub") as double:
        yield double


def expected_rows(rows: datasets.Dataset) -> list[dict]:
    """Rows of `load_corpus` as `LOAD` prints them, in the same order."""
    found = []
    for row in rows:
        path = Path(row.pop("audio")["path"])
        found.append(row | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "path": path.name})
    return found


def without_decoding(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if not name.startswith(("sampling", "num_"))} for row in rows]


def test_load_dataset_gives_the_rows_of_load_corpus_with_the_bytes_of_the_files(loaded, ravdess):
    assert list(loaded["parts"]) == ["train"]
    assert without_decoding(loaded["parts"]["train"]) == expected_rows(ravdess["train"])


def test_the_audio_decodes_from_its_bytes(loaded):
    assert {(row["sampling_rate"], row["num_samples"]) for row in loaded["parts"]["train"]} == {(48_000, 9_600)}


def test_a_stream_gives_the_same_rows(loaded):
    assert loaded["streamed"] == loaded["parts"]


def test_audio_is_a_decodable_column_with_its_sampling_rate(loaded):
    assert f"{datasets.Audio(sampling_rate=48_000)!r}" in loaded["features"]
    assert [name for name in COLUMNS if f"'{name}'" not in loaded["features"]] == []


def test_torchcodec_decodes_the_column(pushed):
    pytest.importorskip("torchcodec")
    shape = pushed.run(
        """
import datasets, json
audio = datasets.load_dataset("user/ravdess", split="train")[0]["audio"]
print(json.dumps(list(audio.get_all_samples().data.shape)))
"""
    )
    assert shape == [1, 9_600]


def test_nothing_that_is_pushed_names_a_folder_of_this_machine(pushed, ravdess_dir):
    for path in pushed.repository("user/ravdess").history("main")[0][1].files:
        content = pushed.read("user/ravdess", path)
        texts = [content.decode(errors="ignore")]
        if path.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(content))
            texts += [str(table.drop_columns("audio").to_pydict()), str(table.schema.metadata)]
            texts += table["audio"].combine_chunks().field("path").to_pylist()
        assert not any(str(folder) in text for text in texts for folder in [ravdess_dir, *ravdess_dir.parents[:-1]])


def test_the_card_loads_and_says_where_the_files_are(pushed):
    metadata = pushed.run(
        """
import json
from huggingface_hub import DatasetCard
card = DatasetCard.load("user/ravdess")
card.validate()
print(json.dumps(card.data.to_dict()))
"""
    )
    assert metadata["license"] == "cc-by-nc-sa-4.0"
    assert metadata["task_categories"] == ["audio-classification"]
    assert metadata["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}
    ]
    assert [split["num_examples"] for split in metadata["dataset_info"]["splits"]] == [12]


def test_the_code_in_the_card_runs(pushed):
    code = re.findall(r"```python\n(.*?)```", pushed.read("user/ravdess", "README.md").decode(), re.DOTALL)
    results = "print(json.dumps([corpus.num_rows, list(samples.shape), sampling_rate, len(speech)]))"
    assert len(code) == 3
    found = pushed.run("\n".join(["import json", *code, results]), token=None, home="reader")
    # the last block has taken the name `corpus`; resampled from 48 to 16 kHz
    assert found == [{"train": 12}, [9_600], 48_000, 3_200]


def test_a_second_push_changes_and_sends_nothing(hub, ravdess_dir):
    first = hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
    num_sent = len(hub.requests("PUT", "^/lfs/"))
    assert hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}") == first
    assert len(hub.requests("PUT", "^/lfs/")) == num_sent == 1
    assert [commit.message for _, commit in hub.repository("user/ravdess").history("main")] == [
        "Push ravdess",
        "Describe ravdess",
        "initial commit",
    ]


def test_no_recording_is_on_the_hub_before_the_card_with_its_licence(hub, ravdess_dir):
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
    described = hub.repository("user/ravdess").history("main")[1][0]
    assert b"license: cc-by-nc-sa-4.0" in hub.read("user/ravdess", "README.md", revision=described)
    paths = [request.path for request in hub.log]
    assert paths.index("/api/datasets/user/ravdess/commit/main") < next(
        number for number, path in enumerate(paths) if path.startswith("/lfs/")
    )


@pytest.mark.parametrize("fault", [Fault("^/lfs/", status=500), Fault("^/lfs/", cut_after=5_000)], ids=["500", "cut"])
def test_a_passing_fault_is_survived(hub, ravdess_dir, fault):
    hub.faults.append(fault)
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
    assert fault.count == 0
    assert len(hub.run(LOAD, "user/ravdess")["parts"]["train"]) == 12


@pytest.mark.parametrize(
    "fault",
    [
        Fault("^/lfs/", skip=2, status=403),
        Fault("/commit/main$", method="POST", skip=1, status=500),
        Fault("/commit/main$", method="POST", skip=1, cut_after=10),
    ],
    ids=["third file", "commit refused", "commit cut"],
)
def test_a_push_that_fails_says_so_and_the_next_one_sends_only_what_is_missing(hub, ravdess_dir, fault):
    hub.faults.append(fault)
    options = '{"split": "speaker_independent"}'  # three parts, three files
    with pytest.raises(RuntimeError, match=r"What has arrived is kept: push again to continue\."):
        hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", options)
    assert len(hub.requests("PUT", "^/lfs/")) >= 2
    assert set(hub.repository("user/ravdess").history("main")[0][1].files) == {".gitattributes", "README.md"}
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", options)
    sent = [request.path for request in hub.requests("PUT", "^/lfs/")]
    assert len(sent) == len(set(sent)) == 3
    assert set(hub.run(LOAD, "user/ravdess")["parts"]) == {"train", "validation", "test"}


def test_splits_arrive_as_parts_and_replace_those_that_were_there(hub, ravdess_dir, ravdess):
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", '{"split": "leave_one_speaker_out", "fold": 2}')
    parts = split_corpus(ravdess, "leave_one_speaker_out", fold=2)
    loaded = hub.run(LOAD, "user/ravdess")["parts"]
    assert {part: without_decoding(rows) for part, rows in loaded.items()} == {
        part: expected_rows(rows) for part, rows in parts.items()
    }
    card = hub.read("user/ravdess", "README.md").decode()
    described = describe_split(parts, "leave_one_speaker_out", fold=2, validation_size=0.1, seed=0)
    assert f"| {described.name} | {described.version} | `{described.hash}` |" in card


def test_a_private_repository_needs_the_token_and_holds_every_column(hub, tmp_path):
    recordings = write_manifest(tmp_path / "recordings")
    hub.run(PUSH, "manifest", recordings, "user/mine", '{"private": true}')
    assert hub.repository("user/mine").private
    with pytest.raises(
        RuntimeError, match="DatasetNotFoundError: Dataset 'user/mine' doesn't exist on the Hub or can"
    ):
        hub.run(LOAD, "user/mine", token=None, home="stranger")
    expected = expected_rows(load_corpus("manifest", recordings, split="train", cache_dir=tmp_path / "cache"))
    assert without_decoding(hub.run(LOAD, "user/mine", home="reader")["parts"]["train"]) == expected
    assert expected[0]["votes"] == [{"label": "anger", "count": 2}, {"label": "neutral", "count": 1}]
    assert expected[0]["valence"] == 0.97


def test_private_rows_never_go_to_a_public_repository(hub, tmp_path):
    hub.storage.create("datasets", "user/mine", private=False, author="user")
    with pytest.raises(RuntimeError, match="user/mine exists and is public"):
        hub.run(PUSH, "manifest", write_manifest(tmp_path / "recordings"), "user/mine", '{"private": true}')
    assert list(hub.repository("user/mine").history("main")[0][1].files) == [".gitattributes"]
    assert not hub.requests("PUT", "^/lfs/")


def test_a_branch_takes_the_push_and_main_stays_as_it_was(hub, ravdess_dir):
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", '{"revision": "next"}')
    repository = hub.repository("user/ravdess")
    assert len(repository.history("main")) == 1
    assert "data/train-00000-of-00001.parquet" in repository.history("next")[0][1].files


def test_a_gate_stays_when_the_card_is_replaced(hub, ravdess_dir):
    repository = hub.storage.create("datasets", "user/ravdess", private=False, author="user")
    card = base64.b64encode(b"---\nextra_gated_prompt: Sign here\nlicense: mit\npretty_name: Old\n---\nOld text\n")
    line = {"key": "file", "value": {"path": "README.md", "content": card.decode()}}
    hub.storage.commit(repository, "main", "user", [line])
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", "{}")
    found = hub.read("user/ravdess", "README.md").decode()
    assert "extra_gated_prompt: Sign here" in found
    assert "Old" not in found
    assert "license: mit" not in found


def test_files_are_divided_by_size_but_hold_at_least_one_utterance(hub, ravdess_dir):
    hub.run(PUSH, "ravdess", ravdess_dir, "user/ravdess", '{"max_shard_size": "100KB"}')
    hub.run(PUSH, "ravdess", ravdess_dir, "user/tiny", '{"max_shard_size": 1}')

    def num_files(repo_id):
        return sum(path.startswith("data/") for path in hub.repository(repo_id).history("main")[0][1].files)

    assert num_files("user/ravdess") == 3  # 13 files of 19 kB
    assert num_files("user/tiny") == 12
