"""The checkpoint below an adapter: where the encoder of a classifier can be loaded again, and loading it exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from transformers import CONFIG_MAPPING, HubertModel, PreTrainedConfig, PreTrainedModel

from ..models.exhubert import ExHubertForSequenceClassification
from ..models.loading import load_model
from ..models.speech_emotion.encoding_speech_emotion import encoder_of
from ..models.speech_emotion.loading_speech_emotion import load_encoder


_PUBLISHED_EXHUBERT = "ExHuBERT"


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


def origin_of(model: PreTrainedModel) -> str | None:
    """Checkpoint that a classifier, or else its encoder, was loaded from; `None` if neither was."""
    # transformers calls a model without a checkpoint '' or 'None'
    names = (part.name_or_path for part in (model, model.get_submodule(encoder_name(model))))
    return next((str(name) for name in names if name not in ("", "None", None)), None)


def check_origin(model: PreTrainedModel, revision: str | None = None) -> None:
    """
    Raise before training if the encoder could not be loaded again afterwards.

    Raises:
        `ValueError`: If no checkpoint holds the encoder.
    """
    if any(parameter.is_meta for parameter in model.parameters()):  # counted, not trained
        return
    problem = "it was not loaded from a checkpoint"
    if (origin := origin_of(model)) is not None:
        stored, _ = PreTrainedConfig.get_config_dict(origin, revision=revision)
        if _is_published(stored) or _copies(stored) == _copies(model.config.to_dict()):
            return
        problem = f"{origin} has not the copies of its layers"
    raise ValueError(
        f"An adapter is saved without the encoder, but the encoder of this {type(model).__name__} cannot be loaded "
        f"again: {problem}. Save the model first, load it from there, and add the adapter then."
    )


def load_below_adapter(
    classifier: type[PreTrainedModel],
    config: PreTrainedConfig,
    checkpoint: str,
    saved: Iterable[str],
    **hub: Any,
) -> PreTrainedModel:
    """
    A classifier with the encoder of a checkpoint. What the adapter saves may have any values, all else is loaded.

    Args:
        classifier (`type`): Class of the classifier.
        config (`PreTrainedConfig`): Its config when the adapter was saved.
        checkpoint (`str`): Folder or Hub id of the encoder, alone or with any head.
        saved (`Iterable[str]`): Keys of the weights that are saved with the adapter.
        hub: `revision` and `token` of the checkpoint.

    Raises:
        `ValueError`: If the encoder of the checkpoint is another one, or lacks weights.
    """
    stored, _ = PreTrainedConfig.get_config_dict(checkpoint, **hub)
    expected, found = _copies(config.to_dict()), _copies(stored)
    if not _is_published(stored) and found != expected:
        raise ValueError(
            f"The adapter was trained on an encoder with {sum(expected)} copies of layers, but {checkpoint} has "
            f"{sum(found)}. Pass the checkpoint that it was trained on as base_model."
        )
    if stored.get("model_type") == config.model_type and not _is_published(stored):
        loaded: Any = classifier.from_pretrained(
            checkpoint,
            config=config,
            dtype=config.dtype,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **hub,
        )
        model, info = loaded
        fresh = [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]
        _check_covered(fresh, saved, classifier.__name__, checkpoint)
        return model
    built: Any = classifier(config)
    model = built.to(config.dtype or torch.float32)
    source = _encoder_of_checkpoint(stored, config, checkpoint, dtype=config.dtype, **hub)
    try:
        model.get_submodule(encoder_name(model)).load_state_dict(source.state_dict())
    except RuntimeError as error:
        raise ValueError(
            f"The encoder of {checkpoint} is not the one that the adapter was trained on. Pass the checkpoint that it "
            f"was trained on as base_model. {error}"
        ) from error
    return model


def _encoder_of_checkpoint(
    stored: Mapping[str, Any], config: PreTrainedConfig, checkpoint: str, **loading: Any
) -> PreTrainedModel:
    """The encoder of a checkpoint of another class than the classifier's."""
    if _is_published(stored):
        return encoder_of(ExHubertForSequenceClassification.from_pretrained(checkpoint, **loading))
    if config.model_type == "exhubert":  # a HuBERT that became an ExHuBERT without copies has the same weights
        return HubertModel.from_pretrained(checkpoint, **loading)
    if stored.get("model_type") not in CONFIG_MAPPING:  # published in a layout of its own
        return encoder_of(load_model(checkpoint, **loading))
    return encoder_of(load_encoder(checkpoint, **loading))


def _is_published(stored: Mapping[str, Any]) -> bool:
    """Whether a checkpoint has the layout of the published ExHuBERT, whose config does not count the copies."""
    return _PUBLISHED_EXHUBERT in (stored.get("architectures") or [])


def _copies(fields: Mapping[str, Any]) -> list[int]:
    """Copies of each layer: those that a model's config counts and those that its encoder's config counts."""
    encoder = fields.get("encoder_config") or {}
    counts = [list(part.get("num_copies_per_layer") or []) for part in (fields, encoder)]
    return [count for copies in counts if any(copies) for count in copies]


def _check_covered(fresh: Iterable[str], saved: Iterable[str], class_name: str, checkpoint: str) -> None:
    """Raise if weights are neither in the checkpoint nor saved with the adapter: they would be random."""
    covered = {key.removeprefix("base_model.model.").replace(".base_layer.", ".") for key in saved}
    lost = sorted(key for key in fresh if key not in covered and not key.endswith("masked_spec_embed"))
    if lost:
        raise ValueError(
            f"{checkpoint} lacks {len(lost)} weights of {class_name} that are not saved with the adapter "
            f"({', '.join(lost[:3])}{', ...' * (len(lost) > 3)}). Was the encoder changed, for example expanded, "
            f"before the adapter was added? Save that model first, load it from there, and add the adapter then."
        )
