"""Promises of the door to the corpora: names come from files, errors help, streams divide evenly."""

import itertools
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader

from hf_emotion.data import loading
from hf_emotion.data.corpus import COLUMNS
from hf_emotion.data.loading import corpus_builder_class, corpus_facts, list_corpora, load_corpus
from hf_emotion.data.manifest_corpus import Manifest

from .fake_audio import write_noise


@pytest.fixture
def urdu(tmp_path):
    for number in range(1, 9):
        letter = "AHNS"[number % 4]
        write_noise(tmp_path / "urdu" / "Any" / f"SM{number % 3}_F{number}_{letter}{number:02d}.wav")
    return tmp_path / "urdu"


def test_corpora_are_the_files_of_dataset_scripts(repo_dir):
    stems = {path.stem for path in (repo_dir / "dataset_scripts").glob("[!_]*.py")}
    assert list_corpora() == sorted(stems)
    assert {"crema_d", "emodb", "ravdess", "savee", "tess", "urdu"} <= stems


def test_the_manifest_is_loaded_by_name_and_is_no_published_corpus(tmp_path):
    write_noise(tmp_path / "a.wav")
    (tmp_path / "manifest.csv").write_text("path,label\na.wav,anger\n")
    assert "manifest" not in list_corpora()
    assert corpus_builder_class("manifest") is Manifest
    assert load_corpus("manifest", tmp_path, split="train", cache_dir=tmp_path / "cache")["emotion"][:] == ["anger"]


@pytest.mark.parametrize(
    ("name", "proposal"), [("CREMA-D", "crema_d"), ("emo-db", "emodb"), ("RAVDES", "ravdess"), ("Urdu", "urdu")]
)
def test_an_unknown_name_is_refused_with_the_closest_and_the_list(name, proposal):
    with pytest.raises(
        ValueError, match=f"There is no corpus '{name}'. Did you mean '{proposal}'.*Known corpora: .*tess"
    ):
        load_corpus(name)


def test_a_name_close_to_nothing_still_gets_the_list():
    with pytest.raises(ValueError, match="There is no corpus 'xyzzy'. Known corpora: .*manifest"):
        load_corpus("xyzzy")


def test_a_known_corpus_without_data_dir_says_where_to_get_it():
    with pytest.raises(FileNotFoundError, match="(?s)no data_dir was given.*zenodo.*CC BY-NC-SA"):
        load_corpus("ravdess")


def test_without_official_splits_there_is_one_split_train(urdu, tmp_path):
    loaded = load_corpus("urdu", urdu, cache_dir=tmp_path / "cache")
    assert isinstance(loaded, datasets.DatasetDict)
    assert {part: len(rows) for part, rows in loaded.items()} == {"train": 8}
    assert tuple(loaded["train"].column_names) == COLUMNS
    part = load_corpus("urdu", urdu, split="train[:50%]", cache_dir=tmp_path / "cache")
    assert isinstance(part, datasets.Dataset)
    assert len(part) == 4


def test_a_stream_gives_the_same_rows_and_writes_nothing(urdu, tmp_path):
    prepared = load_corpus("urdu", urdu, cache_dir=tmp_path / "cache")["train"]
    streamed = load_corpus("urdu", urdu, streaming=True, cache_dir=tmp_path / "untouched")
    assert isinstance(streamed, datasets.IterableDatasetDict)
    assert list(streamed["train"]) == list(prepared)
    assert isinstance(load_corpus("urdu", urdu, split="train", streaming=True), datasets.IterableDataset)
    assert not list((tmp_path / "untouched").rglob("*.arrow"))


def shares(dataset, world_size, num_workers=0, epoch=None):
    """Utterance ids that each node gets, with as many workers on each."""
    divided = []
    for rank in range(world_size):
        node = split_dataset_by_node(dataset.select_columns(["utterance_id"]), rank, world_size)
        if epoch is not None:
            node.set_epoch(epoch)
        divided.append([row["utterance_id"] for row in DataLoader(node, batch_size=None, num_workers=num_workers)])
    return divided


@pytest.mark.parametrize("streaming", [True, False], ids=["iterable", "map-style"])
@pytest.mark.parametrize(("world_size", "num_workers"), [(2, 0), (3, 0), (2, 2), (3, 2)])
def test_nodes_and_their_workers_see_every_utterance_once(urdu, tmp_path, streaming, world_size, num_workers):
    rows = load_corpus("urdu", urdu, split="train", streaming=streaming, cache_dir=tmp_path / "cache")
    divided = shares(rows, world_size, num_workers)
    assert sorted(itertools.chain(*divided)) == sorted(row["utterance_id"] for row in rows)
    # Where the nodes do not divide the number of utterances, every worker deals them out in turn, starting anew.
    assert max(map(len, divided)) - min(map(len, divided)) <= max(1, num_workers)


def test_a_shuffled_stream_is_divided_without_gap_or_overlap_in_every_epoch(urdu):
    stream = load_corpus("urdu", urdu, split="train", streaming=True).shuffle(seed=1, buffer_size=1)
    orders = []
    for epoch in range(2):
        divided = shares(stream, 2, num_workers=2, epoch=epoch)
        assert len(set(itertools.chain(*divided))) == sum(map(len, divided)) == 8
        orders.append(divided)
    assert orders[0] != orders[1]


def test_official_parts_are_divided_each_for_itself(tmp_path):
    lines = ["path,label,split"]
    for part, count in (("train", 6), ("test", 4)):
        for number in range(count):
            write_noise(tmp_path / "mine" / f"{part}{number}.wav")
            lines.append(f"{part}{number}.wav,anger,{part}")
    (tmp_path / "mine" / "manifest.csv").write_text("\n".join(lines))
    parts = load_corpus("manifest", tmp_path / "mine", streaming=True)
    for part, count in (("train", 6), ("test", 4)):
        divided = shares(parts[part], 2)
        assert sorted(itertools.chain(*divided)) == [f"{part}{number}" for number in range(count)]


def test_more_nodes_than_utterances_leave_some_nodes_without(urdu):
    stream = load_corpus("urdu", urdu, split="train", streaming=True)
    assert sorted(map(len, shares(stream, 9))) == [0] + [1] * 8


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_stream_travels_into_worker_processes(urdu, context):
    stream = load_corpus("urdu", urdu, split="train", streaming=True).select_columns(["utterance_id"])
    num_workers = 2 if context == "fork" else 1  # a spawned worker takes seconds to import torch
    loader = DataLoader(stream, batch_size=None, num_workers=num_workers, multiprocessing_context=context)
    assert len({row["utterance_id"] for row in loader}) == 8


def test_a_shuffled_stream_resumes_where_it_stopped(urdu):
    shuffled = load_corpus("urdu", urdu, split="train", streaming=True).shuffle(seed=0, buffer_size=1)
    everything = [row["utterance_id"] for row in shuffled]
    rows = iter(shuffled)
    seen = [next(rows)["utterance_id"] for _ in range(3)]
    state = shuffled.state_dict()
    resumed = load_corpus("urdu", urdu, split="train", streaming=True).shuffle(seed=0, buffer_size=1)
    resumed.load_state_dict(state)
    assert seen + [row["utterance_id"] for row in resumed] == everything
    assert everything != sorted(everything)


def speaker_of(row):
    return {"folder": corpus_facts(row["corpus"]).name + Path(row["audio"]["path"]).parent.name}


def test_corpora_work_in_processes_of_map(urdu, tmp_path):
    mapped = load_corpus("urdu", urdu, split="train", cache_dir=tmp_path / "cache").map(speaker_of, num_proc=2)
    assert set(mapped["folder"]) == {"urduAny"}


@pytest.fixture
def scripts_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "scripts_dir", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("x = 1", r"must define a class ToyCorpus\(EmotionCorpus\)"),
        (
            "from hf_emotion.data.corpus import EmotionCorpus\nclass ToyCorpus(EmotionCorpus):\n    pass",
            "facts must be",
        ),
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
    ],
)
def test_a_corpus_file_that_breaks_the_convention_is_named_and_can_be_repaired(
    scripts_dir, source, error, monkeypatch
):
    module_name = "hf_emotion.dataset_scripts.toy_corpus"
    monkeypatch.delitem(sys.modules, module_name, raising=False)
    (scripts_dir / "toy_corpus.py").write_text(source)
    with pytest.raises((ValueError, ImportError), match=error):
        corpus_facts("toy_corpus")
    monkeypatch.delitem(sys.modules, module_name, raising=False)


def test_a_new_corpus_is_one_file_and_no_other_edit(scripts_dir, monkeypatch):
    monkeypatch.delitem(sys.modules, "hf_emotion.dataset_scripts.toy_corpus", raising=False)
    (scripts_dir / "toy_corpus.py").write_text(
        "from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance\n"
        "class ToyCorpus(EmotionCorpus):\n"
        "    facts = Corpus(name='toy_corpus', full_name='Toy', languages=('en',), labels={'x': 'joy'})\n"
        "    def utterances(self, root):\n"
        "        return [Utterance(path=root / 'x.wav', raw_label='x')]\n"
    )
    write_noise(scripts_dir / "data" / "x.wav")
    assert list_corpora() == ["toy_corpus"]
    rows = load_corpus("toy_corpus", scripts_dir / "data", split="train", cache_dir=scripts_dir / "cache")
    assert rows[0]["arousal_valence"] == "high_positive"
    monkeypatch.delitem(sys.modules, "hf_emotion.dataset_scripts.toy_corpus")


def test_facts_load_neither_torch_nor_transformers():
    code = "import sys; from hf_emotion.data.loading import corpus_facts; corpus_facts('tess'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hf_emotion.dataset_scripts.tess" in loaded
    assert not {"torch", "transformers"} & set(loaded)
