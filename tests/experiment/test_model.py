"""Experiments over encoders that transformers lacks: from YAML to a trained classifier."""

import json

import datasets
import numpy as np
import pytest
import torch
import yaml
from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor, pipeline
from transformers.testing_utils import CaptureLogger
from transformers.utils import logging

from hf_emotion.arguments import DataArguments, ModelArguments
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.model import meta_classifier, prepare_feature_extractor, prepare_model
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.features.extraction import extract_features
from hf_emotion.models.encoders import ApcConfig, ApcModel
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from hf_emotion.scripts import train
from tests.models.speech_emotion.tiny_encoders import SELF_CONTAINED


LABELS = ["anger", "joy"]
HEAD = {"layer_selection": "weighted", "pooling": "attention", "attention_pooling_size": 4, "initializer_range": 0.5}
EXPERIMENT = {
    "speech_emotion_config": HEAD,
    "label_column": "emotion",
    "max_duration_seconds": 0.5,
    "per_device_train_batch_size": 4,
    "learning_rate": 0.01,
    "max_steps": 2,
    "save_strategy": "no",
    "load_best_model_at_end": False,
    "use_cpu": True,
    "disable_tqdm": True,
    "report_to": "none",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    return generate_synthetic_corpora(folder, speakers_per_corpus=4, utterances_per_emotion=1)["synthetic_duna"]


@pytest.fixture
def checkpoint(tmp_path):
    """A pretrained APC, as `save_pretrained` leaves it: without a feature extractor."""
    torch.manual_seed(1)
    fields = {name: value for name, value in SELF_CONTAINED["apc"].items() if name != "model_type"}
    ApcModel(ApcConfig(**fields)).save_pretrained(tmp_path / "apc")
    return str(tmp_path / "apc")


def of_encoder(encoder: str) -> dict:
    """Arguments for a tiny encoder from scratch."""
    fields = {name: value for name, value in SELF_CONTAINED[encoder].items() if name != "model_type"}
    return {
        "config_name": SELF_CONTAINED[encoder]["model_type"],
        "config_overrides": json.loads(json.dumps(fields)),  # lists instead of tuples
    }


def trained(folder, corpus, **changes) -> SpeechEmotionForSequenceClassification:
    """The model of a finished run in `folder / "run"`, after a check without weights."""
    paths = {"output_dir": str(folder / "run"), "cache_dir": str(folder / "cache")}
    values = EXPERIMENT | paths | {"corpora": [{"name": "manifest", "data_dir": str(corpus)}]} | changes
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    arguments = ["--config", str(folder / "experiment.yaml")]
    assert "SpeechEmotionForSequenceClassification" in check_experiment(load_experiment(arguments)[0])
    train.main(arguments)
    return SpeechEmotionForSequenceClassification.from_pretrained(folder / "run")


@pytest.mark.usefixtures("quiet_training")
@pytest.mark.parametrize("encoder", ["apc", "filter_bank", "wav2vec"])
def test_an_encoder_is_trained_from_scratch_and_classifies_in_a_pipeline(encoder, corpus, tmp_path):
    model = trained(tmp_path, corpus, **of_encoder(encoder))
    assert model.config.encoder_config.model_type == encoder
    assert load_predictions(tmp_path / "run" / "predictions.parquet").filter(like="probability_").notna().all(None)
    assert not AutoFeatureExtractor.from_pretrained(tmp_path / "run").do_normalize
    clip = np.sin(np.arange(8000, dtype=np.float32) ** 1.1)
    classify = pipeline("audio-classification", model=str(tmp_path / "run"), trust_remote_code=True)
    scores = {score["label"]: score["score"] for score in classify(clip, top_k=None)}
    with torch.no_grad():
        expected = model(torch.from_numpy(clip)[None]).logits.softmax(-1)[0].tolist()
    assert [scores[model.config.id2label[index]] for index in range(len(expected))] == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.usefixtures("quiet_training")
@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_pretrained_encoder_is_trained_or_left_as_it_was(is_frozen, checkpoint, corpus, tmp_path):
    adapter = {"adapter": "head_only"} if is_frozen else {}
    model = trained(tmp_path, corpus, model_name_or_path=checkpoint, **adapter)
    before, after = ApcModel.from_pretrained(checkpoint).state_dict(), model.speech_encoder.state_dict()
    unchanged = {name for name, value in before.items() if torch.equal(value, after[name])}
    # but for the prediction of the pretraining task, which has no part in the output
    assert unchanged == (set(before) if is_frozen else {"postnet.weight", "postnet.bias"})


def test_a_classifier_and_the_features_of_its_encoder_agree_on_the_waveform(checkpoint, tmp_path):
    arguments = ModelArguments(model_name_or_path=checkpoint, speech_emotion_config=HEAD)
    model = prepare_model(arguments, DataArguments(corpora=["ravdess"]), LABELS)
    extractor = prepare_feature_extractor(arguments, model)
    assert (extractor.do_normalize, extractor.return_attention_mask) == (False, True)
    clip = {"array": np.linspace(-0.1, 0.1, 4000), "sampling_rate": 16_000}
    rows = datasets.Dataset.from_dict({"utterance_id": ["a"], "audio": [clip]})
    cache = extract_features(checkpoint, rows, tmp_path / "cache")
    inputs = extractor(clip["array"], sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        states = model.eval()(**inputs, output_hidden_states=True).hidden_states
    means = torch.stack([state[0].mean(dim=0) for state in states])
    torch.testing.assert_close(torch.from_numpy(cache.means[0]), means, atol=1e-5, rtol=1e-5)


def test_an_extractor_beside_the_checkpoint_is_used(checkpoint):
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(checkpoint)
    arguments = ModelArguments(model_name_or_path=checkpoint, speech_emotion_config=HEAD)
    model = prepare_model(arguments, DataArguments(corpora=["ravdess"]), LABELS)
    assert prepare_feature_extractor(arguments, model).do_normalize


def test_an_encoder_without_a_head_asks_for_one(checkpoint):
    data = DataArguments(corpora=["ravdess"])
    message = "apc is an encoder without a classifier of its own: set `speech_emotion_config`"
    for arguments in (ModelArguments(model_name_or_path=checkpoint), ModelArguments(config_name="apc")):
        for build in (prepare_model, meta_classifier):
            with pytest.raises(ValueError, match=message):
                build(arguments, data, LABELS)


def test_a_mean_pooled_filter_bank_is_warned_of_before_training():
    arguments = ModelArguments(config_name="filter_bank", speech_emotion_config={"pooling": "mean"})
    logging.warning_once.cache_clear()
    with CaptureLogger(logging.get_logger("hf_emotion.models.speech_emotion.pooling_speech_emotion")) as captured:
        meta_classifier(arguments, DataArguments(corpora=["ravdess"]), LABELS)
    assert "gives the head the same numbers for every clip" in captured.out
