"""Stand-ins for archives: files with the published names that hold generated noise and nothing from a real corpus."""

from pathlib import Path

import numpy as np
import soundfile


def write_noise(path: Path, seconds: float = 0.05, sampling_rate: int = 8_000, channels: int = 1, **options) -> Path:
    """Write noise that differs from path to path; `options` go to `soundfile.write`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(list(path.as_posix().encode()))
    samples = generator.uniform(-0.5, 0.5, (round(seconds * sampling_rate), channels))
    soundfile.write(path, samples, sampling_rate, **options)
    return path


def rows_by_id(dataset) -> dict[str, dict]:
    """Rows of a dataset by utterance id."""
    return {row["utterance_id"]: row for row in dataset}
