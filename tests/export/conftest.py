"""Tiny classifiers of every family, exported once for all tests."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForAudioClassification,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from hf_emotion.export.onnx_export import export_onnx
from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.pipelines import SpeechEmotionPipeline
from tests.models.speech_emotion.tiny_encoders import ENCODERS, tiny_model


CLASSES = {"id2label": {0: "anger", 1: "joy", 2: "neutral"}, "label2id": {"anger": 0, "joy": 1, "neutral": 2}}


def stock(encoder: str, **fields) -> torch.nn.Module:
    fields = ENCODERS[encoder] | {"initializer_range": 0.2, "init_std": 0.2} | CLASSES | fields
    return AutoModelForAudioClassification.from_config(AutoConfig.for_model(**fields))


def expanded_exhubert() -> ExHubertForSequenceClassification:
    fields = {name: value for name, value in ENCODERS["exhubert"].items() if name != "model_type"}
    fields |= {"num_copies_per_layer": [2, 0], "initializer_range": 0.2}
    model = ExHubertForSequenceClassification(ExHubertConfig(**fields, **CLASSES))
    for name, parameter in model.named_parameters():
        if "zero_linear" in name:  # or the copies would not count
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def conditioned_wavlm() -> torch.nn.Module:
    return tiny_model(
        "wavlm-large",
        layer_selection="weighted",
        pooling="attentive_statistics",
        gender_embedding_size=4,
        dimension_names=["arousal", "valence"],
    )


def masking() -> Wav2Vec2FeatureExtractor:
    return Wav2Vec2FeatureExtractor(return_attention_mask=True)


def three_seconds() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(feature_size=8, chunk_length=3, hop_length=800)  # 60 frames


FAMILIES = {
    "hubert, group norm": (lambda: stock("hubert-base"), Wav2Vec2FeatureExtractor),
    "hubert, layer norm": (lambda: stock("hubert-large"), masking),
    "wav2vec2": (lambda: stock("wav2vec2-large"), masking),
    "wavlm": (lambda: stock("wavlm-base"), Wav2Vec2FeatureExtractor),
    "exhubert, two copies": (expanded_exhubert, masking),
    "wavlm with gender and dimensions": (conditioned_wavlm, masking),
    "hubert base in speech emotion": (lambda: tiny_model("hubert-base"), masking),
    "whisper": (lambda: stock("whisper"), three_seconds),
    "whisper in speech emotion": (lambda: tiny_model("whisper", layer_selection="weighted"), three_seconds),
    "regressor": (lambda: stock("wav2vec2-large", problem_type="regression"), masking),
}


def clip(num_samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


@pytest.fixture(scope="session")
def recognizer_of():
    """Builds the classifier of a family, the same each time."""

    def build(family: str) -> SpeechEmotionPipeline:
        make_model, make_extractor = FAMILIES[family]
        torch.manual_seed(0)
        return SpeechEmotionPipeline(make_model(), make_extractor(), device="cpu")

    return build


@pytest.fixture(scope="session")
def exported(recognizer_of, tmp_path_factory):
    """Folder with the export of a family, made when it is first asked for."""
    folders = {}

    def export(family: str):
        if family not in folders:
            folder = tmp_path_factory.mktemp("export")
            export_onnx(recognizer_of(family), folder)
            folders[family] = folder
        return folders[family]

    return export
