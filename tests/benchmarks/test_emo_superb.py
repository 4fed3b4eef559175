"""The benchmark of EMO-SUPERB runs, its arithmetic adds up, and its two sides compute the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture
def benchmarks(repo_dir, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_dir / "benchmarks"))
    import emo_superb
    import emo_superb_report
    import frozen_encoder_loops

    return {"emo_superb": emo_superb, "report": emo_superb_report, "loops": frozen_encoder_loops}


@pytest.fixture
def noise(benchmarks, tmp_path):
    return benchmarks["emo_superb"].speech(Path("no_such_folder"), 32, 0, tmp_path)


@pytest.fixture(scope="module")
def figures(repo_dir, tmp_path_factory):
    """A run with one round of clips of noise through a tiny encoder."""
    path = tmp_path_factory.mktemp("emo_superb") / "figures.json"
    command = [sys.executable, "benchmarks/emo_superb.py", "--encoder", "tiny", "--data_dir", "no_such_folder"]
    command += ["--num_clips", "32", "--rounds", "1", "--num_epochs", "1", "--num_workers", "1", "--num_seeds", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_dir)}
    result = subprocess.run(
        [*command, "--batch_sizes", "8", "--json", str(path)],
        cwd=repo_dir,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(path.read_text()) | {"printed": result.stdout}


def test_totals_can_be_recomputed_from_the_printed_parts(figures):
    for kind in ("wall", "cpu"):
        parts, totals = figures["rounds"][0][kind]["parts"], figures["rounds"][0][kind]["totals"]
        training = 110 * 22_326 / 32 * parts["training_step"]
        evaluation = 110 * (5 * 7442 - 22_326) / 32 * parts["evaluated_batch"]
        extraction = parts["extraction_call"] + 7442 * parts["extracted_clip"]
        heads = parts["loading"] + 110 * parts["epoch"]
        assert totals["today"] == pytest.approx(training + evaluation)
        assert totals["ours"] == pytest.approx(extraction + heads)
        assert totals["ratio"] == pytest.approx((training + evaluation) / (extraction + heads))
        per_fold = (training + evaluation) / (5 * extraction + heads)
        assert totals["ratio_extracting_per_fold"] == pytest.approx(per_fold)
        assert min(parts.values()) > 0
    assert "110 x 22,326 clips / 32 = 76,746 steps" in figures["printed"]
    assert f"**{figures['rounds'][0]['wall']['totals']['ratio']:.0f} x**" in figures["printed"]


def test_both_loops_of_extraction_agree_and_ours_pads_less(figures):
    [row] = figures["extraction"]
    assert row["ours"]["error"] < 1e-5
    assert row["plain"]["error"] < 1e-5
    assert 0 < row["ours"]["padding"] < row["plain"]["padding"]


def test_parts_of_ten_seconds_give_the_totals_that_a_reader_can_check(benchmarks):
    plan = benchmarks["report"].Plan([(64, 32, 32), (64, 32, 32)], epochs=3, batch_size=32)
    parts = {"training_step": 10, "evaluated_batch": 5, "extraction_call": 4, "extracted_clip": 1}
    totals = plan.totals(parts | {"loading": 1, "epoch": 2})
    # two folds of two steps and two evaluated batches in each of three epochs; 128 clips
    assert (totals["training"], totals["evaluation"], totals["today"]) == (120, 60, 180)
    assert (totals["extraction"], totals["heads"], totals["ours"]) == (132, 7, 139)
    assert totals["ours_extracting_per_fold"] == 271
    assert totals["ratio"] == 180 / 139


def test_published_folds_cover_the_corpus_and_those_of_the_label_files(benchmarks, request):
    bench = benchmarks["emo_superb"]
    assert {sum(sizes) for sizes in bench.FOLD_SIZES} == {7442}
    drawn = bench.crema_d_setting(None, seed=0)
    assert tuple(fold.sizes for fold in drawn.folds) == bench.FOLD_SIZES
    assert all(drawn.truth[fold.train].any(axis=0).all() for fold in drawn.folds)
    published = bench.crema_d_setting(request.getfixturevalue("emo_superb_labels_dir"), seed=0)
    assert tuple(fold.sizes for fold in published.folds) == bench.FOLD_SIZES
    assert published.classes == bench.CLASSES


def test_the_loop_with_the_encoder_computes_the_head_that_we_train_on_means(benchmarks, noise):
    """In exact arithmetic they are the same function of the same weights."""
    bench, loops = benchmarks["emo_superb"], benchmarks["loops"]
    encoder, extractor = bench.speech_encoder("tiny", seed=0)
    _, paths = noise
    loop = loops.EveryStepLoop(encoder, extractor, np.ones(6))
    torch.nn.init.normal_(loop.layer_weights, generator=torch.Generator().manual_seed(0))
    waveforms = [torch.from_numpy(loops.read_speech(path)[:48_320]) for path in paths[:3]]
    with torch.no_grad():
        logits = loop._logits(waveforms)
        states, _ = loops.hidden_states(encoder, extractor, [waveform.numpy() for waveform in waveforms])
        counts = [min(round(len(waveform) / 320), states[0].shape[1]) for waveform in waveforms]
        means = torch.stack(
            [torch.stack([state[row, :count].mean(dim=0) for state in states]) for row, count in enumerate(counts)]
        )
        pooled = torch.einsum("l,blh->bh", loop.layer_weights.softmax(dim=-1), means)
        torch.testing.assert_close(logits, loop.classifier(loop.projector(pooled)), rtol=0, atol=1e-6)


def test_a_step_of_the_loop_trains_the_head_and_leaves_the_encoder(benchmarks, noise):
    bench, loops = benchmarks["emo_superb"], benchmarks["loops"]
    encoder, extractor = bench.speech_encoder("tiny", seed=0)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    _, paths = noise
    files = loops.SpeechFiles(paths, bench.crema_d_setting(None, seed=0).labels[: len(paths)], 0.0, 0.1)
    loop = loops.EveryStepLoop(encoder, extractor, np.ones(6))
    batch = next(iter(files.loader(num_workers=0)))
    for _ in range(5):
        loop.train(batch)
    loop.evaluate(batch)
    losses = [loss for loss, _ in loop.log]
    assert losses[-1] < losses[0]
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert loop.layer_weights.abs().max() > 0


def test_part_of_a_batch_is_refused(benchmarks, capsys):
    with pytest.raises(SystemExit):
        benchmarks["emo_superb"].parse_options(["--num_clips", "40"])
    assert "--num_clips 40 is not a multiple of 32" in capsys.readouterr().err
