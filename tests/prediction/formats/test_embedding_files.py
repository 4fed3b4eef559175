"""Files of embeddings."""

import numpy as np
import pyarrow.parquet
import pytest
from safetensors import safe_open

from hf_emotion.prediction.formats.embedding_files import add_embeddings, embedding_bytes, read_embeddings


VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
ROWS = [
    {"file": "a.wav", "duration": 1.0, "embedding": VECTORS[0]},
    {"file": "b.wav", "duration": 1.0, "channels": [{"embedding": VECTORS[1]}, {"embedding": VECTORS[2]}]},
    {"file": "of a job without embeddings.wav", "duration": 1.0},
]


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_embeddings_come_back_to_the_results_that_they_were_of(tmp_path, suffix):
    path = tmp_path / f"embeddings{suffix}"
    path.write_bytes(embedding_bytes(ROWS, suffix))
    found = read_embeddings(path)
    assert list(found) == [("a.wav", 1), ("b.wav", 1), ("b.wav", 2)]
    rows = [{"file": "a.wav"}, {"file": "b.wav", "channels": [{}, {}]}, {"file": "c.wav"}]
    add_embeddings(rows, found)
    assert rows[0]["embedding"].tolist() == [0.0, 1.0]
    assert [result["embedding"].tolist() for result in rows[1]["channels"]] == [[2.0, 3.0], [4.0, 5.0]]
    assert rows[2] == {"file": "c.wav"}


def test_other_programs_find_columns_and_a_matrix(tmp_path):
    (tmp_path / "e.parquet").write_bytes(embedding_bytes(ROWS, ".parquet"))
    table = pyarrow.parquet.read_table(tmp_path / "e.parquet")
    assert table.column_names == ["file", "channel", "embedding"]
    assert table["embedding"].to_pylist() == VECTORS.tolist()
    (tmp_path / "e.safetensors").write_bytes(embedding_bytes(ROWS, ".safetensors"))
    with safe_open(tmp_path / "e.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("embeddings"), VECTORS)
        assert file.metadata() == {"files": '["a.wav", "b.wav", "b.wav"]', "channels": "[1, 1, 2]"}


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_no_embeddings_make_an_empty_file_that_can_be_read(tmp_path, suffix):
    path = tmp_path / f"embeddings{suffix}"
    path.write_bytes(embedding_bytes([], suffix))
    assert read_embeddings(path) == {}
