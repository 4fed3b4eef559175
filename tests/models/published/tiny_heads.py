"""Tiny encoders under the heads of published models, and what all conversions of such models have to fulfil."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from hf_emotion.models.published.layout import Checkpoint, ConvertedModel, Layout
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification


SIZE = 16
_BASE = {
    "hidden_size": SIZE,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "final_dropout": 0.1,
    "layerdrop": 0.0,
}
_LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
# what transformers 4 writes into every config.json
_LIBRARY = {"transformers_version": "4.17.0.dev0", "torch_dtype": "float32", "gradient_checkpointing": False}


def encoder_fields(model_type: str, is_large: bool = True, **fields: Any) -> dict[str, Any]:
    """The encoder's part of a published config.json."""
    conv_bias = {"conv_bias": is_large and model_type != "wavlm"}  # as published
    return {"model_type": model_type, **_BASE, **conv_bias, **(_LARGE if is_large else {}), **_LIBRARY, **fields}


def encoder_of(fields: Mapping[str, Any]) -> nn.Module:
    """The encoder of transformers, with weights that do not depend on what ran before; its last hidden state is
    listed behind the final norm, as in transformers 4."""
    known = {name: value for name, value in fields.items() if name not in (*_LIBRARY, "model_type")}
    torch.manual_seed(0)
    return AutoModel.from_config(
        AutoConfig.for_model(fields["model_type"], **known, tie_last_hidden_states=True)
    ).eval()


def clips(num_samples: int = 1200, num_clips: int = 2) -> torch.Tensor:
    """Random clips of one length."""
    return torch.randn((num_clips, num_samples), generator=torch.Generator().manual_seed(1))


def converted(
    layout: Layout,
    weights: Mapping[str, torch.Tensor],
    config: Mapping[str, Any],
    preprocessor: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[SpeechEmotionForSequenceClassification, ConvertedModel]:
    """The model of a checkpoint that has a layout, and what the layout made of it."""
    checkpoint = Checkpoint("tiny", config, weights, preprocessor, options)
    assert layout.mismatch(checkpoint) is None
    found = layout.convert(checkpoint)
    model = found.model_class(found.config)
    model.load_state_dict(found.weights)  # strictly
    return model.eval(), found


def assert_batch_equals_clips(model: SpeechEmotionForSequenceClassification, waveforms: torch.Tensor) -> None:
    """The shorter clip of a padded batch gets what it gets alone."""
    short = waveforms.shape[1] * 2 // 3
    mask = torch.ones_like(waveforms, dtype=torch.long)
    mask[1, short:] = 0
    with torch.no_grad():
        together = model(waveforms * mask, attention_mask=mask)
        alone = model(waveforms[1:, :short])
    torch.testing.assert_close(together.logits[1:], alone.logits, atol=1e-5, rtol=0)
    if alone.dimensions is not None:
        torch.testing.assert_close(together.dimensions[1:], alone.dimensions, atol=1e-5, rtol=0)


def assert_reloads_bit_equal(model: SpeechEmotionForSequenceClassification, inputs: Any, folder: Path) -> None:
    """Saved and loaded again, it computes the same to the last bit."""
    model.save_pretrained(folder)
    again = SpeechEmotionForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        before, after = model(**inputs), again(**inputs)
    assert torch.equal(before.logits, after.logits)
    assert (before.dimensions is None) == (after.dimensions is None)
    assert before.dimensions is None or torch.equal(before.dimensions, after.dimensions)


def assert_trains(model: SpeechEmotionForSequenceClassification, inputs: Any, changed: Callable[[str], bool]) -> None:
    """A step reaches every parameter whose name is to change."""
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.Adam([value for value in model.parameters() if value.requires_grad], lr=1e-2)
    model.train()
    model(**inputs).loss.backward()
    optimizer.step()
    still = {name for name, value in model.named_parameters() if torch.equal(value, before[name])}
    assert not {name for name in still if changed(name)}
