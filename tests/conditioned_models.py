"""Models that use the speaker's gender: tiny saved ones, one that tells it, and what shows what a model was told."""

from pathlib import Path

import numpy as np
import torch
from transformers import Wav2Vec2FeatureExtractor

from tests.models.speech_emotion.tiny_encoders import tiny_model
from tests.pipelines.tiny_recognizers import hubert_layer_norm


EXTRACTOR = Wav2Vec2FeatureExtractor(return_attention_mask=True)


def labels(names) -> dict:
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def save_conditioned(folder: Path, classes=("anger", "sadness", "joy"), **fields) -> Path:
    """A model to which the gender makes a clear difference."""
    fields = {"gender_embedding_size": 4, "num_labels": len(classes)} | labels(classes) | fields
    model = tiny_model("wavlm-large", **fields)
    torch.nn.init.normal_(model.conditioning.get_submodule("gender_embedding").weight, std=3)
    model.save_pretrained(folder)
    EXTRACTOR.save_pretrained(folder)
    return folder


def save_gender_model(folder: Path, classes=("female", "male", "child")) -> Path:
    """A model that tells the gender."""
    torch.manual_seed(24)  # which calls some noise female and some male
    hubert_layer_norm(**labels(classes)).save_pretrained(folder)
    EXTRACTOR.save_pretrained(folder)
    return folder


class RatesWhatItIsTold:
    """Mixin: the one dimension of a recogniser becomes the gender that it is told, 1 female, 2 male, 0 unknown."""

    conditioned_on = ("gender",)

    def _forward_conditioned(self, waveforms, conditions, wants_embeddings):
        output = self.forward(waveforms, wants_embeddings)
        output.dimensions = np.array([[{"female": 1.0, "male": 2.0, None: 0.0}[name]] for name in conditions])
        return output
