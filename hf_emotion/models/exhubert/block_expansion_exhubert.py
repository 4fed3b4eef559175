# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Backbone block expansion for ExHuBERT: appending copies, freezing, counting."""

from collections.abc import Iterable

from torch import nn


HEAD_KEYS = ("projector.", "classifier.", "layer_weights")
_PARTS = (
    ("feature_extractor.", "feature_encoder"),
    ("feature_projection.", "feature_projection"),
    ("pos_conv_embed.", "positional_convolution"),
    (".zero_linear.", "zero_linears"),
    (".copies.", "copies"),
    ("encoder.layers.", "original_layers"),
)


class BlockExpansionMixin:
    """Expansion, freezing and parameter counts, for the encoder and the classifier alike."""

    def expand_blocks(
        self,
        num_copies: int = 1,
        layers: Iterable[int] | None = None,
        freeze_original: bool = True,
        init: str = "zero",
    ):
        """
        Append copies to encoder layers (backbone block expansion, paper section 3.2). With `init="zero"` the outputs
        of the expanded model equal those before, to the last bit.

        Args:
            num_copies (`int`, *optional*, defaults to 1):
                Copies per layer; 2 gives the paper's "XLarge".
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
        >>> from hf_emotion import ExHubertConfig, ExHubertForSequenceClassification

        >>> config = ExHubertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32)
        >>> model = ExHubertForSequenceClassification(config).expand_blocks()
        >>> model.config.num_copies_per_layer
        [1, 1]

        ```
        """
        indices = self._checked_expansion(num_copies, layers, init)
        counts = list(self.config.num_copies_per_layer or [0] * self.config.num_hidden_layers)
        for index in indices:
            self.base_model.encoder.layers[index].append_copies(num_copies, init)
            counts[index] = num_copies
        self.config.num_copies_per_layer = counts
        _forget_capturing_hooks(self)
        if freeze_original:
            self.freeze_original_layers()
        return self

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
                f"Encoder layers {expanded} have copies already (num_copies_per_layer={list(counts)}), and a second "
                "expansion would not be the architecture of the paper. Expand other layers, or start again from the "
                "unexpanded model; for several copies per layer pass `num_copies` at once."
            )
        return sorted(indices)

    def freeze_feature_encoder(self) -> None:
        """Stop the gradients of the CNN feature encoder (frozen in all experiments of the paper)."""
        self.base_model.feature_extractor._freeze_parameters()

    def freeze_original_layers(self) -> None:
        """Freeze the CNN and every original encoder layer. Copies, zero linears, feature projection, positional
        convolution, final layer norm and head stay as they are (336.68 M trainable on HuBERT-large, Table 2)."""
        self.freeze_feature_encoder()
        for layer in self.base_model.encoder.layers:
            for parameter in layer.original_parameters():
                parameter.requires_grad = False

    def freeze_base_model(self) -> None:
        """Freeze everything but the head."""
        self.freeze_feature_encoder()
        for parameter in self.base_model.parameters():
            parameter.requires_grad = False

    def trainable_parameter_summary(self) -> dict[str, dict[str, int]]:
        """
        Count the parameters of each part of the model; works on the meta device.

        Returns:
            `dict[str, dict[str, int]]`: `{"total": n, "trainable": n}` for each of `feature_encoder`,
            `feature_projection`, `positional_convolution`, `original_layers`, `copies`, `zero_linears`, `other`
            (norms, mask embedding), `head` and `total`.
        """
        summary: dict[str, dict[str, int]] = {}
        for name, parameter in self.named_parameters():
            for part in (_part_of(name), "total"):
                counts = summary.setdefault(part, {"total": 0, "trainable": 0})
                counts["total"] += parameter.numel()
                counts["trainable"] += parameter.numel() if parameter.requires_grad else 0
        return summary


def _forget_capturing_hooks(model: nn.Module) -> None:
    """Output capturing installs its hooks once per model; forget them, so that new layers are hooked as well."""
    for module in model.modules():
        for key, hook in list(module._forward_hooks.items()):
            if getattr(hook, "__name__", None) == "output_capturing_hook":
                del module._forward_hooks[key]
        if hasattr(module, "_output_capturing_hooks_installed"):
            module._output_capturing_hooks_installed = False


def _part_of(name: str) -> str:
    if name.startswith(HEAD_KEYS):
        return "head"
    return next((part for fragment, part in _PARTS if fragment in name), "other")
