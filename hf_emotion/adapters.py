"""Parameter-efficient fine-tuning with peft: adapters that are saved with the whole head and load exactly.

The head of a speech classifier (projector, classifier, layer weights, pooling, conditioning) is new for every task. A
plain `LoraConfig(task_type="SEQ_CLS")` saves `classifier` only: the projector and the layer weights are drawn anew at
the next load. Here everything outside the encoder is saved with the adapter.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, HubertModel, PreTrainedConfig, PreTrainedModel


if TYPE_CHECKING:
    from peft import PeftModel

HEAD_MODES = ("train", "adapt")
# Query, key and value of an attention layer, as the encoders of transformers call them.
_QKV_NAMES = (
    ("q_proj", "k_proj", "v_proj"),
    ("linear_q", "linear_k", "linear_v"),
    ("query_proj", "key_proj", "value_proj"),
)
_WEIGHTS_FILE = "adapter_model.safetensors"


def add_adapter(
    model: PreTrainedModel,
    method: str = "lora",
    *,
    target_modules: str | Sequence[str] | None = None,
    head: str = "train",
    **options: Any,
) -> PeftModel:
    """
    Put an adapter on a speech classifier: the encoder is frozen, the adapter and the head are trained.

    Args:
        model (`PreTrainedModel`):
            A classifier that was loaded with `from_pretrained`. Its encoder is not saved with the adapter, so that it
            has to be what the checkpoint `model.name_or_path` holds.
        method (`str`, *optional*, defaults to `"lora"`):
            `"lora"` (Hu et al., ICLR 2022), `"dora"` (Liu et al., ICML 2024), or another method of peft by the name of
            its `PeftType`, in any case: `"ia3"`, `"loha"`, `"oft"` ...
        target_modules (`str` or `Sequence[str]`, *optional*):
            Names of the linear layers with an adapter; by default query, key and value of every attention layer of
            the encoder, originals and copies of an expanded one alike.
        head (`str`, *optional*, defaults to `"train"`):
            `"train"`: every module of the head is trained as it is. `"adapt"`: the linear layers of the head get an
            adapter as well, and nothing else of the head is trained. With `target_modules=()`, the head alone.
        options:
            Fields of the method's config, for example `r=16, lora_alpha=32, lora_dropout=0.1`.

    Returns:
        `peft.PeftModel`: `save_pretrained`, `push_to_hub` and `merge_and_unload` do what they say.
        [`load_adapted_classifier`] loads it.

    Raises:
        `ImportError`: If peft is not installed.
        `ValueError`: If the method, a module or an option is unknown, or the encoder is not what a checkpoint holds.

    Example:

    ```python
    >>> from transformers import HubertForSequenceClassification
    >>> from hf_emotion.adapters import add_adapter
    >>> model = HubertForSequenceClassification.from_pretrained("superb/hubert-large-superb-er")  # doctest: +SKIP
    >>> add_adapter(model, "lora", r=8).save_pretrained("outputs/lora")  # doctest: +SKIP

    ```
    """
    _require_peft()
    if head not in HEAD_MODES:
        raise ValueError(f"head={head!r} is none of {', '.join(HEAD_MODES)}.")
    encoder = encoder_name(model)
    _check_origin(model)
    modules, parameters = _head(model, encoder)
    targets = _targets(model, encoder, target_modules)
    if head == "adapt":
        targets += [name for name in _linear_layers(model) if not name.startswith(f"{encoder}.")]
    if not targets:
        raise ValueError("There is nothing to adapt: target_modules is empty and head='train'. Use `train_head_only`.")
    _freeze_feature_encoder(model)
    config = _peft_config(method, targets, modules if head == "train" else None, options)
    adapted = _with_whole_head()(model, config)
    if head == "train":
        for parameter in parameters:
            parameter.requires_grad_(True)
    return adapted


def train_head_only(model: PreTrainedModel) -> PreTrainedModel:
    """Freeze the encoder of a classifier, in place; the head is trained as it is. No adapter."""
    model.requires_grad_(False)
    _freeze_feature_encoder(model)
    modules, parameters = _head(model, encoder_name(model))
    for name in modules:
        model.get_submodule(name).requires_grad_(True)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return model


def load_adapted_classifier(
    source: str | os.PathLike[str], *, base_model: str | os.PathLike[str] | None = None, is_trainable: bool = False
) -> PeftModel:
    """
    Load what `add_adapter(...).save_pretrained(source)` saved: the encoder from its checkpoint, the rest from here.

    Args:
        source (`str` or `os.PathLike`):
            Folder of the adapter.
        base_model (`str` or `os.PathLike`, *optional*):
            Checkpoint of the encoder, if it is not where it was.
        is_trainable (`bool`, *optional*, defaults to `False`):
            Whether training goes on.

    Returns:
        `peft.PeftModel`: With the same outputs as when it was saved, in evaluation mode. `merge_and_unload()` gives a
        plain classifier.

    Raises:
        `FileNotFoundError`: If the folder holds no adapter.
        `ValueError`: If the checkpoint of the encoder does not fit, or weights of the adapter are missing.
    """
    peft = _require_peft()
    folder = Path(source)
    if not (folder / "adapter_config.json").is_file() or not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder} holds no adapter with its model (adapter_config.json and config.json). Save one with "
            f"`add_adapter(model).save_pretrained(folder)`."
        )
    adapter_config = peft.PeftConfig.from_pretrained(str(folder))
    mapping = adapter_config.auto_mapping
    checkpoint = os.fspath(base_model or adapter_config.base_model_name_or_path)
    classifier = getattr(import_module(mapping["parent_library"]), mapping["base_model_class"])
    config = AutoConfig.from_pretrained(folder)
    model, fresh = _load_encoder(classifier, checkpoint, config)
    _check_encoder(model, checkpoint, fresh, load_file(folder / _WEIGHTS_FILE))
    adapted = _with_whole_head().from_pretrained(model, str(folder), is_trainable=is_trainable)
    return adapted.train(is_trainable)


def merge_adapter(model: PeftModel, folder: str | os.PathLike[str] | None = None) -> PreTrainedModel:
    """
    A plain classifier with the same outputs, in place; the adapter is saved first, if `folder` says where.

    Args:
        model (`peft.PeftModel`):
            What [`add_adapter`] returned.
        folder (`str` or `os.PathLike`, *optional*):
            Folder for the adapter.
    """
    if folder is not None:
        model.save_pretrained(os.fspath(folder))
    merged: Any = model
    return merged.merge_and_unload()


def encoder_name(model: PreTrainedModel) -> str:
    """
    Name of the encoder among the modules of a classifier, such as `"hubert"`.

    Raises:
        `ValueError`: If the model has no encoder of its own: it is no classifier.
    """
    for name in (model.base_model_prefix, "encoder"):
        if isinstance(getattr(model, name, None), torch.nn.Module) and hasattr(model, "classifier"):
            return name
    raise ValueError(
        f"{type(model).__name__} is no classifier over an encoder: it has the modules "
        f"{', '.join(name for name, _ in model.named_children())}."
    )


def _check_origin(model: PreTrainedModel) -> None:
    """Raise before training if the encoder could not be loaded again afterwards."""
    if any(parameter.is_meta for parameter in model.parameters()):  # counted, not trained
        return
    problem = "it was not loaded from a checkpoint"
    if model.name_or_path:
        stored = AutoConfig.from_pretrained(model.name_or_path)
        if _copies(stored) == _copies(model.config):
            return
        problem = f"{model.name_or_path} has not the copies of its layers"
    raise ValueError(
        f"An adapter is saved without the encoder, but the encoder of this {type(model).__name__} cannot be loaded "
        f"again: {problem}. Save the model first, load it from there, and add the adapter then."
    )


def _freeze_feature_encoder(model: PreTrainedModel) -> None:
    """Tell the CNN that it is frozen: otherwise transformers asks for gradients of the waveform."""
    freeze = getattr(model, "freeze_feature_encoder", None)
    if freeze is not None:
        freeze()


def _copies(config: PreTrainedConfig) -> list[int]:
    copies = getattr(config, "num_copies_per_layer", None) or []
    return copies if any(copies) else []


def _load_encoder(
    classifier: type[PreTrainedModel], checkpoint: str, config: PreTrainedConfig
) -> tuple[PreTrainedModel, list[str]]:
    """A classifier with the encoder of a checkpoint, and the names of its weights that are not from there."""
    stored = AutoConfig.from_pretrained(checkpoint)
    if _copies(stored) != _copies(config):
        raise ValueError(
            f"The adapter was trained on an encoder with {sum(_copies(config))} copies of layers, but {checkpoint} "
            f"has {sum(_copies(stored))}. Pass the checkpoint that it was trained on as base_model."
        )
    if stored.model_type == "hubert" and config.model_type == "exhubert":
        # a HuBERT that became an ExHuBERT without copies: the encoders have the same weights
        model = classifier(config)
        encoder = model.get_submodule(encoder_name(model))
        encoder.load_state_dict(HubertModel.from_pretrained(checkpoint).state_dict())
        return model, [name for name, _ in model.named_parameters() if not name.startswith("hubert.")]
    loaded: Any = classifier.from_pretrained(
        checkpoint, config=config, ignore_mismatched_sizes=True, output_loading_info=True
    )
    model, info = loaded
    return model, [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]


def _head(model: PreTrainedModel, encoder: str) -> tuple[list[str], list[torch.nn.Parameter]]:
    """Modules of the head that have parameters, and parameters that stand alone (`layer_weights`)."""
    modules = [name for name, child in model.named_children() if name != encoder and list(child.parameters())]
    return modules, list(model.parameters(recurse=False))


def _linear_layers(model: torch.nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]


def _targets(model: PreTrainedModel, encoder: str, wanted: str | Sequence[str] | None) -> list[str]:
    """Full names of the layers that get an adapter."""
    linear = [name for name in _linear_layers(model) if name.startswith(f"{encoder}.")]
    if wanted is None:
        found = [
            name for name in linear if name.rsplit(".", 1)[-1] in {word for words in _QKV_NAMES for word in words}
        ]
        if not found:
            raise ValueError(f"{type(model).__name__} has no query, key and value layers that are known: name some.")
        return found
    suffixes = [wanted] if isinstance(wanted, str) else list(wanted)
    found = []
    for suffix in suffixes:
        matches = [name for name in linear if f".{name}".endswith(f".{suffix}")]
        if not matches:
            known = sorted({name.rsplit(".", 1)[-1] for name in linear})
            raise ValueError(f"The encoder has no linear layer {suffix!r}; it has {', '.join(known)}.")
        found += matches
    return found


def _peft_config(method: str, targets: list[str], modules_to_save: list[str] | None, options: dict[str, Any]) -> Any:
    peft = _require_peft()
    name = method.upper()
    if name == "DORA":
        name, options = "LORA", {"use_dora": True, **options}
    configs = {kind.value: config for kind, config in peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if name not in configs:
        raise ValueError(f"peft has no method {method!r}; it has {', '.join(sorted(['DORA', *configs])).lower()}.")
    fields = set(configs[name].__dataclass_fields__)
    if "target_modules" not in fields:
        raise ValueError(f"{method!r} adapts no linear layers, so it is no method for a speech encoder.")
    if unknown := sorted(set(options) - fields):
        raise ValueError(f"{method!r} has no option {', '.join(unknown)}; it has {', '.join(sorted(fields))}.")
    return configs[name](target_modules=targets, modules_to_save=modules_to_save, **options)


def _check_encoder(model: PreTrainedModel, checkpoint: str, fresh: Iterable[str], saved: dict[str, Any]) -> None:
    """Raise if weights are neither in the checkpoint nor saved with the adapter: they would be random."""
    covered = {key.removeprefix("base_model.model.").replace(".base_layer.", ".") for key in saved}
    lost = sorted(key for key in fresh if key not in covered and not key.endswith("masked_spec_embed"))
    if lost:
        raise ValueError(
            f"{checkpoint} lacks {len(lost)} weights of {type(model).__name__} that are not saved with the adapter "
            f"({', '.join(lost[:3])}{', ...' * (len(lost) > 3)}). Was the encoder changed, for example expanded, "
            f"before the adapter was added? Save that model first, load it from there, and add the adapter then."
        )


@functools.cache
def _with_whole_head() -> type[PeftModel]:
    """`PeftModel` that saves everything outside the encoder; a function, since peft is optional."""
    base: Any = _require_peft().PeftModel

    class PeftModelWithWholeHead(base):
        """Adds to the adapter file what `modules_to_save` cannot hold: parameters that stand alone and, where the
        head has adapters itself, the layers below them. Plain peft loads them too, by their names."""

        def save_pretrained(self, save_directory: str, *args: Any, **kwargs: Any) -> Any:
            result = super().save_pretrained(save_directory, *args, **kwargs)
            path = Path(save_directory) / _WEIGHTS_FILE
            if kwargs.get("is_main_process", True) and path.is_file():
                saved = load_file(path)
                save_file(saved | self._rest_of_the_head(set(saved)), path, metadata={"format": "pt"})
                self.base_model.model.config.save_pretrained(save_directory)
            return result

        def _rest_of_the_head(self, saved: set[str]) -> dict[str, torch.Tensor]:
            encoder = f"base_model.model.{encoder_name(self.base_model.model)}."
            rest = {}
            for key, value in self.state_dict().items():
                is_adapter = "lora_" in key or "modules_to_save" in key or "original_module" in key
                is_saved = key in saved or any(key.replace(f".{name}.", ".") in saved for name in self.peft_config)
                if not (key.startswith(encoder) or is_adapter or is_saved):
                    rest[key] = value.detach().cpu().contiguous().clone()
            return rest

    return PeftModelWithWholeHead


def _require_peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ImportError("Adapters need peft: pip install 'hf-emotion[peft]'.") from error
    return peft
