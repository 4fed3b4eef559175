"""Configs read from the shapes of weights are those that the encoders were published with."""

import pytest
import torch
from transformers import AutoConfig, AutoModel, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_emotion.models.published.encoder_shapes import wavlm_config, whisper_config
from hf_emotion.models.published.layout import Checkpoint
from hf_emotion.models.published_architectures import PUBLISHED_ARCHITECTURES


@pytest.mark.parametrize("name", ["microsoft/wavlm-base-plus", "microsoft/wavlm-large"])
def test_published_wavlm_is_recognised_by_its_shapes(name):
    fields = dict(PUBLISHED_ARCHITECTURES[name])
    published = AutoConfig.for_model(fields.pop("model_type"), **fields)
    with torch.device("meta"):
        weights = {f"ssl_model.{key}": value for key, value in AutoModel.from_config(published).state_dict().items()}
    found = wavlm_config(Checkpoint("tiny", {}, weights), "ssl_model.")
    shown = {key: list(value) if isinstance(value, tuple) else value for key, value in published.to_dict().items()}
    assert {key: list(value) if isinstance(value, tuple) else value for key, value in found.to_dict().items()} == shown


def test_published_whisper_is_recognised_by_its_shapes():
    fields = dict(PUBLISHED_ARCHITECTURES["openai/whisper-large-v3"]) | {"max_source_positions": 750}
    del fields["model_type"]
    with torch.device("meta"):
        weights = {
            f"encoder.{key}": value for key, value in WhisperEncoder(WhisperConfig(**fields)).state_dict().items()
        }
    found = whisper_config(Checkpoint("tiny", {}, weights), "encoder.", 750)
    names = [name for name in fields if not name.startswith("decoder_")]
    assert {name: getattr(found, name) for name in names} == {name: fields[name] for name in names}


def test_weight_that_shows_a_size_is_missed_by_name():
    with pytest.raises(ValueError, match=r"lacks the weight ssl_model\.encoder\.layer_norm\.weight"):
        wavlm_config(Checkpoint("tiny", {}, {}), "ssl_model.")
