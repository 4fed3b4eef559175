"""Parameter-efficient fine-tuning with peft: adapters that are saved with the whole head and load exactly.

The head of a speech classifier (projector, classifier, layer weights, pooling, conditioning) is new for every task. A
plain `LoraConfig(task_type="SEQ_CLS")` saves `classifier` only: the projector and the layer weights are drawn anew at
the next load. Here everything outside the encoder is saved with the adapter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import snapshot_download
from safetensors import safe_open
from transformers import PreTrainedModel

from .origin import check_origin, encoder_name, load_below_adapter
from .peft_model import WEIGHTS_FILE, head_parts, model_with_whole_head, require_peft


if TYPE_CHECKING:
    from peft import PeftModel

HEAD_MODES = ("train", "adapt")
# Query, key and value of an attention layer, as the encoders of transformers call them.
_QKV_NAMES = (
    ("q_proj", "k_proj", "v_proj"),
    ("linear_q", "linear_k", "linear_v"),
    ("query_proj", "key_proj", "value_proj"),
)
_CONFIG_FILES = ("adapter_config.json", "config.json")
# Fields of peft's configs that `add_adapter` fills in itself.
_FIELDS_OF_OURS = {
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "runtime_config",
    "target_modules",
    "task_type",
}
# Classes named in an adapter's config are imported from nowhere else.
_LIBRARIES = ("transformers", "hf_emotion")


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
            A classifier that was loaded with `from_pretrained`, or put around a pretrained encoder
            (`SpeechEmotionForSequenceClassification.from_encoder`, `ExHubertForSequenceClassification.from_hubert`).
            The encoder is not saved with the adapter, so that it has to be what that checkpoint holds.
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
            Fields of the method's config, for example `r=16, lora_alpha=32, lora_dropout=0.1`. `revision` is that of
            the checkpoint on the Hub, where it was not `main`: name a commit, and the encoder can never be another.

    Returns:
        `peft.PeftModel`: `save_pretrained`, `push_to_hub`, `merge_and_unload` and gradient checkpointing do what they
        say, and trainers take it. [`load_adapted_classifier`] loads it. So does peft itself: see the card in the
        folder, or `AutoPeftModel.from_pretrained(folder, num_labels=5)` with every field of the config in which model
        and checkpoint differ, and `import_allowlist=["hf_emotion"]` for the classes of this package. Over WavLM, whose
        attention in transformers never calls its projections, peft itself has to merge the adapter to use it.

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
    require_peft()
    if head not in HEAD_MODES:
        raise ValueError(f"head={head!r} is none of {', '.join(HEAD_MODES)}.")
    encoder = encoder_name(model)
    check_origin(model, options.get("revision"))
    targets = _targets(model, encoder, target_modules)
    if head == "adapt":
        targets += [name for name in _linear_layers(model) if not name.startswith(f"{encoder}.")]
    if not targets:
        raise ValueError("There is nothing to adapt: target_modules is empty and head='train'. Use `train_head_only`.")
    _freeze_feature_encoder(model)
    config = _peft_config(method, targets, head_parts(model)[0] if head == "train" else None, options)
    return model_with_whole_head()(model, config)


def train_head_only(model: PreTrainedModel) -> PreTrainedModel:
    """Freeze the encoder of a classifier, in place; the head is trained as it is. No adapter."""
    _freeze_feature_encoder(model)
    inside = f"{encoder_name(model)}."
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(inside))
    return model


def load_adapted_classifier(
    source: str | os.PathLike[str],
    *,
    base_model: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    is_trainable: bool = False,
) -> PeftModel:
    """
    Load what `add_adapter(...).save_pretrained(source)` saved: the encoder from its checkpoint, the rest from here.

    Args:
        source (`str` or `os.PathLike`):
            Folder of the adapter, or its id on the Hub.
        base_model (`str` or `os.PathLike`, *optional*):
            Checkpoint of the encoder, if it is not where it was.
        revision (`str`, *optional*):
            Revision of the adapter on the Hub. That of the encoder is on record in the adapter.
        token (`str` or `bool`, *optional*):
            Token for the Hub, for adapter and encoder; by default the one that is stored on this machine.
        is_trainable (`bool`, *optional*, defaults to `False`):
            Whether training goes on, on exactly what was trained before.

    Returns:
        `peft.PeftModel`: With the same outputs as when it was saved, in evaluation mode unless training goes on.
        `merge_and_unload()` gives a plain classifier.

    Raises:
        `FileNotFoundError`: If the folder or the repository holds no adapter.
        `ValueError`: If the checkpoint of the encoder does not fit, or weights of the adapter are missing.

    Example:

    ```python
    >>> from hf_emotion.adapters import load_adapted_classifier
    >>> classifier = load_adapted_classifier("outputs/lora").merge_and_unload()  # doctest: +SKIP

    ```
    """
    peft = require_peft()
    folder = _adapter_folder(os.fspath(source), revision, token)
    adapter_config = peft.PeftConfig.from_pretrained(str(folder))
    hub: dict[str, Any] = {"token": token}
    if base_model is None:
        hub["revision"] = adapter_config.revision
    else:
        adapter_config.base_model_name_or_path, adapter_config.revision = os.fspath(base_model), None
    checkpoint = adapter_config.base_model_name_or_path
    if not checkpoint:
        raise ValueError(f"{source} does not say which encoder it was trained on: pass its checkpoint as base_model.")
    classifier = _classifier_class(adapter_config.auto_mapping, str(source))
    config: Any = classifier.config_class
    with safe_open(folder / WEIGHTS_FILE, "pt") as weights:
        saved = list(weights.keys())
    model = load_below_adapter(classifier, config.from_pretrained(folder), checkpoint, saved, **hub)
    if is_trainable:
        _freeze_feature_encoder(model)
    adapted = model_with_whole_head().from_pretrained(
        model, str(folder), config=adapter_config, is_trainable=is_trainable
    )
    return adapted.train(is_trainable)


def _adapter_folder(source: str, revision: str | None, token: str | bool | None) -> Path:
    """The folder of an adapter, downloaded where `source` is an id on the Hub."""
    folder = Path(source)
    if not folder.is_dir():
        if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", source):
            raise FileNotFoundError(f"There is no folder {source}, and it is no id on the Hub (user/name).")
        files = [*_CONFIG_FILES, WEIGHTS_FILE]
        folder = Path(snapshot_download(source, revision=revision, token=token, allow_patterns=files))
    missing = [name for name in (*_CONFIG_FILES, WEIGHTS_FILE) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{source} holds no adapter with its model: there is no {' and no '.join(missing)}. Save one with "
            f"`add_adapter(model).save_pretrained(folder)`."
        )
    return folder


def _classifier_class(mapping: dict[str, str] | None, source: str) -> type[PreTrainedModel]:
    """The class named in an adapter's config, which whoever wrote it could choose: of known libraries only."""
    library = (mapping or {}).get("parent_library", "")
    if library.split(".")[0] in _LIBRARIES:
        found = getattr(import_module(library), (mapping or {})["base_model_class"], None)
        if isinstance(found, type) and issubclass(found, PreTrainedModel):
            return found
    raise ValueError(
        f"The adapter {source} names {mapping} as the class of its model, which is no model of "
        f"{' or '.join(_LIBRARIES)}. Load the model yourself, then `peft.PeftModel.from_pretrained(model, source)`."
    )


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


def _freeze_feature_encoder(model: PreTrainedModel) -> None:
    """Tell the CNN that it is frozen: otherwise transformers asks for gradients of the waveform."""
    freeze = getattr(model, "freeze_feature_encoder", None)
    if freeze is not None:
        freeze()


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
    peft = require_peft()
    name = method.upper()
    if name == "DORA":
        name, options = "LORA", {"use_dora": True, **options}
    configs = {kind.value: config for kind, config in peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if name not in configs:
        raise ValueError(f"peft has no method {method!r}; it has {', '.join(sorted(['DORA', *configs])).lower()}.")
    fields = set(configs[name].__dataclass_fields__) - _FIELDS_OF_OURS
    if "target_modules" not in configs[name].__dataclass_fields__:
        raise ValueError(f"{method!r} adapts no linear layers, so it is no method for a speech encoder.")
    if unknown := sorted(set(options) - fields):
        raise ValueError(f"{method!r} has no option {', '.join(unknown)}; it has {', '.join(sorted(fields))}.")
    if "feedforward_modules" in fields:  # of IA3, which peft knows for models of text only
        options = {"feedforward_modules": []} | options
    return configs[name](target_modules=targets, modules_to_save=modules_to_save, **options)
