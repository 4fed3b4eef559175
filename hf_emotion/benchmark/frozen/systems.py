"""The frozen encoders of a benchmark, from the Hub, a folder, or a file that S3PRL downloads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoFeatureExtractor, PreTrainedModel

from ...features.encoder_identity import load_frozen_encoder
from ...models import encoders as encoders  # registers what transformers lacks
from ...models.speech_emotion.encoding_speech_emotion import is_self_contained
from ..protocol import FrozenSystem


def load_system(
    system: FrozenSystem, checkpoint_dir: str | os.PathLike | None = None
) -> tuple[PreTrainedModel, Any | None]:
    """
    The encoder of a system and its feature extractor, `None` for encoders that read raw waveforms.

    Raises:
        FileNotFoundError: The checkpoint that S3PRL downloads is not in its directory.
        OSError, ValueError: The checkpoint cannot be loaded.
    """
    if system.encoder is not None:
        encoder = load_frozen_encoder(system.encoder, system.revision)
        if is_self_contained(encoder.config):
            return encoder, None
        return encoder, AutoFeatureExtractor.from_pretrained(system.encoder, revision=system.revision)
    model_type = str(system.model_type)
    if model_type not in CONFIG_MAPPING:
        raise ValueError(f"{system.name}: there is no encoder with model_type={model_type!r}.")
    model_class: Any = MODEL_MAPPING[CONFIG_MAPPING[model_type]]
    if system.s3prl_checkpoint is None:
        return _without_weights(system, model_class), None
    path = Path(checkpoint_dir or ".") / system.s3prl_checkpoint
    if not path.is_file():
        raise FileNotFoundError(
            f"{system.name} needs the checkpoint {path}, which S3PRL downloads. Say where it is: --checkpoint_dir."
        )
    return model_class.from_s3prl(path).eval(), None


def _without_weights(system: FrozenSystem, model_class: Any) -> PreTrainedModel:
    encoder = model_class(model_class.config_class()).eval()
    if encoder.num_parameters():
        raise ValueError(
            f"{system.name} has {encoder.num_parameters():,} parameters, which would be random: name its "
            "`s3prl_checkpoint`, or save a model of yours and name its folder as `encoder`."
        )
    return encoder
