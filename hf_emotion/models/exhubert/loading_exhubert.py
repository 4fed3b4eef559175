# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Strict loading for ExHuBERT: what does not fit is an error, and published layouts are converted."""

_AUTO_MAP = {
    "AutoConfig": "configuration_exhubert.ExHubertConfig",
    "AutoModel": "modeling_exhubert.ExHubertModel",
    "AutoModelForAudioClassification": "modeling_exhubert.ExHubertForSequenceClassification",
}
_HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder", "proxies")
_PUBLISHED_ARCHITECTURE = "ExHuBERT"


def _convert_published(source, hub_kwargs: dict):
    try:
        from hf_emotion.models.published.checkpoint_files import read_checkpoint
        from hf_emotion.models.published.exhubert import ExHubertLayout
    except ImportError as error:
        raise ImportError(
            f"{source} is in the published ExHuBERT layout (48 flat layers with `gate_bb_linear`), and converting it "
            "needs the hf-emotion package: pip install hf-emotion"
        ) from error
    converted = ExHubertLayout().convert(read_checkpoint(source, **hub_kwargs))
    return converted.config, converted.weights


def last_state_of(fields: dict) -> dict[str, bool]:
    """
    Config fields by which ExHuBERT averages the layers that a stock HuBERT classifier was trained on.

    transformers 5 gives the last of the hidden states before the final layer norm, earlier versions and ExHuBERT
    behind it, unless `tie_last_hidden_states` says otherwise.

    Args:
        fields (`dict`): The config of the classifier. One without `transformers_version` counts as an early one.
    """
    is_new = int(str(fields.get("transformers_version") or 4).split(".")[0]) >= 5
    is_open = fields.get("tie_last_hidden_states") is None
    return {"tie_last_hidden_states": False} if is_new and is_open and fields.get("use_weighted_layer_sum") else {}


def _config_fields(config) -> set[str]:
    # the precision is an argument of loading, although a config records it as well
    return (set(config.to_dict()) | {"num_labels"}) - {"dtype", "torch_dtype"}


def check_loading_info(class_name: str, source, info: dict) -> None:
    problems = {
        "missing": sorted(info["missing_keys"]),
        "left over": sorted(info["unexpected_keys"]),
    }
    found = [f"{len(keys)} {kind}: {_abbreviated(keys)}" for kind, keys in problems.items() if keys]
    if found:
        raise ValueError(
            f"The weights of {source} do not fit {class_name}: {'; '.join(found)}. Loading them anyway would leave "
            "randomly initialised layers. Use `ExHubertForSequenceClassification.from_hubert` to put a new head on a "
            "HuBERT encoder, `reset_classifier` for other classes, or pass `output_loading_info=True` to load what "
            "fits and inspect the rest."
        )


def _abbreviated(keys: list[str], limit: int = 6) -> str:
    shown = ", ".join(keys[:limit])
    return shown if len(keys) <= limit else f"{shown}, ... and {len(keys) - limit} more"


class StrictLoadingMixin:
    """`from_pretrained` that leaves no layer randomly initialised, `save_pretrained` that takes the code along."""

    # prefixes of weights that belong to a head and mean nothing to this class
    _foreign_heads: tuple[str, ...] = ()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path,
        *model_args,
        config=None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **kwargs,
    ):
        """
        Load a model, strictly: a missing, left-over or misshapen weight is an error instead of a randomly initialised
        layer. `output_loading_info=True` returns `(model, loading_info)` and leaves the judgement to the caller.
        Besides its own folders it reads stock HuBERT classifiers and the published ExHuBERT layout. Arguments as in
        [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            `ValueError`: if weights are missing, left over or misshapen, naming them.
        """
        source = pretrained_model_name_or_path
        if config is None and source is not None:
            hub_kwargs = {name: kwargs[name] for name in _HUB_ARGUMENTS if name in kwargs}
            config_dict, _ = cls.config_class.get_config_dict(source, **hub_kwargs)
            if _PUBLISHED_ARCHITECTURE in (config_dict.get("architectures") or []):
                config, kwargs["state_dict"] = _convert_published(source, hub_kwargs)
                pretrained_model_name_or_path = None
            elif config_dict.pop("model_type", None) != cls.config_class.model_type:
                config = cls.config_class.from_dict(config_dict | last_state_of(config_dict))
            if config is not None:
                changes = {name: kwargs.pop(name) for name in set(kwargs) & _config_fields(config)}
                config = type(config).from_dict(config.to_dict() | changes)
        model, info = super().from_pretrained(
            pretrained_model_name_or_path,
            *model_args,
            config=config,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            output_loading_info=True,
            **kwargs,
        )
        if source is not None:
            model.name_or_path = str(source)  # also where the published layout was converted
        if output_loading_info:
            return model, info
        info["unexpected_keys"] = {key for key in info["unexpected_keys"] if not key.startswith(cls._foreign_heads)}
        if source is not None:
            check_loading_info(cls.__name__, source, info)
        return model

    def save_pretrained(self, save_directory, **kwargs):
        """
        Save weights (safetensors), config and the code of the model, so that the folder loads with
        `trust_remote_code=True` where hf-emotion is not installed. Arguments as in
        [`~transformers.PreTrainedModel.save_pretrained`].
        """
        self.config.auto_map = dict(_AUTO_MAP)
        super().save_pretrained(save_directory, **kwargs)
