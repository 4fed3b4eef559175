# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""One way to run the speech encoders of transformers, with what differs between them evened out.

- Hidden states: the input of the first layer, then the output of every layer, the last one being `last_hidden_state`,
  after the final layer norm where the encoder has one. transformers 5 gives the last one before that norm for some
  encoders, and fewer states than layers when LayerDrop skips some in training.
- Padding: the result of a clip does not depend on the batch it is in. Group norms average over the valid frames only,
  convolutions between frames see zeros behind the last one, and SEW runs clips of one length at a time.
- Short input: waveforms are zero-padded to the receptive field, spectrograms of Whisper to 30 s.

Encoders that transformers does not have may do this themselves: their config says `is_self_contained`, how many
hidden states they return (`num_hidden_states`) and how many samples they need (`minimum_samples`).
"""

import contextlib
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from .custom_encoders_speech_emotion import CUSTOM_ENCODERS
from .masked_modules_speech_emotion import MaskedConv1d, MaskedGroupNorm, even_out_modules


LAYER_LISTS = ("encoder.layers", "encoder.encoder.layer", "layers")
# SEW averages frames across the end of a clip
_LOOKS_AT_PADDING = ("sew", "sew-d")
_WHISPER_SILENCE = -1.5  # log10(1e-10), the extractor's floor, after its (x + 4) / 4
_WHISPER_RANGE = 2.0  # the extractor clips 8 decades below the maximum


@dataclass
class EncodedSpeech:
    """What an encoder says about a batch; padded frames are not `valid` and hold anything finite."""

    last_hidden_state: torch.Tensor
    valid: torch.Tensor
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


def is_self_contained(config) -> bool:
    """Whether an encoder leaves padding out and returns all hidden states by itself."""
    return getattr(config, "is_self_contained", False)


def build_encoder(config) -> PreTrainedModel:
    """A freshly initialised encoder for its config."""
    if config.model_type == "whisper":
        return WhisperEncoder(config)
    if config.model_type in CUSTOM_ENCODERS:
        return CUSTOM_ENCODERS[config.model_type][1]._from_config(config)
    encoder = AutoModel.from_config(config)
    if not is_self_contained(config):
        even_out_modules(encoder)
    return encoder


def _tell_num_frames(encoder: PreTrainedModel, attention_mask: torch.Tensor | None) -> None:
    """Set `num_frames` of the modules of [`even_out_modules`] for the next forward pass."""
    for module in encoder.modules():
        if isinstance(module, MaskedGroupNorm | MaskedConv1d):
            module.num_frames = None
            if attention_mask is not None:
                lengths = attention_mask.sum(dim=-1)
                is_norm = isinstance(module, MaskedGroupNorm)
                module.num_frames = _after_first_conv(encoder, lengths) if is_norm else _num_frames(encoder, lengths)


def _after_first_conv(encoder: PreTrainedModel, lengths: torch.Tensor) -> torch.Tensor:
    return (lengths - encoder.config.conv_kernel[0]) // encoder.config.conv_stride[0] + 1


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The speech encoder inside a model with any head: of Whisper its encoder, of others the base model."""
    if model.config.model_type != "whisper":
        return model.base_model
    return next(module for module in model.modules() if isinstance(module, WhisperEncoder))


def encoder_layers(encoder: PreTrainedModel) -> nn.ModuleList:
    """The transformer layers of an encoder."""
    for path in LAYER_LISTS:
        with contextlib.suppress(AttributeError):
            layers = encoder.get_submodule(path)
            if isinstance(layers, nn.ModuleList):
                return layers
    raise ValueError(
        f"{type(encoder).__name__} has no layers under {', '.join(LAYER_LISTS)}, so that they can neither be read "
        'nor expanded. Use `layer_selection="last"` without expansion, or another encoder.'
    )


def encode(
    encoder: PreTrainedModel,
    inputs: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    wants_hidden_states: bool = False,
    **kwargs,
) -> EncodedSpeech:
    """
    Run an encoder on a padded batch.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): an encoder of [`build_encoder`].
        inputs (`torch.Tensor`):
            Waveforms `(batch_size, num_samples)`, filter banks `(batch_size, num_frames, num_bins)` of Wav2Vec2-BERT,
            or spectrograms `(batch_size, num_bins, num_frames)` of Whisper.
        attention_mask (`torch.Tensor`, *optional*):
            1 for samples or input frames, 0 for padding on the right.
        wants_hidden_states (`bool`): whether to return the hidden states of all layers.
        kwargs: passed to the encoder.

    Returns:
        [`EncodedSpeech`]: states at the frame rate of the encoder.

    Raises:
        `ValueError`: if the mask has another shape than the input, or attentions are asked of an encoder that has none
            to show.
    """
    inputs, attention_mask = _long_enough(encoder, inputs, _checked_mask(encoder, inputs, attention_mask))
    if is_self_contained(encoder.config):
        return _encode_by_itself(encoder, inputs, attention_mask, wants_hidden_states, **kwargs)
    if attention_mask is None or encoder.config.model_type not in _LOOKS_AT_PADDING:
        return _encode_together(encoder, inputs, attention_mask, wants_hidden_states, **kwargs)
    lengths = attention_mask.sum(dim=-1)
    parts: list[tuple[torch.Tensor, EncodedSpeech]] = []
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().squeeze(-1)
        clips = inputs[rows, :length]
        parts.append((rows, _encode_together(encoder, clips, None, wants_hidden_states, **kwargs)))
    return parts[0][1] if len(parts) == 1 else _joined(parts)


def _checked_mask(
    encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor | None
) -> torch.Tensor | None:
    """The mask in integers: floats of low precision do not count samples exactly."""
    if attention_mask is None:
        return None
    wanted = (inputs.shape[0], inputs.shape[2 if encoder.config.model_type == "whisper" else 1])
    if attention_mask.shape != wanted:
        raise ValueError(
            f"`attention_mask` has the shape {tuple(attention_mask.shape)}, but the input needs {wanted}: one value "
            "for each sample or input frame of each clip."
        )
    return attention_mask.long()


def _encode_by_itself(
    encoder: PreTrainedModel,
    inputs: torch.Tensor,
    attention_mask: torch.Tensor | None,
    wants_hidden_states: bool,
    output_attentions: bool | None = None,
    **kwargs,
) -> EncodedSpeech:
    if output_attentions:
        raise ValueError(f"{type(encoder).__name__} returns no attention weights: leave out `output_attentions`.")
    outputs = encoder(
        inputs, attention_mask=attention_mask, output_hidden_states=wants_hidden_states, return_dict=True, **kwargs
    )
    last = outputs.last_hidden_state
    valid = _valid_frames(encoder, inputs, attention_mask, last)
    return EncodedSpeech(last, valid, outputs.hidden_states if wants_hidden_states else None)


def _encode_together(
    encoder: PreTrainedModel,
    inputs: torch.Tensor,
    attention_mask: torch.Tensor | None,
    wants_hidden_states: bool,
    **kwargs,
) -> EncodedSpeech:
    config = encoder.config
    if config.model_type != "whisper":
        kwargs |= _without_oversized_spans(encoder, inputs)
    _tell_num_frames(encoder, attention_mask)
    recorded: dict[int, torch.Tensor] = {}
    with _recording(encoder, recorded) if wants_hidden_states else contextlib.nullcontext():
        outputs = encoder(
            inputs,
            attention_mask=None if config.model_type == "whisper" else attention_mask,
            output_hidden_states=False,
            return_dict=True,
            **kwargs,
        )
    last = outputs.last_hidden_state
    return EncodedSpeech(
        last_hidden_state=last,
        valid=_valid_frames(encoder, inputs, attention_mask, last),
        hidden_states=_all_states(encoder, recorded, last) if wants_hidden_states else None,
        attentions=outputs.attentions,
    )


@contextlib.contextmanager
def _recording(encoder: PreTrainedModel, recorded: dict[int, torch.Tensor]):
    """Note the output of layer i as state i + 1, and the input of the first layer that runs as state 0."""

    def hook_of(index: int):
        def note(module, args, output):
            recorded.setdefault(0, args[0])
            recorded[index + 1] = output[0] if isinstance(output, tuple) else output

        return note

    handles = [layer.register_forward_hook(hook_of(index)) for index, layer in enumerate(encoder_layers(encoder))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _all_states(
    encoder: PreTrainedModel, recorded: dict[int, torch.Tensor], last: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """One state per layer and one before: a layer that LayerDrop skips passes its input on."""
    # where every layer is skipped, nothing is recorded and the last state stands for all
    states = [recorded.get(0, last)]
    for index in range(1, len(encoder_layers(encoder))):
        states.append(recorded.get(index, states[-1]))
    squeeze = getattr(encoder.config, "squeeze_factor", 1)
    if squeeze > 1:
        states = [_unsqueezed(state, squeeze, last) for state in states]
    return (*states, last)


def _unsqueezed(state: torch.Tensor, squeeze: int, last: torch.Tensor) -> torch.Tensor:
    """SEW's layers run at a fraction of the frame rate: hold each of their frames for as long as it stands for."""
    if state is last:
        return state
    state = state.repeat_interleave(squeeze, dim=1)[:, : last.shape[1]]
    return nn.functional.pad(state, (0, 0, 0, last.shape[1] - state.shape[1]))


def _joined(parts: list[tuple[torch.Tensor, EncodedSpeech]]) -> EncodedSpeech:
    """Put parts of the batch back into their rows, padded with zeros."""
    order = torch.cat([rows for rows, _ in parts]).argsort()

    def join(tensors, padded_dims: tuple[int, ...]) -> torch.Tensor:
        sizes = {dim: max(tensor.shape[dim] for tensor in tensors) for dim in padded_dims}
        padded = []
        for tensor in tensors:
            pads = [pad for dim in reversed(range(tensor.dim())) for pad in (0, sizes.get(dim, tensor.shape[dim]))]
            for position, dim in enumerate(reversed(range(tensor.dim()))):
                pads[2 * position + 1] -= tensor.shape[dim]
            padded.append(nn.functional.pad(tensor, pads))
        return torch.cat(padded)[order]

    encoded = [part for _, part in parts]
    states = zip(*[part.hidden_states for part in encoded], strict=True) if encoded[0].hidden_states else None
    attentions = zip(*[part.attentions for part in encoded], strict=True) if encoded[0].attentions else None
    return EncodedSpeech(
        last_hidden_state=join([part.last_hidden_state for part in encoded], (1,)),
        valid=join([part.valid for part in encoded], (1,)),
        hidden_states=tuple(join(state, (1,)) for state in states) if states else None,
        attentions=tuple(join(attention, (2, 3)) for attention in attentions) if attentions else None,
    )


def minimum_samples(config) -> int:
    """Least number of samples for one frame behind a CNN on the waveform, and behind SEW's averaging."""
    if is_self_contained(config):
        return config.minimum_samples
    samples = getattr(config, "squeeze_factor", 1)
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def _long_enough(encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor | None):
    if encoder.config.model_type == "whisper":
        return _thirty_seconds(encoder, inputs, attention_mask)
    if inputs.dim() == 3:  # filter banks: one frame is enough
        return inputs, attention_mask
    minimum = minimum_samples(encoder.config)
    shortfall = max(0, minimum - inputs.shape[1])
    inputs = nn.functional.pad(inputs, (0, shortfall))
    if attention_mask is not None:
        lengths = attention_mask.sum(dim=-1).clamp(min=minimum)
        positions = torch.arange(inputs.shape[1], device=attention_mask.device)
        attention_mask = (positions < lengths[:, None]).to(attention_mask.dtype)
    return inputs, attention_mask


def _thirty_seconds(encoder: WhisperEncoder, inputs: torch.Tensor, attention_mask: torch.Tensor | None):
    """Pad a spectrogram as Whisper's extractor pads: with the floor that silence has beside the clip's maximum,
    whatever padded frames hold.

    Without a mask, as in pipelines, trailing frames at that floor are taken for padding (within a frame of the mask).
    """
    num_frames = encoder.config.max_source_positions * encoder.conv1.stride[0] * encoder.conv2.stride[0]
    shortfall = num_frames - inputs.shape[-1]
    if shortfall < 0:
        raise ValueError(
            f"Whisper reads {num_frames} frames (30 s for published models), but the spectrogram has "
            f"{inputs.shape[-1]}. Cut the audio into clips of at most this duration."
        )
    if attention_mask is not None:
        inputs = inputs.masked_fill(attention_mask[:, None] == 0, float("-inf"))
    floor = (inputs.amax(dim=(1, 2), keepdim=True) - _WHISPER_RANGE).clamp(min=_WHISPER_SILENCE)
    inputs = torch.where(inputs.isneginf(), floor, inputs)
    if attention_mask is None:
        is_sound = (inputs > floor + 1e-4).any(dim=1)
        positions = torch.arange(1, inputs.shape[-1] + 1, device=inputs.device)
        lengths = (is_sound * positions).amax(dim=1)
        # the last window with sound reaches over the end of the clip
        lengths = (lengths - (lengths < inputs.shape[-1]).long()).clamp(min=1)
        attention_mask = (positions <= lengths[:, None]).long()
    if shortfall:
        inputs = torch.cat([inputs, floor.expand(-1, inputs.shape[1], shortfall)], dim=-1)
        attention_mask = nn.functional.pad(attention_mask, (0, shortfall))
    return inputs, attention_mask


def _num_frames(encoder: PreTrainedModel, lengths):
    """Frames of the encoder for numbers of samples or input frames."""
    if encoder.config.model_type == "whisper":
        return (lengths + 1) // 2  # its second convolution has stride 2
    frames = encoder._get_feat_extract_output_lengths(lengths)
    squeeze = getattr(encoder.config, "squeeze_factor", 1)
    return frames // squeeze * squeeze  # what SEW cannot average is filled up with zeros


def _valid_frames(
    encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor | None, states: torch.Tensor
) -> torch.Tensor:
    if attention_mask is None:
        samples = torch.full((inputs.shape[0],), inputs.shape[1], device=inputs.device)
    else:
        samples = attention_mask.sum(dim=-1)
    num_frames = _num_frames(encoder, samples).clamp(min=1).to(states.device)
    return torch.arange(states.shape[1], device=states.device) < num_frames[:, None]


def _without_oversized_spans(encoder: PreTrainedModel, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """SpecAugment raises an error where its time span is longer than the input: mask no time in that case."""
    config = encoder.config
    # absent from Data2Vec's config, and on there
    is_on = encoder.training and getattr(config, "apply_spec_augment", True)
    if not is_on or getattr(config, "mask_time_prob", 0) == 0:
        return {}
    num_frames = int(encoder._get_feat_extract_output_lengths(torch.tensor(inputs.shape[1])))
    if num_frames >= config.mask_time_length:
        return {}
    return {"mask_time_indices": torch.zeros(inputs.shape[0], num_frames, dtype=torch.bool, device=inputs.device)}
