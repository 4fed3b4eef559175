"""Training on segments of long files, from manifest to scores of whole files, and evaluating the result again."""

import csv
import json

import numpy as np
import pytest
import yaml

from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.evaluation.report import evaluate_predictions, load_metrics
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.scripts import evaluate, train
from tests.data.fake_audio import write_noise


pytestmark = pytest.mark.usefixtures("quiet_training")


EXPERIMENT = """
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0}
label_column: emotion
segment_seconds: 0.2
segment_hop_seconds: 0.1
per_device_train_batch_size: 4
max_steps: 4
eval_strategy: steps
eval_steps: 2
save_strategy: steps
save_steps: 2
load_best_model_at_end: true
use_cpu: true
disable_tqdm: true
report_to: none
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run in `<folder>/outputs`: recordings of 0.2, 0.4 and 0.6 s, which are 1, 3 and 5 segments."""
    folder = tmp_path_factory.mktemp("segments")
    rows = []
    for number in range(30):
        write_noise(folder / "calls" / f"{number:02d}.wav", 0.2 * (1 + number % 3), 16_000)
        part = "train" if number < 12 else "validation" if number < 21 else "test"
        label = "anger" if number % 3 == 2 else "joy"  # so that most segments, but few files, are angry
        rows.append({"path": f"{number:02d}.wav", "label": label, "split": part, "corpus": "calls"})
    with (folder / "calls" / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    values = yaml.safe_load(EXPERIMENT) | {
        "corpora": [{"name": "manifest", "data_dir": str(folder / "calls")}],
        "output_dir": str(folder / "outputs"),
        "cache_dir": str(folder / "cache"),
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    train.main(["--config", str(folder / "experiment.yaml")])
    return folder


def test_predictions_and_splits_are_those_of_files(folder):
    table = load_predictions(folder / "outputs" / "predictions.parquet")
    assert table["utterance_id"].tolist() == [f"{number:02d}" for number in range(21, 30)]
    (use,) = json.loads((folder / "outputs" / "corpora.json").read_text())
    assert use["split"]["sizes"] == {"train": 12, "validation": 9, "test": 9}
    assert load_metrics(folder / "outputs" / "metrics.json")["overall"]["num_utterances"] == 9


def test_scores_that_pick_the_best_checkpoint_are_those_of_files(folder):
    checkpoint = max((folder / "outputs").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    (best,) = (
        entry for entry in state["log_history"] if entry["step"] == state["best_global_step"] and "eval_uar" in entry
    )
    # the saved model is the best one, and these are its predictions
    table = load_predictions(folder / "outputs" / "validation_predictions.parquet")
    report = evaluate_predictions(table, num_resamples=10)["overall"]
    assert (best["eval_uar"], best["eval_accuracy"]) == pytest.approx((report["uar"], report["accuracy"]))


def test_the_card_says_how_files_are_cut(folder):
    assert "| segments | 0.2 s every 0.1 s, 36 for training from 12 files |" in (
        folder / "outputs" / "README.md"
    ).read_text(encoding="utf-8")


def test_the_dry_run_says_it_too_and_refuses_to_crop_segments(folder):
    flags = ["--config", str(folder / "experiment.yaml")]
    (step,) = load_experiment(flags)
    assert "segments    0.2 s every 0.1 s" in check_experiment(step)
    with pytest.raises(ValueError, match="`max_duration_seconds: 3` would crop the segments"):
        load_experiment([*flags, "--max_duration_seconds", "3"])


def test_evaluating_the_run_again_gives_the_same_scores(folder, tmp_path):
    evaluate.main(["--model", str(folder / "outputs"), "--output_dir", str(tmp_path), "--use_cpu"])
    before, again = (load_predictions(path / "predictions.parquet") for path in (folder / "outputs", tmp_path))
    assert again["utterance_id"].tolist() == before["utterance_id"].tolist()
    np.testing.assert_allclose(again["probability_joy"], before["probability_joy"], atol=1e-5)
