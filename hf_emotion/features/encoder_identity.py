"""Which encoder, preprocessing and precision features belong to: what must agree for a cache to be used again."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedModel

from ..models.speech_emotion import SpeechEmotionForSequenceClassification
from ..models.speech_emotion.encoding_speech_emotion import build_encoder, encoder_of, is_self_contained
from ..models.speech_emotion.loading_speech_emotion import load_encoder


# Fields of a config that change no hidden state.
_IRRELEVANT = {"_name_or_path", "architectures", "auto_map", "dtype", "id2label", "label2id", "transformers_version"}
_KEY_LENGTH = 16  # hexadecimal digits


def load_frozen_encoder(source: str | PreTrainedModel, revision: str | None = None) -> PreTrainedModel:
    """
    The encoder of a checkpoint or of a model with any head, such that padding does not change its result.

    Args:
        source (`str` or [`~transformers.PreTrainedModel`]): Hub id or folder of a checkpoint, or a model.
        revision (`str`, *optional*): Commit, branch or tag of a checkpoint on the Hub.

    Returns:
        [`~transformers.PreTrainedModel`]: The encoder. A model that was passed stays as it is; unless it is a
        [`~hf_emotion.models.speech_emotion.SpeechEmotionForSequenceClassification`] or one of the encoders that
        transformers lacks, it is copied.

    Raises:
        ValueError: Weights are missing or left over, or a revision was given for a model.
    """
    if isinstance(source, PreTrainedModel):
        if revision is not None:
            raise ValueError(f"revision={revision!r} applies to loading, but a loaded model was passed.")
        if isinstance(source, SpeechEmotionForSequenceClassification):
            return source.speech_encoder
        return _evened_out(encoder_of(source))
    if AutoConfig.from_pretrained(source, revision=revision).model_type == "speech_emotion":
        return SpeechEmotionForSequenceClassification.from_pretrained(source, revision=revision).speech_encoder
    return _evened_out(encoder_of(load_encoder(source, revision=revision)))


def _evened_out(stock: PreTrainedModel) -> PreTrainedModel:
    """A copy with the modules that leave padding out, unless the encoder does so by itself."""
    if is_self_contained(stock.config):
        return stock
    with torch.random.fork_rng(devices=[]):  # its first weights, which are replaced, cost the caller no random numbers
        encoder = build_encoder(copy.deepcopy(stock.config))
    encoder = encoder.to(dtype=stock.dtype)  # type: ignore[call-arg]
    encoder.load_state_dict(stock.state_dict())
    return encoder


def encoder_identity(encoder: PreTrainedModel) -> dict[str, Any]:
    """
    Class, config and hash of the weights of an encoder: the same for a Hub commit and a local copy of it, and another
    after one step of training.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): The encoder, with its weights.
    """
    config = {name: value for name, value in encoder.config.to_dict().items() if name not in _IRRELEVANT}
    return {"class": type(encoder).__name__, "config": config, "weights_sha256": weights_digest(encoder)}


def encoder_origin(source: str | PreTrainedModel, revision: str | None = None) -> dict[str, str | None]:
    """Name or path of a checkpoint, and its commit on the Hub: for readers, since the weights say what they are."""
    if isinstance(source, PreTrainedModel):
        name, config = source.config.name_or_path, source.config
    else:
        name, config = str(source), AutoConfig.from_pretrained(source, revision=revision)
    return {"name_or_path": name, "commit": getattr(config, "_commit_hash", None)}


def weights_digest(encoder: PreTrainedModel) -> str:
    """SHA-256 of names, types, shapes and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def settings_key(settings: dict[str, Any]) -> str:
    """Short hash of settings, for the name of their folder."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]
