"""Load a published model for speech emotion correctly or not at all, and convert it to safetensors."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, PreTrainedModel
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.utils import CONFIG_NAME

from .exhubert import ExHubertForSequenceClassification
from .hub_revision import resolve_revision
from .input_masks import request_mask
from .published import LAYOUTS
from .published.checkpoint_files import check_source, read_checked, read_json
from .published.exhubert import save_published_exhubert
from .published.layout import Checkpoint, ConvertedModel, Layout
from .published.weight_names import MASK_EMBEDDING, WEIGHT_NORM, old_weight_norm, refuse_misfits
from .speech_emotion import SpeechEmotionForSequenceClassification


logger = logging.getLogger(__name__)

_OURS: dict[str, Any] = {
    "exhubert": ExHubertForSequenceClassification,
    "speech_emotion": SpeechEmotionForSequenceClassification,
}
# Name in `auto_map` of classifiers that come with their code.
_AUTO_CLASS = AutoModelForAudioClassification.__name__
_KEYS_SHOWN = 12
TARGETS = ("hf-emotion", "published")


@dataclass(frozen=True)
class LoadedModel:
    """
    A published model, ready for use.

    Args:
        model (`PreTrainedModel`): The model in evaluation mode.
        feature_extractor (`SequenceFeatureExtractor`): What its input is made with.
        layout (`str`): Name of the layout that it was published in.
        notes (`tuple[str, ...]`): What a user should know.
        warnings (`tuple[str, ...]`): What the files do not say and the results may depend on.
    """

    model: PreTrainedModel
    feature_extractor: SequenceFeatureExtractor
    layout: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load_model(
    source: str | os.PathLike,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | str | None = None,
    trust_remote_code: bool = False,
    **options: Any,
) -> PreTrainedModel:
    """
    Load a published model for speech emotion, whatever its layout. Nothing is left randomly initialised.

    Models of this package and of transformers load with their class; all other layouts are recognised by the names of
    their weights and converted: ExHuBERT, audEERING's dimensional models, the Odyssey 2024 baselines, Vox-Profile,
    `*ForSpeechClassification`, heads of S3PRL, see [`~hf_emotion.models.published.LAYOUTS`].

    Args:
        source (`str` or `os.PathLike`):
            Folder of a model, its id on the Hub, or a file of weights.
        revision (`str`, *optional*):
            Commit, branch or tag on the Hub.
        token (`str` or `bool`, *optional*):
            Token for the Hub; by default the one that is stored on this machine.
        cache_dir (`str` or `os.PathLike`, *optional*):
            Where downloads are kept.
        local_files_only (`bool`, *optional*, defaults to `False`):
            Whether to use only what is on this machine.
        dtype (`torch.dtype` or `str`, *optional*):
            Precision of the weights; by default that of the checkpoint.
        trust_remote_code (`bool`, *optional*, defaults to `False`):
            Whether code from the repository may run if no layout fits. Read it first.
        options:
            What a layout asks for: `encoder` (and `encoder_revision`) of a head of S3PRL, `labels` where the files do
            not name the classes, `head_activation` of a head that was published without saying it.

    Returns:
        `PreTrainedModel`: The model in evaluation mode.

    Raises:
        `OSError`: If there is no such checkpoint, or it has no weights.
        `ValueError`: If no layout fits, a weight is missing, left over or misshapen, or an option is unknown.

    Example:

    ```python
    >>> from hf_emotion.models.loading import load_model
    >>> model = load_model("superb/hubert-large-superb-er")  # doctest: +SKIP
    >>> model.config.id2label  # doctest: +SKIP
    {0: 'neu', 1: 'hap', 2: 'ang', 3: 'sad'}

    ```
    """
    loaded = load_published(
        source,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        **options,
    )
    return loaded.model


def load_model_and_extractor(
    source: str | os.PathLike, **kwargs: Any
) -> tuple[PreTrainedModel, SequenceFeatureExtractor]:
    """
    Load a published model and its feature extractor. Arguments and errors as in [`load_model`].

    Returns:
        `tuple`: The model in evaluation mode, and the extractor.
    """
    loaded = load_published(source, **kwargs)
    return loaded.model, loaded.feature_extractor


def class_names(model: PreTrainedModel) -> list[str]:
    """Class names of a classifier in the order of its outputs."""
    id2label: Any = model.config.id2label
    return [id2label[index] for index in sorted(id2label)]


def load_published(
    source: str | os.PathLike,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike | None = None,
    local_files_only: bool = False,
    dtype: torch.dtype | str | None = None,
    trust_remote_code: bool = False,
    **options: Any,
) -> LoadedModel:
    """
    Load a published model with what is known of it. Arguments and errors as in [`load_model`].

    Returns:
        [`LoadedModel`]: Model, feature extractor, layout, notes.
    """
    access = {"token": token, "cache_dir": cache_dir, "local_files_only": local_files_only}
    hub: dict[str, Any] = {name: value for name, value in access.items() if value is not None}
    hub["revision"] = resolve_revision(source, revision, **hub)
    check_source(source, **hub)
    config = {} if Path(source).is_file() else read_json(source, CONFIG_NAME, **hub) or {}
    if config.get("model_type") in _OURS:
        loaded = _load_ours(source, config["model_type"], dtype, options, hub)
    else:
        checkpoint = read_checked(source, options, **hub)
        loaded = _load_converted(checkpoint, dtype, trust_remote_code, hub)
    model = loaded.model.eval()
    model.name_or_path = str(source)
    request_mask(loaded.feature_extractor, model.config.model_type)
    for note in loaded.notes:
        logger.info("%s (%s): %s", source, loaded.layout, note)
    for warning in loaded.warnings:
        logger.warning("%s (%s): %s", source, loaded.layout, warning)
    return loaded


def convert_checkpoint(
    source: str | os.PathLike, folder: str | os.PathLike, *, to: str = "hf-emotion", **kwargs: Any
) -> LoadedModel:
    """
    Write a published model as safetensors, with config, feature extractor, and the code of classes of this package, so
    that `pipeline("audio-classification")` and `from_pretrained` load it (`trust_remote_code=True` for such classes).

    Args:
        source (`str` or `os.PathLike`): A published model, see [`load_model`].
        folder (`str` or `os.PathLike`): Where to write, a new or empty folder.
        to (`str`, *optional*, defaults to `"hf-emotion"`): `"published"` writes an ExHuBERT in the layout of
            amiriparian/ExHuBERT instead, for code written against that.
        kwargs: As in [`load_model`].

    Returns:
        [`LoadedModel`]: What was written.

    Raises:
        `OSError`, `ValueError`: As [`load_model`]; also if the folder is not empty, or the model is no ExHuBERT with
            one copy on each layer that `to="published"` could write. Nothing is written then.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is not empty, and files of another model would stay in it. Choose a new folder.")
    if to not in TARGETS:
        raise ValueError(f"There is no layout {to!r} to convert to: {' or '.join(TARGETS)}.")
    loaded = load_published(source, **kwargs)
    if to == "hf-emotion":
        loaded.model.save_pretrained(target)
    elif isinstance(loaded.model, ExHubertForSequenceClassification):
        save_published_exhubert(loaded.model, target)
    else:
        raise ValueError(
            f"Only an ExHubertForSequenceClassification has the published ExHuBERT layout, but {source} is a "
            f"{type(loaded.model).__name__}."
        )
    loaded.feature_extractor.save_pretrained(target)
    return loaded


def _load_ours(
    source: str | os.PathLike,
    model_type: str,
    dtype: torch.dtype | str | None,
    options: Mapping[str, Any],
    hub: Mapping[str, Any],
) -> LoadedModel:
    """A model of this package: with the installed class, whatever code is saved beside it."""
    _refuse_options(options, (), model_type)
    precision = {} if dtype is None else {"dtype": dtype}
    model = _OURS[model_type].from_pretrained(source, **hub, **precision)
    return LoadedModel(model, AutoFeatureExtractor.from_pretrained(source, **hub), model_type)


def _load_converted(
    checkpoint: Checkpoint, dtype: torch.dtype | str | None, trust_remote_code: bool, hub: Mapping[str, Any]
) -> LoadedModel:
    mismatches: dict[str, str] = {}
    for layout in LAYOUTS:
        mismatch = layout.mismatch(checkpoint)
        if mismatch is None:
            return _convert(checkpoint, layout, dtype)
        mismatches[layout.name] = mismatch
    has_code = _AUTO_CLASS in (checkpoint.config.get("auto_map") or {})
    if has_code and trust_remote_code:
        return _load_with_code(checkpoint, dtype, hub)
    raise ValueError(_unknown(checkpoint, mismatches, has_code))


def _convert(checkpoint: Checkpoint, layout: Layout, dtype: torch.dtype | str | None) -> LoadedModel:
    _refuse_options(checkpoint.options, layout.options, layout.name)
    converted = layout.convert(checkpoint)
    model = _build(checkpoint, converted, dtype)
    return LoadedModel(model, converted.feature_extractor, layout.name, converted.notes, converted.warnings)


def _build(checkpoint: Checkpoint, converted: ConvertedModel, dtype: torch.dtype | str | None) -> PreTrainedModel:
    """The model with its weights, none of them random, left over or misshapen."""
    model_class: Any = converted.model_class
    stored = {value.dtype for value in converted.weights.values() if value.is_floating_point()}
    # a checkpoint of several precisions in the highest of them
    highest = max(stored, key=lambda kind: torch.finfo(kind).bits, default=torch.float32)
    model, info = model_class.from_pretrained(
        None,
        config=converted.config,
        state_dict=converted.weights,
        dtype=highest if dtype in (None, "auto") else dtype,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    _refuse_misfits(checkpoint, info, model_class.__name__)
    return model


def _refuse_misfits(checkpoint: Checkpoint, info: Mapping[str, Any], class_name: str) -> None:
    """Name what transformers found missing, left over or misshapen."""
    has_old_names = any(name.endswith(tuple(WEIGHT_NORM)) for name in checkpoint.weights)
    spell = old_weight_norm if has_old_names else str
    # some encoders are published without the embedding of masked frames, which only training needs, or with it where
    # their config leaves masking out
    problems = {
        "missing": [spell(name) for name in info["missing_keys"] if not name.endswith(MASK_EMBEDDING)],
        "left over": [spell(name) for name in info["unexpected_keys"] if not name.endswith(MASK_EMBEDDING)],
        "misshapen": [
            f"{spell(name)} is {tuple(found)} instead of {tuple(expected)}"
            for name, found, expected in info["mismatched_keys"]
        ],
    }
    refuse_misfits(checkpoint.source, problems, class_name)


def _load_with_code(checkpoint: Checkpoint, dtype: torch.dtype | str | None, hub: Mapping[str, Any]) -> LoadedModel:
    """A model of a class in its own repository, whose code its user trusts."""
    _refuse_options(checkpoint.options, (), "remote code")
    precision = {} if dtype is None else {"dtype": dtype}
    model, info = AutoModelForAudioClassification.from_pretrained(
        checkpoint.source, trust_remote_code=True, output_loading_info=True, **hub, **precision
    )
    _refuse_misfits(checkpoint, info, type(model).__name__)
    extractor = AutoFeatureExtractor.from_pretrained(checkpoint.source, trust_remote_code=True, **hub)
    return LoadedModel(model, extractor, "remote code")


def _refuse_options(options: Mapping[str, Any], known: tuple[str, ...], layout: str) -> None:
    if unknown := sorted(set(options) - set(known)):
        takes = f"takes {', '.join(known)}" if known else "takes none"
        raise ValueError(f"Unknown options {unknown}: the layout of this checkpoint ({layout}) {takes}.")


def _unknown(checkpoint: Checkpoint, mismatches: Mapping[str, str], has_code: bool) -> str:
    """Why no layout fits, layout by layout."""
    reasons = "\n".join(f"  {name}: {reason}" for name, reason in mismatches.items())
    code = "\nIt brings code of its own: read it, and pass `trust_remote_code=True` if it may run." if has_code else ""
    return (
        f"{checkpoint.source} is in no layout that is known for speech emotion, and a head that is guessed would be "
        f"random.\n{reasons}\nIts {len(checkpoint.weights)} weights: {_summary(checkpoint.weights)}{code}"
    )


def _summary(names: Iterable[str]) -> str:
    """Names of weights by their first two parts, each with their number."""
    counts = Counter(".".join(name.split(".")[:2]) for name in names)
    shown = [f"{start} ({count})" if count > 1 else start for start, count in counts.most_common(_KEYS_SHOWN)]
    return ", ".join(shown) + (", ..." if len(counts) > len(shown) else "")
