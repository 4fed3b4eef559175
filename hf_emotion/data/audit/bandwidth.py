"""Up to which frequency a recording carries sound, measured: a file's sampling rate says only what it could carry."""

import numpy as np
from scipy.ndimage import median_filter


# Frames of 32 ms: a few periods of a low voice, and bins of 31 Hz.
FRAME_SECONDS = 0.032
# Frames looked at per block of samples, evenly spread: plenty for percentiles, and a bound on memory.
MAX_FRAMES = 400
BAND_HZ = 125.0
# Fricatives fill the top of the spectrum and are rare: a band is judged by the loudest 5 % of the frames.
LOUD_PERCENTILE, QUIET_PERCENTILE = 95, 5
# Resamplers, codecs and telephone filters attenuate by 60 to 100 dB. Of 6135 utterances of RAVDESS, EMO-DB, CREMA-D
# and URDU, 6127 stay within this range up to the flank of their anti-aliasing filter; the others visibly end earlier.
DYNAMIC_RANGE_DB = 60.0
# Rounding to N bits leaves a noise of known level: what does not stand out from it by this much is not sound.
ABOVE_ROUNDING_DB = 10.0
# A single tone above the end of the spectrum (a power supply, a screen) is not sound of the recording.
SMOOTHING_BANDS = 5
# A filter falls off within 0.5 kHz; a tenth of the spectrum is too little to tell it from the flank at the top.
EDGE_BANDS = 4
BANDS_ABOVE_EDGE = 8
_TINY = 1e-20  # power, for logarithms


def spectrogram(samples: np.ndarray, sampling_rate: float) -> np.ndarray:
    """
    Power of evenly spread frames in bands of `BAND_HZ`.

    Args:
        samples (`np.ndarray` of shape `(num_samples,)`):
            1.0 is full scale.
        sampling_rate (`float`):
            Hz.

    Returns:
        `np.ndarray` of shape `(num_frames, num_bands)`: Mean power per bin, so scaled that white noise of power p has
        p in every band. Band k starts at `k * BAND_HZ`.
    """
    size = max(8, 2 * round(FRAME_SECONDS * sampling_rate / 2))
    samples = np.pad(samples, (0, max(0, size - len(samples))))
    starts = np.arange(0, len(samples) - size + 1, size // 2)
    if len(starts) > MAX_FRAMES:
        starts = starts[np.linspace(0, len(starts) - 1, MAX_FRAMES).astype(int)]
    window = np.hanning(size).astype(np.float32)
    frames = samples[starts[:, None] + np.arange(size)] * window
    bins = np.fft.rfft(frames, axis=1)
    power = (bins.real**2 + bins.imag**2) / np.sum(window**2)
    first_bins = _first_bins(size, sampling_rate)
    widths = np.diff(np.append(first_bins, power.shape[1]))
    return np.add.reduceat(power, first_bins, axis=1) / widths


def loud_spectrum(power: np.ndarray) -> np.ndarray:
    """Level of each band in its loudest frames, dB re full scale; `power` is what [`spectrogram`] returns."""
    return 10 * np.log10(np.percentile(power, LOUD_PERCENTILE, axis=0) + _TINY)


def frame_levels(power: np.ndarray) -> tuple[float, float]:
    """Level of quiet and of loud frames (5th and 95th percentile), dB re full scale."""
    quiet, loud = np.percentile(power.mean(axis=1), (QUIET_PERCENTILE, LOUD_PERCENTILE))
    return float(10 * np.log10(quiet + _TINY)), float(10 * np.log10(loud + _TINY))


def spectrum_end(levels: np.ndarray, sampling_rate: float, bits: int = 16) -> float | None:
    """
    Highest frequency at which a spectrum is above rounding noise and within 60 dB of its maximum.

    Args:
        levels (`np.ndarray` of shape `(num_bands,)`):
            What [`loud_spectrum`] returns, dB re full scale.
        sampling_rate (`float`):
            Hz.
        bits (`int`, *optional*, defaults to 16):
            Bits per sample in the file.

    Returns:
        `float` or `None`: Hz, at most half the sampling rate; `None` if no band stands out from rounding noise.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.data.audit.bandwidth import spectrum_end
    >>> spectrum_end(np.array([-30.0] * 32 + [-100.0] * 32), sampling_rate=16_000)  # 32 bands of 125 Hz
    4000.0

    ```
    """
    rounding_noise = 10 * np.log10((2.0 ** (1 - bits)) ** 2 / 12)
    smooth = _smoothed(levels)
    is_sound = (smooth >= rounding_noise + ABOVE_ROUNDING_DB) & (smooth >= smooth.max() - DYNAMIC_RANGE_DB)
    if not is_sound.any():
        return None
    last = int(np.flatnonzero(is_sound)[-1])
    return sampling_rate / 2 if last == len(levels) - 1 else (last + 1) * BAND_HZ


def steepest_edge(levels: np.ndarray) -> tuple[float, float]:
    """
    Where a spectrum falls most within 0.5 kHz, and never comes back.

    Args:
        levels (`np.ndarray` of shape `(num_bands,)`):
            What [`loud_spectrum`] returns, dB.

    Returns:
        `tuple[float, float]`: Frequency of the edge in Hz, and the fall in dB from the mean of 0.5 kHz below it to the
        maximum of everything above it; `(0.0, 0.0)` if the spectrum is too narrow or does not fall.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.data.audit.bandwidth import steepest_edge
    >>> steepest_edge(np.array([-30.0] * 32 + [-100.0] * 32))  # 32 bands of 125 Hz
    (4000.0, 70.0)

    ```
    """
    smooth = _smoothed(levels)
    edges = np.arange(EDGE_BANDS, len(smooth) - EDGE_BANDS - BANDS_ABOVE_EDGE + 1)
    if not edges.size:
        return 0.0, 0.0
    below = np.lib.stride_tricks.sliding_window_view(smooth, EDGE_BANDS).mean(axis=1)[edges - EDGE_BANDS]
    above = np.maximum.accumulate(smooth[::-1])[::-1][edges + EDGE_BANDS]
    falls = np.round(below - above, 6)
    steepest = np.flatnonzero(falls == falls.max())
    best = steepest[len(steepest) // 2]
    middle = (edges[best] + EDGE_BANDS / 2) * BAND_HZ
    return (float(middle), float(falls[best])) if falls[best] > 0 else (0.0, 0.0)


def _smoothed(levels: np.ndarray) -> np.ndarray:
    return median_filter(levels, min(SMOOTHING_BANDS, len(levels)), mode="nearest")


def _first_bins(size: int, sampling_rate: float) -> np.ndarray:
    band_of_bin = (np.fft.rfftfreq(size, 1 / sampling_rate) // BAND_HZ).astype(int)
    band_of_bin[-1] = band_of_bin[-2]  # the bin at half the sampling rate belongs to the last band
    return np.flatnonzero(np.diff(band_of_bin, prepend=-1))
