# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Speech emotion recognition with everything but the network: any audio in, emotions out."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .batching import plan_batches
from .clip_reading import is_clip_list, is_clip_stream
from .conditions import known_genders, not_conditioned, with_estimates
from .recognition_options import RecognitionOptions, check_count
from .recognition_queue import RecognitionQueue, not_finite
from .scoring import Scorer
from .streaming import RecognizerStream
from .windowing import plan_windows


_BATCHES_AHEAD = 4


@dataclass
class RecognizerOutput:
    """
    What a network says about a batch of clips.

    Args:
        logits (`np.ndarray` of shape `(batch_size, num_classes)`, *optional*):
            Scores of the classes before softmax or sigmoid; `None` for a model without classes.
        dimensions (`np.ndarray` of shape `(batch_size, num_dimensions)`, *optional*):
            Regressed emotion dimensions, if the model has any.
        embeddings (`np.ndarray` of shape `(batch_size, embedding_size)`, *optional*):
            Input of the last layer, if it was asked for.
    """

    logits: np.ndarray | None = None
    dimensions: np.ndarray | None = None
    embeddings: np.ndarray | None = None

    def is_finite(self) -> np.ndarray:
        """Which clips have logits and dimensions that are numbers, `(batch_size,)`."""
        columns = [column for column in (self.logits, self.dimensions) if column is not None]
        return np.isfinite(np.concatenate(columns, axis=1)).all(axis=1)


class SpeechEmotionRecognizer(abc.ABC):
    """
    Recognises emotions in any audio. A subclass sets the attributes and runs its network in [`forward`].

    A clip gets the result that it would get alone, whatever it shares a batch with.

    Attributes:
        classes (`list[str]`): Class names in the order of the logits; empty for a model that only regresses.
        dimension_names (`list[str]`): Names of the regressed dimensions, empty if there are none.
        sampling_rate (`int`): Input rate in Hz.
        minimum_samples (`int`): Shorter clips are padded with zeros to this length. 1 by default.
        max_seconds (`float`, *optional*): Longest clip that the network reads at once, such as 30 for Whisper.
        can_pad (`bool`): Whether [`forward`] takes clips of different lengths without a change of the result;
            otherwise only clips of one length share a batch. `False` by default.
        max_batch_samples (`int`, *optional*): Most samples in a batch, padding included, for networks that are faster
            with smaller batches than asked for. A batch has at least one clip.
        activation (`str`): What makes scores of logits: `"softmax"`, or `"sigmoid"` for models with several labels per
            clip. `"softmax"` by default.
        conditioned_on (`tuple[str, ...]`): What the network uses beside the audio: `"gender"`, `"text"`, both, or
            nothing, as by default.
        gender_model ([`SpeechEmotionRecognizer`], *optional*): What is asked for genders that nobody gives.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer

    >>> class Loudness(SpeechEmotionRecognizer):
    ...     classes, dimension_names, sampling_rate, can_pad = ["calm", "angry"], [], 16_000, True
    ...
    ...     def forward(self, waveforms, wants_embeddings=False):
    ...         peaks = np.array([np.abs(waveform).max() for waveform in waveforms])
    ...         return RecognizerOutput(logits=np.stack([1 - peaks, peaks], axis=1))

    >>> result = Loudness()(np.ones(8000, dtype=np.float32))
    >>> result["label"], round(result["score"], 3), result["duration"]
    ('angry', 0.731, 0.5)

    ```
    """

    classes: list[str]
    dimension_names: list[str]
    sampling_rate: int
    minimum_samples: int = 1
    max_seconds: float | None = None
    can_pad: bool = False
    max_batch_samples: int | None = None
    activation: str = "softmax"
    conditioned_on: tuple[str, ...] = ()
    gender_model: SpeechEmotionRecognizer | None = None

    @abc.abstractmethod
    def forward(self, waveforms: list[np.ndarray], wants_embeddings: bool = False) -> RecognizerOutput:
        """
        Run the network on one batch.

        Args:
            waveforms (`list[np.ndarray]`):
                Mono clips at `sampling_rate`, `(num_samples,)` float32, of at least `minimum_samples`; of one length
                unless `can_pad`.
            wants_embeddings (`bool`, *optional*, defaults to `False`): Whether to return `embeddings`.

        Returns:
            [`RecognizerOutput`]: One row per clip.
        """

    def __call__(
        self,
        inputs: Any,
        *,
        batch_size: int = 1,
        top_k: int | None = None,
        labels: Sequence[str] | None = None,
        temperature: float = 1.0,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        channels: str = "mix",
        return_embeddings: bool = False,
        on_error: str = "raise",
        gender: str | Sequence[str | None] | None = None,
    ) -> Any:
        """
        Recognise the emotion of a clip, of a list of clips, or of a generator of clips.

        Args:
            inputs (`Any`):
                Whatever [`~hf_emotion.pipelines.audio_decoding.load_audio`] reads (a path, a URL, bytes,
                `(array, sampling_rate)`, `{"array": ..., "sampling_rate": ...}`, an audio decoder of `datasets`), or
                an array or tensor at `sampling_rate`; or a list, a column of a dataset, or a generator of those.
            batch_size (`int`, *optional*, defaults to 1):
                Clips or windows per batch. Clips of similar length share a batch: they are looked for among the next
                ten minutes of audio of a list, and among the next four batches of a generator.
            top_k (`int`, *optional*): Number of classes to return, all by default.
            labels (`Sequence[str]`, *optional*):
                Keep only these classes. The scores of softmax models sum to one over them.
            temperature (`float`, *optional*, defaults to 1.0):
                Logits are divided by it: above 1, scores are less extreme.
            window_seconds (`float`, *optional*):
                Length of the windows. By default a clip is heard as a whole up to 30 s (or the model's limit), and
                longer ones in windows of 10 s (or the limit). With a number, windows are always used.
            hop_seconds (`float`, *optional*): Distance of the windows' starts, by default half their length.
            channels (`str`, *optional*, defaults to `"mix"`): `"mix"`: the mean of the channels. `"each"`: one result
                per channel.
            return_embeddings (`bool`, *optional*, defaults to `False`):
                Return the input of the last layer; of windows, their mean.
            on_error (`str`, *optional*, defaults to `"raise"`):
                `"return"`: an input that cannot be read gives `{"error": message}` in its place.
            gender (`str` or `Sequence[str]`, *optional*):
                For a network that uses it: `"female"`, `"male"` or `None`, of all inputs or one for each. Where it is
                unknown, the `gender_model` is asked, if there is one.

        Returns:
            `dict` for one input, `list[dict]` for a list or a column, a generator of dicts for a generator, in the
            order of the inputs:

            - **label** (`str`), **score** (`float`): the best class and its score.
            - **scores** (`list[dict]`): `{"label", "score"}` of all or `top_k` classes, best first.
            - **dimensions** (`dict[str, float]`): only of models that regress any.
            - **duration** (`float`): seconds.
            - **timeline** (`list[dict]`), only if windows were used: `{"start", "end", "scores", "dimensions"}` for
              each hop, in seconds: the mean of the windows over the middle of it. `scores` as above.
            - **segments** (`list[dict]`), only if windows were used: `{"start", "end", "label", "score"}`, spans of
              the timeline with one best class, and its mean score.
            - **embedding** (`np.ndarray` of shape `(embedding_size,)`): only if asked for.

            Of windows, scores, dimensions and embedding are means weighted by the duration of the windows. Models
            without classes have no `label`, `score`, `scores` and `segments`. With `channels="each"` the result is
            `{"duration", "channels": [dict, ...]}`, each without a duration of its own.

        Raises:
            `ValueError`: If an option cannot work, audio cannot be decoded (its name is in the message), or the
                network returns NaN.
            `FileNotFoundError`: If a file does not exist.
            `TypeError`: If an input is no audio.
        """
        options = RecognitionOptions(
            batch_size=batch_size,
            top_k=top_k,
            labels=labels,
            temperature=temperature,
            window_seconds=window_seconds,
            hop_seconds=hop_seconds,
            channels=channels,
            return_embeddings=return_embeddings,
            on_error=on_error,
        )
        return self._recognise(inputs, options, gender)

    def stream(
        self,
        chunks: Iterable[np.ndarray],
        sampling_rate: int,
        *,
        window_seconds: float = 4.0,
        hop_seconds: float = 1.0,
        smoothing: float = 0.5,
        top_k: int | None = None,
        labels: Sequence[str] | None = None,
        temperature: float = 1.0,
    ) -> Iterator[dict[str, Any]]:
        """
        Recognise the emotion of audio that arrives in chunks, such as that of a microphone.

        Args:
            chunks (`Iterable[np.ndarray]`):
                Consecutive samples in chunks of any size, `(num_samples,)` or `(num_channels, num_samples)`; floats in
                [-1, 1], or integers, which are scaled by their type's range. Channels are averaged.
            sampling_rate (`int`): Their rate in Hz, which may differ from the model's.
            window_seconds (`float`, *optional*, defaults to 4.0): How much of the latest audio is heard at once.
            hop_seconds (`float`, *optional*, defaults to 1.0): An estimate comes each time after so much audio.
            smoothing (`float`, *optional*, defaults to 0.5):
                Share of the running estimate that is kept at each hop, from 0 (follow the windows) to below 1.
            top_k, labels, temperature: As in [`__call__`].

        Yields:
            `dict`: After each hop, and at the end for what is left, `{"start", "end"}` of the latest window in
            seconds, its `"label"`, `"score"`, `"scores"` and `"dimensions"` as in [`__call__`], and in `"running"` a
            dict of the smoothed ones. The first windows are shorter, since there is no more audio yet.

        Raises:
            `ValueError`: If an option cannot work, or a chunk has other channels than the one before.
        """
        stream = self.open_stream(
            sampling_rate,
            window_seconds=window_seconds,
            hop_seconds=hop_seconds,
            smoothing=smoothing,
            top_k=top_k,
            labels=labels,
            temperature=temperature,
        )
        return stream.estimates(chunks)

    def open_stream(
        self,
        sampling_rate: int,
        *,
        window_seconds: float = 4.0,
        hop_seconds: float = 1.0,
        smoothing: float = 0.5,
        top_k: int | None = None,
        labels: Sequence[str] | None = None,
        temperature: float = 1.0,
    ) -> RecognizerStream:
        """
        What [`stream`] runs on, for callers that are handed chunks one at a time: `feed(chunk)` and `finish()` return
        lists of the estimates that are due. The arguments are those of [`stream`].
        """
        return RecognizerStream(
            self,
            self._scorer(RecognitionOptions(top_k=top_k, labels=labels, temperature=temperature)),
            sampling_rate,
            window_seconds=window_seconds,
            hop_seconds=hop_seconds,
            smoothing=smoothing,
        )

    def probabilities(self, waveforms: Iterable[np.ndarray], batch_size: int = 1) -> Iterator[np.ndarray]:
        """
        Class probabilities of whole clips, without windows however long they are.

        Args:
            waveforms (`Iterable[np.ndarray]`): Mono clips at `sampling_rate`, read as they are needed.
            batch_size (`int`, *optional*, defaults to 1): Clips per batch.

        Yields:
            `np.ndarray`: `(num_classes,)` for each clip, in the order of the clips and of `classes`.

        Raises:
            `ValueError`: If the model has no classes, or the network returns NaN.
        """
        check_count("batch_size", batch_size)
        scorer = self._scorer(RecognitionOptions())
        clips = iter(waveforms)
        while group := list(itertools.islice(clips, _look_ahead(batch_size))):
            scores = scorer.scores(self.outputs(group, batch_size).logits)
            if scores is None:
                raise ValueError("The model has no classes, only dimensions: there are no probabilities.")
            yield from scores

    def outputs(
        self,
        waveforms: Sequence[np.ndarray],
        batch_size: int = 1,
        *,
        wants_embeddings: bool = False,
        conditions: Sequence[Any] | None = None,
    ) -> RecognizerOutput:
        """
        What the network says about clips, as if each came alone. They are heard as a whole, however long they are.

        Args:
            waveforms (`Sequence[np.ndarray]`): Mono clips at `sampling_rate`, `(num_samples,)`, at least one.
            batch_size (`int`, *optional*, defaults to 1): Most clips per call of [`forward`].
            wants_embeddings (`bool`, *optional*, defaults to `False`): Whether to return `embeddings`.
            conditions (`Sequence`, *optional*): What is known of each clip beside the audio, for models that use it.

        Returns:
            [`RecognizerOutput`]: One row per clip, in their order.

        Raises:
            `ValueError`: If the network returns NaN or infinite values.
        """
        outputs = self.unchecked_outputs(
            waveforms, batch_size, wants_embeddings=wants_embeddings, conditions=conditions
        )
        if not (is_finite := outputs.is_finite()).all():
            raise not_finite(f"clip {int(np.argmin(is_finite))} of {len(waveforms)}")
        return outputs

    def unchecked_outputs(
        self,
        waveforms: Sequence[np.ndarray],
        batch_size: int = 1,
        *,
        wants_embeddings: bool = False,
        conditions: Sequence[Any] | None = None,
    ) -> RecognizerOutput:
        """As [`outputs`], with NaN where the network returns it."""
        clips = [_at_least(waveform, self.minimum_samples) for waveform in waveforms]
        known = [None] * len(clips) if conditions is None else conditions
        if self.gender_model is not None:
            known = with_estimates(known, clips, self.gender_model, batch_size)
        lengths = [len(clip) for clip in clips]
        batches = plan_batches(lengths, batch_size, can_pad=self.can_pad, max_samples=self.max_batch_samples)
        found = [
            self._forward_conditioned(
                [clips[index] for index in batch], [known[index] for index in batch], wants_embeddings
            )
            for batch in batches
        ]
        order = np.argsort(list(itertools.chain.from_iterable(batches)))
        columns = ([getattr(part, name) for part in found] for name in ("logits", "dimensions", "embeddings"))
        return RecognizerOutput(*(None if column[0] is None else np.concatenate(column)[order] for column in columns))

    def _forward_conditioned(
        self, waveforms: list[np.ndarray], conditions: list[Any], wants_embeddings: bool
    ) -> RecognizerOutput:
        """[`forward`] with what is known of the clips beside the audio, which most networks have no use for."""
        return self.forward(waveforms, wants_embeddings)

    def _scorer(self, options: RecognitionOptions) -> Scorer:
        return Scorer(
            self.classes,
            self.dimension_names,
            self.activation,
            top_k=options.top_k,
            labels=options.labels,
            temperature=options.temperature,
        )

    def _recognise(self, inputs: Any, options: RecognitionOptions, gender: str | Sequence[str | None] | None) -> Any:
        if gender is not None and "gender" not in self.conditioned_on:
            raise not_conditioned("gender")
        known = known_genders(inputs, gender)
        plan = plan_windows(
            self.sampling_rate,
            window_seconds=options.window_seconds,
            hop_seconds=options.hop_seconds,
            max_seconds=self.max_seconds,
            minimum_samples=self.minimum_samples,
        )
        is_stream = is_clip_stream(inputs)
        max_waiting = _look_ahead(options.batch_size) if is_stream else None
        queue = RecognitionQueue(self, options, self._scorer(options), plan, max_waiting)
        if is_stream:
            return queue.results(inputs, known)
        if is_clip_list(inputs):
            return list(queue.results(inputs, known))
        return queue.result(inputs, next(iter(known)))


def _look_ahead(batch_size: int) -> int:
    """How many clips of a generator are read to find batches of similar length."""
    return 1 if batch_size == 1 else _BATCHES_AHEAD * batch_size


def _at_least(waveform: np.ndarray, num_samples: int) -> np.ndarray:
    missing = num_samples - len(waveform)
    return waveform if missing <= 0 else np.pad(waveform, (0, missing))
