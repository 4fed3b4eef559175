"""A benchmark whose trainings take a second: two systems, two synthetic corpora, two seeds.

Run by the tests as a program to be killed, or in two processes:
`python -m tests.benchmark.training.toy_grid PROTOCOL OUTPUT_DIR [NUMBER_OF_THE_TRAINING_THAT_IS_KILLED]`.
"""

import sys
from pathlib import Path

import datasets
import torch
import yaml

from hf_emotion import run_record
from hf_emotion.benchmark.protocol import load_protocol
from hf_emotion.benchmark.training.grid import run_training_protocol
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.scripts import train
from tests.tiny_training import KilledAt


CORPORA = ("synthetic_alba", "synthetic_brio")
EXPERIMENT = """
output_dir: unused
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0}
freeze_feature_encoder: false
max_duration_seconds: 0.5
per_device_train_batch_size: 2
learning_rate: 0.01
max_steps: 2
eval_strategy: steps
eval_steps: 1
save_strategy: steps
save_steps: 1
logging_steps: 1
use_cpu: true
disable_tqdm: true
"""


def write_toy(folder: Path) -> Path:
    """Corpora, an experiment and the protocol `toy.yaml`, which is returned."""
    corpora = generate_synthetic_corpora(
        folder / "corpora", speakers_per_corpus=4, utterances_per_emotion=1, corpora=list(CORPORA)
    )
    entries = {name: {"name": "manifest", "data_dir": str(path)} for name, path in corpora.items()}
    values = yaml.safe_load(EXPERIMENT) | {"cache_dir": str(folder / "cache")}
    (folder / "plain.yaml").write_text(yaml.safe_dump(values | {"corpora": list(entries.values())}))
    return write_protocol(
        folder / "toy.yaml",
        systems=[
            {"name": "plain", "config": str(folder / "plain.yaml")},
            {"name": "slow", "config": str(folder / "plain.yaml"), "overrides": {"learning_rate": 1e-4}},
        ],
        settings=[
            {"name": name.removeprefix("synthetic_").title(), "overrides": {"corpora": [entry]}}
            for name, entry in entries.items()
        ],
        seeds=[0, 1],
    )


def write_protocol(path: Path, **fields) -> Path:
    """Write a protocol that trains."""
    path.write_text(yaml.safe_dump({"kind": "training", "metric": "uar", **fields}))
    return path


def draw_no_figures(*arguments, **options) -> dict:
    """In place of the figures of a run, which take longer than these trainings."""
    return {}


def kill_training(number: int) -> None:
    """Let this process die at the end of the last step of one of its trainings."""
    original, made = train._trainer, []

    def killed(*arguments):
        trainer = original(*arguments)
        made.append(trainer)
        if len(made) == number:
            trainer.add_callback(KilledAt(2))
        return trainer

    train._trainer = killed


if __name__ == "__main__":
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    run_record.save_report_figures = draw_no_figures
    if len(sys.argv) > 3:
        kill_training(int(sys.argv[3]))
    summary = run_training_protocol(load_protocol(sys.argv[1]), sys.argv[2], on_progress=print)
    print(f"trained {summary.num_trained}, finished before {summary.num_finished}, failed {summary.failures}")
