"""Baselines of the Odyssey 2024 challenge on WavLM: classes, three attributes, or one of them.

Sources: MSP-UTD/MSP-Podcast_Challenge, revision 3f60a42 (`net/pooling.py`: attentive statistics of `sap_linear`, tanh
and `attention`, variances of at least 1e-5; `net/ser.py`: dropout, then `fc` of linear, layer norm, ReLU and dropout,
then `out`; `eval_dim_ser.py`: arousal, dominance, valence), and the cards of 3loi/SER-Odyssey-Baseline-WavLM-*
(waveforms as `(x - mean) / (std + 1e-6)` by the config's figures, names of the outputs).

The normalisation becomes a part of the first convolution, so that the model reads waveforms as they are. In a padded
batch the original pools up to two frames of padding, since it counts `floor((num_samples - 1) / 320) + 1` frames; here
the result is that of the clip alone.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Wav2Vec2FeatureExtractor

from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from ..statistics_folding import fold_affine
from .config_fields import has_weights, label_names, labelled, num_outputs
from .encoder_shapes import WeightShapes, wavlm_config
from .head_weights import ENCODER, fit_head, linear_shapes
from .layout import Checkpoint, ConvertedModel, Layout


ENCODER_PREFIX, POOLING, HEAD = "ssl_model.", "pool_model.", "ser_model."
CLASSES = ("Angry", "Sad", "Happy", "Surprise", "Fear", "Disgust", "Contempt", "Neutral")
ATTRIBUTES = ("arousal", "dominance", "valence")
_EPSILON = 1e-6
_VARIANCE_FLOOR = 1e-5
_DROPOUT = 0.5


class OdysseyBaseline(Layout):
    """WavLM, attentive statistics, hidden layers with layer norm."""

    name = "odyssey-baseline"
    examples = (
        "3loi/SER-Odyssey-Baseline-WavLM-Categorical",
        "3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes",
        "3loi/SER-Odyssey-Baseline-WavLM-Arousal",
        "3loi/SER-Odyssey-Baseline-WavLM-Dominance",
        "3loi/SER-Odyssey-Baseline-WavLM-Valence",
    )
    options = ("labels",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        prefixes = (ENCODER_PREFIX, POOLING, HEAD)
        return None if has_weights(checkpoint, *prefixes) else f"no {', '.join(f'{prefix}*' for prefix in prefixes)}"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        encoder = wavlm_config(checkpoint, ENCODER_PREFIX)
        size, num_labels = encoder.hidden_size, num_outputs(checkpoint, f"{HEAD}out.0.bias", "num_classes")
        names = label_names(checkpoint, num_labels, CLASSES if num_labels == len(CLASSES) else ATTRIBUTES)
        num_layers = _num_layers(checkpoint)
        config = SpeechEmotionConfig(
            encoder_config=encoder.to_dict(),
            pooling="attentive_statistics",
            attention_pooling_size=size,
            variance_floor=_VARIANCE_FLOOR,
            head="layer_norm_relu",
            num_head_layers=num_layers,
            head_hidden_size=size,
            head_dropout=checkpoint.config.get("classifier_dropout_prob", _DROPOUT),
            problem_type=_problem_type(names),
            **labelled(names),
        )
        shapes = _head_shapes(size, num_layers, num_labels)
        weights, published = fit_head(checkpoint, config, ENCODER_PREFIX, shapes)
        scale, offset = _normalisation(checkpoint)
        folded, weights = fold_affine(encoder, weights, scale, offset, prefix=ENCODER)
        config.encoder_config = folded
        return ConvertedModel(
            model_class=SpeechEmotionForSequenceClassification,
            config=config,
            weights=weights | _head(published, num_layers),
            # whatever its preprocessor_config.json says: the statistics are in the weights
            feature_extractor=Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True),
            warnings=_warnings(names),
        )


def _num_layers(checkpoint: Checkpoint) -> int:
    counted = max(1, WeightShapes(checkpoint, HEAD).count("fc.{}.0.weight"))
    return int(checkpoint.config.get("classifier_hidden_layers", counted))


def _problem_type(names: list[str]) -> Any:
    is_regressor = len(names) == 1 or {name.lower() for name in names} <= set(ATTRIBUTES)
    return "regression" if is_regressor else "single_label_classification"


def _warnings(names: list[str]) -> tuple[str, ...]:
    if names != ["LABEL_0"]:
        return ()
    return ('Its config does not say which attribute it regresses: name it, as in `labels=["valence"]`.',)


def _head_shapes(size: int, num_layers: int, num_labels: int) -> dict[str, tuple[int, ...]]:
    shapes = linear_shapes(f"{POOLING}sap_linear", size, size) | {f"{POOLING}attention": (size, 1)}
    for index in range(num_layers):
        shapes |= linear_shapes(f"{HEAD}fc.{index}.0", size, size if index else 2 * size)
        shapes |= {f"{HEAD}fc.{index}.1.weight": (size,), f"{HEAD}fc.{index}.1.bias": (size,)}
    return shapes | linear_shapes(f"{HEAD}out.0", num_labels, size)


def _head(published: dict[str, torch.Tensor], num_layers: int) -> dict[str, torch.Tensor]:
    attention = published[f"{POOLING}attention"]
    # of the layers of the head: dropout, then linear, layer norm, ReLU and dropout for each
    names = {
        f"fc.{index}.{part}": f"projector.{1 + 4 * index + part}" for index in range(num_layers) for part in (0, 1)
    }
    layers = {f"{POOLING}sap_linear": "pooling.score.0", f"{HEAD}out.0": "classifier"}
    layers |= {HEAD + theirs: ours for theirs, ours in names.items()}
    weights = {
        f"{ours}.{part}": published[f"{theirs}.{part}"]
        for theirs, ours in layers.items()
        for part in ("weight", "bias")
    }
    return weights | {
        "pooling.score.2.weight": attention.T.contiguous(),
        "pooling.score.2.bias": attention.new_zeros(1),
    }


def _normalisation(checkpoint: Checkpoint) -> tuple[float, float]:
    """Scale and offset of what is done to the samples before the encoder."""
    config: Any = checkpoint.config
    if missing := [name for name in ("mean", "std") if name not in config]:
        raise ValueError(
            f"The config.json of {checkpoint.source} lacks {' and '.join(missing)}, by which its waveforms have to be "
            "normalised: add the figures that the model was published with."
        )
    scale = 1 / (float(config["std"]) + _EPSILON)
    return scale, -float(config["mean"]) * scale
