"""Tiny models of the kinds that the pipeline meets, with their feature extractors."""

import numpy as np
import torch
from transformers import (
    HubertConfig,
    HubertForSequenceClassification,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForSequenceClassification,
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForAudioClassification,
)

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from tests.models.speech_emotion.tiny_encoders import ENCODERS, tiny_model


CLASSES = ("sadness", "neutral", "anger")
LABELS = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: index for index, name in enumerate(CLASSES)}}
SIZES = {name: value for name, value in ENCODERS["hubert-base"].items() if name != "model_type"}
SIZES |= {"initializer_range": 0.5, "classifier_proj_size": 6, "mask_time_prob": 0.0}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
ONE_SECOND = {"max_source_positions": 50, "init_std": 0.5, "use_weighted_layer_sum": False}


def hubert_layer_norm(**fields):
    return HubertForSequenceClassification(HubertConfig(**SIZES, **LARGE, **(LABELS | fields)))


def hubert_group_norm():
    return HubertForSequenceClassification(HubertConfig(**SIZES, **LABELS))


def conformer(**fields):
    fields = SIZES | LABELS | {"feat_extract_norm": "layer", "conv_depthwise_kernel_size": 5} | fields
    return Wav2Vec2ConformerForSequenceClassification(Wav2Vec2ConformerConfig(**fields))


def exhubert():
    return ExHubertForSequenceClassification(ExHubertConfig(**SIZES, **LABELS)).expand_blocks(init="random")


def speech_emotion(encoder="wavlm-large", **fields):
    return tiny_model(encoder, dimension_names=["arousal", "valence"], **LABELS, **fields)


def whisper():
    sizes = {name: value for name, value in ENCODERS["whisper"].items() if name != "model_type"}
    return WhisperForAudioClassification(WhisperConfig(**(sizes | ONE_SECOND), **LABELS))


def speech_emotion_on_whisper():
    return tiny_model("whisper", {"max_source_positions": 50}, **LABELS)


MASKED, UNMASKED = (Wav2Vec2FeatureExtractor(return_attention_mask=value) for value in (True, False))
ONE_SECOND_OF_MEL = WhisperFeatureExtractor(feature_size=8, chunk_length=1)
KINDS = {
    "hubert, layer norm": (hubert_layer_norm, MASKED),
    "hubert, layer norm, extractor without mask": (hubert_layer_norm, UNMASKED),
    "hubert, group norm": (hubert_group_norm, UNMASKED),
    "wav2vec2-conformer": (conformer, MASKED),
    "exhubert": (exhubert, MASKED),
    "speech_emotion on wavlm": (speech_emotion, MASKED),
    "whisper": (whisper, ONE_SECOND_OF_MEL),
    "speech_emotion on whisper": (speech_emotion_on_whisper, ONE_SECOND_OF_MEL),
}


def tiny_recognizer(kind):
    """A model in evaluation mode, and its extractor."""
    torch.manual_seed(0)
    build, extractor = KINDS[kind]
    return build().eval(), extractor


def noise(*lengths):
    """Clips of as many samples, whose loudness differs."""
    generator = np.random.default_rng(0)
    return [
        (generator.standard_normal(size) * (0.1 + index % 3)).astype(np.float32) for index, size in enumerate(lengths)
    ]


def model_alone(model, extractor, clip):
    """Outputs of the model for one clip, called as its documentation says."""
    with torch.no_grad():
        return model(**extractor(clip, sampling_rate=16_000, return_tensors="pt"))
