"""The peft model of a speech classifier: what peft leaves out of an adapter's folder is saved with it."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import CommitInfo, HfApi, ModelCard
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from ..cards.model_card import TAGS
from ..cards.model_card_text import is_hub_id
from .card import AdapterFacts, build_adapter_card
from .origin import encoder_name, origin_of
from .wavlm_attention import is_adaptable, make_adaptable, make_plain


if TYPE_CHECKING:
    from peft import PeftModel

logger = logging.getLogger(__name__)

WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PeftModel: Any = object  # to the type checker: peft's, beside which the mixin stands


def require_peft() -> Any:
    """The module peft, which is optional."""
    try:
        import peft
    except ImportError as error:
        raise ImportError("Adapters need peft: pip install 'hf-emotion[peft]'.") from error
    return peft


class WholeHeadMixin(_PeftModel):
    """
    Adds to an adapter's folder what `modules_to_save` cannot hold: parameters that stand alone (`layer_weights`, which
    `disable_adapter` therefore leaves as they are trained) and, where the head has adapters itself, the layers below
    them. Plain peft loads them too, by their names. The config of the model and a card are saved as well.
    """

    def __init__(self, model: PreTrainedModel, peft_config: Any, *args: Any, **kwargs: Any):
        if not peft_config.base_model_name_or_path:
            peft_config.base_model_name_or_path = origin_of(model)
        _, lone = head_parts(model)
        make_adaptable(model)
        with warnings.catch_warnings():
            # peft 0.21 asks transformers 5.23 by the old name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            super().__init__(model, peft_config, *args, **kwargs)
        self._repository: str | None = None
        if getattr(peft_config, "modules_to_save", None) and not peft_config.inference_mode:
            for parameter in lone:
                parameter.requires_grad_(True)

    def merge_and_unload(self, *args: Any, **kwargs: Any) -> PreTrainedModel:
        model = self.base_model.merge_and_unload(*args, **kwargs)
        make_plain(model)
        return model

    def unload(self) -> PreTrainedModel:
        model = self.base_model.unload()
        make_plain(model)
        return model

    def activation_checkpointing_enable(
        self, activation_checkpointing_kwargs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if (activation_checkpointing_kwargs or {}).get("use_reentrant"):
            raise ValueError(
                "With `use_reentrant=True` the layers of a frozen encoder give their adapters no gradients: use "
                '{"use_reentrant": False}, which is the default.'
            )
        self.get_base_model().activation_checkpointing_enable(activation_checkpointing_kwargs, **kwargs)

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        self.activation_checkpointing_enable(gradient_checkpointing_kwargs, **kwargs)

    def save_pretrained(
        self,
        save_directory: str,
        safe_serialization: bool = True,
        selected_adapters: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        if not safe_serialization:
            raise ValueError("The whole head is saved as safetensors only: leave `safe_serialization=True`.")
        kwargs.setdefault("save_embedding_layers", False)  # speech encoders have none, and peft would ask the Hub
        result = super().save_pretrained(save_directory, selected_adapters=selected_adapters, **kwargs)
        if kwargs.get("is_main_process", True):
            state = kwargs.get("state_dict") or self.state_dict()
            for name in selected_adapters or list(self.peft_config):
                folder = Path(save_directory) / ("" if name == "default" else name)
                path = folder / WEIGHTS_FILE
                save_file(load_file(path) | self._rest_of_the_head(state), path, metadata={"format": "pt"})
                self.get_base_model().config.save_pretrained(folder)
        return result

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str = "Push adapter",
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
    ) -> CommitInfo:
        # transformers' own would replace the card by a template
        encoder = self.active_peft_config.base_model_name_or_path
        if not is_hub_id(encoder):
            logger.warning(
                "The encoder of this adapter is %s, on this machine. Others cannot load the adapter without it: "
                "push the encoder as well and load with `base_model=`, or push the merged model.",
                encoder,
            )
        api = HfApi(token=token)
        repo_id = self._repository = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        try:
            with tempfile.TemporaryDirectory() as folder:
                with contextlib.suppress(EntryNotFoundError):
                    ModelCard.load(repo_id, token=token if isinstance(token, str) else None).save(
                        Path(folder) / "README.md"
                    )
                self.save_pretrained(folder)
                return api.upload_folder(
                    repo_id=repo_id,
                    folder_path=folder,
                    commit_message=commit_message,
                    revision=revision,
                    create_pr=create_pr,
                )
        finally:
            self._repository = None

    def create_or_update_model_card(self, output_dir: str) -> None:
        path = Path(output_dir) / "README.md"
        if path.is_file() and not set(TAGS) <= set(ModelCard.load(path).data.tags or []):
            super().create_or_update_model_card(output_dir)  # written by hand
        else:
            build_adapter_card(self._facts()).save(path)

    def _rest_of_the_head(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        model = self.get_base_model()
        keys = [key for key in _weights_below(model) if not key.startswith(f"{encoder_name(model)}.")]
        return {f"{_PREFIX}{key}": state[f"{_PREFIX}{key}"].detach().cpu().contiguous().clone() for key in keys}

    def _facts(self) -> AdapterFacts:
        model, config = self.get_base_model(), self.active_peft_config
        state = self.state_dict()
        adapter = require_peft().get_peft_model_state_dict(self, state, save_embedding_layers=False)
        modules = tuple(f"{_PREFIX}{name}." for name in getattr(config, "modules_to_save", None) or ())
        head = {key: value for key, value in adapter.items() if modules and key.startswith(modules)}
        head |= self._rest_of_the_head(state)
        encoder = encoder_name(model)
        return AdapterFacts(
            repository=self._repository,
            architecture=type(model).__name__,
            is_stock=type(model).__module__.startswith("transformers."),
            needs_merging=not is_adaptable(model),
            base_model=config.base_model_name_or_path,
            base_revision=config.revision,
            method="dora" if getattr(config, "use_dora", False) else str(config.peft_type.value).lower(),
            options=_options(config),
            layers=[name.removeprefix(_PREFIX) for name, module in self.named_modules() if _is_adapted(module)],
            encoder=encoder,
            num_encoder_parameters=sum(
                state[f"{_PREFIX}{key}"].numel() for key in _weights_below(model) if key.startswith(f"{encoder}.")
            ),
            num_adapter_parameters=sum(value.numel() for key, value in adapter.items() if key not in head),
            num_head_parameters=sum(value.numel() for value in head.values()),
            trains_head=bool(modules),
            classes=[model.config.id2label[index] for index in sorted(model.config.id2label)],
        )


@functools.cache
def model_with_whole_head() -> type[PeftModel]:
    """`PeftModel` that saves everything outside the encoder; a function, since peft is optional."""
    base: Any = require_peft().PeftModel

    class PeftModelWithWholeHead(WholeHeadMixin, base):
        """See [`WholeHeadMixin`]."""

    return PeftModelWithWholeHead


def head_parts(model: PreTrainedModel) -> tuple[list[str], list[torch.nn.Parameter]]:
    """
    The layers of the head by name, and parameters that belong to none, such as `layer_weights`.

    Layers one by one, since most methods of peft merge no module without a `weight` of its own.
    """
    inside = f"{encoder_name(model)}."
    layers: list[str] = []
    lone: list[torch.nn.Parameter] = []
    for name, module in model.named_modules():
        if f"{name}.".startswith(inside):
            continue
        if own := list(module.parameters(recurse=False)):
            if next(module.children(), None) is None and hasattr(module, "weight"):
                layers.append(name)
            else:
                lone += own
    return layers, lone


def _is_adapted(module: torch.nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return isinstance(module, BaseTunerLayer)


def _weights_below(module: torch.nn.Module, prefix: str = "") -> Iterator[str]:
    """Names of the weights that belong to no adapter. Modules that are trained as a whole are none of them."""
    from peft.utils import AuxiliaryTrainingWrapper

    buffers = set(module._buffers) - module._non_persistent_buffers_set
    yield from (
        f"{prefix}{name}" for name in (*module._parameters, *sorted(buffers)) if getattr(module, name) is not None
    )
    for name, child in module.named_children():
        if _is_adapted(child):
            yield from (f"{prefix}{name}.base_layer.{key}" for key in child.get_submodule("base_layer").state_dict())
        elif not isinstance(child, AuxiliaryTrainingWrapper):
            yield from _weights_below(child, f"{prefix}{name}.")


def _options(config: Any) -> dict[str, Any]:
    """Options of a method that say how large and how strong it is, and those that differ from peft's defaults."""
    defaults = type(config)()
    hidden = {"peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode"}
    found = {}
    for name, value in config.to_dict().items():
        differs = value != getattr(defaults, name, None) or name in ("r", "lora_alpha", "alpha")
        if differs and name not in hidden and isinstance(value, bool | int | float | str):
            found[name] = value
    return found
