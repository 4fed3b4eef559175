"""Emotion models of Vox-Profile (tiantiaf/*) on WavLM and Whisper, with LoRA or without.

Source: tiantiaf0627/vox-profile-release, revision 7ba0e00, `src/model/emotion/` (`wavlm_emotion.py`,
`whisper_emotion.py` and both `*_dim.py`) and the label list of `src/example/categorized_emotion_wavlm.py`:

- WavLM: average of all hidden states with the softmax of `weights`. Whisper: its last states; it has `weights` too and
  never reads them.
- `model_seq`: three convolutions of kernel size 1 with ReLU and dropout 0.1 between them, then the mean over frames
  that are no padding.
- Heads of linear, ReLU, linear: `emotion_layer` (nine classes), `arousal_layer`, `valence_layer` and `dominance_layer`
  (with a sigmoid). Models named `*-dim` have the last three only. `detailed_out_layer` (17 secondary emotions) and
  `gender_layer` answer other questions and are left out.
- LoRA of loralib (microsoft/LoRA, `loralib/layers.py`) with its default `lora_alpha=1`: `lora_B @ lora_A / r` is added
  to a weight in evaluation mode, always after loading.
- Whisper reads 15 s at most and counts `(num_samples // 160 - 1) // 2 + 1` frames; without the attention mask of its
  spectrogram this package finds the end of a clip by the silence behind it, within a frame. Its decoder is not run.

Clips of 3 to 15 s at 16 kHz, as in training. The heads stand side by side in one dense layer, with zeros between them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import torch
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor
from transformers.configuration_utils import PreTrainedConfig

from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from .config_fields import has_weights, label_names, labelled, num_outputs
from .encoder_shapes import WeightShapes, wavlm_config, whisper_config
from .head_weights import fit_head, head_of, linear, linear_shapes, side_by_side
from .layout import Checkpoint, ConvertedModel, Layout
from .weight_names import refuse_misfits


BACKBONE, FRAME_LAYERS, CLASSES_HEAD = "backbone_model.", "model_seq.", "emotion_layer."
EMOTIONS = ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise", "Other")
DIMENSIONS = ("arousal", "valence", "dominance")
_OTHER_HEADS = ("detailed_out_layer.", "gender_layer.")
_CONVOLUTIONS = (0, 3, 6)
_LAYER_WEIGHTS = "weights"
_FRAME_DROPOUT = 0.1
_MAX_SECONDS, _FRAMES_PER_SECOND = 15, 50


def merged_lora(checkpoint: Checkpoint) -> Checkpoint:
    """
    A checkpoint without `lora_A` and `lora_B`: the products are in the weights beside them.

    Raises:
        `ValueError`: If a part of an adapter is missing or misshapen, naming it.
    """
    parts = (".lora_A", ".lora_B")
    stems = sorted({name[: -len(parts[0])] for name in checkpoint.weights if name.endswith(parts)})
    weights = {name: value for name, value in checkpoint.weights.items() if not name.endswith(parts)}
    left_over = [name for name in weights if ".lora_" in name]
    problems: dict[str, list[str]] = {"missing": [], "misshapen": [], "left over": left_over}
    for stem in stems:
        names = [f"{stem}.weight", *(stem + part for part in parts)]
        missing = [name for name in names if name not in checkpoint.weights]
        problems["missing"] += missing
        if missing:
            continue
        weight, down, up = (checkpoint.weights[name] for name in names)
        if up.shape[1:] != down.shape[:1] or weight.shape != (len(up), *down.shape[1:]):
            problems["misshapen"].append(
                ", ".join(f"{name} {tuple(checkpoint.weights[name].shape)}" for name in names)
            )
            continue
        product = up.float() @ down.float() / len(down)
        weights[names[0]] = (weight.float() + product).to(weight.dtype)
    refuse_misfits(checkpoint.source, problems)
    return dataclasses.replace(checkpoint, weights=weights)


def _convert(
    checkpoint: Checkpoint,
    encoder: PreTrainedConfig,
    prefix: str,
    extractor: Any,
    unused: Iterable[str] = (),
) -> ConvertedModel:
    """The part that the models on both encoders share, with `weights` if they are not `unused`."""
    is_weighted = _LAYER_WEIGHTS not in unused
    size = checkpoint.config.get("hidden_dim") or WeightShapes(checkpoint, FRAME_LAYERS).of("0.bias")[0]
    heads = _heads(checkpoint)
    has_classes = CLASSES_HEAD in heads
    names = label_names(checkpoint, heads[CLASSES_HEAD], EMOTIONS) if has_classes else list(DIMENSIONS)
    config = SpeechEmotionConfig(
        encoder_config=encoder.to_dict(),
        layer_selection="weighted" if is_weighted else "last",
        num_frame_layers=len(_CONVOLUTIONS),
        frame_layer_size=size,
        frame_layer_dropout=_FRAME_DROPOUT,
        head="relu",
        head_hidden_size=len(heads) * size,
        head_dropout=0.0,
        dimension_names=list(DIMENSIONS) if has_classes and len(heads) > 1 else None,
        dimension_activation="sigmoid",
        problem_type="single_label_classification" if has_classes else "regression",
        **labelled(names),
    )
    shapes = _shapes(config, heads) | ({_LAYER_WEIGHTS: (config.num_hidden_states,)} if is_weighted else {})
    weights, published = fit_head(checkpoint, config, prefix, shapes, (*_OTHER_HEADS, *unused))
    return ConvertedModel(
        model_class=SpeechEmotionForSequenceClassification,
        config=config,
        weights=weights | _rebuilt(published, list(heads), len(names)),
        feature_extractor=extractor,
        notes=_notes(checkpoint),
    )


def _heads(checkpoint: Checkpoint) -> dict[str, int]:
    """Beginnings of the names of the heads that the checkpoint has -> their numbers of outputs, classes first."""
    heads = {}
    if has_weights(checkpoint, CLASSES_HEAD):
        heads[CLASSES_HEAD] = num_outputs(checkpoint, f"{CLASSES_HEAD}2.bias", "output_class_num")
    dimensions = [f"{name}_layer." for name in DIMENSIONS]
    if any(has_weights(checkpoint, name) for name in dimensions) or not heads:
        heads |= dict.fromkeys(dimensions, 1)
    return heads


def _shapes(config: SpeechEmotionConfig, heads: dict[str, int]) -> dict[str, tuple[int, ...]]:
    size = config.frame_layer_size
    shapes: dict[str, tuple[int, ...]] = {}
    for index in _CONVOLUTIONS:
        inputs = config.hidden_size if index == 0 else size
        shapes |= {f"{FRAME_LAYERS}{index}.weight": (size, inputs, 1), f"{FRAME_LAYERS}{index}.bias": (size,)}
    for name, num_labels in heads.items():
        shapes |= linear_shapes(f"{name}0", size, size) | linear_shapes(f"{name}2", num_labels, size)
    return shapes


def _rebuilt(published: dict[str, torch.Tensor], heads: list[str], num_labels: int) -> dict[str, torch.Tensor]:
    weights = {}
    for index in _CONVOLUTIONS:
        weights[f"frame_layers.{index}.weight"] = published[f"{FRAME_LAYERS}{index}.weight"].squeeze(-1)
        weights[f"frame_layers.{index}.bias"] = published[f"{FRAME_LAYERS}{index}.bias"]
    if _LAYER_WEIGHTS in published:
        weights["layer_weights"] = published[_LAYER_WEIGHTS]
    layers = [(linear(published, f"{name}0"), linear(published, f"{name}2")) for name in heads]
    return weights | head_of(*side_by_side(layers), num_labels)


def _notes(checkpoint: Checkpoint) -> tuple[str, ...]:
    left_out = [f"{name}*" for name in _OTHER_HEADS if has_weights(checkpoint, name)]
    trained_on = f"It was trained on clips of 3 to {_MAX_SECONDS} s."
    return (trained_on, f"Left out, since no emotion class or dimension needs it: {', '.join(left_out)}.")[
        : 1 + bool(left_out)
    ]


def _mismatch(checkpoint: Checkpoint, first_convolution: str) -> str | None:
    if not has_weights(checkpoint, BACKBONE, FRAME_LAYERS):
        return f"no {BACKBONE}* with {FRAME_LAYERS}*"
    if not has_weights(checkpoint, first_convolution):
        return f"no {first_convolution}*"
    heads = (CLASSES_HEAD, *(f"{name}_layer." for name in DIMENSIONS))
    return None if any(has_weights(checkpoint, name) for name in heads) else f"no {' or '.join(heads)}"


class VoxProfileWavLM(Layout):
    """The average of WavLM's layers, layers for each frame, a mean, a head for each question."""

    name = "vox-profile-wavlm"
    examples = (
        "tiantiaf/wavlm-large-categorical-emotion",
        "tiantiaf/wavlm-large-msp-podcast-emotion",
        "tiantiaf/wavlm-large-msp-podcast-emotion-dim",
    )
    options = ("labels",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        return _mismatch(checkpoint, f"{BACKBONE}feature_extractor.conv_layers.")

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        merged = merged_lora(checkpoint)
        encoder = wavlm_config(merged, BACKBONE)
        # the original normalises clips for the large encoder only
        is_large = encoder.do_stable_layer_norm
        extractor = Wav2Vec2FeatureExtractor(do_normalize=is_large, return_attention_mask=True)
        return _convert(merged, encoder, BACKBONE, extractor)


class VoxProfileWhisper(Layout):
    """The same on the last states of Whisper's encoder for 15 s."""

    name = "vox-profile-whisper"
    examples = (
        "tiantiaf/whisper-large-v3-msp-podcast-emotion",
        "tiantiaf/whisper-large-v3-msp-podcast-emotion-dim",
    )
    options = ("labels",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        return _mismatch(checkpoint, f"{BACKBONE}encoder.conv1.")

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        merged = _with_used_positions(merged_lora(checkpoint))
        prefix = f"{BACKBONE}encoder."
        num_positions = WeightShapes(merged, prefix).of("embed_positions.weight")[0]
        encoder = whisper_config(merged, prefix, num_positions)
        extractor = WhisperFeatureExtractor(
            feature_size=encoder.num_mel_bins, chunk_length=num_positions // _FRAMES_PER_SECOND
        )
        unused = (_LAYER_WEIGHTS, f"{BACKBONE}decoder.")
        return _convert(merged, encoder, prefix, extractor, unused)


def _with_used_positions(checkpoint: Checkpoint) -> Checkpoint:
    """The positions of a checkpoint as its code uses them: those of `embed_positions`, for 15 s."""
    inside = f"{BACKBONE}encoder.embed_positions.weight"
    weights = dict(checkpoint.weights)
    positions = weights.pop("embed_positions", weights.get(inside))
    if positions is not None:
        weights[inside] = positions[: _MAX_SECONDS * _FRAMES_PER_SECOND]
    return dataclasses.replace(checkpoint, weights=weights)
