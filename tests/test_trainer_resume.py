"""Promises about interruptions and processes: a resumed or distributed run has the losses of the plain one."""

import json
import logging
import os
import subprocess
import sys

import pytest
import torch

from . import tiny_training
from .tiny_training import losses_of, tiny_model, tiny_trainer, write_corpora


# The largest corpus has 24 utterances: 3 rounds over 3 corpora in turns of 8 are 9 steps per epoch. The checkpoints of
# the steps 3, 6, 12 and 15 lie within an epoch, that of step 9 at its end. Evaluations, at the steps 4, 8 and 12, lie
# between checkpoints on purpose.
NUM_STEPS = 15
OPTIONS = {"max_steps": NUM_STEPS, "per_device_train_batch_size": 8}
OPTIONS_OF_TWO = {"max_steps": NUM_STEPS, "per_device_train_batch_size": 4}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the program's runs, with the corpora it trains on."""
    folder = tmp_path_factory.mktemp("runs")
    for name, corpus in write_corpora(folder / "audio").items():
        corpus.save_to_disk(folder / "corpora" / name)
    return folder


@pytest.fixture(scope="module")
def corpora(folder):
    return write_corpora(folder / "audio")


def launch(folder, *runs, num_processes=1):
    """Run the program of `tiny_training` and return the finished process."""
    command = [sys.executable]
    if num_processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_processes}"]
    command += ["-m", tiny_training.__name__, str(folder), json.dumps(runs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = os.path.dirname(os.path.dirname(tiny_training.__file__))
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)


def logged(folder, output):
    """All losses that a run and its continuations wrote, as (step, loss)."""
    return [tuple(json.loads(line)) for line in (folder / output / "losses.jsonl").read_text().splitlines()]


def checkpoint_steps(output_dir):
    return sorted(int(path.name.rpartition("-")[2]) for path in output_dir.glob("checkpoint*"))


def largest_difference(first, second):
    return max((first[name] - second[name]).abs().max().item() for name in first)


def saving(output_dir, corpora, **options):
    """Trainer with the arguments of the program's runs."""
    return tiny_trainer(
        output_dir, corpora, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=3, **options
    )


@pytest.fixture(scope="module")
def plain(folder, corpora):
    """The uninterrupted run of one process."""
    trainer = saving(folder / "plain", corpora, **OPTIONS)
    trainer.train()
    return trainer


class TestOneProcess:
    @pytest.mark.parametrize(("step", "num_workers"), [(6, 0), (6, 1), (9, 0), (9, 1), (12, 1)])
    def test_resumed_losses_equal_those_of_the_plain_run(self, plain, corpora, tmp_path, step, num_workers):
        trainer = saving(tmp_path, corpora, dataloader_num_workers=num_workers, **OPTIONS)
        trainer.train(resume_from_checkpoint=f"{plain.args.output_dir}/checkpoint-{step}")
        expected = losses_of(plain)
        assert list(losses_of(trainer)) == list(range(1, NUM_STEPS + 1))  # the history of the checkpoint included
        assert losses_of(trainer) == expected
        assert largest_difference(trainer.model.state_dict(), plain.model.state_dict()) == 0

    def test_losses_are_random_so_that_the_comparison_means_something(self, plain, corpora, tmp_path):
        trainer = saving(tmp_path, corpora, seed=1, **OPTIONS)
        trainer.train()
        assert all(losses_of(trainer)[step] != losses_of(plain)[step] for step in range(1, NUM_STEPS + 1))

    def test_a_run_killed_in_a_step_and_while_saving_ends_like_the_plain_run(self, plain, folder, corpora):
        output_dir = folder / "killed"
        process = launch(folder, {"output": "killed", "options": OPTIONS, "killed_at": 11})
        assert process.returncode == -9, process.stderr
        assert checkpoint_steps(output_dir) == [3, 6, 9]

        options = {**OPTIONS, "dataloader_num_workers": 1}
        process = launch(folder, {"output": "killed", "options": options, "resume": True, "killed_while_saving": 15})
        assert process.returncode == -9, process.stderr
        assert (output_dir / ".incomplete" / "checkpoint-15" / "model.safetensors").exists()
        assert checkpoint_steps(output_dir) == [3, 6, 9, 12]
        for step in (3, 6, 9, 12):
            names = {path.name for path in (output_dir / f"checkpoint-{step}").iterdir()}
            assert names >= {
                "model.safetensors",
                "optimizer.pt",
                "scheduler.pt",
                "rng_state.pth",
                "trainer_state.json",
            }

        steps = [step for step, _ in logged(folder, "killed")]
        assert steps == [*range(1, 11), *range(10, 16)]  # killed in step 11, resumed from 9, killed saving 15
        assert all(loss == losses_of(plain)[step] for step, loss in logged(folder, "killed"))

        trainer = saving(output_dir, corpora, **OPTIONS)
        trainer.train(resume_from_checkpoint=True)
        assert losses_of(trainer) == losses_of(plain)
        assert largest_difference(trainer.model.state_dict(), plain.model.state_dict()) == 0
        assert checkpoint_steps(output_dir) == [3, 6, 9, 12, 15]
        assert not (output_dir / ".incomplete").exists()

    def test_resuming_without_a_checkpoint_starts_from_scratch_with_a_warning(self, corpora, tmp_path, caplog):
        trainer = tiny_trainer(tmp_path / "new", corpora, max_steps=1)
        with caplog.at_level(logging.WARNING):
            trainer.train(resume_from_checkpoint=True)
        assert trainer.state.global_step == 1
        assert "No complete checkpoint" in caplog.text


@pytest.fixture(scope="module")
def two_processes(folder):
    """Folder with the runs of two processes, the last of which was killed."""
    resumed = [
        {"output": f"two_from_{step}", "options": OPTIONS_OF_TWO, "resume": f"two/checkpoint-{step}"}
        for step in (9, 12)
    ]
    with_worker = {**OPTIONS_OF_TWO, "dataloader_num_workers": 1}
    # 48 utterances in batches of 2 x 5: the last global batch holds only 8.
    calm = {**OPTIONS_OF_TWO, "max_steps": 20, "learning_rate": 1e-4, "per_device_eval_batch_size": 5}
    process = launch(
        folder,
        {"output": "two", "options": OPTIONS_OF_TWO},
        *resumed,
        {"output": "two_from_6", "options": with_worker, "resume": "two/checkpoint-6"},
        {"output": "two_calm", "options": calm, "model": tiny_training.NO_RANDOMNESS},
        {"output": "two_killed", "options": OPTIONS_OF_TWO, "killed_at": 11},
        num_processes=2,
    )
    assert "SIGKILL" in process.stderr, process.stderr
    return folder


class TestTwoProcesses:
    def test_checkpoints_hold_the_random_state_of_each_process(self, two_processes):
        names = {path.name for path in (two_processes / "two" / "checkpoint-12").iterdir()}
        assert names >= {"rng_state_0.pth", "rng_state_1.pth", "trainer_state.json"}

    @pytest.mark.parametrize("step", [6, 9, 12])
    def test_resumed_losses_equal_those_of_the_plain_run(self, two_processes, step):
        expected = logged(two_processes, "two")
        assert [step for step, _ in expected] == list(range(1, NUM_STEPS + 1))
        assert logged(two_processes, f"two_from_{step}") == expected[step:]

    def test_a_killed_run_ends_like_the_plain_run(self, two_processes):
        run = {"output": "two_killed", "options": OPTIONS_OF_TWO, "resume": True}
        process = launch(two_processes, run, num_processes=2)
        assert process.returncode == 0, process.stderr
        expected = dict(logged(two_processes, "two"))
        continued = logged(two_processes, "two_killed")
        assert [step for step, _ in continued] == [*range(1, 11), *range(10, 16)]
        assert all(loss == expected[step] for step, loss in continued)
        parameters = [torch.load(two_processes / name / "parameters.pt") for name in ("two", "two_killed")]
        assert largest_difference(*parameters) == 0

    def test_two_processes_train_and_evaluate_like_one_with_the_same_global_batch(
        self, two_processes, corpora, tmp_path
    ):
        model = tiny_model(**tiny_training.NO_RANDOMNESS)
        start = {name: value.clone() for name, value in model.state_dict().items()}
        options = {**OPTIONS, "max_steps": 20, "learning_rate": 1e-4}
        trainer = tiny_trainer(tmp_path, corpora, model, **options)
        trainer.train()
        parameters = torch.load(two_processes / "two_calm" / "parameters.pt")
        assert largest_difference(parameters, model.state_dict()) < 1e-5
        assert largest_difference(parameters, start) > 1e-3

        metrics = json.loads((two_processes / "two_calm" / "metrics.json").read_text())
        expected = trainer.evaluate()
        for name in ("eval_uar", "eval_accuracy", "eval_alba_uar", "eval_brio_uar", "eval_corda_uar"):
            assert metrics[name] == expected[name]
