"""How much augmentation slows down loading: training clips per second without, with each transform, with a chain.

    OMP_NUM_THREADS=1 python benchmarks/augmentation_throughput.py
    OMP_NUM_THREADS=1 python benchmarks/augmentation_throughput.py --num_workers 2

Every arm decodes the same 16-bit WAV files, as long as those of CREMA-D, augments and collates them with
`EmotionDataCollator`. Each transform is applied to every clip (p=1); the chain has the probabilities of a usual
experiment. The arms alternate within each round, so that what else the machine does meets all of them; ratios are
those of medians. CPU time is that of the main process, and without workers therefore that of all the work.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from synthetic_clips import CORPORA, SAMPLING_RATE, NoiseCorpus
from torch.utils.data import DataLoader
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.data.augmentation import TRANSFORMS, Augmentation
from hf_emotion.data.data_collator import EmotionDataCollator


BATCH_SIZE = 16
WITHOUT, CHAIN = "without", "chain"
CHAIN_ENTRIES = [
    {"name": "pitch_shift", "p": 0.3},
    {"name": "time_stretch", "p": 0.3},
    {"name": "room", "p": 0.2},
    {"name": "gaussian_snr", "p": 0.5},
    {"name": "gain", "p": 0.5},
    {"name": "time_mask", "p": 0.3},
]
ARMS = {WITHOUT: [], **{name: [{"name": name, "p": 1}] for name in TRANSFORMS}, CHAIN: CHAIN_ENTRIES}


class TrainingRows:
    """Some rows of a corpus as a mixture gives them: with a `visit`."""

    def __init__(self, corpus: NoiseCorpus, num_clips: int):
        self.corpus = corpus
        self.num_clips = num_clips

    def __len__(self) -> int:
        return self.num_clips

    def __getitem__(self, index: int) -> dict:
        return {**self.corpus[index], "visit": 0}


def loader_of(arm: str, rows: TrainingRows, num_workers: int) -> DataLoader:
    """The data loader of an arm."""
    collator = EmotionDataCollator(
        Wav2Vec2FeatureExtractor(do_normalize=True),
        augmentation=Augmentation(ARMS[arm], SAMPLING_RATE) if ARMS[arm] else None,
    )
    return DataLoader(rows, BATCH_SIZE, collate_fn=collator, num_workers=num_workers)


def measure(loader: DataLoader) -> tuple[float, float]:
    """Seconds and CPU seconds of one pass, counted from the first batch on where workers have to start."""
    batches = iter(loader)
    if loader.num_workers:
        next(batches)
    started, cpu_started = time.perf_counter(), time.process_time()
    for _ in batches:
        pass
    return time.perf_counter() - started, time.process_time() - cpu_started


def main() -> None:
    """Measure all arms and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--num_clips", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--num_workers", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = NoiseCorpus(CORPORA[1], Path(folder))
        corpus.write(range(args.num_clips))
        rows = TrainingRows(corpus, args.num_clips)
        loaders = {arm: loader_of(arm, rows, args.num_workers) for arm in ARMS}
        for loader in loaders.values():
            next(iter(loader))  # imports, page cache
        rounds = [{arm: measure(loader) for arm, loader in loaders.items()} for _ in range(args.rounds)]
    num_measured = args.num_clips - (BATCH_SIZE if args.num_workers else 0)
    seconds = np.mean(corpus.durations[: args.num_clips])
    print(f"{num_measured} clips of {seconds:.2f} s on average, {args.num_workers} workers, {args.rounds} rounds\n")
    print("| arm | clips / s | time to without (rounds) | CPU time to without | ms per clip added |")
    print("|---|---|---|---|---|")
    wall, cpu = ({arm: statistics.median(turn[arm][kind] for turn in rounds) for arm in ARMS} for kind in (0, 1))
    for arm in ARMS:
        ratios = [turn[arm][0] / turn[WITHOUT][0] for turn in rounds]
        added = 1000 * (wall[arm] - wall[WITHOUT]) / num_measured
        cpu_ratio = "-" if args.num_workers else f"{cpu[arm] / cpu[WITHOUT]:.2f} x"
        print(
            f"| {arm} | {num_measured / wall[arm]:.0f} | **{wall[arm] / wall[WITHOUT]:.2f} x** "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | {cpu_ratio} | {added:.1f} |"
        )


if __name__ == "__main__":
    main()
