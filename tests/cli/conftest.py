"""A small saved classifier with random weights, a small corpus, and the command line in this process."""

from pathlib import Path

import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor
from typer.testing import CliRunner

from hf_emotion.cli.main import app
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


CLASSES = ("sadness", "neutral", "happiness", "anger", "fear")  # in no order that sorting would give


def save_classifier(folder: Path, classes=CLASSES) -> Path:
    """Write a classifier whose five classes all occur among its predictions."""
    torch.manual_seed(0)
    config = ExHubertConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=24,
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(5, 8),
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        initializer_range=0.5,
        id2label=dict(enumerate(classes)),
        label2id={name: index for index, name in enumerate(classes)},
    )
    ExHubertForSequenceClassification(config).expand_blocks(init="random").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory) -> Path:
    """Five speakers, five emotions, one utterance each, at 24 kHz."""
    folder = tmp_path_factory.mktemp("corpora")
    return generate_synthetic_corpora(
        folder, speakers_per_corpus=5, utterances_per_emotion=1, corpora=["synthetic_duna"]
    )["synthetic_duna"]


@pytest.fixture
def run():
    """`run("predict", ...)` -> result with `exit_code`, `stdout`, `stderr`."""
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])
