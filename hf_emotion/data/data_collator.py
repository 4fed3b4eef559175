"""From dataset rows to a model's batch: decode, resample, crop, augment, normalise, pad, label."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ..emotions import arousal_valence_class
from ..pipelines.conditions import gender_ids
from ..pipelines.model_inputs import convolutional_encoder, minimum_samples, samples_of
from .segmentation import load_segment
from .soft_labels import vote_distribution


if TYPE_CHECKING:
    from transformers import PreTrainedConfig

LABEL_COLUMNS = ("arousal_valence", "emotion", "raw_label", "votes")
CROPS = ("random", "start")


class MinimumSamples(NamedTuple):
    """Least number of samples that an encoder can process.

    Args:
        clip (`int`): Receptive field of one frame: each clip needs as many samples.
        training_batch (`int`): Length to which a training batch must be padded for a SpecAugment span to fit.
    """

    clip: int
    training_batch: int


def minimum_input_samples(config: PreTrainedConfig) -> MinimumSamples:
    """Shortest input of a raw-wave encoder (HuBERT, Wav2Vec2, WavLM, SEW ...), from its configuration.

    Shorter clips crash in the convolutions, and shorter training batches in SpecAugment ("`mask_length` has to be
    smaller than `sequence_length`").

    Args:
        config (`PreTrainedConfig`): Configuration of the encoder, or of a model that nests it in an attribute.

    Returns:
        [`MinimumSamples`]: Both 1 for an encoder without a convolutional waveform front end, such as Whisper.

    Example:

    ```python
    >>> from transformers import HubertConfig
    >>> from hf_emotion.data.data_collator import minimum_input_samples
    >>> minimum_input_samples(HubertConfig())  # 25 ms, and 10 frames that are 20 ms apart
    MinimumSamples(clip=400, training_batch=3280)

    ```
    """
    config = getattr(config, "encoder_config", config)
    clip = minimum_samples(config)
    encoder = convolutional_encoder(config)
    if encoder is None:  # self-contained: one of `hf_emotion.models.encoders`
        return MinimumSamples(clip, clip if getattr(config, "is_self_contained", False) else 1)
    masks_time = getattr(encoder, "apply_spec_augment", False) and encoder.mask_time_prob > 0
    return MinimumSamples(clip, max(clip, samples_of(encoder.mask_time_length, encoder)) if masks_time else clip)


@dataclass
class EmotionDataCollator:
    """
    Turn dataset rows into the batch of an audio classifier.

    A row with a `visit` (see [`CorpusMixture`]) is a training row: only those are cropped at random and augmented,
    both as a pure function of `(seed, visit, utterance_id)`, so that neither the number of data loader workers nor an
    interruption changes what the model sees.

    Args:
        feature_extractor (`SequenceFeatureExtractor`):
            Extractor of the encoder: `Wav2Vec2FeatureExtractor`, `WhisperFeatureExtractor` ... Its normalisation sees
            each clip alone, never the padding.
        label2id (`dict[str, int]`, *optional*):
            Class ids; without it, no labels are returned.
        label_column (`str`, *optional*, defaults to `"arousal_valence"`):
            `"arousal_valence"`, `"emotion"`, `"raw_label"`, or `"votes"`: the shares of each row's votes for the
            classes, see [`~hf_emotion.data.soft_labels.vote_distribution`]. Other votes do not count.
        soft_labels (`bool`, *optional*, defaults to `False`):
            Return the distribution of each row's `votes` over the classes that `label_column` names, which must hold
            all of them; rows without votes give a one-hot row.
        max_duration_seconds (`float`, *optional*):
            Longer clips are cropped to this duration.
        crop (`str`, *optional*):
            `"random"`: training rows at a random place, all others left whole. `"start"`: all rows to their start.
        dimensions (`Sequence[str]`, *optional*):
            Columns of ratings to return as `dimension_labels`.
        with_spectrogram_mask (`bool`, *optional*, defaults to `False`):
            Return the `attention_mask` of spectrograms, even if the extractor's `return_attention_mask` is not set.
        with_gender (`bool`, *optional*, defaults to `False`):
            Return the speakers' genders as `gender`.
        with_text_embedding (`bool`, *optional*, defaults to `False`):
            Return the column `text_embedding`, see [`~hf_emotion.data.text_embeddings.add_text_embeddings`].
        augmentation (`Callable[[np.ndarray, np.random.Generator], np.ndarray]`, *optional*):
            Applied to the cropped waveform of training rows, shape `(num_samples,)`, with a generator of their own.
        min_num_samples (`int`, *optional*, defaults to 1):
            Clips with fewer samples are padded with zeros that count as signal: [`minimum_input_samples`]`.clip`.
        min_training_batch_samples (`int`, *optional*, defaults to 1):
            Training batches are padded at least to this length: [`minimum_input_samples`]`.training_batch`.
        pad_to_multiple_of (`int`, *optional*):
            Pad the batch to a multiple of this number of samples.
        seed (`int`, *optional*, defaults to 0):
            Seed of crops and augmentation.

    Returns:
        `dict[str, torch.Tensor]`: `input_values` `(batch_size, num_samples)` float32 with `attention_mask` of the same
        shape (always, also where the extractor would leave it out: without it, padding changes the result), or
        `input_features` for extractors that compute a spectrogram, with `attention_mask` `(batch_size, num_frames)` if
        it is asked for; `labels` `(batch_size,)` int64, or `(batch_size, num_classes)`
        float32 with `soft_labels` or the label column `votes`. Where asked for: `dimension_labels` `(batch_size,
        num_dimensions)` float32, NaN where unknown; `gender` `(batch_size,)` int64, -1 where unknown;
        `text_embedding` `(batch_size, text_embedding_size)` float32, NaN where there is no text.

    Raises:
        ValueError: An option is unknown, a label is unknown or missing, or an audio file cannot be decoded; the
            message names the utterance.

    Example:

    ```python
    >>> import numpy as np
    >>> from transformers import Wav2Vec2FeatureExtractor
    >>> from hf_emotion.data.data_collator import EmotionDataCollator
    >>> collate = EmotionDataCollator(Wav2Vec2FeatureExtractor(), {"anger": 0, "joy": 1}, label_column="emotion")
    >>> clips = [{"array": np.ones(n, dtype=np.float32), "sampling_rate": 16_000} for n in (800, 1600)]
    >>> batch = collate([{"audio": clips[0], "emotion": "joy"}, {"audio": clips[1], "emotion": "anger"}])
    >>> batch["input_values"].shape, batch["attention_mask"].sum(-1).tolist(), batch["labels"].tolist()
    (torch.Size([2, 1600]), [800, 1600], [1, 0])

    ```
    """

    feature_extractor: Any  # SequenceFeatureExtractor does not declare the call that all extractors have
    label2id: Mapping[str, int] | None = None
    label_column: str = "arousal_valence"
    soft_labels: bool = False
    max_duration_seconds: float | None = None
    crop: str | None = None
    dimensions: Sequence[str] = ()
    with_spectrogram_mask: bool = False
    with_gender: bool = False
    with_text_embedding: bool = False
    augmentation: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
    min_num_samples: int = 1
    min_training_batch_samples: int = 1
    pad_to_multiple_of: int | None = None
    seed: int = 0

    def __post_init__(self):
        if self.label_column not in LABEL_COLUMNS:
            raise ValueError(
                f"label_column={self.label_column!r} is not known. Choose one of {', '.join(LABEL_COLUMNS)}."
            )
        if self.crop is not None and self.crop not in CROPS:
            raise ValueError(f"crop={self.crop!r} is not known. Choose one of {', '.join(CROPS)}, or None.")
        if self.max_duration_seconds is not None:
            if self.max_duration_seconds <= 0:
                raise ValueError(f"max_duration_seconds={self.max_duration_seconds} must be positive.")
            if self.crop is None:
                raise ValueError(
                    f"max_duration_seconds={self.max_duration_seconds} needs to know where to crop: set crop to "
                    f"{' or '.join(CROPS)}."
                )
        if self.soft_labels and self.label2id is None:
            raise ValueError("soft_labels=True needs label2id, which says the class of each column.")
        if self.soft_labels and self.label_column == "votes":
            raise ValueError('label_column "votes" gives soft labels of its own: leave out soft_labels.')
        if self.soft_labels and self.label_column == "raw_label":
            raise ValueError(
                'Votes hold canonical emotions: soft_labels=True needs label_column "emotion" or "arousal_valence".'
            )

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        name = self.feature_extractor.model_input_names[0]
        features = [self._features(row, name) for row in rows]
        if features[0][name].ndim > 1:
            batch = self._stacked(features, name)
        else:
            batch = self._padded([clip[name] for clip in features], name, any("visit" in row for row in rows))
        if self.label2id is not None:
            batch["labels"] = self._labels(rows, self.label2id)
        if self.dimensions:
            ratings = [[_number(row.get(column)) for column in self.dimensions] for row in rows]
            batch["dimension_labels"] = torch.tensor(ratings, dtype=torch.float32)
        if self.with_gender:
            batch["gender"] = torch.tensor(gender_ids(row.get("gender") for row in rows))
        if self.with_text_embedding:
            batch["text_embedding"] = torch.tensor([row["text_embedding"] for row in rows], dtype=torch.float32)
        return batch

    def _features(self, row: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
        """Features of one row: a waveform `(num_samples,)`, or a spectrogram and its mask."""
        sampling_rate = self.feature_extractor.sampling_rate
        try:
            waveform = load_segment(row, sampling_rate)
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(
                f"Cannot read the audio of {_describe(row)}: {error} Restore the file, or leave the utterance out "
                'with `dataset.filter(lambda utterance_id: ..., input_columns="utterance_id")`.'
            ) from error
        waveform = self._cropped(waveform, row)
        if self.augmentation is not None and "visit" in row:
            waveform = self.augmentation(waveform, self._generator(row, "augmentation"))
        is_waveform = name == "input_values"
        if not is_waveform:
            waveform = self._long_enough(waveform)
        # One clip at a time: in a padded batch without mask, normalisation would take the padding into account.
        features = self.feature_extractor(
            waveform, sampling_rate=sampling_rate, return_attention_mask=not is_waveform, return_tensors="np"
        )
        clip = {key: values[0] for key, values in features.items()}
        if is_waveform:  # after the normalisation, which must not see the padding
            clip[name] = self._long_enough(clip[name])
        return clip

    def _long_enough(self, waveform: np.ndarray) -> np.ndarray:
        return np.pad(waveform, (0, max(0, self.min_num_samples - len(waveform))))

    def _stacked(self, features: list[dict[str, np.ndarray]], name: str) -> dict[str, torch.Tensor]:
        """Spectrograms of one size as they are, others `(num_frames, num_bins)` padded with zeros behind the last."""
        longest = max(len(clip[name]) for clip in features)
        missing = [longest - len(clip[name]) for clip in features]
        padded = [np.pad(clip[name], ((0, count), (0, 0))) for clip, count in zip(features, missing, strict=True)]
        batch = {name: torch.from_numpy(np.stack(padded))}
        if self.with_spectrogram_mask or getattr(self.feature_extractor, "return_attention_mask", False):
            masks = [np.pad(clip["attention_mask"], (0, count)) for clip, count in zip(features, missing, strict=True)]
            batch["attention_mask"] = torch.from_numpy(np.stack(masks)).long()
        return batch

    def _cropped(self, waveform: np.ndarray, row: Mapping[str, Any]) -> np.ndarray:
        if self.max_duration_seconds is None:
            return waveform
        length = max(1, round(self.max_duration_seconds * self.feature_extractor.sampling_rate))
        if len(waveform) <= length or (self.crop == "random" and "visit" not in row):
            return waveform
        start = 0 if self.crop == "start" else self._generator(row, "crop").integers(len(waveform) - length + 1)
        return waveform[start : start + length]

    def _generator(self, row: Mapping[str, Any], purpose: str) -> np.random.Generator:
        key = f"{purpose}/{row.get('corpus')}/{row['utterance_id']}"
        return np.random.default_rng((self.seed, row["visit"], zlib.crc32(key.encode())))

    def _padded(self, features: list[np.ndarray], name: str, is_training: bool) -> dict[str, torch.Tensor]:
        longest = max(len(clip) for clip in features)
        padded = self.feature_extractor.pad(
            {name: features},
            padding="max_length",
            max_length=max(longest, self.min_training_batch_samples) if is_training else longest,
            pad_to_multiple_of=self.pad_to_multiple_of,
            return_attention_mask=True,
            return_tensors="pt",
        )
        return {name: padded[name], "attention_mask": padded["attention_mask"]}

    def _labels(self, rows: Sequence[Mapping[str, Any]], label2id: Mapping[str, int]) -> torch.Tensor:
        if self.label_column == "votes":
            return torch.from_numpy(np.concatenate([self._vote_shares(row, label2id) for row in rows])).float()
        if not self.soft_labels:
            return torch.tensor([self._class_id(row, row.get(self.label_column), label2id) for row in rows])
        distributions = torch.zeros(len(rows), max(label2id.values()) + 1)
        for distribution, row in zip(distributions, rows, strict=True):
            votes = [vote for vote in row.get("votes") or () if vote["count"] > 0]
            for vote in votes:
                emotion = vote["label"]  # canonical in every corpus
                label = arousal_valence_class(emotion) if self.label_column == "arousal_valence" else emotion
                distribution[self._class_id(row, label, label2id)] += vote["count"]
            if not votes:
                distribution[self._class_id(row, row.get(self.label_column), label2id)] = 1
        return distributions / distributions.sum(-1, keepdim=True)

    def _vote_shares(self, row: Mapping[str, Any], label2id: Mapping[str, int]) -> np.ndarray:
        try:
            return vote_distribution([row.get("votes")], sorted(label2id, key=label2id.__getitem__))
        except ValueError as error:
            raise ValueError(f"Cannot label {_describe(row)}: {error}") from error

    def _class_id(self, row: Mapping[str, Any], label: str | None, label2id: Mapping[str, int]) -> int:
        if label is None or label not in label2id:
            raise ValueError(
                f"Label {label!r} (column {self.label_column}) of {_describe(row)} is not among the classes "
                f"{', '.join(label2id)}. Leave such utterances out, or train with these classes included."
            )
        return label2id[label]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _describe(row: Mapping[str, Any]) -> str:
    audio = row.get("audio")
    path = audio.get("path") if isinstance(audio, Mapping) else audio
    where = f" ({path})" if isinstance(path, str) else ""
    return f"utterance {row.get('utterance_id')} of corpus {row.get('corpus')}{where}"
