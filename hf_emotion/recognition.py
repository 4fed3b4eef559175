"""Load whatever recognises emotions: a trained or published model, an adapter, an ensemble, or an export to ONNX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from transformers import AutoFeatureExtractor, PreTrainedModel
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.utils import ADAPTER_CONFIG_NAME, FEATURE_EXTRACTOR_NAME
from transformers.utils.hub import cached_file

from .adapters import load_adapted_classifier
from .cards.model_card_text import is_hub_id
from .ensembles.weights import combine
from .export.export_record import INT8_FILE, MODEL_FILE, RECORD_FILE
from .models.hub_revision import resolve_revision
from .models.loading import load_model_and_extractor
from .pipelines.conditions import check_gender_model, not_conditioned
from .pipelines.pipeline_speech_emotion import SpeechEmotionPipeline
from .pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer
from .pipelines.scoring import Scorer


if TYPE_CHECKING:
    from .export.onnx_recognizer import OnnxSpeechEmotion

ENSEMBLE_FILE = "ensemble.json"


class EnsembleRecognizer(SpeechEmotionRecognizer):
    """
    Several recognizers that answer as one. The softmax of its logits is the combination of the members'
    probabilities; emotion dimensions that all members regress are averaged with the weights.

    Args:
        members (`Sequence[SpeechEmotionRecognizer]`):
            Recognizers with the same classes, in any order. Their softmax probabilities are combined, whatever they
            were trained with, since the weights belong to tables of predictions that hold these.
        weights (`Sequence[float]`): Weight of each member.
        method (`str`, *optional*, defaults to `"weighted"`): `"vote"` for a majority vote, else a weighted sum.

    Raises:
        ValueError: Numbers, classes or sampling rates of the members do not fit.
    """

    can_pad = True  # each member makes batches of its own

    def __init__(self, members: Sequence[SpeechEmotionRecognizer], weights: Sequence[float], method: str = "weighted"):
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
        if not self.classes:
            raise ValueError("Members of an ensemble must have classes, but these only regress dimensions.")
        self.dimension_names = [
            name for name in members[0].dimension_names if all(name in member.dimension_names for member in members)
        ]
        limits = [member.max_seconds for member in members if member.max_seconds is not None]
        self.max_seconds = min(limits, default=None)
        self._orders = [[member.classes.index(name) for name in self.classes] for member in members]
        self.conditioned_on = tuple(sorted({name for member in members for name in member.conditioned_on}))

    def forward(self, waveforms: list[np.ndarray], wants_embeddings: bool = False) -> RecognizerOutput:
        """Run all members on one batch, see [`SpeechEmotionRecognizer.forward`]. Genders are unknown."""
        return self._forward_conditioned(waveforms, [None] * len(waveforms), wants_embeddings)

    def _forward_conditioned(
        self, waveforms: list[np.ndarray], conditions: list[Any], wants_embeddings: bool
    ) -> RecognizerOutput:
        if wants_embeddings:
            raise ValueError("An ensemble has no embedding: leave out return_embeddings, or ask one of its members.")
        outputs = [
            member.unchecked_outputs(waveforms, len(waveforms), conditions=conditions) for member in self.members
        ]
        probabilities = np.array(
            [
                Scorer(member.classes).scores(output.logits)[:, order]  # type: ignore[index]
                for member, output, order in zip(self.members, outputs, self._orders, strict=True)
            ]
        )
        combined = combine(probabilities, self.weights, self.method)
        # classes without a vote keep a finite logit
        logits = np.log(np.maximum(combined, np.finfo(np.float64).tiny))
        return RecognizerOutput(logits=logits, dimensions=self._mean_dimensions(outputs))

    def _mean_dimensions(self, outputs: Sequence[RecognizerOutput]) -> np.ndarray | None:
        if not self.dimension_names:
            return None
        rows: list[Any] = []
        for member, output in zip(self.members, outputs, strict=True):
            order = [member.dimension_names.index(name) for name in self.dimension_names]
            rows.append(output.dimensions[:, order])  # type: ignore[index]
        return np.average(rows, axis=0, weights=self.weights)


def load_recognizer(
    source: str | Path,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: int | str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    gender_model: str | Path | SpeechEmotionRecognizer | None = None,
) -> SpeechEmotionPipeline | EnsembleRecognizer | OnnxSpeechEmotion:
    """
    Load whatever recognises emotions.

    Args:
        source (`str` or `pathlib.Path`):
            Folder of a trained or published model, of an adapter (which is merged), of an ensemble, or of an export
            to ONNX (of which the file in full precision is taken, if there are both); or the id of a repository with
            one of these on the Hub.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code from the repository may run. Read it
            first.
        device (`int`, `str` or `torch.device`, *optional*): Where models run; by default the first accelerator, or
            the CPU. An export runs on the CPU.
        dtype (`str` or `torch.dtype`, *optional*): Precision to run models in, such as `"bfloat16"`; by default that
            of their weights. Results are in float32.
        gender_model (`str`, `pathlib.Path` or [`SpeechEmotionRecognizer`], *optional*):
            For a model that is conditioned on the speaker's gender, or an ensemble with such members: a classifier
            with the classes `female` and `male`, which is asked where the gender is not given. A folder or an id is
            loaded like `source`, onto the same device, in the precision of its weights.

    Returns:
        [`SpeechEmotionPipeline`], [`EnsembleRecognizer`] or [`~hf_emotion.export.onnx_recognizer.OnnxSpeechEmotion`]:
        Callable on audio, see [`~hf_emotion.pipelines.recognizer.SpeechEmotionRecognizer`].

    Raises:
        FileNotFoundError: The folder does not exist or holds no model.
        ValueError: Weights are missing, members do not fit together, an export is asked for another precision, or
            nothing in the source has a use for the gender.
    """
    precision = None if dtype is None else _precision(dtype)
    recognizer = _load(source, resolve_revision(source, revision), trust_remote_code, device, precision)
    if gender_model is not None:
        if "gender" not in recognizer.conditioned_on:
            raise not_conditioned("gender_model")
        if not isinstance(gender_model, SpeechEmotionRecognizer):
            gender_model = load_recognizer(gender_model, trust_remote_code=trust_remote_code, device=device)
        check_gender_model(gender_model, recognizer)
        recognizer.gender_model = gender_model
    return recognizer


def _load(
    source: str | Path,
    revision: str | None,
    trust_remote_code: bool,
    device: int | str | torch.device | None,
    precision: torch.dtype | None,
) -> SpeechEmotionPipeline | EnsembleRecognizer | OnnxSpeechEmotion:
    folder = _local_folder(source, revision)
    if (folder / ENSEMBLE_FILE).is_file():
        return load_ensemble(folder, trust_remote_code=trust_remote_code, device=device, dtype=precision)
    if exports := [name for name in (MODEL_FILE, INT8_FILE) if (folder / name).is_file()]:
        if precision is not None:
            raise ValueError(f"{source} is an export, whose precision is fixed. Leave out dtype, or export it again.")
        from .export.onnx_recognizer import OnnxSpeechEmotion

        return OnnxSpeechEmotion.from_pretrained(folder, exports[0])
    if (folder / ADAPTER_CONFIG_NAME).is_file():
        model, extractor = _merged_adapter(folder, precision)
    else:
        model, extractor = load_model_and_extractor(
            source, revision=revision, dtype=precision, trust_remote_code=trust_remote_code
        )
    return SpeechEmotionPipeline(model, extractor, device=device)


def load_ensemble(
    folder: str | Path,
    *,
    trust_remote_code: bool = False,
    device: int | str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> EnsembleRecognizer:
    """Load the members of an ensemble that have a weight, and their weights; see [`load_recognizer`].

    Raises:
        FileNotFoundError: The folder holds no ensemble, or a member's model is not where it was.
        ValueError: A member was given as predictions, without a model.
    """
    folder = Path(folder)
    if not (folder / ENSEMBLE_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no ensemble (no {ENSEMBLE_FILE}); `hf-emotion ensemble` makes one.")
    record = json.loads((folder / ENSEMBLE_FILE).read_text(encoding="utf-8"))
    used = [member for member in record["members"] if member["weight"] > 0]
    members: list[SpeechEmotionRecognizer] = [
        load_recognizer(member_folder(folder, entry), trust_remote_code=trust_remote_code, device=device, dtype=dtype)
        for entry in used
    ]
    return EnsembleRecognizer(members, [member["weight"] for member in used], record["method"])


def _merged_adapter(folder: Path, dtype: torch.dtype | None) -> tuple[PreTrainedModel, SequenceFeatureExtractor]:
    """A classifier with its adapter merged in, and the extractor that lies beside the adapter or its encoder."""
    adapted = load_adapted_classifier(folder)
    if (folder / FEATURE_EXTRACTOR_NAME).is_file():
        extractor = AutoFeatureExtractor.from_pretrained(folder)
    else:
        encoder = adapted.active_peft_config
        extractor = AutoFeatureExtractor.from_pretrained(encoder.base_model_name_or_path, revision=encoder.revision)
    model: Any = adapted.merge_and_unload()
    return model.to(dtype), extractor


def _local_folder(source: str | Path, revision: str | None) -> Path:
    """The source itself, or where an ensemble, an export or an adapter on the Hub was downloaded to."""
    if is_hub_id(str(source)):
        for file in (ENSEMBLE_FILE, RECORD_FILE, ADAPTER_CONFIG_NAME):
            if cached_file(source, file, revision=revision, _raise_exceptions_for_missing_entries=False) is not None:
                return Path(snapshot_download(str(source), revision=revision))
    return Path(source)


def _precision(dtype: str | torch.dtype) -> torch.dtype:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype={dtype!r} is no precision of models. Choose float32, bfloat16 or float16.")
    return found


def member_folder(folder: Path, member: dict[str, Any]) -> Path:
    """Folder of a member of the ensemble in `folder`; errors as in [`load_ensemble`]."""
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
