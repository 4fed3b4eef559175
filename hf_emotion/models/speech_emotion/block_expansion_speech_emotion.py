# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Backbone block expansion for the encoders of transformers: trained copies behind their transformer layers.

As in ExHuBERT (Amiriparian et al., Interspeech 2024, section 3.2), whatever the layer computes:

    h = original(h)
    h = zero_linear(copy(h)) + h        # once per copy

Layers become blocks by a change of their class, so that the names of their own parameters stay as they are. Copies are
`copies.<number>` of their layer. LayerDrop and gradient checkpointing take a block as a whole.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn
from transformers import PreTrainedModel, initialization

from .encoding_speech_emotion import LAYER_LISTS, encoder_layers
from .masked_modules_speech_emotion import even_out_modules


_ENCODER = "speech_encoder."
_PARTS = (
    (f"{_ENCODER}feature_extractor.", "feature_encoder"),
    (f"{_ENCODER}conv1.", "feature_encoder"),  # Whisper's
    (f"{_ENCODER}conv2.", "feature_encoder"),
    (f"{_ENCODER}feature_projection.", "feature_projection"),
    (".pos_conv_embed.", "positional_convolution"),
    (".zero_linear.", "zero_linears"),
    (".copies.", "copies"),
    *((f"{_ENCODER}{path}.", "original_layers") for path in LAYER_LISTS),
)


class _MadeOfLayer:
    """Base of classes made of a layer's class at run time: pickle and deep copies make them again."""

    layer_class: type[nn.Module]

    def __reduce_ex__(self, protocol):
        made_by = _expanded_class if isinstance(self, ExpandedLayer) else _copied_class
        return _empty, (made_by, self.layer_class), self.__dict__


def _empty(made_by: Callable[[type[nn.Module]], type[nn.Module]], layer_class: type[nn.Module]) -> nn.Module:
    made = made_by(layer_class)
    return made.__new__(made)


class CopyOfLayer(nn.Module):
    """A trained copy of a layer, a linear layer that starts at zero, and a skip connection around both."""

    def __init__(self, layer_class: type[nn.Module], config):
        super().__init__()
        # WavLM's first layer computes the position bias that all others, and its copies, are given
        fields = {"has_relative_position_bias": False} if config.model_type == "wavlm" else {}
        self.layer = layer_class(config, **fields)
        self.layer.__class__ = _copied_class(layer_class)
        self.zero_linear = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, *args, **kwargs) -> torch.Tensor:
        output = self.layer(hidden_states, *args, **kwargs)
        return self.zero_linear(output[0] if isinstance(output, tuple) else output) + hidden_states

    @torch.no_grad()
    def start_from(self, layer: nn.Module, init: str, std: float) -> None:
        """Take over the weights of the original layer; `init` of the linear layer as in `expand_blocks`."""
        weights = layer.state_dict()
        self.layer.load_state_dict({name: weights[name] for name in self.layer.state_dict()})
        nn.init.zeros_(self.zero_linear.bias)
        if init == "zero":
            nn.init.zeros_(self.zero_linear.weight)
        else:
            nn.init.normal_(self.zero_linear.weight, std=std)


class ExpandedLayer(_MadeOfLayer):
    """Mixin in front of a layer's class: the original layer, then its copies."""

    copies: nn.ModuleList

    def forward(self, hidden_states: torch.Tensor, *args, **kwargs):
        output = super().forward(hidden_states, *args, **kwargs)
        if not isinstance(output, tuple):
            for copy in self.copies:
                output = copy(output, *args, **kwargs)
            return output
        hidden_states, position_bias = output  # of WavLM
        kwargs["position_bias"] = position_bias
        for copy in self.copies:
            hidden_states = copy(hidden_states, *args, **kwargs)
        return hidden_states, position_bias

    def original_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the original layer, without the copies'."""
        return (parameter for name, parameter in self.named_parameters() if not name.startswith("copies."))


@functools.cache
def _expanded_class(layer_class: type[nn.Module]) -> type[nn.Module]:
    """A layer's class with copies, under the same name: FSDP and device maps keep layers whole by name."""
    return type(layer_class.__name__, (ExpandedLayer, layer_class), {"layer_class": layer_class})


@functools.cache
def _copied_class(layer_class: type[nn.Module]) -> type[nn.Module]:
    """What a layer computes, but no layer to be checkpointed, recorded or sharded apart from its block."""
    members = {"layer_class": layer_class, "forward": inspect.unwrap(layer_class.forward)}
    return type(f"Copied{layer_class.__name__}", (_MadeOfLayer, nn.Module), members)


def append_copies(encoder: PreTrainedModel, counts: Sequence[int]) -> None:
    """Append freshly initialised copies, `counts` of them per layer, to the layers of an encoder."""
    for layer, count in zip(encoder_layers(encoder), counts, strict=True):
        if not isinstance(layer, ExpandedLayer):
            layer.__class__ = _expanded_class(type(layer))
            layer.copies = nn.ModuleList()
        reference = next(layer.parameters())
        for _ in range(count):
            with torch.device(reference.device):
                copy = CopyOfLayer(layer.layer_class, encoder.config)
            layer.copies.append(copy.to(reference.dtype).train(layer.training))
    even_out_modules(encoder)


class BlockExpansionMixin:
    """Expansion, freezing and parameter counts of a classifier over any encoder."""

    def expand_blocks(
        self,
        num_copies: int = 1,
        layers: Iterable[int] | None = None,
        freeze_original: bool = True,
        init: str = "zero",
    ):
        """
        Append copies to encoder layers (backbone block expansion, ExHuBERT, section 3.2). With `init="zero"` the
        outputs of the expanded model equal those before, to the last bit.

        The numbers of copies are in `config.num_copies_per_layer`. An ExHuBERT encoder expands itself: its own
        `config.encoder_config.num_copies_per_layer` has them, and the former stays `None`.

        Args:
            num_copies (`int`, *optional*, defaults to 1):
                Copies per layer.
            layers (`Iterable[int]`, *optional*):
                Indices of the encoder layers to expand (negative ones count from the end); all layers if `None`.
            freeze_original (`bool`, *optional*, defaults to `True`):
                Whether to freeze the CNN and all original encoder layers, see [`freeze_original_layers`].
            init (`str`, *optional*, defaults to `"zero"`):
                Start of the linear layer behind each copy: `"zero"`, or `"random"` (normal with
                `config.initializer_range`, the ablation), which changes the outputs.

        Returns:
            The model itself, expanded in place.

        Raises:
            `ValueError`: if an argument is out of range, or if a layer has copies already.

        Example:

        ```python
        >>> from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification

        >>> wavlm = {"model_type": "wavlm", "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2}
        >>> model = SpeechEmotionForSequenceClassification(SpeechEmotionConfig(encoder_config=wavlm))
        >>> model.expand_blocks(layers=[1]).config.num_copies_per_layer
        [0, 1]

        ```
        """
        encoder = self.speech_encoder
        if hasattr(encoder, "expand_blocks"):
            encoder.expand_blocks(num_copies=num_copies, layers=layers, freeze_original=False, init=init)
        else:
            indices = self._checked_expansion(num_copies, layers, init)
            depth = self.config.num_hidden_layers
            append_copies(encoder, [num_copies if index in indices else 0 for index in range(depth)])
            for index in indices:
                layer = encoder_layers(encoder)[index]
                for copy in layer.copies:
                    copy.start_from(layer, init, self.config.initializer_range)
            before = self.config.num_copies_per_layer or [0] * depth
            self.config.num_copies_per_layer = [
                num_copies if index in indices else count for index, count in enumerate(before)
            ]
            _forget_capturing_hooks(encoder)
        if freeze_original:
            self.freeze_original_layers()
        return self

    @torch.no_grad()
    def initialize_weights(self) -> None:
        """Initialise what is new; zero linears at zero, where an encoder draws any linear layer at random.

        Not a part of `_init_weights`: transformers passes over modules of custom code without own parameters.
        """
        linears = [part.zero_linear for part in self.modules() if isinstance(part, CopyOfLayer)]
        new = [linear for linear in linears if not getattr(linear, "_is_hf_initialized", False)]
        super().initialize_weights()
        for linear in new:  # but for weights that were loaded
            initialization.zeros_(linear.weight)
            initialization.zeros_(linear.bias)

    def _checked_expansion(self, num_copies: int, layers: Iterable[int] | None, init: str) -> list[int]:
        depth = self.config.num_hidden_layers
        if isinstance(num_copies, bool) or not isinstance(num_copies, int) or num_copies < 1:
            raise ValueError(f"`num_copies` must be an integer of at least 1, but is {num_copies!r}.")
        if init not in ("zero", "random"):
            raise ValueError(f'`init` must be "zero" or "random", but is {init!r}.')
        requested = list(range(depth)) if layers is None else list(layers)
        if not requested:
            raise ValueError("`layers` is empty: name at least one encoder layer, or pass None to expand all of them.")
        if outside := [index for index in requested if not -depth <= index < depth]:
            raise ValueError(f"`layers` names {outside}, but the encoder has layers 0 to {depth - 1}.")
        indices = [index % depth for index in requested]
        if len(set(indices)) != len(indices):
            raise ValueError(f"`layers` names a layer twice: {requested}.")
        counts = self.config.num_copies_per_layer or [0] * depth
        if expanded := [index for index in indices if counts[index]]:
            raise ValueError(
                f"Encoder layers {expanded} have copies already (num_copies_per_layer={list(counts)}). Expand other "
                "layers, or start again from the unexpanded model; for several copies per layer pass `num_copies` at "
                "once."
            )
        return sorted(indices)

    def freeze_original_layers(self) -> None:
        """Freeze the CNN and every original encoder layer. Copies, zero linears, feature projection, positional
        convolution, final layer norm and everything behind the encoder stay as they are."""
        self.freeze_feature_encoder()
        for layer in encoder_layers(self.speech_encoder):
            is_block = hasattr(layer, "original_parameters")
            for parameter in layer.original_parameters() if is_block else layer.parameters():
                parameter.requires_grad = False

    def trainable_parameter_summary(self) -> dict[str, dict[str, int]]:
        """
        Count the parameters of each part of the model; works on the meta device.

        Returns:
            `dict[str, dict[str, int]]`: `{"total": n, "trainable": n}` for those of `feature_encoder`,
            `feature_projection`, `positional_convolution`, `original_layers`, `copies`, `zero_linears` and `other`
            (norms, embeddings of masks and positions) that the encoder has, for `head` (everything behind the
            encoder) and `total`.
        """
        summary: dict[str, dict[str, int]] = {}
        for name, parameter in self.named_parameters():
            for part in (_part_of(name), "total"):
                counts = summary.setdefault(part, {"total": 0, "trainable": 0})
                counts["total"] += parameter.numel()
                counts["trainable"] += parameter.numel() if parameter.requires_grad else 0
        return summary


def _forget_capturing_hooks(encoder: PreTrainedModel) -> None:
    """Output capturing installs its hooks once per model; forget them, so that new layers are hooked as well."""
    for module in encoder.modules():
        for key, hook in list(module._forward_hooks.items()):
            if getattr(hook, "__name__", None) == "output_capturing_hook":
                del module._forward_hooks[key]
        if hasattr(module, "_output_capturing_hooks_installed"):
            module._output_capturing_hooks_installed = False


def _part_of(name: str) -> str:
    if not name.startswith(_ENCODER):
        return "head"
    return next((part for fragment, part in _PARTS if fragment in name), "other")
