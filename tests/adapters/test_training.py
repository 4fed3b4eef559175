"""Adapters under `EmotionTrainer`: what a checkpoint holds, resuming, and the best model at the end."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import HubertForSequenceClassification, set_seed

from hf_emotion.adapters import add_adapter, load_adapted_classifier
from tests.tiny_training import LABELS, losses_of, tiny_collator, tiny_model, tiny_trainer, write_corpora


pytest.importorskip("peft")

OPTIONS = {"max_steps": 8, "per_device_train_batch_size": 4, "learning_rate": 0.01}
SAVING = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return write_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    tiny_model(use_weighted_layer_sum=True, layerdrop=0.0).save_pretrained(folder)
    return folder


def trainer_of(output_dir, corpora, encoder, **options):
    set_seed(0)
    model = HubertForSequenceClassification.from_pretrained(encoder)
    adapted = add_adapter(model, "lora", r=4, lora_dropout=0.1)
    return tiny_trainer(
        output_dir, corpora, adapted, data_collator=tiny_collator(model), **{**OPTIONS, **SAVING, **options}
    )


def adapter_of(folder):
    return load_file(folder / "adapter_model.safetensors")


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(scope="module")
def folder(corpora, encoder, tmp_path_factory):
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(corpora, encoder, folder):
    """The uninterrupted run."""
    trainer = trainer_of(folder, corpora, encoder)
    trainer.train()
    return trainer


def test_a_checkpoint_holds_the_adapter_with_the_whole_head_and_nothing_of_the_encoder(plain, folder):
    saved = adapter_of(folder / "checkpoint-4")
    assert {key.split(".")[2] for key in saved} == {"hubert", "layer_weights", "projector", "classifier"}
    assert all("lora_" in key for key in saved if ".hubert." in key)
    assert not (folder / "checkpoint-4" / "model.safetensors").exists()
    loaded = load_adapted_classifier(folder / "checkpoint-4")
    assert loaded.config.id2label == dict(enumerate(LABELS))


@pytest.mark.parametrize("step", [2, 6])
def test_a_resumed_run_has_the_losses_and_the_adapter_of_the_plain_one(
    plain, folder, corpora, encoder, tmp_path, step
):
    trainer = trainer_of(tmp_path, corpora, encoder)
    trainer.train(resume_from_checkpoint=str(folder / f"checkpoint-{step}"))
    assert losses_of(trainer) == losses_of(plain)
    assert equal(adapter_of(tmp_path / "checkpoint-8"), adapter_of(folder / "checkpoint-8"))


def test_losses_differ_from_step_to_step_so_that_the_comparison_means_something(plain):
    assert len(set(losses_of(plain).values())) == 8


def test_the_best_model_at_the_end_has_its_adapter_and_its_head(corpora, encoder, tmp_path):
    # the loss falls at first and explodes then, so that the best checkpoint is none of the last
    options = {"metric_for_best_model": "eval_loss", "greater_is_better": False, "save_total_limit": 2}
    trainer = trainer_of(tmp_path, corpora, encoder, load_best_model_at_end=True, learning_rate=0.3, **options)
    trainer.train()
    best = trainer.state.best_model_checkpoint
    assert best != str(tmp_path / "checkpoint-8")
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == sorted([best[-12:], "checkpoint-8"])
    trainer.model.save_pretrained(tmp_path / "end")
    assert equal(adapter_of(tmp_path / "end"), adapter_of(tmp_path / best[-12:]))
    assert not equal(adapter_of(tmp_path / "end"), adapter_of(tmp_path / "checkpoint-8"))


def test_gradient_checkpointing_trains_with_the_same_losses(plain, corpora, encoder, tmp_path):
    trainer = trainer_of(tmp_path, corpora, encoder, gradient_checkpointing=True, save_strategy="no")
    trainer.train()
    assert losses_of(trainer) == pytest.approx(losses_of(plain), abs=1e-4)
