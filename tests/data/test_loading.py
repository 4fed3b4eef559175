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
from hf_emotion.data.corpus import COLUMNS, Corpus, EmotionCorpus
from hf_emotion.data.loading import corpus_builder_class, corpus_facts, list_corpora, load_corpus
from hf_emotion.emotions import AV_SOURCES, EMOTIONS

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
    assert {"crema_d", "emodb", "manifest", "ravdess", "savee", "tess", "urdu"} <= stems


@pytest.mark.parametrize("name", list_corpora())
def test_every_corpus_has_complete_and_consistent_facts(name):
    facts = corpus_facts(name)
    assert isinstance(facts, Corpus)
    assert facts.name == name
    assert facts.full_name
    assert facts.layout
    assert facts.how_to_obtain
    if name != "manifest":
        assert facts.labels
        assert facts.licence
        assert facts.access
        assert facts.homepage
        assert facts.citation
        assert all(EMOTIONS[emotion].source in AV_SOURCES for emotion in facts.labels.values() if emotion)
        assert sum(facts.label_counts.values()) in (0, facts.num_utterances)


@pytest.mark.parametrize("name", list_corpora())
def test_every_corpus_file_is_small_and_versioned(name, repo_dir):
    assert len((repo_dir / "dataset_scripts" / f"{name}.py").read_text().splitlines()) <= 80
    builder = corpus_builder_class(name)
    assert issubclass(builder, EmotionCorpus)
    assert "VERSION" in vars(builder)
    assert builder.__module__ == f"hf_emotion.dataset_scripts.{name}"


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


@pytest.mark.parametrize("world_size", [2, 3])
def test_a_stream_is_divided_between_nodes_without_gap_or_overlap(urdu, world_size):
    stream = load_corpus("urdu", urdu, split="train", streaming=True)
    shares = [
        [row["utterance_id"] for row in split_dataset_by_node(stream, rank, world_size)] for rank in range(world_size)
    ]
    assert sorted(itertools.chain(*shares)) == sorted(row["utterance_id"] for row in stream)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


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
    monkeypatch.setattr(loading, "_scripts_dir", lambda: tmp_path)
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
