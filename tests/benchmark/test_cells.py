"""Cells on disk: complete or not there, and never silently wrong."""

import json

import pytest

from hf_emotion.benchmark.cells import CELL_FILE, Cell, finish_cell, read_cell, read_cells, slug, unfinished


CELL = Cell("XLS-R-1B", "IMPROV (P)", 2, 1337)


def test_names_become_folders():
    assert CELL.folder("out").as_posix() == "out/xls_r_1b/improv_p/fold_2_seed_1337"
    assert slug("PASE+") == "pase_plus"
    assert slug("../Über Größe") == "uber_groe"


def finish(cell, folder, **record):
    cell.folder(folder).mkdir(parents=True, exist_ok=True)
    return finish_cell(cell, folder, record)


def test_a_finished_cell_is_read_back(tmp_path):
    finish(CELL, tmp_path, scores={"test": {"macro_f1": 0.5}})
    (result,) = read_cells(tmp_path)
    assert (result.cell, result.record["scores"]) == (CELL, {"test": {"macro_f1": 0.5}})


def test_a_cell_without_its_record_is_unfinished(tmp_path):
    other = Cell("XLS-R-1B", "IMPROV (P)", 3, 1337)
    finish(CELL, tmp_path)
    other.folder(tmp_path).mkdir(parents=True)
    (other.folder(tmp_path) / "predictions.parquet").write_bytes(b"half")
    assert unfinished([CELL, other], tmp_path) == [other]
    assert [result.cell for result in read_cells(tmp_path)] == [CELL]


def test_cells_are_sorted_by_number_and_not_by_name(tmp_path):
    for fold in (10, 2, 1):
        finish(Cell("a", "b", fold, 0), tmp_path)
    assert [result.cell.fold for result in read_cells(tmp_path)] == [1, 2, 10]


@pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps({"format": 1, "system": "a"})])
def test_a_damaged_record_is_refused_by_its_path(content, tmp_path):
    folder = finish(CELL, tmp_path).folder
    (folder / CELL_FILE).write_text(content)
    with pytest.raises(ValueError, match=r"fold_2_seed_1337/cell.json is damaged .*Delete its folder"):
        read_cell(folder)


def test_a_record_of_another_version_is_refused(tmp_path):
    folder = finish(CELL, tmp_path).folder
    (folder / CELL_FILE).write_text(json.dumps(vars(CELL) | {"format": 99}))
    with pytest.raises(ValueError, match="has the format 99, but this version reads format 1"):
        read_cell(folder)
