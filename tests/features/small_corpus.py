"""A corpus of generated noise and an encoder of a few thousand weights. Run as a script, it extracts the features of
the one by the other: `python -m tests.features.small_corpus CORPUS_DIR CACHE_DIR [die_before|die_after NUMBER
[FRAMES]]`."""

import logging
import os
import signal
import sys
from pathlib import Path

import datasets
import numpy as np
import soundfile
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.data.columns import AudioFile
from hf_emotion.features.extraction import extract_features
from tests.models.speech_emotion.tiny_encoders import tiny_model


NUM_CLIPS = 10
EXTRACTOR = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)


def write_clip(path: Path, seed: int, seconds: float) -> None:
    """Noise with an offset and a loudness of its own."""
    generator = np.random.default_rng(seed)
    samples = generator.normal(0.01 * seed, 0.02 + 0.01 * seed, round(seconds * 16_000))
    soundfile.write(path, samples.clip(-1, 1), 16_000, subtype="FLOAT")


def write_corpus(folder: Path) -> datasets.Dataset:
    """Clips of 50 to 230 ms."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NUM_CLIPS):
        write_clip(folder / f"clip{number}.wav", number, 0.05 + 0.02 * ((7 * number) % 10))
    return read_corpus(folder)


def read_corpus(folder: Path) -> datasets.Dataset:
    paths = sorted(folder.glob("*.wav"))
    audio = [{"path": str(path), "bytes": None} for path in paths]
    features = datasets.Features({"utterance_id": datasets.Value("string"), "audio": AudioFile(decode=False)})
    return datasets.Dataset.from_dict({"utterance_id": [path.stem for path in paths], "audio": audio}, features)


def extract(corpus: datasets.Dataset, cache_dir: Path, encoder: str = "hubert-large", **options):
    """Features of the corpus by a tiny encoder, two clips per chunk."""
    model = options.pop("model", None) or tiny_model(encoder)
    return extract_features(
        model,
        corpus,
        cache_dir,
        feature_extractor=options.pop("feature_extractor", EXTRACTOR),
        chunk_size=2,
        **options,
    )


def die_at_chunk(moment: str, number: int) -> None:
    """Let this process kill itself before or after the given chunk gets its name."""
    replace, written = os.replace, []

    def replace_or_die(source, target):
        if Path(target).name.startswith("chunk-"):
            written.append(target)
        dies = len(written) == number and Path(target).name.startswith("chunk-")
        if dies and moment == "die_before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_or_die


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if len(sys.argv) > 3:
        die_at_chunk(sys.argv[3], int(sys.argv[4]))
    options = {"frames": sys.argv[5]} if len(sys.argv) > 5 else {}
    cache = extract(read_corpus(Path(sys.argv[1])), Path(sys.argv[2]), **options)
    print(cache.folder, len(cache), cache.report.num_cached, cache.report.num_extracted, flush=True)
