"""What survives a kill."""

import os

import numpy as np
import pytest

from hf_emotion.prediction.journal import Journal


@pytest.fixture
def journal(tmp_path):
    return Journal.beside(tmp_path / "scores.csv")


def test_rows_and_classes_come_back_with_embeddings_as_arrays(journal):
    vector = np.array([0.1, -2.5], dtype=np.float32)
    with journal.new_part(["joy", "fear"]) as part:
        part.append({"file": "caf\udce9.wav", "score": np.float32(0.5), "embedding": vector})
        [row] = journal.rows()  # at once, before the part is closed
    assert journal.folder.name == "scores.csv.journal"
    assert (row["file"], row["score"]) == ("caf\udce9.wav", 0.5)
    np.testing.assert_array_equal(row["embedding"], vector)
    assert journal.classes() == ["joy", "fear"]


def test_a_line_that_was_cut_off_is_passed_over_and_no_line_is_added_to_it(journal):
    for name in "ab":
        with journal.new_part([]) as part:
            part.append({"file": name})
            part.append({"file": f"{name} 2"})
        last = journal.parts()[-1]
        os.truncate(last, last.stat().st_size - 3)
    assert [row["file"] for row in journal.rows()] == ["a", "b"]


def test_every_process_has_a_part_of_its_own(journal):
    with journal.new_part([]) as first, journal.new_part([]) as second:
        first.append({"file": "a"})
        second.append({"file": "b"})
        assert len(journal.parts()) == 2
    old = journal.parts()[:1]
    assert [row["file"] for row in journal.rows(except_for=old)] == ["b"]


def test_only_one_job_at_a_time(journal):
    with (
        journal.locked(),
        pytest.raises(ValueError, match="Another process is writing"),
        Journal(journal.folder).locked(),
    ):
        pass


def test_an_empty_journal_leaves_nothing_behind(journal):
    with journal.locked():
        with journal.new_part([]):
            pass
        journal.delete_if_empty()
        assert journal.parts()
        journal.clear()
        journal.delete_if_empty()
    assert not journal.folder.exists()


def test_what_json_cannot_write_is_an_error(journal):
    with journal.new_part([]) as part, pytest.raises(TypeError, match="holds a set"):
        part.append({"file": {1}})
