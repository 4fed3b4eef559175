"""Promises of text embeddings: each text once, unknown where there is none, and cached by data, model and settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

from hf_emotion.data.text_embeddings import PUBLISHED_SIZES, add_text_embeddings, embed_texts, embedding_size
from tests.tiny_sentence_model import save_sentence_model


SIZE = 4
TEXTS = ["Leave me alone", None, "It is late", "  ", "Leave me alone ", "It is late"]

# Stands for the package: writes each call to a file, and embeds a text by its length, its first letter and the model.
DOUBLE = """
import json, os
from pathlib import Path
import numpy as np

class SentenceTransformer:
    def __init__(self, name, revision=None, device=None):
        self.offset = float((Path(name) / "offset.txt").read_text())
        self.settings = [revision, device]

    def encode(self, texts, batch_size, prompt, show_progress_bar, convert_to_numpy):
        with open(os.environ["ENCODER_CALLS"], "a") as file:
            file.write(json.dumps([texts, batch_size, prompt, *self.settings]) + "\\n")
        return np.array([[len(text), ord(text[0]), self.offset, 1] for text in texts], dtype=np.float64)
"""

PROGRAM = """
import sys
import datasets
from accelerate import PartialState
from hf_emotion.data.text_embeddings import add_text_embeddings

with PartialState(cpu=True).main_process_first():
    rows = add_text_embeddings(datasets.load_from_disk(sys.argv[1]), sys.argv[2])
assert rows["text_embedding"][0][2] == 0.5
"""


class Encoder:
    """Folder of a model that the double of the package loads, and what it was asked for."""

    def __init__(self, folder: Path):
        self.folder = folder / "model"
        self.name, self.calls_file = str(self.folder), folder / "calls.jsonl"
        write_model(self.folder, {"type": "Transformer"}, {"type": "Pooling", "word_embedding_dimension": SIZE})
        self.train(0.5)

    def train(self, offset: float) -> None:
        (self.folder / "offset.txt").write_text(str(offset))

    @property
    def calls(self) -> list:
        return (
            [json.loads(line) for line in self.calls_file.read_text().splitlines()] if self.calls_file.exists() else []
        )


def write_model(folder: Path, *modules: dict) -> None:
    """The files of a model that say its size; a module is its class and the values of its config."""
    folder.mkdir(exist_ok=True, parents=True)
    entries = []
    for idx, module in enumerate(modules):
        path = f"{idx}_{module['type']}" if idx else ""
        entries.append(
            {"idx": idx, "name": str(idx), "path": path, "type": f"sentence_transformers.x.{module['type']}"}
        )
        (folder / path).mkdir(exist_ok=True)
        (folder / path / "config.json").write_text(json.dumps({k: v for k, v in module.items() if k != "type"}))
    (folder / "modules.json").write_text(json.dumps(entries))


@pytest.fixture
def package_dir(tmp_path):
    """Folder with the double of sentence-transformers."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "sentence_transformers.py").write_text(DOUBLE)
    return folder


@pytest.fixture
def encoder(tmp_path, package_dir, monkeypatch):
    encoder = Encoder(tmp_path)
    monkeypatch.setenv("ENCODER_CALLS", str(encoder.calls_file))
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    monkeypatch.syspath_prepend(str(package_dir))
    yield encoder
    sys.modules.pop("sentence_transformers", None)


@pytest.fixture
def corpus(tmp_path):
    """Utterances on the disk, as prepared corpora are."""
    rows = {"utterance_id": [f"u{number}" for number in range(len(TEXTS))], "text": TEXTS, "remark": ["so"] * 6}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "corpus")
    return datasets.load_from_disk(str(tmp_path / "corpus"))


class TestEmbedding:
    def test_each_distinct_text_is_embedded_once_and_missing_ones_are_unknown(self, encoder, corpus):
        rows = add_text_embeddings(corpus, encoder.name, batch_size=8, device="cpu", prompt="query: ")
        assert encoder.calls == [[["It is late", "Leave me alone"], 8, "query: ", None, "cpu"]]
        assert rows.features["text_embedding"] == datasets.List(datasets.Value("float32"), length=SIZE)
        embeddings = np.array(rows["text_embedding"][:])
        assert np.isnan(embeddings).all(axis=1).tolist() == [False, True, False, True, False, False]
        late, alone = [10, 73, 0.5, 1], [14, 76, 0.5, 1]
        assert embeddings[[0, 2, 4, 5]].tolist() == [alone, late, alone, late]
        assert rows.remove_columns("text_embedding").to_dict() == corpus.to_dict()

    def test_rows_of_a_selection_get_their_own_texts(self, encoder, corpus):
        rows = add_text_embeddings(corpus.select([5, 1, 0]), encoder.name)
        assert [row["utterance_id"] for row in rows] == ["u5", "u1", "u0"]
        assert np.array(rows["text_embedding"][:])[:, 0].tolist() == pytest.approx([10, np.nan, 14], nan_ok=True)

    def test_selections_of_the_result_keep_the_embeddings_beside_the_texts(self, encoder, corpus):
        rows = add_text_embeddings(corpus, encoder.name).select([4, 2]).filter(lambda row: row["text"] != "It is late")
        assert rows["text_embedding"][:] == [[14, 76, 0.5, 1]]

    def test_without_any_text_no_model_is_loaded(self, encoder):
        silent = datasets.Dataset.from_dict({"text": [None, ""]})
        rows = add_text_embeddings(silent, encoder.name)
        assert np.isnan(np.array(rows["text_embedding"][:])).all()
        assert encoder.calls == []

    def test_an_empty_part_gets_the_same_column(self, encoder, corpus):
        rows = add_text_embeddings(corpus, encoder.name)
        empty = add_text_embeddings(corpus.select([]), encoder.name)
        assert (len(empty), empty.features) == (0, rows.features)

    def test_another_column_may_hold_the_text(self, encoder, corpus):
        rows = add_text_embeddings(corpus, encoder.name, text_column="remark")
        assert rows["text_embedding"][1] == [2, 115, 0.5, 1]

    def test_embeddings_of_another_size_than_configured_are_refused(self, encoder):
        write_model(encoder.folder, {"type": "Transformer"}, {"type": "Dense", "out_features": 3})
        with pytest.raises(ValueError, match=r"shape \(1, 4\) for 1 texts, where its configuration says a size of 3"):
            embed_texts(["It is late"], encoder.name)

    def test_embeddings_that_are_not_finite_are_refused(self, encoder):
        encoder.train(np.inf)
        with pytest.raises(ValueError, match="values that are not finite"):
            embed_texts(["It is late"], encoder.name)

    def test_what_cannot_be_embedded_is_named(self, encoder, corpus):
        with pytest.raises(ValueError, match=r"no column 'transcript' to embed, only \['utterance_id'"):
            add_text_embeddings(corpus, encoder.name, text_column="transcript")
        with pytest.raises(ValueError, match="has a column 'text_embedding' already"):
            add_text_embeddings(add_text_embeddings(corpus, encoder.name), encoder.name)

    def test_a_missing_package_says_what_to_install(self, encoder, monkeypatch):
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        with pytest.raises(ImportError, match=r'`pip install "hf-emotion\[text\]"`'):
            embed_texts(["It is late"], encoder.name)


class TestCache:
    def test_a_second_run_reads_what_the_first_one_stored(self, encoder, corpus):
        first = add_text_embeddings(corpus, encoder.name)
        second = add_text_embeddings(
            datasets.load_from_disk(str(Path(corpus.cache_files[0]["filename"]).parent)), encoder.name
        )
        assert len(encoder.calls) == 1
        assert second.to_dict()["text_embedding"][0] == first.to_dict()["text_embedding"][0]
        assert second._fingerprint == first._fingerprint

    @pytest.mark.parametrize("change", ["model", "prompt", "column", "rows"])
    def test_a_change_of_what_counts_embeds_again(self, encoder, corpus, change):
        add_text_embeddings(corpus, encoder.name)
        if change == "model":
            encoder.train(2.25)
        options = {"prompt": {"prompt": "passage: "}, "column": {"text_column": "remark"}}.get(change, {})
        rows = add_text_embeddings(corpus.select([0, 1]) if change == "rows" else corpus, encoder.name, **options)
        assert len(encoder.calls) == 2
        assert rows["text_embedding"][0][2] == (2.25 if change == "model" else 0.5)

    def test_a_change_of_how_it_is_computed_does_not(self, encoder, corpus):
        add_text_embeddings(corpus, encoder.name)
        add_text_embeddings(corpus, encoder.name, batch_size=1, device="cpu")
        assert len(encoder.calls) == 1

    def test_of_two_processes_one_computes_and_later_ones_read(self, encoder, corpus, package_dir, tmp_path, repo_dir):
        folder = str(Path(corpus.cache_files[0]["filename"]).parent)
        (tmp_path / "program.py").write_text(PROGRAM)
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        finished = subprocess.run(
            [*launcher, str(tmp_path / "program.py"), folder, encoder.name],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join([str(package_dir), str(repo_dir)]),
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert finished.returncode == 0, finished.stderr
        assert len(encoder.calls) == 1
        assert add_text_embeddings(corpus, encoder.name)["text_embedding"][0] == [14, 76, 0.5, 1]
        assert len(encoder.calls) == 1


class TestSize:
    @pytest.mark.parametrize(
        ("modules", "expected"),
        [
            ([{"type": "Transformer"}, {"type": "Pooling", "embedding_dimension": 8, "pooling_mode": "mean"}], 8),
            (
                [
                    {"type": "Transformer"},
                    {"type": "Pooling", "embedding_dimension": 8, "pooling_mode": ["mean", "max"]},
                ],
                16,
            ),
            (
                [
                    {"type": "Transformer"},
                    {
                        "type": "Pooling",
                        "word_embedding_dimension": 8,
                        "pooling_mode_cls_token": True,
                        "pooling_mode_mean_tokens": False,
                        "pooling_mode_max_tokens": True,
                    },
                    {"type": "Normalize"},
                ],
                16,
            ),
            (
                [
                    {"type": "Transformer"},
                    {"type": "Pooling", "embedding_dimension": 8},
                    {"type": "Dense", "out_features": 5},
                ],
                5,
            ),
            ([{"type": "StaticEmbedding"}], SIZE),  # says nothing, so that the model is asked
        ],
    )
    def test_the_last_module_that_changes_the_size_decides(self, encoder, modules, expected):
        write_model(encoder.folder, *modules)
        assert embedding_size(encoder.name) == expected

    def test_a_plain_encoder_of_text_has_its_hidden_size(self, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "distilbert", "dim": 24}))
        assert embedding_size(str(tmp_path)) == 24

    @pytest.mark.parametrize(("name", "expected"), [("all-MiniLM-L6-v2", 384), ("LaBSE", 768)])
    def test_published_sizes_need_no_network_and_no_package(self, name, expected, monkeypatch):
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        assert embedding_size(f"sentence-transformers/{name}") == expected
        assert set(PUBLISHED_SIZES.values()) == {384, 768, 1024}

    def test_a_model_that_is_nowhere_is_an_error_that_names_it(self):
        with pytest.raises(OSError, match="There is no folder my/sentences.*Correct `text_embedding_model`"):
            embedding_size("my/sentences")


class TestRealPackage:
    """With sentence-transformers itself, where it is installed."""

    @pytest.fixture
    def model_dir(self, tmp_path):
        return save_sentence_model(tmp_path, ["it", "is", "late", "leave", "me", "alone"])

    def test_a_model_in_a_folder_embeds_a_corpus(self, model_dir, corpus):
        assert embedding_size(model_dir) == 8
        embeddings = np.array(add_text_embeddings(corpus, model_dir, device="cpu")["text_embedding"][:])
        assert embeddings.shape == (6, 8)
        assert np.isnan(embeddings).any(axis=1).tolist() == [False, True, False, True, False, False]
        assert np.array_equal(embeddings[0], embeddings[4])
        assert not np.allclose(embeddings[0], embeddings[2])
        assert np.array_equal(
            embeddings[[0, 2]], embed_texts(["Leave me alone", "It is late"], model_dir, device="cpu")
        )
