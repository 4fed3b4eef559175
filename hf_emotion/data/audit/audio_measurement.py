"""What one audio file holds, measured by decoding it once: levels, clipping, channels, bandwidth, identity."""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np
import soundfile
from scipy.ndimage import binary_opening

from ..archive import header_duration
from .bandwidth import frame_levels, loud_spectrum, spectrogram, spectrum_end, steepest_edge
from .container import data_chunk, sphere_sample_count


# A minute at 16 kHz: nearly every utterance is one block, and a recording of hours does not fill the memory.
BLOCK_FRAMES = 2**20
# Full scale but for one step of 10 bits: resamplers and dither leave clipped samples a little below 1.
FULL_SCALE = 0.999
# Clipping below full scale (a limiter, or turned down later) shows as flat tops: this many equal samples at the
# extreme of the file. Below -26 dB, rounding to 16 bits makes flat tops of its own.
FLAT_TOP_SAMPLES = 3
FLAT_TOP_LEVEL = 0.05
_FILES_PER_TASK = 16
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "ULAW": 14, "ALAW": 13}
_MAX_BITS = 24  # of a float32 sample, and of codecs that decode to floating point


@dataclass(frozen=True)
class AudioMeasurement:
    """
    What one file holds. Numbers are over all channels unless they are about the mean of the channels, which is what
    [`~hf_emotion.data.audio.load_audio`] gives to a model.

    Args:
        path (`str`): The file.
        error (`str`, *optional*): Why nothing, or not everything, could be decoded.
        file_format, subtype (`str`): As libsndfile names them, for example `"WAV"` and `"PCM_16"`.
        sampling_rate (`int`): Hz, by the header.
        num_channels (`int`): By the header.
        num_frames (`int`): Samples per channel that were decoded.
        promised_frames (`int`): Samples per channel that the header promises.
        hidden_frames (`int`): Samples per channel that lie behind the end that the header gives.
        peak (`float`): Largest magnitude, 1.0 is full scale.
        level (`float`): Root mean square of the mean of the channels, dB re full scale; -inf for digital silence.
        mix_loss (`float`): How much quieter the mean of the channels is than the channels, dB.
        dc_offset (`float`): Mean of all samples, 1.0 is full scale.
        clipped_share (`float`): Share of samples at full scale or on flat tops.
        dynamic_range (`float`): Between loud and quiet frames of the mean of the channels, dB.
        bandwidth (`float`, *optional*): See [`~hf_emotion.data.audit.bandwidth.spectrum_end`], Hz.
        edge, edge_fall (`float`): See [`~hf_emotion.data.audit.bandwidth.steepest_edge`], Hz and dB.
        empty_channels (`int`): Channels without a sample above -80 dB.
        has_identical_channels (`bool`): Several channels, all the same.
        digest (`str`, *optional*): Hash of the mean of the channels and the sampling rate: equal for equal audio, in
            whatever lossless format.
    """

    path: str
    error: str | None = None
    file_format: str = ""
    subtype: str = ""
    sampling_rate: int = 0
    num_channels: int = 0
    num_frames: int = 0
    promised_frames: int = 0
    hidden_frames: int = 0
    peak: float = 0.0
    level: float = -math.inf
    mix_loss: float = 0.0
    dc_offset: float = 0.0
    clipped_share: float = 0.0
    dynamic_range: float = 0.0
    bandwidth: float | None = None
    edge: float = 0.0
    edge_fall: float = 0.0
    empty_channels: int = 0
    has_identical_channels: bool = False
    digest: str | None = None

    @property
    def duration(self) -> float:
        """Seconds that could be decoded."""
        return self.num_frames / self.sampling_rate if self.sampling_rate else 0.0


def measure_files(paths: Iterable[str], num_proc: int = 1) -> Iterator[AudioMeasurement]:
    """
    Measure files, in the order of `paths`, each as soon as it is done.

    Args:
        paths (`Iterable[str]`):
            Audio files.
        num_proc (`int`, *optional*, defaults to 1):
            Processes to use; with 1 everything happens in this one. More are started anew (not forked, since torch
            and arrow run threads), so that a script that calls this needs `if __name__ == "__main__":`.

    Yields:
        [`AudioMeasurement`]
    """
    if num_proc <= 1:
        yield from map(measure_audio, paths)
        return
    with ProcessPoolExecutor(num_proc, mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure_audio, paths, chunksize=_FILES_PER_TASK)


def measure_audio(path: str | os.PathLike) -> AudioMeasurement:
    """
    Decode one file and measure it. Broken files raise nothing; they are measured as far as they can be decoded.

    Args:
        path (`str` or `os.PathLike`):
            The file.

    Returns:
        [`AudioMeasurement`]
    """
    path = os.fspath(path)
    try:
        header_duration(path)
        with soundfile.SoundFile(path) as file:
            totals = _Totals(file)
            error = totals.decode(file)
            return AudioMeasurement(path, error, **_header(path, file, totals.num_frames), **totals.summary())
    except (ValueError, soundfile.LibsndfileError) as error:
        return AudioMeasurement(path, str(error) + _hidden_samples(path))


def _header(path: str, file: soundfile.SoundFile, num_decoded: int) -> dict[str, Any]:
    promised, hidden = sphere_sample_count(path) or file.frames, 0
    chunk = data_chunk(path)
    if chunk is not None and chunk.present:
        frames_per_byte = file.frames / chunk.present
        promised = max(promised, round(chunk.promised * frames_per_byte))
        hidden = round(chunk.behind * frames_per_byte)
    return {
        "file_format": file.format,
        "subtype": file.subtype,
        "sampling_rate": file.samplerate,
        "num_channels": file.channels,
        "num_frames": num_decoded,
        "promised_frames": promised,
        "hidden_frames": hidden,
    }


def _hidden_samples(path: str) -> str:
    """A file whose header was never completed holds samples that no program sees."""
    chunk = data_chunk(path) if os.path.isfile(path) else None
    if chunk is None or not chunk.behind:
        return ""
    return f"; its header announces {chunk.promised} bytes of samples, {chunk.behind} more bytes lie behind them"


@dataclass
class _Totals:
    """Sums over the blocks of a file."""

    file: soundfile.SoundFile
    num_frames: int = 0
    num_clipped: int = 0
    mix_energy: float = 0.0
    quiet: float = math.inf
    loud: float = -math.inf
    is_identical: bool = True
    spectrum: Any = None
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def __post_init__(self):
        self.peaks, self.sums, self.energies = (np.zeros(self.file.channels) for _ in range(3))
        self.digest.update(f"{self.file.samplerate}:".encode())

    def decode(self, file: soundfile.SoundFile) -> str | None:
        """Add up the file; returns why decoding stopped before the end, if it did."""
        buffer = np.empty((min(BLOCK_FRAMES, file.frames), file.channels), dtype=np.float32)
        error = None
        while error is None:
            start = file.tell()
            try:
                num_read = len(file.read(out=buffer))
            except soundfile.LibsndfileError as failure:
                # libFLAC gives up with codes that have no text of their own; what was decoded before is in the buffer.
                num_read = max(0, file.tell() - start)
                error = f"decoding stops after {(start + num_read) / file.samplerate:.2f} s"
                error += f" ({failure.error_string})" * bool(failure.error_string)
            if num_read == 0:
                break
            if not np.isfinite(buffer[:num_read]).all():
                return "it holds NaN or infinite samples"
            self.add(buffer[:num_read])
        return error

    def add(self, block: np.ndarray) -> None:
        """Add a block of shape `(num_frames, num_channels)`."""
        mix = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        self.num_frames += len(block)
        self.num_clipped += _num_clipped(block)
        self.peaks = np.maximum(self.peaks, np.abs(block).max(axis=0))
        self.sums += block.sum(axis=0, dtype=np.float64)
        self.energies += np.einsum("fc,fc->c", block, block, dtype=np.float64)
        self.mix_energy += float(np.dot(mix, mix))
        self.is_identical &= bool((block == block[:, :1]).all())
        self.digest.update(np.ascontiguousarray(mix).data)
        power = spectrogram(mix, self.file.samplerate)
        quiet, loud = frame_levels(power)
        self.quiet, self.loud = min(self.quiet, quiet), max(self.loud, loud)
        levels = loud_spectrum(power)
        self.spectrum = levels if self.spectrum is None else np.maximum(self.spectrum, levels)

    def summary(self) -> dict[str, Any]:
        """The measurements."""
        if self.num_frames == 0:
            return {}
        channel_power = float(self.energies.mean()) / self.num_frames
        mix_power = self.mix_energy / self.num_frames
        edge, edge_fall = steepest_edge(self.spectrum)
        return {
            "peak": float(self.peaks.max()),
            "level": _decibels(mix_power),
            "mix_loss": _decibels(channel_power) - _decibels(mix_power) if channel_power else 0.0,
            "dc_offset": float(self.sums.mean()) / self.num_frames,
            "clipped_share": self.num_clipped / (self.num_frames * self.file.channels),
            "dynamic_range": self.loud - self.quiet,
            "bandwidth": spectrum_end(self.spectrum, self.file.samplerate, _BITS.get(self.file.subtype, _MAX_BITS)),
            "edge": edge,
            "edge_fall": edge_fall,
            "empty_channels": int((self.peaks < 1e-4).sum()),
            "has_identical_channels": self.is_identical and self.file.channels > 1,
            "digest": self.digest.hexdigest(),
        }


def _num_clipped(block: np.ndarray) -> int:
    """Samples at full scale, and samples inside flat tops at the extremes of the block."""
    clipped = np.abs(block) >= FULL_SCALE
    for extreme in (block.max(axis=0), block.min(axis=0)):
        at_extreme = (block == extreme) & (np.abs(extreme) >= FLAT_TOP_LEVEL)
        if at_extreme.sum() >= FLAT_TOP_SAMPLES:
            clipped |= binary_opening(at_extreme, np.ones((FLAT_TOP_SAMPLES, 1)))
    return int(clipped.sum())


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
