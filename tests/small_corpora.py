"""Archives small enough to be pushed in a test."""

import json
from pathlib import Path

from tests.data.fake_audio import write_noise


def write_ravdess(root: Path, sampling_rate: int = 48_000) -> Path:
    """Four actors, three emotions; one file is FLAC, one is stereo."""
    for actor in (1, 2, 3, 4):
        for emotion in ("01", "03", "05"):
            name = f"Actor_{actor:02d}/03-01-{emotion}-01-01-01-{actor:02d}"
            suffix = ".flac" if (actor, emotion) == (4, "05") else ".wav"
            channels = 2 if (actor, emotion) == (3, "01") else 1
            write_noise(root / f"{name}{suffix}", 0.2, sampling_rate, channels)
    return root


def write_manifest(folder: Path, corpus: str | None = None) -> Path:
    """Recordings of one's own: three speakers who say two emotions, rated and with votes."""
    rows = []
    for speaker in "abc":
        for label in ("anger", "joy"):
            write_noise(folder / f"{speaker}_{label}.wav", sampling_rate=16_000)
            row = {"path": f"{speaker}_{label}.wav", "label": label, "speaker_id": speaker, "corpus": corpus}
            rows.append(row | {"valence": ord(speaker) / 100, "votes": {label: 2, "neutral": 1}})
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder
