"""Classifiers that score clips of any length as if each came alone: one model, or an ensemble of them."""

from __future__ import annotations

import abc
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from pathlib import Path
from types import GeneratorType
from typing import Any

import numpy as np
import transformers

from .data.audio import load_audio
from .data.data_collator import minimum_input_samples
from .ensembles.weights import combine
from .models.classifier import ALWAYS_MASKED
from .trained_classifier import class_names, load_trained_classifier


ENSEMBLE_FILE = "ensemble.json"


class _Classifier(abc.ABC):
    """What a single model and an ensemble have in common: the calling convention of an audio classification pipeline.

    Attributes:
        classes (`list[str]`): Class names in the order of the probabilities.
        sampling_rate (`int`): Input rate in Hz.
    """

    classes: list[str]
    sampling_rate: int

    @abc.abstractmethod
    def probabilities(self, waveforms: Iterable[np.ndarray], batch_size: int = 1) -> Iterator[np.ndarray]:
        """Class probabilities of each clip, shape `(num_classes,)`, in the order of the clips.

        Args:
            waveforms (`Iterable[np.ndarray]`): Mono clips at `sampling_rate`, read as they are needed.
            batch_size (`int`, *optional*, defaults to 1): Clips per batch; 1 is used where padding would change the
                result.
        """

    def __call__(self, inputs: Any, *, batch_size: int = 1, top_k: int | None = 5) -> Any:
        """Classify a clip, a list of clips, or a generator of clips.

        Args:
            inputs (`Any`): A waveform at `sampling_rate` (`np.ndarray` of shape `(num_samples,)`), whatever
                [`~hf_emotion.data.audio.load_audio`] reads (a path, bytes, `{"raw": ..., "sampling_rate": ...}`), or a
                list or a generator of those.
            batch_size (`int`, *optional*, defaults to 1): Clips per batch.
            top_k (`int`, *optional*, defaults to 5): Number of classes to return; all for `None`.

        Returns:
            `list[dict]`: `{"label": ..., "score": ...}`, best first, for a clip. A list of these for a list, a
            generator of these for a generator.
        """
        if isinstance(inputs, GeneratorType):
            return self._answers(inputs, batch_size, top_k)
        if isinstance(inputs, list):
            return list(self._answers(inputs, batch_size, top_k))
        return next(self._answers([inputs], batch_size, top_k))

    def _answers(self, clips: Iterable[Any], batch_size: int, top_k: int | None) -> Iterator[list[dict[str, Any]]]:
        for row in self.probabilities((self._waveform(clip) for clip in clips), batch_size):
            best = np.argsort(-row, kind="stable")[:top_k]
            yield [{"label": self.classes[index], "score": float(row[index])} for index in best]

    def _waveform(self, clip: Any) -> np.ndarray:
        return clip if isinstance(clip, np.ndarray) else load_audio(clip, self.sampling_rate)


class ClipClassifier(_Classifier):
    """A trained classifier behind the calling convention of an audio classification pipeline.

    Unlike the pipeline alone it pads clips that are too short for the convolutions, and takes clips one by one where
    padding in a batch would change the result.

    Args:
        model (`PreTrainedModel`): The classifier.
        extractor (`SequenceFeatureExtractor`): Its feature extractor.
        function_to_apply (`str`, *optional*): `"softmax"`, `"sigmoid"` or `"none"`, what makes scores of the logits;
            by default what the model's `problem_type` asks for.
    """

    def __init__(self, model: Any, extractor: Any, function_to_apply: str | None = None):
        self.classes = class_names(model)
        self.sampling_rate = extractor.sampling_rate
        # its annotations know single inputs only
        self._pipeline: Any = transformers.pipeline("audio-classification", model=model, feature_extractor=extractor)
        self._options = {} if function_to_apply is None else {"function_to_apply": function_to_apply}
        self._minimum = minimum_input_samples(model.config).clip
        self._takes_batches = _takes_batches(model.config, extractor)

    def probabilities(self, waveforms: Iterable[np.ndarray], batch_size: int = 1) -> Iterator[np.ndarray]:
        padded = (np.pad(waveform, (0, max(0, self._minimum - len(waveform)))) for waveform in waveforms)
        size = batch_size if self._takes_batches else 1
        for answer in self._pipeline(padded, batch_size=size, top_k=None, **self._options):
            scores = {score["label"]: score["score"] for score in answer}
            yield np.array([scores[name] for name in self.classes])


class EnsembleClassifier(_Classifier):
    """Several classifiers that answer as one.

    Args:
        members (`Sequence`): [`ClipClassifier`] or [`EnsembleClassifier`] objects with the same classes, in any order.
        weights (`Sequence[float]`): Weight of each member.
        method (`str`, *optional*, defaults to `"weighted"`): `"vote"` for a majority vote, else a weighted sum.

    Raises:
        ValueError: Numbers, classes or sampling rates of the members do not fit.
    """

    def __init__(self, members: Sequence[_Classifier], weights: Sequence[float], method: str = "weighted"):
        if not members or len(members) != len(weights):
            raise ValueError(f"An ensemble needs a weight for each member, got {len(members)} and {len(weights)}.")
        self.members, self.weights, self.method = list(members), np.asarray(weights, dtype=np.float64), method
        self.classes, self.sampling_rate = members[0].classes, members[0].sampling_rate
        for member in members:
            if set(member.classes) != set(self.classes) or member.sampling_rate != self.sampling_rate:
                raise ValueError(
                    f"Members must agree on classes and sampling rate, but one has {self.classes} at "
                    f"{self.sampling_rate} Hz and another {member.classes} at {member.sampling_rate} Hz."
                )
        self._orders = [[member.classes.index(name) for name in self.classes] for member in members]

    def probabilities(self, waveforms: Iterable[np.ndarray], batch_size: int = 1) -> Iterator[np.ndarray]:
        # each member reads ahead by up to a batch; `tee` keeps what the others have not seen yet
        copies = tee(waveforms, len(self.members))
        answers = [member.probabilities(copy, batch_size) for member, copy in zip(self.members, copies, strict=True)]
        for rows in zip(*answers, strict=True):
            ordered = [row[order] for row, order in zip(rows, self._orders, strict=True)]
            yield combine(np.array(ordered)[:, None], self.weights, self.method)[0]


def load_clip_classifier(
    source: str | Path, *, trust_remote_code: bool = False
) -> ClipClassifier | EnsembleClassifier:
    """Load whatever classifies clips: a trained model, or the folder of an ensemble.

    Args:
        source (`str` or `pathlib.Path`): Folder of a model or of an ensemble, or the id of a model on the Hub.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code from the repository may run. Read it
            first.

    Returns:
        [`ClipClassifier`] or [`EnsembleClassifier`]: Callable on audio like a pipeline.

    Raises:
        FileNotFoundError: The folder does not exist or holds no model.
        ValueError: Weights are missing, or members do not fit together.
    """
    if (Path(source) / ENSEMBLE_FILE).is_file():
        return load_ensemble_classifier(source, trust_remote_code=trust_remote_code)
    return ClipClassifier(*load_trained_classifier(str(source), trust_remote_code=trust_remote_code))


def load_ensemble_classifier(folder: str | Path, *, trust_remote_code: bool = False) -> EnsembleClassifier:
    """Load the members of an ensemble that have a weight, and their weights; see [`load_clip_classifier`].

    Raises:
        FileNotFoundError: The folder holds no ensemble, or a member's model is not where it was.
        ValueError: A member was given as predictions, without a model.
    """
    folder = Path(folder)
    if not (folder / ENSEMBLE_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no ensemble (no {ENSEMBLE_FILE}); `hf-emotion ensemble` makes one.")
    record = json.loads((folder / ENSEMBLE_FILE).read_text(encoding="utf-8"))
    used = [member for member in record["members"] if member["weight"] > 0]
    members = [_load_member(_member_folder(folder, entry), trust_remote_code) for entry in used]
    return EnsembleClassifier(members, [member["weight"] for member in used], record["method"])


def _load_member(folder: Path, trust_remote_code: bool) -> _Classifier:
    if (folder / ENSEMBLE_FILE).is_file():
        return load_ensemble_classifier(folder, trust_remote_code=trust_remote_code)
    # the weights belong to predictions tables, which hold softmax probabilities whatever the model was trained with
    model, extractor = load_trained_classifier(str(folder), trust_remote_code=trust_remote_code)
    return ClipClassifier(model, extractor, function_to_apply="softmax")


def _member_folder(folder: Path, member: dict[str, Any]) -> Path:
    if member["path"] is None:
        raise ValueError(
            f"Member {member['name']!r} of {folder} was given as predictions, so there is no model to run. Make the "
            "ensemble from run folders."
        )
    path = folder / member["path"]
    if not path.is_dir():
        raise FileNotFoundError(
            f"Member {member['name']!r} of {folder} is not at {path}. Move it back, or write its place, relative to "
            f"{folder}, into {folder / ENSEMBLE_FILE}."
        )
    return path.resolve()


def _takes_batches(config: Any, extractor: Any) -> bool:
    """Whether padding leaves the result as it is: there is a mask, and no group norm that averages over padding."""
    parts = (config, *vars(config).values())
    encoders = [part for part in parts if hasattr(part, "conv_kernel")]
    has_mask = getattr(extractor, "return_attention_mask", False)
    norms_valid_only = any(getattr(part, "model_type", None) in ALWAYS_MASKED for part in parts)
    norms_padding = not norms_valid_only and any(
        getattr(encoder, "feat_extract_norm", None) == "group" for encoder in encoders
    )
    return not encoders or (has_mask and not norms_padding)
