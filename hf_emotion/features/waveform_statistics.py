"""One mean and standard deviation for all samples of a training split, as EMO-SUPERB's code normalises waveforms."""

from __future__ import annotations

from dataclasses import dataclass

import datasets
import numpy as np

from ..data.segmentation import load_segment
from .audio_rows import audio_rows


_EPSILON = 1e-6  # of EMO-SUPERB's code


@dataclass(frozen=True)
class WaveformStatistics:
    """
    Mean and standard deviation of samples, and the normalisation by them: `(x - mean) / (std + 1e-6)`.

    It comes before the feature extractor. One that normalises each clip (`do_normalize=True`, as large models need it)
    undoes it up to rounding, so that one cache without it serves all folds of such encoders.

    Args:
        mean (`float`): Mean of the samples.
        std (`float`): Their standard deviation (of the population), not negative.
    """

    mean: float
    std: float

    def __post_init__(self):
        if not (np.isfinite(self.mean) and np.isfinite(self.std) and self.std >= 0):
            raise ValueError(f"mean={self.mean} and std={self.std} must be finite, and std not negative.")

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Normalise a waveform `(num_samples,)`."""
        return ((waveform - self.mean) / (self.std + _EPSILON)).astype(np.float32)

    @classmethod
    def of(cls, dataset: datasets.Dataset, sampling_rate: int = 16_000) -> WaveformStatistics:
        """
        Measure the statistics of a training split, over all samples of uncut clips.

        Args:
            dataset (`datasets.Dataset`): The split, with the column `audio`.
            sampling_rate (`int`, *optional*, defaults to 16000): Rate in Hz that the audio is resampled to.

        Raises:
            ValueError: The split is empty, or a clip cannot be read; the message names it.

        Example:

        ```python
        >>> import datasets
        >>> from hf_emotion.features.waveform_statistics import WaveformStatistics
        >>> clips = [{"array": samples, "sampling_rate": 16_000} for samples in ([-0.5, 0.5] * 8, [0.0] * 16)]
        >>> rows = datasets.Dataset.from_dict({"utterance_id": ["a", "b"], "audio": clips})
        >>> WaveformStatistics.of(rows)
        WaveformStatistics(mean=0.0, std=0.3535...)

        ```
        """
        count, mean, squares = 0, 0.0, 0.0
        for row in audio_rows(dataset):
            try:
                waveform = load_segment(row, sampling_rate).astype(np.float64)
            except (OSError, TypeError, ValueError) as error:
                raise ValueError(
                    f"Cannot read the audio of utterance {row['utterance_id']}: {error} Leave it out of the split."
                ) from error
            # Chan's update of mean and centred squares, which loses no digits over hours of samples
            total, offset = count + len(waveform), waveform.mean() - mean
            squares += ((waveform - waveform.mean()) ** 2).sum() + offset**2 * count * len(waveform) / total
            mean += offset * len(waveform) / total
            count = total
        if not count:
            raise ValueError("The training split is empty: there are no samples to measure.")
        return cls(float(mean), float(np.sqrt(squares / count)))
