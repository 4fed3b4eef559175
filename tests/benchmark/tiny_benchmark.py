"""A benchmark of seconds: real file names and label files, generated audio, tiny encoders saved as checkpoints.

Run as a script, it measures the benchmark in a folder and may kill itself on the way:
`python -m tests.benchmark.tiny_benchmark FOLDER [die_before|die_after CELL_NUMBER]`.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import soundfile
from accelerate import PartialState
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.benchmark import cells
from hf_emotion.benchmark.cells import RunSummary
from hf_emotion.benchmark.frozen.runner import Folders, run_frozen_encoders
from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, FrozenSetting, FrozenSystem
from tests.benchmark.label_writer import rotating_parts, write_labels
from tests.models.speech_emotion.tiny_encoders import tiny_model


ACTORS = ("1001", "1002", "1003", "1004", "1005", "1006")
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI")
EMOTIONS = ("ANG", "NEU")


def write_benchmark(folder: Path, encoders: tuple[str, ...] = ("hubert-large",)) -> None:
    """Corpora in `corpora/`, labels in `labels/`, encoders in `encoders/`."""
    audio_dir = folder / "corpora" / "crema_d" / "AudioWAV"
    audio_dir.mkdir(parents=True)
    generator, votes = np.random.default_rng(0), {}
    for actor in ACTORS:
        for sentence in SENTENCES:
            for emotion in EMOTIONS:
                name = f"{actor}_{sentence}_{emotion}_XX.wav"
                # the angry ones are louder
                samples = generator.normal(0, 0.05 if emotion == "NEU" else 0.2, int(generator.integers(2500, 5000)))
                soundfile.write(audio_dir / name, samples.clip(-1, 1), 16_000)
                sad = int(generator.integers(0, 5))
                votes[name] = (8 - sad, sad, 0) if emotion == "ANG" else (0, sad, 8 - sad)
    write_labels(folder / "labels" / "CREMA-D" / "Primary", votes, rotating_parts(list(ACTORS), 3))
    for encoder in encoders:
        model = tiny_model(encoder).speech_encoder
        model.save_pretrained(folder / "encoders" / encoder)
        Wav2Vec2FeatureExtractor(do_normalize=encoder.endswith("large"), return_attention_mask=True).save_pretrained(
            folder / "encoders" / encoder
        )


def protocol_of(folder: Path, encoders: tuple[str, ...] = ("hubert-large",), **fields) -> FrozenEncoderProtocol:
    """A protocol over what [`write_benchmark`] wrote."""
    options = {"seeds": (0, 1), "learning_rate": 1e-2, "batch_size": 8, "projector_size": 6, **fields}
    return FrozenEncoderProtocol(
        name="tiny",
        settings=(FrozenSetting("CREMA-D", "crema_d", epochs=2, label_folder="CREMA-D/Primary"),),
        systems=tuple(FrozenSystem(name, encoder=str(folder / "encoders" / name)) for name in encoders),
        **options,
    )


def folders_of(folder: Path, output: str = "outputs") -> Folders:
    return Folders(folder / output, folder / "corpora", folder / "labels", features=folder / "features")


def measure(folder: Path, output: str = "outputs", **fields) -> RunSummary:
    return run_frozen_encoders(protocol_of(folder, **fields), folders_of(folder, output))


def die_at_cell(moment: str, number: int) -> None:
    """Let this process kill itself before or after the given cell is declared finished."""
    replace, finished = os.replace, []

    def replace_or_die(source, target):
        is_cell = Path(target).name == cells.CELL_FILE
        finished.extend([target] * is_cell)
        dies = is_cell and len(finished) == number
        if dies and moment == "die_before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_or_die


if __name__ == "__main__":
    if len(sys.argv) > 2:
        die_at_cell(sys.argv[2], int(sys.argv[3]))
    summary = measure(Path(sys.argv[1]))
    # In one piece: processes share a pipe, and where Python does not buffer, print() writes part by part.
    sys.stdout.write(f"{summary.num_finished} {summary.num_trained}\n")
    sys.stdout.flush()
    PartialState().wait_for_everyone()
    os._exit(0)  # threads of pyarrow abort the shutdown of the interpreter now and then, after all is done
