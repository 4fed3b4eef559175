"""A training run that takes seconds: three corpora of generated clips and a tiny stock HuBERT.

Imported by the tests of the Trainer, and run by them as a program (one or two processes) to be killed and resumed:
`python tiny_training.py <folder> '[{"output": "a", "options": {...}, "model": {...}}, ...]'` runs one training after
the other and leaves `losses.jsonl`, `parameters.pt` and `metrics.json` in `<folder>/<output>`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import datasets
import numpy as np
import soundfile
import torch
from transformers import HubertConfig, HubertForSequenceClassification, TrainerCallback, Wav2Vec2FeatureExtractor

from hf_emotion.arguments import EmotionTrainingArguments
from hf_emotion.data.data_collator import EmotionDataCollator, minimum_input_samples
from hf_emotion.trainer import EmotionTrainer


SAMPLING_RATE = 16_000
LABELS = ("anger", "joy", "sadness")
CORPUS_SIZES = {"alba": 24, "brio": 15, "corda": 9}


def write_corpora(folder: Path, sizes=CORPUS_SIZES) -> dict[str, datasets.Dataset]:
    """Corpora of 0.1 to 0.4 s clips, a pitch for each emotion, as WAV files in `folder`."""
    corpora = {}
    for number, (corpus, size) in enumerate(sizes.items()):
        generator = np.random.default_rng(number)
        rows = []
        for index in range(size):
            label = LABELS[index % len(LABELS)]
            duration = generator.uniform(0.1, 0.4)
            time = np.arange(int(duration * SAMPLING_RATE)) / SAMPLING_RATE
            tone = np.sin(2 * np.pi * (200 + 300 * LABELS.index(label)) * time)
            path = folder / corpus / f"{corpus}_{index:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.3 * tone + 0.05 * generator.standard_normal(len(time)), SAMPLING_RATE)
            rows.append(
                {
                    "audio": {"path": str(path), "bytes": None},
                    "utterance_id": path.stem,
                    "corpus": corpus,
                    "emotion": label,
                    "duration": len(time) / SAMPLING_RATE,
                }
            )
        corpora[corpus] = datasets.Dataset.from_list(rows)
    return corpora


def tiny_model(**options) -> HubertForSequenceClassification:
    """Two-layer HuBERT with stable layer norm; dropout, SpecAugment and LayerDrop are on unless `options` differ."""
    torch.manual_seed(0)
    settings = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (8, 8),
        "conv_kernel": (10, 8),
        "conv_stride": (5, 8),
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "classifier_proj_size": 8,
        "mask_time_prob": 0.3,
        "mask_time_length": 4,
        "layerdrop": 0.2,
        "label2id": {label: index for index, label in enumerate(LABELS)},
        "id2label": dict(enumerate(LABELS)),
    }
    return HubertForSequenceClassification(HubertConfig(**{**settings, **options}))


NO_RANDOMNESS = {
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
}


def tiny_collator(model, **options) -> EmotionDataCollator:
    minimum = minimum_input_samples(model.config)
    settings = {
        "label2id": model.config.label2id,
        "label_column": "emotion",
        "max_duration_seconds": 0.3,
        "crop": "random",
        "min_num_samples": minimum.clip,
        "min_training_batch_samples": minimum.training_batch,
    }
    return EmotionDataCollator(Wav2Vec2FeatureExtractor(), **{**settings, **options})


def tiny_trainer(output_dir, corpora, model=None, trainer_class=EmotionTrainer, **options) -> EmotionTrainer:
    """Trainer on `corpora`; `options` are training arguments, or keyword arguments of the Trainer."""
    of_trainer = {
        name: options.pop(name)
        for name in ("callbacks", "compute_loss_func", "compute_metrics", "data_collator", "train_dataset")
        if name in options
    }
    settings = {
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "report_to": "none",
    }
    model = model or tiny_model()
    of_trainer.setdefault("data_collator", tiny_collator(model))
    of_trainer.setdefault("train_dataset", corpora)
    return trainer_class(
        model,
        EmotionTrainingArguments(str(output_dir), **{**settings, **options}),
        eval_dataset=corpora,
        **of_trainer,
    )


def losses_of(trainer) -> dict[int, float]:
    """Training loss of each logged step."""
    return {entry["step"]: entry["loss"] for entry in trainer.state.log_history if "loss" in entry}


class LossFile(TrainerCallback):
    """Append each loss to a file as soon as it is known."""

    def __init__(self, path: Path):
        self.path = path

    def on_log(self, args, state, control, logs, **kwargs):
        if state.is_world_process_zero and "loss" in logs:
            with self.path.open("a") as file:
                file.write(json.dumps([state.global_step, logs["loss"]]) + "\n")


class KilledAt(TrainerCallback):
    """The process dies without a chance to clean up as soon as a step is done."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class KilledWhileSaving(EmotionTrainer):
    """The process dies while it writes the checkpoint of step `killed_at`: the model is there, the rest is not."""

    killed_at = -1

    def _save_optimizer_and_scheduler(self, output_dir):
        if self.state.global_step == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._save_optimizer_and_scheduler(output_dir)


def run(folder: Path, corpora, output, options, model=None, resume=None, killed_at=None, killed_while_saving=-1):
    """One training run of the program."""
    output_dir = folder / output
    output_dir.mkdir(exist_ok=True)
    callbacks = [LossFile(output_dir / "losses.jsonl")]
    if killed_at is not None:
        callbacks.append(KilledAt(killed_at))
    KilledWhileSaving.killed_at = killed_while_saving
    trainer = tiny_trainer(
        output_dir,
        corpora,
        tiny_model(**(model or {})),
        KilledWhileSaving,
        callbacks=callbacks,
        eval_strategy="steps",
        eval_steps=4,
        save_strategy="steps",
        save_steps=3,
        **options,
    )
    trainer.train(resume_from_checkpoint=str(folder / resume) if isinstance(resume, str) else resume)
    metrics = trainer.evaluate()
    if trainer.is_world_process_zero():
        torch.save(trainer.model.state_dict(), output_dir / "parameters.pt")
        (output_dir / "metrics.json").write_text(json.dumps(metrics))


def main():
    """Entry point of the program."""
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    folder = Path(sys.argv[1])
    corpora = {name: datasets.load_from_disk(folder / "corpora" / name) for name in CORPUS_SIZES}
    for specification in json.loads(sys.argv[2]):
        run(folder, corpora, **specification)


if __name__ == "__main__":
    main()
