"""A benchmark of frozen encoders on disk: what a cell holds, what is measured again, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from hf_emotion.benchmark.cells import CELL_FILE, Cell, read_cells
from hf_emotion.benchmark.frozen.runner import HEAD_FILE, Folders, run_frozen_encoders
from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, FrozenSetting, FrozenSystem
from hf_emotion.benchmark.scores import macro_f1_of
from hf_emotion.benchmark.soft_predictions import check_soft_predictions, classes_of
from tests.benchmark.tiny_benchmark import folders_of, measure, protocol_of, write_benchmark


REPO = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    write_benchmark(folder, ("hubert-large", "hubert-base"))
    summary = measure(folder, encoders=("hubert-large", "hubert-base"))
    return folder, summary


def contents(output_dir: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(output_dir)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(output_dir.rglob("*"))
        if path.is_file()
    }


def test_every_fold_and_seed_of_every_system_is_a_cell(measured):
    folder, summary = measured
    assert (summary.num_finished, summary.num_trained, summary.failures) == (0, 12, {})
    found = [result.cell for result in read_cells(folder / "outputs")]
    expected = [
        Cell(system, "CREMA-D", fold, seed)
        for system in ("hubert-base", "hubert-large")
        for fold in (1, 2, 3)
        for seed in (0, 1)
    ]
    assert found == expected


def test_a_cell_holds_predictions_head_and_facts_that_agree(measured):
    folder, _ = measured
    result = read_cells(folder / "outputs")[0]
    table = check_soft_predictions(result.predictions())
    assert classes_of(table) == result.record["classes"] == ["angry", "sad", "neutral"]
    assert set(table["speaker_id"]) == {"1001", "1004"}
    assert len(table) == result.record["split"]["test"] == 20
    assert result.record["scores"]["test"]["macro_f1"] == macro_f1_of(table)
    head = load_file(result.folder / HEAD_FILE)
    np.testing.assert_allclose(head["layer_weights"].softmax(-1), result.record["layer_weights"], atol=1e-7)
    assert head["classifier.weight"].shape == (3, 6)
    assert result.record["training"]["num_epochs"] == 2
    assert result.record["encoder"]["model_type"] == "hubert"
    assert result.record["class_weights"] == pytest.approx(
        np.array(result.record["class_weights"]) * 3 / sum(result.record["class_weights"])
    )


def test_a_second_call_measures_nothing_and_changes_nothing(measured):
    folder, _ = measured
    before = contents(folder / "outputs")
    summary = measure(folder, encoders=("hubert-large", "hubert-base"))
    assert (summary.num_finished, summary.num_trained) == (12, 0)
    assert contents(folder / "outputs") == before


def test_only_what_is_missing_is_measured_again_and_comes_out_the_same(measured):
    folder, _ = measured
    cell = Cell("hubert-large", "CREMA-D", 2, 1).folder(folder / "outputs")
    predictions, head = (cell / "predictions.parquet").read_bytes(), load_file(cell / HEAD_FILE)
    (cell / CELL_FILE).unlink()
    summary = measure(folder, encoders=("hubert-large", "hubert-base"))
    assert (summary.num_finished, summary.num_trained) == (11, 1)
    assert (cell / "predictions.parquet").read_bytes() == predictions
    assert all(torch.equal(head[name], value) for name, value in load_file(cell / HEAD_FILE).items())


def test_a_folder_with_cells_of_another_recipe_is_refused_by_what_differs(measured):
    folder, _ = measured
    with pytest.raises(ValueError, match="measured with another learning_rate, loss_weighting than this protocol"):
        measure(folder, learning_rate=1e-3, loss_weighting="class")


def test_waveforms_are_normalised_by_each_fold_unless_each_clip_is(measured):
    folder, _ = measured
    for encoder in ("hubert-large", "hubert-base"):
        measure(folder, f"by_fold_{encoder}", encoders=(encoder,), waveform_statistics="train_split", seeds=(0,))
    kept = sorted((folder / "features" / "crema_d").glob("*/features.json"))
    settings = [json.loads(path.read_text()) for path in kept]
    by_fold = [entry for entry in settings if entry["waveform_statistics"]]
    assert len(by_fold) == 3  # one for each fold of the encoder that does not normalise clips by itself
    assert {entry["feature_extractor"]["do_normalize"] for entry in by_fold} == {False}


def test_what_cannot_be_loaded_is_left_out_and_the_others_are_measured(measured):
    folder, _ = measured
    protocol = FrozenEncoderProtocol(
        name="tiny",
        settings=(
            FrozenSetting("CREMA-D", "crema_d", epochs=1, label_folder="CREMA-D/Primary"),
            FrozenSetting("EMO-DB", "emodb", epochs=1, split="leave_one_speaker_out"),
        ),
        systems=(
            FrozenSystem("absent", encoder=str(folder / "nowhere")),
            FrozenSystem("APC", model_type="apc", s3prl_checkpoint="apc_960hr.ckpt"),
            FrozenSystem("random", model_type="apc"),
            FrozenSystem("FBANK", model_type="filter_bank"),
        ),
    )
    summary = run_frozen_encoders(protocol, folders_of(folder, "partly"))
    assert set(summary.failures) == {"EMO-DB", "absent", "APC", "random"}
    assert "--checkpoint_dir" in summary.failures["APC"]
    assert "would be random" in summary.failures["random"]
    assert {result.cell.system for result in read_cells(folder / "partly")} == {"FBANK"}


def test_a_setting_may_take_its_labels_from_the_corpus(measured):
    folder, _ = measured
    setting = FrozenSetting("acted", "crema_d", epochs=1, split="k_fold", num_folds=3)
    protocol = FrozenEncoderProtocol("own", (setting,), protocol_of(folder).systems, batch_size=8)
    folders = Folders(folder / "own", folder / "corpora", features=folder / "features")
    assert run_frozen_encoders(protocol, folders).failures == {}
    found = read_cells(folder / "own")
    assert [result.cell.fold for result in found] == [1, 2, 3]
    assert found[0].record["classes"] == ["anger", "neutral"]


def test_new_labels_are_trained_on_and_published_ones_tested_on(measured, tmp_path):
    folder, _ = measured
    new_labels = tmp_path / "new"
    shutil.copytree(folder / "labels" / "CREMA-D" / "Primary", new_labels)
    for path in new_labels.glob("*.csv"):
        table = pd.read_csv(path)
        changed = table["Split_Set"] == "Train"
        table.loc[changed, ["angry", "sad", "neutral"]] = table.loc[changed, ["sad", "neutral", "angry"]].to_numpy()
        table.to_csv(path, index=False)
    folders = replace(folders_of(folder, "relabelled"), new_labels=new_labels)
    assert run_frozen_encoders(protocol_of(folder, seeds=(0,)), folders).failures == {}
    cells = zip(read_cells(folder / "relabelled"), read_cells(folder / "outputs")[6::2], strict=True)
    for relabelled, published in cells:
        assert relabelled.cell == published.cell
        old, new = published.predictions(), relabelled.predictions()
        columns = [column for column in new.columns if not column.startswith("probability_")]
        pd.testing.assert_frame_equal(old[columns], new[columns])
        assert not np.allclose(old["probability_angry"], new["probability_angry"], atol=1e-3)
    with pytest.raises(ValueError, match="measured with another labels_sha256"):
        measure(folder, "relabelled", seeds=(0,))


def test_new_labels_need_one_setting_with_label_files(measured, tmp_path):
    folder, _ = measured
    setting = FrozenSetting("acted", "crema_d", epochs=1, split="k_fold")
    protocol = FrozenEncoderProtocol("own", (setting,), protocol_of(folder).systems)
    with pytest.raises(ValueError, match="New labels are for one setting whose label files also give the folds"):
        run_frozen_encoders(protocol, replace(folders_of(folder), new_labels=tmp_path))


def test_clips_that_cannot_be_read_take_no_part(tmp_path, caplog):
    write_benchmark(tmp_path)
    broken = tmp_path / "corpora" / "crema_d" / "AudioWAV" / "1002_TIE_ANG_XX.wav"
    broken.write_bytes(b"no audio")
    assert measure(tmp_path).failures == {}
    assert sum(read_cells(tmp_path / "outputs")[0].record["split"].values()) == 59
    assert "1002_TIE_ANG_XX" in caplog.text


def run_script(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tests.benchmark.tiny_benchmark", str(folder), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("moment", ["die_before", "die_after"])
def test_a_killed_benchmark_goes_on_and_repeats_nothing(moment, tmp_path):
    write_benchmark(tmp_path)
    assert run_script(tmp_path, moment, "3").returncode == -signal.SIGKILL
    finished = {path: content for path, content in contents(tmp_path / "outputs").items() if "seed_0" in path}
    done = read_cells(tmp_path / "outputs")
    assert len(done) == (2 if moment == "die_before" else 3)
    features = contents(tmp_path / "features")
    second = run_script(tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stdout.split() == [str(len(done)), str(6 - len(done))]
    after = contents(tmp_path / "outputs")
    kept = [path for path in finished if any(str(result.folder.name) in path for result in done)]
    assert kept
    assert all(after[path] == finished[path] for path in kept)
    assert {path for path in contents(tmp_path / "features") if "chunk-" in path} == {
        path for path in features if "chunk-" in path
    }
    # and the result is that of a run in peace
    peaceful = tmp_path / "peaceful"
    peaceful.mkdir()
    for name in ("corpora", "labels", "encoders"):
        (peaceful / name).symlink_to(tmp_path / name)
    assert run_script(peaceful).returncode == 0
    for path in sorted((tmp_path / "outputs").rglob("*.parquet")):
        twin = peaceful / "outputs" / path.relative_to(tmp_path / "outputs")
        assert path.read_bytes() == twin.read_bytes()


def test_two_processes_share_the_cells(tmp_path):
    write_benchmark(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "tests.benchmark.tiny_benchmark", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["0", "0", "6", "6"]
    assert len(read_cells(tmp_path / "outputs")) == 6
