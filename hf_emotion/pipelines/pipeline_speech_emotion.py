# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""The pipeline `speech-emotion-recognition` of transformers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForAudioClassification, Pipeline, PreTrainedModel
from transformers.pipelines import PIPELINE_REGISTRY

from .conditions import check_gender_model, conditions_of, gender_ids
from .model_inputs import batch_features, is_padding_free, max_seconds, minimum_samples
from .onednn_linear import fastest_linear
from .recognition_options import RecognitionOptions
from .recognizer import RecognizerOutput, SpeechEmotionRecognizer
from .saving import TASK, add_pipeline_code
from .scoring import did_you_mean


# Features of a clip at several kHz fit into the caches of a CPU where those of a large batch do not: for 32 clips of
# about 3 s and a batch size of 16, HuBERT base on two cores takes 9.2 s in full batches and 5.2 s in batches of 6 s.
_CPU_BATCH_SECONDS = 6
_OPTION_NAMES = tuple(field.name for field in dataclasses.fields(RecognitionOptions))


# what its methods take and return is up to each pipeline, and annotated as that of any
_Pipeline: Any = Pipeline


class SpeechEmotionPipeline(SpeechEmotionRecognizer, _Pipeline):
    """
    Speech emotion recognition with any `AutoModelForAudioClassification`: what the pipeline `audio-classification`
    does, and with any audio, in windows, with emotion dimensions, label masks, embeddings and streams.

    Made by `pipeline("speech-emotion-recognition", model=...)` once this module is imported, by
    `pipeline(model=..., trust_remote_code=True)` for models that were saved with its code, or directly. A model with
    `problem_type="regression"` gives dimensions named by its `id2label`.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model. It is put into evaluation mode.
        feature_extractor ([`~transformers.SequenceFeatureExtractor`]): What its input is made with.
        gender_model ([`SpeechEmotionRecognizer`] or [`~transformers.PreTrainedModel`], *optional*):
            For a model that is conditioned on the speaker's gender: a classifier with the classes `female` and `male`
            (others count as unknown), which is asked where `gender` is not given. A model gets the input of the same
            feature extractor; pass a pipeline for one that needs another.
        device (`int`, `str` or `torch.device`, *optional*): As in every pipeline.
        kwargs: Defaults for the options of [`__call__`], such as `batch_size=8` or `labels=[...]`.

    Example:

    ```python
    >>> import numpy as np
    >>> from transformers import HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor
    >>> from hf_emotion.pipelines import SpeechEmotionPipeline
    >>> sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16}
    >>> config = HubertConfig(**sizes, id2label={0: "anger", 1: "joy"}, label2id={"anger": 0, "joy": 1})
    >>> recognise = SpeechEmotionPipeline(HubertForSequenceClassification(config), Wav2Vec2FeatureExtractor())
    >>> result = recognise((np.zeros((2, 8000), dtype=np.int16), 8000), labels=["joy"])
    >>> result["label"], result["score"], result["duration"]
    ('joy', 1.0, 1.0)

    ```
    """

    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = True
    _load_tokenizer = False

    def __init__(
        self,
        model: PreTrainedModel,
        feature_extractor: Any = None,
        *,
        gender_model: SpeechEmotionRecognizer | PreTrainedModel | None = None,
        task: str = TASK,
        **kwargs: Any,
    ):
        _Pipeline.__init__(self, model=model, feature_extractor=feature_extractor, task=task, **kwargs)
        if self.feature_extractor is None:
            raise ValueError(f"{type(model).__name__} needs a feature extractor: pass feature_extractor.")
        config: Any = model.config
        self.model.eval()
        self._option_defaults = self._forward_params
        if self._batch_size is not None:
            self._option_defaults["batch_size"] = self._batch_size
        self.classes, self.dimension_names = _output_names(config)
        self.activation = "sigmoid" if config.problem_type == "multi_label_classification" else "softmax"
        self.sampling_rate = self.feature_extractor.sampling_rate
        self.minimum_samples = minimum_samples(config)
        self.max_seconds = max_seconds(self.feature_extractor)
        self._is_padding_free = is_padding_free(config)
        # extractors whose output has one size pad by themselves
        self.can_pad = self._is_padding_free or self.max_seconds is not None
        if self.device.type == "cpu":
            self.max_batch_samples = _CPU_BATCH_SECONDS * self.sampling_rate
        self._scorer(RecognitionOptions(**self._option_defaults))  # refuses bad defaults
        self.conditioned_on = conditions_of(config)
        if isinstance(gender_model, PreTrainedModel):
            gender_model = SpeechEmotionPipeline(gender_model, self.feature_extractor, device=self.device)
        if gender_model is not None:
            check_gender_model(gender_model, self)
        self.gender_model = gender_model

    def __call__(self, inputs: Any, *, gender: str | Sequence[str | None] | None = None, **options: Any) -> Any:
        """
        Recognise the emotion of a clip, of a list of clips, or of a generator of clips.

        Args:
            inputs (`Any`): See [`SpeechEmotionRecognizer.__call__`].
            gender (`str` or `Sequence[str]`, *optional*): See [`SpeechEmotionRecognizer.__call__`].
            options: See [`SpeechEmotionRecognizer.__call__`].

        Returns:
            `dict`, `list[dict]` or a generator of dicts, see [`SpeechEmotionRecognizer.__call__`].

        Raises:
            `TypeError`: If an option is unknown.
            `ValueError`: If an option cannot work, or see [`SpeechEmotionRecognizer.__call__`].
        """
        _, given, _ = self._sanitize_parameters(**options)
        return self._recognise(inputs, RecognitionOptions(**{**self._option_defaults, **given}), gender)

    def forward(self, waveforms: list[np.ndarray], wants_embeddings: bool = False) -> RecognizerOutput:
        """Run the model on one batch, see [`SpeechEmotionRecognizer.forward`]. Genders are unknown."""
        return self._forward_conditioned(waveforms, [None] * len(waveforms), wants_embeddings)

    def _forward_conditioned(
        self, waveforms: list[np.ndarray], conditions: list[Any], wants_embeddings: bool
    ) -> RecognizerOutput:
        inputs = self.preprocess(waveforms)
        if "gender" in self.conditioned_on:
            inputs["gender"] = torch.tensor(gender_ids(conditions))
        fastest = fastest_linear(self.device, self.model)
        with self.device_placement(), self.get_inference_context()(), fastest:
            outputs = self._forward(self._ensure_tensor_on_device(inputs, self.device), wants_embeddings)
        return self.postprocess(outputs)

    def preprocess(self, waveforms: list[np.ndarray]) -> dict[str, torch.Tensor]:
        """Features of clips as one batch. Each clip is normalised alone, so that it never sees padding."""
        clips = []
        for waveform in waveforms:
            features = self.feature_extractor(waveform, sampling_rate=self.sampling_rate, return_tensors="np")
            clips.append({name: values[0] for name, values in features.items()})
        batch = batch_features(clips, drops_full_masks=self._is_padding_free)
        dtype = self.dtype
        return {name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()}

    def _forward(self, inputs: dict[str, torch.Tensor], wants_embeddings: bool) -> dict[str, torch.Tensor | None]:
        """Logits, dimensions and embeddings of the model for one batch."""
        recording = _inputs_of(self._last_layer()) if wants_embeddings else contextlib.nullcontext([None])
        with recording as seen:
            outputs = self.model(**inputs)
        return {"logits": outputs.logits, "dimensions": outputs.get("dimensions"), "embeddings": seen[-1]}

    def postprocess(self, outputs: dict[str, torch.Tensor | None]) -> RecognizerOutput:
        """Tensors of the model as arrays in float32; the outputs of a regressor are dimensions."""
        arrays = {name: None if value is None else value.float().cpu().numpy() for name, value in outputs.items()}
        if not self.classes:
            regressed = [array for array in (arrays["logits"], arrays["dimensions"]) if array is not None]
            arrays |= {"logits": None, "dimensions": np.concatenate(regressed, axis=1)}
        return RecognizerOutput(**arrays)

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """
        Save the model, its feature extractor and the code of this pipeline, see [`add_pipeline_code`].

        Args:
            save_directory (`str` or `os.PathLike`): Folder to write.
            kwargs: Passed to `save_pretrained` of the model.
        """
        self.model.save_pretrained(save_directory, **kwargs)
        self.feature_extractor.save_pretrained(save_directory)
        add_pipeline_code(save_directory)

    def _sanitize_parameters(self, **options: Any) -> tuple[dict, dict, dict]:
        """Refuse unknown options by name."""
        for name in options:
            if name not in _OPTION_NAMES:
                known = (*_OPTION_NAMES, "gender")
                raise TypeError(
                    f"{type(self).__name__} has no option {name!r}. {did_you_mean(name, known)}"
                    f"Its options are {', '.join(known)}."
                )
        return {}, options, {}

    def _last_layer(self) -> torch.nn.Module:
        layer = getattr(self.model, "classifier", None)
        if layer is None:
            raise ValueError(
                f"{type(self.model).__name__} has no `classifier` whose input could be an embedding: leave out "
                "return_embeddings."
            )
        return layer


@contextlib.contextmanager
def _inputs_of(layer: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """The inputs of a layer while the context lasts."""
    seen: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        yield seen
    finally:
        handle.remove()


def _output_names(config: Any) -> tuple[list[str], list[str]]:
    """Names of classes and dimensions; the labels of a regressor are dimensions."""
    labels = [config.id2label[index] for index in sorted(config.id2label)]
    num_dimensions = getattr(config, "num_dimensions", 0)
    dimensions = getattr(config, "dimension_names", None) or [f"dimension_{index}" for index in range(num_dimensions)]
    is_regressor = config.problem_type == "regression" or (config.problem_type is None and len(labels) == 1)
    return ([], [*labels, *dimensions]) if is_regressor else (labels, list(dimensions))


if TASK not in PIPELINE_REGISTRY.supported_tasks:
    PIPELINE_REGISTRY.register_pipeline(
        TASK, pipeline_class=SpeechEmotionPipeline, pt_model=AutoModelForAudioClassification, type="audio"
    )
