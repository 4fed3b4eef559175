"""Promises of the checkpoint folders: complete or absent, whatever happens in between."""

import pytest

from hf_emotion import checkpoint_folders
from hf_emotion.checkpoint_folders import (
    delete_incomplete_checkpoints,
    delete_old_checkpoints,
    last_checkpoint,
    publish_checkpoint,
)


def write(folder, step, content="{}"):
    """A complete checkpoint of two files."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_text(content)
    (checkpoint / "trainer_state.json").write_text(content)
    return checkpoint


def steps(folder):
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*"))


class TestLastCheckpoint:
    def test_is_the_complete_one_with_the_highest_number(self, tmp_path, caplog):
        for step in (5, 20, 100):
            write(tmp_path, step)
        (tmp_path / "checkpoint-100" / "trainer_state.json").unlink()
        assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-20")
        assert "checkpoint-100 is incomplete" in caplog.text

    def test_is_not_one_that_is_being_written(self, tmp_path):
        write(tmp_path / ".incomplete", 5)
        assert last_checkpoint(tmp_path) is None

    def test_is_none_if_the_folder_does_not_exist(self, tmp_path):
        assert last_checkpoint(tmp_path / "none") is None


class TestPublish:
    def test_moves_the_folder_to_its_final_name(self, tmp_path):
        staged = write(tmp_path / ".incomplete", 5)
        publish_checkpoint(staged, tmp_path / "checkpoint-5")
        assert steps(tmp_path) == [5]
        assert not staged.exists()

    def test_replaces_an_older_checkpoint_of_that_name(self, tmp_path):
        write(tmp_path, 5, "old")
        publish_checkpoint(write(tmp_path / ".incomplete", 5, "new"), tmp_path / "checkpoint-5")
        assert (tmp_path / "checkpoint-5" / "model.safetensors").read_text() == "new"


class TestDelete:
    @pytest.mark.parametrize(
        ("limit", "kept", "expected"),
        [
            (None, (), [1, 2, 3, 10]),
            (0, (), [1, 2, 3, 10]),
            (2, (10,), [3, 10]),
            (2, (10, 1), [1, 10]),
            (1, (10, 1), [1, 10]),  # those to keep come before the limit
            (3, (2, None), [2, 3, 10]),
            (9, (10,), [1, 2, 3, 10]),
        ],
    )
    def test_the_lowest_steps_go_first(self, tmp_path, limit, kept, expected):
        for step in (1, 2, 3, 10):
            write(tmp_path, step)
        paths = [None if step is None else tmp_path / f"checkpoint-{step}" for step in kept]
        delete_old_checkpoints(tmp_path, limit, paths)
        assert steps(tmp_path) == expected

    def test_a_checkpoint_is_gone_before_its_first_file_is(self, tmp_path, monkeypatch):
        write(tmp_path, 1)
        write(tmp_path, 2)

        def die(folder):
            raise KeyboardInterrupt

        monkeypatch.setattr(checkpoint_folders.shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            delete_old_checkpoints(tmp_path, 1, [tmp_path / "checkpoint-2"])
        assert steps(tmp_path) == [2]

    def test_debris_is_removed(self, tmp_path):
        write(tmp_path / ".incomplete", 5)
        delete_incomplete_checkpoints(tmp_path)
        delete_incomplete_checkpoints(tmp_path)  # there may be none
        assert list(tmp_path.iterdir()) == []

    def test_debris_of_a_deletion_does_not_hinder_the_next_one(self, tmp_path, monkeypatch):
        write(tmp_path, 1)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_folders.shutil, "rmtree", lambda folder: None)
            delete_old_checkpoints(tmp_path, 1, [write(tmp_path, 2)])
        write(tmp_path, 1)
        delete_old_checkpoints(tmp_path, 1, [tmp_path / "checkpoint-2"])
        assert steps(tmp_path) == [2]
