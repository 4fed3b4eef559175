"""Speech emotion recognition with ONNX Runtime, behind the interface of [`SpeechEmotionPipeline`]. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import snapshot_download
from transformers import AutoFeatureExtractor

from ..pipelines.conditions import gender_ids
from ..pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer
from .export_record import MODEL_FILE, load_record
from .feature_arrays import feature_arrays
from .onnx_session import open_session, run_session


class OnnxSpeechEmotion(SpeechEmotionRecognizer):
    """
    A classifier that `hf-emotion export` wrote, loaded with [`~OnnxSpeechEmotion.from_pretrained`]. Calls, streams and
    results are those of [`SpeechEmotionPipeline`].

    torch is not needed; where it is installed, transformers imports it nevertheless.

    Args:
        session (`onnxruntime.InferenceSession`): The opened model.
        feature_extractor (`SequenceFeatureExtractor`): Its feature extractor.
        facts (`Mapping`): What `export.json` says under `recognizer`: classes, sampling rate ...
    """

    def __init__(self, session: Any, feature_extractor: Any, facts: Mapping[str, Any]):
        self.session = session
        self.feature_extractor = feature_extractor
        self.classes: list[str] = list(facts["classes"])
        self.dimension_names: list[str] = list(facts["dimension_names"])
        self.sampling_rate: int = facts["sampling_rate"]
        self.minimum_samples: int = facts["minimum_samples"]
        self.max_seconds: float | None = facts["max_seconds"]
        self.can_pad: bool = facts["can_pad"]
        self.activation: str = facts["activation"]
        self.conditioned_on: tuple[str, ...] = tuple(facts["conditioned_on"])

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        file: str = MODEL_FILE,
        *,
        providers: Sequence[str | tuple[str, dict]] | None = None,
        num_threads: int | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
    ) -> OnnxSpeechEmotion:
        """
        Load an exported classifier.

        Args:
            source (`str` or `pathlib.Path`): Folder that `hf-emotion export` wrote, or a repository on the Hub.
            file (`str`, *optional*, defaults to `"model.onnx"`): Which model of it, such as `"model_int8.onnx"`.
            providers (`Sequence[str]`, *optional*): Execution providers of ONNX Runtime; the CPU by default.
            num_threads (`int`, *optional*): Threads inside an operator; one per core by default.
            revision (`str`, *optional*): Branch, tag or commit on the Hub.
            token (`str` or `bool`, *optional*): Token for private repositories; the one of the login by default.

        Returns:
            [`OnnxSpeechEmotion`]: Callable on audio.

        Raises:
            ImportError: onnxruntime is not installed.
            FileNotFoundError: The folder or the file is not there.
            ValueError: The model or its record cannot be read.

        Example:

        ```python
        >>> from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
        >>> recognizer = OnnxSpeechEmotion.from_pretrained("outputs/mine_onnx", "model_int8.onnx")  # doctest: +SKIP
        >>> recognizer("speech.wav")["label"]  # doctest: +SKIP
        'joy'

        ```
        """
        folder = _local_folder(source, file, revision, token)
        record = load_record(folder)
        if not (folder / file).is_file():
            there = sorted(path.name for path in folder.glob("*.onnx"))
            raise FileNotFoundError(
                f"{source} has no {file}" + (f", only {', '.join(there)}." if there else " or any other ONNX file.")
            )
        session = open_session(folder / file, providers, num_threads)
        return cls(session, AutoFeatureExtractor.from_pretrained(folder), record["recognizer"])

    def forward(self, waveforms: list[np.ndarray], wants_embeddings: bool = False) -> RecognizerOutput:
        """Run the network on one batch, see [`SpeechEmotionRecognizer`]. Genders are unknown."""
        return self._forward_conditioned(waveforms, [None] * len(waveforms), wants_embeddings)

    def _forward_conditioned(
        self, waveforms: list[np.ndarray], conditions: list[Any], wants_embeddings: bool
    ) -> RecognizerOutput:
        features = feature_arrays(self.feature_extractor, waveforms)
        features["gender"] = np.array(gender_ids(conditions))
        outputs = run_session(self.session, features)
        if wants_embeddings and "embeddings" not in outputs:
            raise ValueError("The exported model has no output `embeddings`: leave out return_embeddings.")
        embeddings = outputs["embeddings"] if wants_embeddings else None
        if self.classes:
            return RecognizerOutput(outputs["logits"], outputs.get("dimensions"), embeddings)
        # a regressor's logits are dimensions too
        regressed = [outputs[name] for name in ("logits", "dimensions") if name in outputs]
        return RecognizerOutput(None, np.concatenate(regressed, axis=1), embeddings)


def _local_folder(source: str | Path, file: str, revision: str | None, token: str | bool | None) -> Path:
    folder = Path(source)
    if folder.is_dir():
        return folder
    if str(source).startswith((".", "/", "~")) or str(source).count("/") != 1:
        raise FileNotFoundError(f"There is no folder {source}. Pass a folder of `hf-emotion export`, or a Hub id.")
    patterns = ["*.json", file, f"{file}.data"]
    return Path(snapshot_download(str(source), revision=revision, token=token, allow_patterns=patterns))
