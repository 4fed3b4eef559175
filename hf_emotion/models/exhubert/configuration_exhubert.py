# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Configuration of ExHuBERT: HuBERT whose encoder layers may each be followed by trained copies."""

from huggingface_hub.dataclasses import strict
from transformers import HubertConfig


@strict
class ExHubertConfig(HubertConfig):
    r"""
    Configuration of an ExHuBERT model (Amiriparian et al., Interspeech 2024, section 3.2). All fields of
    [`~transformers.HubertConfig`] keep their meaning; with no copies the model is exactly HuBERT.

    Args:
        num_copies_per_layer (`list[int]`, *optional*):
            How many trained copies follow each original encoder layer: one non-negative integer per layer, or `None`
            for an unexpanded model. The paper's ExHuBERT has one copy on each of 24 layers, its "XLarge" two.
        gate_original_layers (`bool`, *optional*, defaults to `False`):
            Whether a linear layer also follows every *original* layer of an expanded block. The published checkpoint
            has them (and counts them in Table 2: 664.18 M "Non-Frozen"); they start as the identity and are left out
            by default, which computes the same function with 25 M parameters less.

    Example:

    ```python
    >>> from hf_emotion import ExHubertConfig

    >>> config = ExHubertConfig(num_hidden_layers=2, num_copies_per_layer=[1, 0])
    >>> config.is_expanded, config.receptive_field
    (True, 400)

    ```
    """

    model_type = "exhubert"

    num_copies_per_layer: list[int] | tuple[int, ...] | None = None
    gate_original_layers: bool = False

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.num_copies_per_layer is not None:
            self.num_copies_per_layer = list(self.num_copies_per_layer)

    def validate_block_expansion(self):
        """Part of the `@strict` validation: one non-negative copy count per encoder layer."""
        copies = self.num_copies_per_layer
        if copies is None:
            return
        if len(copies) != self.num_hidden_layers or any(count < 0 for count in copies):
            raise ValueError(
                f"`num_copies_per_layer` must hold one non-negative integer for each of the {self.num_hidden_layers} "
                f"encoder layers, but is {copies}."
            )

    @property
    def is_expanded(self) -> bool:
        """Whether any encoder layer has a copy."""
        return any(self.num_copies_per_layer or [])

    @property
    def receptive_field(self) -> int:
        """Number of samples that the CNN feature encoder needs for one frame (400 = 25 ms at 16 kHz by default)."""
        samples, hop = 1, 1
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            samples += (kernel - 1) * hop
            hop *= stride
        return samples


__all__ = ["ExHubertConfig"]
