"""From measurements of files to findings: thresholds, and why they are what they are."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from .audio_measurement import AudioMeasurement
from .container import SUFFIXES
from .findings import Finding


# 0.001 of full scale, 33 steps of 16 bits. The quietest of the 6135 utterances of RAVDESS, EMO-DB, CREMA-D and URDU
# peaks at -47 dB.
SILENT_PEAK_DB = -60.0
# Loud and quiet frames of hiss or of a tone differ by 1 dB, of the steadiest of those utterances by 5 dB.
CONSTANT_LEVEL_DB = 2.0
# Shorter files have too few frames for that.
CONSTANT_LEVEL_MIN_SECONDS = 0.5
# Headers that count themselves as samples are off by 44 bytes; a lossy codec by a frame or two of 1152 samples.
MISSING_SECONDS = 0.01
MISSING_LOSSY_FRAMES = 2 * 1152
# 1 ms of each second. Speech that is only turned up to full scale touches it for 0.6 samples in a thousand at most
# (EMO-DB); from here on the flat tops can be seen.
CLIPPED_SHARE = 0.001
# -40 dB, where starts and ends of a clip become audible clicks; and a tenth of the signal, where it biases features.
DC_OFFSET = 0.01
DC_OFFSET_OF_LEVEL = 0.1
# 20 dB: both channels carry the same sound with opposite sign.
CANCELLING_DB = 20.0
# What models at 16 kHz hear ends at 8 kHz, less the flanks of resampling filters; wide-band telephony ends at 7 kHz.
WIDE_BAND_HZ = 7000.0
# A corpus reaches what its widest tenth of files reaches: soft voices and texts without fricatives end earlier.
REACHED_PERCENTILE = 90
# Within a tenth of half the sampling rate, the rate is the limit.
NEAR_NYQUIST = 0.9
# Above its formants, speech falls by up to 30 dB within 0.5 kHz (7051 recorded and synthetic utterances). Telephone
# and codec filters fall further: those of four recordings in URDU by 33 to 48 dB.
FILTER_EDGE_DB = 32.0
# Beyond this share, files with another sampling rate are a second kind of recording, not an accident.
ODD_RATE_SHARE = 0.05
_LOSSY = ("MP3", "OGG")


def file_findings(measurements: Mapping[str, AudioMeasurement]) -> Iterator[Finding]:
    """
    What is wrong with single files.

    Args:
        measurements (`Mapping[str, AudioMeasurement]`):
            Measurement by utterance id.

    Yields:
        [`Finding`]: One per file and kind.
    """
    for utterance_id, measured in measurements.items():
        for kind, severity, explanation in _file_problems(measured):
            yield Finding(kind, severity, (utterance_id,), explanation)


def corpus_findings(
    measurements: Mapping[str, AudioMeasurement], published_rate: int | None = None
) -> Iterator[Finding]:
    """
    What shows only when files are compared: bandwidth and sampling rates.

    Args:
        measurements (`Mapping[str, AudioMeasurement]`):
            Measurement by utterance id.
        published_rate (`int`, *optional*):
            Sampling rate as published, Hz.

    Yields:
        [`Finding`]
    """
    decoded = {key: measured for key, measured in measurements.items() if measured.num_frames}
    yield from _band_findings(decoded)
    yield from _sampling_rate_findings(decoded, published_rate)


def corpus_bandwidth(measurements: Mapping[str, AudioMeasurement]) -> float | None:
    """
    Highest frequency that carries sound in the corpus, Hz: what the widest tenth of the files reaches.

    Args:
        measurements (`Mapping[str, AudioMeasurement]`):
            Measurement by utterance id; silent files do not count.
    """
    bands = [measured.bandwidth for measured in measurements.values() if measured.bandwidth is not None]
    return float(np.percentile(bands, REACHED_PERCENTILE, method="lower")) if bands else None


def is_silent(measured: AudioMeasurement) -> bool:
    """Whether a decoded file holds no speech: below [`SILENT_PEAK_DB`], or at a constant level."""
    return bool(_silence(measured))


def _file_problems(measured: AudioMeasurement) -> Iterator[tuple[str, str, str]]:
    if not measured.num_frames:
        yield "undecodable", "error", measured.error or "no samples"
        return
    yield from _header_problems(measured)
    if silence := _silence(measured):
        yield "silent", "error", silence
        return
    if measured.mix_loss >= CANCELLING_DB:
        loss = f"{measured.mix_loss:.0f} dB quieter than they are" if measured.mix_loss < math.inf else "silent"
        yield "cancelling_channels", "error", f"the mean of the channels is {loss}"
    if measured.clipped_share >= CLIPPED_SHARE:
        share = f"{1000 * measured.clipped_share:.1f} of 1000 samples"
        yield "clipped", "warning", f"{share} at full scale or on flat tops"
    if measured.empty_channels:
        yield "empty_channel", "note", f"{measured.empty_channels} of {measured.num_channels} channels are empty"
    if measured.has_identical_channels:
        yield "identical_channels", "note", f"{measured.num_channels} channels are the same"
    offset, level = abs(measured.dc_offset), 10 ** (measured.level / 20)
    if offset >= DC_OFFSET and offset >= DC_OFFSET_OF_LEVEL * level:
        share = f", {100 * offset / level:.0f} % of the level" if level else ""
        yield "dc_offset", "note", f"mean {measured.dc_offset:+.3f} of full scale{share}"


def _header_problems(measured: AudioMeasurement) -> Iterator[tuple[str, str, str]]:
    rate = measured.sampling_rate
    missing = measured.promised_frames - measured.num_frames
    tolerance = MISSING_LOSSY_FRAMES if measured.file_format in _LOSSY else MISSING_SECONDS * rate
    if measured.error or missing > tolerance:
        explanation = (
            f"the header promises {measured.promised_frames / rate:.2f} s, {measured.duration:.2f} s are there"
        )
        yield "truncated", "error", f"{explanation}: {measured.error}" if measured.error else explanation
    if measured.hidden_frames > MISSING_SECONDS * rate:
        hidden = measured.hidden_frames / rate
        yield (
            "hidden_samples",
            "warning",
            f"the header ends after {measured.duration:.2f} s, {hidden:.2f} s lie behind",
        )
    suffix, expected = Path(measured.path).suffix.lower(), SUFFIXES.get(measured.file_format, ())
    if expected and suffix not in expected:
        yield "wrong_suffix", "note", f"named {suffix}, but the format is {measured.file_format}"


def _silence(measured: AudioMeasurement) -> str | None:
    if measured.peak == 0:
        return "all samples are zero"
    peak = 20 * math.log10(measured.peak)
    if peak < SILENT_PEAK_DB:
        return f"the loudest sample is at {peak:.0f} dB re full scale"
    if measured.dynamic_range < CONSTANT_LEVEL_DB and measured.duration >= CONSTANT_LEVEL_MIN_SECONDS:
        return f"the level varies by {measured.dynamic_range:.1f} dB only: noise or a tone"
    return None


def _band_findings(measurements: Mapping[str, AudioMeasurement]) -> Iterator[Finding]:
    reached = corpus_bandwidth(measurements)
    if reached is None:
        return
    if reached < WIDE_BAND_HZ:
        rate = np.median([measured.sampling_rate for measured in measurements.values()])
        cause = f"stored at {rate:,.0f} Hz" if reached > NEAR_NYQUIST * rate / 2 else "whatever its sampling rate"
        explanation = f"nothing above {reached / 1000:.1f} kHz ({cause}); models at 16 kHz hear up to 8 kHz"
        yield Finding("band_limited_corpus", "warning", (), explanation)
    for key, measured in measurements.items():
        if measured.edge_fall >= FILTER_EDGE_DB and measured.edge < min(WIDE_BAND_HZ, NEAR_NYQUIST * reached):
            edge = f"the spectrum falls by {measured.edge_fall:.0f} dB at {measured.edge / 1000:.1f} kHz"
            yield Finding("band_limited", "note", (key,), f"{edge}, the corpus reaches {reached / 1000:.1f} kHz")


def _sampling_rate_findings(
    measurements: Mapping[str, AudioMeasurement], published_rate: int | None
) -> Iterator[Finding]:
    rates = Counter(measured.sampling_rate for measured in measurements.values())
    if not rates:
        return
    usual = rates.most_common(1)[0][0]
    if published_rate is not None and usual != published_rate:
        explanation = (
            f"{rates[usual]} of {len(measurements)} files have {usual:,} Hz, published are {published_rate:,} Hz"
        )
        yield Finding("resampled", "note", (), explanation)
    for rate in sorted(set(rates) - {usual}):
        members = tuple(key for key, measured in measurements.items() if measured.sampling_rate == rate)
        severity = "warning" if len(members) < ODD_RATE_SHARE * len(measurements) else "note"
        explanation = f"{len(members)} of {len(measurements)} files have {rate:,} Hz, {rates[usual]} have {usual:,} Hz"
        yield Finding("odd_sampling_rate", severity, members, explanation)
