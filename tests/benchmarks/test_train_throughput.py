"""The benchmark runs, and compares what it says it compares."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def synthetic_clips(repo_dir, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_dir / "benchmarks"))
    import synthetic_clips

    return synthetic_clips


def test_noise_corpora_have_the_durations_of_ravdess_and_crema_d(synthetic_clips):
    mixture = synthetic_clips.noise_mixture(None)
    assert mixture.sizes == (1440, 7442)
    for corpus in mixture.corpora.values():
        shape = corpus.shape
        assert corpus.durations.mean() == pytest.approx(shape.mean, abs=0.02)
        assert corpus.durations.std() == pytest.approx(shape.deviation, abs=0.02)
        assert corpus.durations.min() >= shape.shortest
        assert corpus.durations.max() <= shape.longest


def test_both_epochs_hold_the_same_clips_and_ours_hardly_pads(synthetic_clips):
    mixture = synthetic_clips.noise_mixture(None)
    random = synthetic_clips.random_epoch(mixture, 2, seed=0)
    aware = synthetic_clips.length_aware_epoch(mixture, 2, seed=0)
    assert sorted(np.ravel(random)) == sorted(np.ravel(aware)) == list(range(len(mixture)))
    plans = [synthetic_clips.evenly_spaced(epoch, mixture, 0, 0.0) for epoch in (random, aware)]
    assert plans[0].valid_seconds == pytest.approx(plans[1].valid_seconds)
    assert plans[0].padding > 1.1
    assert plans[1].padding < 1.02


def test_evenly_spaced_batches_go_from_the_shortest_to_the_longest(synthetic_clips):
    mixture = synthetic_clips.noise_mixture(None)
    shortest, longest = int(mixture.durations.argmin()), int(mixture.durations.argmax())
    middle = int(np.argsort(mixture.durations)[4000])
    plan = synthetic_clips.evenly_spaced([[longest], [shortest], [middle], [middle]], mixture, 2, 0.0)
    assert plan.batches == [[shortest], [middle]]
    assert plan.padding == 1


def test_report_compares_four_arms_at_equal_numbers_of_clips(repo_dir):
    command = [sys.executable, "benchmarks/train_throughput.py", "--model", "tiny", "--batch_size", "4"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_dir)}
    result = subprocess.run(
        [*command, "--num_batches", "2", "--rounds", "2"],
        cwd=repo_dir,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    rows = re.findall(r"^\| ([a-z][a-z, ]+?) \| (\d+) \| \d+ s \| ([\d.]+) x \|", result.stdout, flags=re.MULTILINE)
    padding = {arm: float(ratio) for arm, clips, ratio in rows if clips == "16"}
    assert set(padding) == {"stock", "stock model, our batches", "our model, stock batches", "ours"}
    assert padding["ours"] == padding["stock model, our batches"] < padding["stock"]


def test_memory_without_a_gpu_is_refused(repo_dir):
    command = [sys.executable, "benchmarks/train_throughput.py", "--memory"]
    environment = os.environ | {"PYTHONPATH": str(repo_dir)}
    result = subprocess.run(command, cwd=repo_dir, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert "add --device cuda" in result.stderr
