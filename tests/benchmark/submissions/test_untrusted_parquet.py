"""Parquet files of strangers: what is wrong is named, and what is hostile ends another process only."""

import io
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_emotion.benchmark.submissions import untrusted_parquet
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError
from hf_emotion.benchmark.submissions.untrusted_parquet import decode_table, read_untrusted_table


CLASSES = ["angry", "sad"]


def content_of(columns: dict, **options) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, **options)
    return content.getvalue()


def columns(num_rows: int = 2, **others) -> dict:
    return {
        "utterance_id": [f"clip {number}.wav" for number in range(num_rows)],
        "fold": [1] * num_rows,
        "probability_sad": [0.25] * num_rows,
        "probability_angry": [0.75] * num_rows,
    } | others


GOOD = content_of(columns())


def problems_of(content: bytes, max_rows: int = 100) -> str:
    problems, table = decode_table(content, CLASSES, max_rows)
    assert (table is None) == bool(problems)
    return "\n".join(problems)


def test_a_good_table_comes_back_with_seeds_and_in_the_order_of_the_classes():
    table = read_untrusted_table(GOOD, "good.parquet", CLASSES, max_rows=2)
    assert table.to_pydict() == {
        "utterance_id": ["clip 0.wav", "clip 1.wav"],
        "fold": [1, 1],
        "seed": [0, 0],
        "probability_angry": [0.75, 0.75],
        "probability_sad": [0.25, 0.25],
    }


@pytest.mark.parametrize(
    "others",
    [
        {"fold": pa.array([1, 1], pa.int8())},
        {"probability_sad": pa.array([0.25, 0.25], pa.float32())},
        {"probability_sad": pa.array(np.array([0.25, 0.25], np.float16))},
        {"utterance_id": pa.array(["clip 0.wav", "clip 1.wav"]).dictionary_encode()},
        {"utterance_id": pa.array(["clip 0.wav", "clip 1.wav"], pa.large_string())},
        {"gender": ["female", None], "label_sad": [0.1, 0.2], "__index_level_0__": [4, 5]},
    ],
    ids=["int8", "float32", "float16", "dictionary", "large_string", "columns of our own tables"],
)
@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_every_type_that_pandas_and_others_write_is_read(others, compression):
    problems, table = decode_table(content_of(columns(**others), compression=compression), CLASSES, 10)
    assert problems == []
    assert table is not None
    assert table.equals(decode_table(GOOD, CLASSES, 10)[1])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (
            {"probability_happy": [0.0, 0.0]},
            "the column 'probability_happy' is no class of this setting, which are ang",
        ),
        ({"comment": ["a", "b"]}, "the column 'comment' is not known"),
        ({"comment": [{"a": [1]}] * 2}, "the column 'comment' is not known"),
        ({"comment": [pickle.dumps(1)] * 2}, "the column 'comment' is not known"),
        ({"probability_sad": [[0.25]] * 2}, r"the column probability_sad has the type 'list<"),
        ({"probability_sad": ["0.25"] * 2}, "the column probability_sad has the type 'string'. It must hold floating"),
        ({"probability_sad": [0, 0]}, "the column probability_sad has the type 'int64'"),
        ({"probability_sad": [pickle.dumps(0.25)] * 2}, "the column probability_sad has the type 'binary'"),
        ({"utterance_id": [b"a", b"b"]}, "the column utterance_id has the type 'binary'. It must hold text"),
        ({"utterance_id": [1, 2]}, "the column utterance_id has the type 'int64'"),
        ({"fold": [1.0, 1.0]}, "the column fold has the type 'double'. It must hold integers"),
        ({"seed": ["a", "b"]}, "the column seed has the type 'string'"),
        ({"utterance_id": ["a", "b" * 2000]}, "an utterance_id has 2,000 bytes"),
    ],
)
def test_a_wrong_column_is_named(others, expected):
    assert expected in problems_of(content_of(columns(**others)))


def test_missing_and_repeated_columns_are_named():
    renamed = pa.table(columns()).rename_columns(["utterance_id", "fold", "probability_sad", "probability_sad"])
    content = io.BytesIO()
    pq.write_table(renamed, content)
    problems = problems_of(content.getvalue())
    assert "the column 'probability_sad' is there 2 times" in problems
    assert "lacks the columns probability_angry" in problems


def test_integers_too_large_for_64_bits_are_refused():
    content = content_of(columns(fold=pa.array([2**64 - 1, 1], pa.uint64())))
    assert "damaged" in problems_of(content)


def test_a_table_that_is_too_long_is_refused_by_its_footer():
    assert "has 101 rows" in problems_of(content_of(columns(101)), max_rows=100)


def test_a_kilobyte_that_unpacks_to_gigabytes_is_refused():
    number = 40_000
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * number, pa.int32()), pa.array(["x" * 1_000_000]))
    content = content_of(columns(number, utterance_id=ids), compression="zstd")
    assert len(content) < 5_000  # of ids alone it is 40 GB
    assert "an utterance_id has 1,000,000 bytes" in problems_of(content, max_rows=50_000)


def test_thousands_of_columns_are_refused():
    content = content_of(columns() | {f"probability_{number}": [0.5] * 2 for number in range(300)})
    assert "has 304 columns" in problems_of(content)


def test_a_reader_that_runs_out_of_memory_is_refused_and_this_process_lives(monkeypatch):
    monkeypatch.setattr(untrusted_parquet, "_MAX_MEMORY", 64 << 20)  # not enough for any file
    with pytest.raises(SubmissionError, match=r"good\.parquet is damaged, or takes more memory or time than a table"):
        read_untrusted_table(GOOD, "good.parquet", CLASSES, 100)


def test_a_reader_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(untrusted_parquet, "_MAX_SECONDS", 0.01)
    with pytest.raises(SubmissionError, match=r"good\.parquet is damaged, or takes more memory or time than a table"):
        read_untrusted_table(GOOD, "good.parquet", CLASSES, 100)


def test_problems_of_the_other_process_carry_the_name_of_the_file():
    with pytest.raises(SubmissionError, match=r"bad\.parquet is no Parquet file, or a damaged one"):
        read_untrusted_table(pickle.dumps({"a": 1}), "bad.parquet", CLASSES, 100)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_problems(content):
    assert problems_of(content)


@settings(max_examples=200, deadline=None)
@given(st.integers(4, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_gives_problems_or_a_table(place, patch):
    problems, table = decode_table(GOOD[:place] + patch + GOOD[place + len(patch) :], CLASSES, 100)
    assert bool(problems) != (table is not None)
