"""The card of an adapter: what it is, what it was put on, how large it is, and how it is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from ..cards.model_card import TAGS
from ..cards.model_card_text import is_hub_id
from ..cards.templates import render_template


TEMPLATE_NAME = "adapter.md"
_METHODS = {
    "lora": "LoRA ([Hu et al., ICLR 2022](https://arxiv.org/abs/2106.09685))",
    "dora": "DoRA ([Liu et al., ICML 2024](https://arxiv.org/abs/2402.09353))",
}


@dataclass(frozen=True)
class AdapterFacts:
    """
    All that the card of an adapter may state.

    Args:
        architecture (`str`): Class of the classifier.
        base_model (`str` or `None`): Checkpoint of the encoder.
        method (`str`): Name of the method, in small letters.
        layers (`Sequence[str]`): Full names of the layers with an adapter.
        encoder (`str`): Name of the encoder among the modules.
        num_encoder_parameters, num_adapter_parameters, num_head_parameters (`int`): Their sizes.
        classes (`Sequence[str]`): Class names in the order of the outputs.
        options (`Mapping[str, Any]`, *optional*): Options of the method.
        trains_head (`bool`, *optional*, defaults to `True`): Whether the head was trained as it is.
        base_revision (`str`, *optional*): Revision of the checkpoint.
        repository (`str`, *optional*): Id on the Hub, if it goes there.
        is_stock (`bool`, *optional*, defaults to `False`): Whether transformers has the class, so that peft alone is
            enough.
        needs_merging (`bool`, *optional*, defaults to `False`): Whether, with peft alone, the adapter has no effect
            before it is merged.
    """

    architecture: str
    base_model: str | None
    method: str
    layers: Sequence[str]
    encoder: str
    num_encoder_parameters: int
    num_adapter_parameters: int
    num_head_parameters: int
    classes: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    trains_head: bool = True
    base_revision: str | None = None
    repository: str | None = None
    is_stock: bool = False
    needs_merging: bool = False

    @property
    def layer_counts(self) -> dict[str, int]:
        """Number of layers with an adapter by name: the last part in the encoder, the full name in the head."""
        inside = f"{self.encoder}."
        return dict(Counter(name.rsplit(".", 1)[-1] if name.startswith(inside) else name for name in self.layers))


def build_adapter_card(facts: AdapterFacts) -> ModelCard:
    """
    Write the card of an adapter.

    Args:
        facts ([`AdapterFacts`]): What it states.

    Returns:
        `huggingface_hub.ModelCard`: Metadata and text; `card.save("README.md")` writes it.

    Example:

    ```python
    >>> facts = AdapterFacts("HubertForSequenceClassification", "facebook/hubert-base-ls960", "lora",
    ...     ["hubert.encoder.layers.0.attention.q_proj"], "hubert", 94_371_712, 12_288, 197_122, ["joy", "sadness"])
    >>> build_adapter_card(facts).data.tags
    ['hf-emotion', 'speech-emotion-recognition', 'lora', 'base_model:adapter:facebook/hubert-base-ls960']

    ```
    """
    on_hub = is_hub_id(facts.base_model)
    content = render_template(
        TEMPLATE_NAME,
        metadata=_metadata(facts, on_hub).to_yaml(),
        facts=facts,
        method=_METHODS.get(facts.method, facts.method),
        on_hub=on_hub,
        source=facts.repository or "path/to/this/folder",
        num_saved=facts.num_adapter_parameters + facts.num_head_parameters,
    )
    return ModelCard(content)


def _metadata(facts: AdapterFacts, on_hub: bool) -> ModelCardData:
    # the Hub looks for `lora` to serve an adapter; DoRA is loaded by the same code
    methods = ["dora", "lora"] if facts.method == "dora" else [facts.method]
    base = [f"base_model:adapter:{facts.base_model}"] if on_hub else []
    return ModelCardData(
        base_model=facts.base_model if on_hub else None,
        library_name="peft",
        pipeline_tag="audio-classification",
        tags=[*TAGS, *methods, *base],
    )
