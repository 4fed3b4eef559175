"""Training on shares of votes with a loss for them, from manifest to scores, and evaluating the result again."""

import json

import numpy as np
import pytest
import yaml

from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.evaluation.report import load_metrics
from hf_emotion.scripts import evaluate, train
from tests.data.fake_audio import write_noise


pytestmark = pytest.mark.usefixtures("quiet_training")


EXPERIMENT = """
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0}
label_column: votes
loss: class_balanced_cross_entropy
loss_options: {weighting: sample, label_smoothing: 0.05, smoothing: emo_superb}
per_device_train_batch_size: 4
gradient_accumulation_steps: 2
max_steps: 2
logging_steps: 1
save_strategy: "no"
use_cpu: true
disable_tqdm: true
report_to: none
"""

# Raters differ; the label of the corpus is that of the actor. The fourth kind got no vote for an emotion.
BALLOTS = ({"anger": 3, "joy": 1}, {"joy": 2, "other": 5}, {"fear": 1, "anger": 1}, {"other": 4})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run in `<folder>/outputs`: 24 utterances of three ballots for training, 6 for testing."""
    folder = tmp_path_factory.mktemp("votes")
    rows = []
    for number in range(40):
        write_noise(folder / "calls" / f"{number:02d}.wav", 0.2, 16_000)
        rows.append(
            {
                "path": f"{number:02d}.wav",
                "label": "joy",
                "votes": BALLOTS[number % 4],
                "split": "train" if number < 32 else "test",
                "corpus": "calls",
            }
        )
    (folder / "calls" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    values = yaml.safe_load(EXPERIMENT) | {
        "corpora": [{"name": "manifest", "data_dir": str(folder / "calls")}],
        "output_dir": str(folder / "outputs"),
        "cache_dir": str(folder / "cache"),
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    train.main(["--config", str(folder / "experiment.yaml")])
    return folder


def test_the_true_class_of_scores_is_the_one_with_the_most_votes(folder):
    table = load_predictions(folder / "outputs" / "predictions.parquet").sort_values("utterance_id")
    assert table["label"].tolist() == ["anger", "joy", "anger"] * 2  # the tie goes to the first class
    config = json.loads((folder / "outputs" / "config.json").read_text())
    assert list(config["id2label"].values()) == ["anger", "joy", "fear"]


def test_the_given_experiment_is_recorded_without_computed_weights(folder):
    recorded = yaml.safe_load((folder / "outputs" / "experiment.yaml").read_text())
    assert recorded["loss_options"] == {"weighting": "sample", "label_smoothing": 0.05, "smoothing": "emo_superb"}


def test_evaluating_the_run_again_gives_the_same_scores(folder, tmp_path):
    flags = ["--model", str(folder / "outputs"), "--output_dir", str(tmp_path), "--use_cpu", "--trust_remote_code"]
    evaluate.main(flags)
    before, again = (load_predictions(path / "predictions.parquet") for path in (folder / "outputs", tmp_path))
    assert again["label"].tolist() == before["label"].tolist()
    np.testing.assert_allclose(again["probability_fear"], before["probability_fear"], atol=1e-5)
    first, second = (load_metrics(path / "metrics.json") for path in (folder / "outputs", tmp_path))
    assert first["overall"]["uar"] == second["overall"]["uar"]
