"""How long EMO-SUPERB takes on one corpus: the encoder in every step of training, next to extracting features once.

    OMP_NUM_THREADS=1 python benchmarks/emo_superb.py                                     # some minutes on a CPU
    OMP_NUM_THREADS=1 python benchmarks/emo_superb.py --encoder base --num_clips 32 --rounds 1
    python benchmarks/emo_superb.py --data_dir corpora/crema_d --label_dir EMO-SUPERB-submission/data --encoder FOLDER

CREMA-D has 5 folds and 110 epochs, and each epoch evaluates the validation and the test part. Nobody wants to wait for
that twice, so parts of it are measured on some clips, and the whole is computed from them:

* today (`frozen_encoder_loops.py`, as S3PRL and EMO-SUPERB's code): seconds of a training step and of an evaluated
  batch, 32 clips each, the encoder included, times the number of batches of the released epochs;
* ours: seconds of `extract_features`, scaled to the clips of the corpus; and seconds of an epoch of `train_heads` for
  the heads of all folds, evaluation included, on features of the size of the corpus (those of the clips, repeated),
  times the released epochs.

Both run on the same clips, in float32, with the same number of threads; workers of the `DataLoader` and threads that
decode come on top. They take turns in each round, after a first one that is not counted. Figures are medians over the
rounds; a ratio is the median of the ratios of the rounds. CPU seconds are those of the main process, without workers.

Two more tables: extraction next to a plain batched loop, at several batch sizes, and heads trained together or one
after the other. Without CREMA-D (`--data_dir`), clips of noise are as long as its clips. Without EMO-SUPERB's label
files (`--label_dir`), the sizes of the folds are theirs and the labels are drawn; labels change no time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
import transformers
from emo_superb_report import Clock, Plan, report
from frozen_encoder_loops import BATCH_SIZE, Batch, EveryStepLoop, SpeechFiles, plain_means
from synthetic_clips import CORPORA, NoiseCorpus
from torch.utils.data import DataLoader
from transformers import AutoFeatureExtractor, AutoModel, HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from hf_emotion.benchmark.frozen.head_training import HeadRecipe, HeadTask, train_heads
from hf_emotion.benchmark.frozen.heads import HeadFeatures
from hf_emotion.benchmark.protocol import FrozenSetting
from hf_emotion.benchmark.setting_data import FoldRows, SettingData, labelled_setting
from hf_emotion.data.loading import load_corpus
from hf_emotion.features.extraction import extract_features
from hf_emotion.features.feature_cache import FeatureCache
from hf_emotion.features.waveform_statistics import WaveformStatistics


CREMA_D = Path(__file__).resolve().parents[2] / "shared" / "data" / "crema_d"
CLASSES = ("angry", "sad", "disgust", "fear", "neutral", "happy")
EPOCHS = 110  # of EMO-SUPERB's configuration for CREMA-D: 15,510 steps, 141 in an epoch
# Utterances for training, validation and test in EMO-SUPERB's label files for CREMA-D.
FOLD_SIZES = ((4509, 1470, 1463), (4496, 1476, 1470), (4490, 1476, 1476), (4409, 1557, 1476), (4422, 1463, 1557))
MAX_DURATION_SECONDS = 10.0

LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
TINY = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}
TINY |= {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
SMALL = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536, "num_hidden_layers": 4}
SMALL |= {"conv_dim": (256,) * 7}
# The CNN of HuBERT base has group norm; small has the layer norm of the large models.
ENCODERS: dict[str, dict] = {"tiny": TINY | LAYER_NORM, "small": SMALL | LAYER_NORM, "base": {}}


@dataclass(frozen=True)
class Bench:
    """What all measurements run on: some clips, a stock encoder, and labels and folds of the whole corpus."""

    clips: datasets.Dataset
    paths: list[Path]
    encoder: transformers.PreTrainedModel
    extractor: Wav2Vec2FeatureExtractor
    data: SettingData

    def extract(self, clips: datasets.Dataset, folder: Path, batch_size: int | None) -> FeatureCache:
        """Our extraction, as the protocol asks for it."""
        return extract_features(
            self.encoder,
            clips,
            folder,
            feature_extractor=self.extractor,
            max_duration_seconds=MAX_DURATION_SECONDS,
            batch_size=batch_size,
            device="cpu",
        )


def timed(call: Callable[[], Any]) -> tuple[Clock, Any]:
    """How long a call takes, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return Clock(time.perf_counter() - wall, time.process_time() - cpu), result


def speech(data_dir: Path, num_clips: int, seed: int, folder: Path) -> tuple[datasets.Dataset, list[Path]]:
    """Clips of CREMA-D that a seed chooses, in the order of the corpus; where there is no CREMA-D, clips of noise."""
    if data_dir.is_dir():
        parts: Any = load_corpus("crema_d", data_dir=data_dir)
        rows = datasets.concatenate_datasets(list(parts.values())).cast_column("audio", datasets.Audio(decode=False))
        chosen = np.random.default_rng(seed).choice(len(rows), num_clips, replace=False)
        clips = rows.select(np.sort(chosen)).select_columns(["utterance_id", "audio"])
    else:
        noise = NoiseCorpus(CORPORA[1], folder, seed)
        noise.write(range(num_clips))
        made = [{name: noise[key][name] for name in ("utterance_id", "audio")} for key in range(num_clips)]
        clips = datasets.Dataset.from_list(made)
    return clips, [Path(audio["path"]) for audio in clips["audio"]]


def speech_encoder(name: str, seed: int) -> tuple[transformers.PreTrainedModel, Wav2Vec2FeatureExtractor]:
    """One of [`ENCODERS`] with random weights, or a checkpoint."""
    if name not in ENCODERS:
        return AutoModel.from_pretrained(name), AutoFeatureExtractor.from_pretrained(name)
    config = HubertConfig(**ENCODERS[name])
    torch.manual_seed(seed)
    is_large = config.feat_extract_norm == "layer"
    return HubertModel(config), Wav2Vec2FeatureExtractor(do_normalize=is_large, return_attention_mask=is_large)


def crema_d_setting(label_dir: Path | None, seed: int) -> SettingData:
    """Labels and folds of EMO-SUPERB; or drawn ones, with folds of the same sizes."""
    if label_dir is not None:
        return labelled_setting(FrozenSetting("CREMA-D", "crema_d", EPOCHS, label_folder="CREMA-D/Primary"), label_dir)
    generator = np.random.default_rng(seed)
    num_clips = sum(FOLD_SIZES[0])
    votes = generator.multinomial(10, np.full(len(CLASSES), 1 / len(CLASSES)), num_clips) / 10
    folds = []
    for number, (train, validation, _) in enumerate(FOLD_SIZES, start=1):
        rows = generator.permutation(num_clips)
        folds.append(FoldRows(number, *np.split(rows, [train, train + validation])))
    utterances = pd.DataFrame({"utterance_id": [f"clip_{row}" for row in range(num_clips)]})
    return SettingData("CREMA-D", "crema_d", CLASSES, utterances, votes, tuple(folds), digest="drawn")


def per_batch(loader: DataLoader, call: Callable[[Batch], None]) -> Clock:
    """Time for a batch; that of starting the workers and loading the first batch does not count."""
    batches = iter(loader)
    first = next(batches)
    clock, _ = timed(lambda: [call(batch) for batch in itertools.chain([first], batches)])
    return clock / len(loader)


class Rounds:
    """
    Measurements that take turns.

    Args:
        bench ([`Bench`]): What they run on.
        options (`argparse.Namespace`): Those of the command line.
        folder (`Path`): For features.
    """

    def __init__(self, bench: Bench, options: argparse.Namespace, folder: Path):
        self.bench, self.options = bench, options
        self._folders = (folder / f"features_{number}" for number in itertools.count())
        statistics_of_clips = WaveformStatistics.of(bench.clips)
        labels = bench.data.labels[: len(bench.paths)]  # whose they are changes no time
        self.files = SpeechFiles(bench.paths, labels, statistics_of_clips.mean, statistics_of_clips.std)
        self.loop = EveryStepLoop(bench.encoder, bench.extractor, bench.data.class_weights(bench.data.folds[0]))

    def today(self, number: int) -> dict[str, Clock]:
        """A training step and an evaluated batch, with the encoder."""
        workers = self.options.num_workers
        return {
            "training_step": per_batch(self.files.loader(workers, seed=number), self.loop.train),
            "evaluated_batch": per_batch(self.files.loader(workers), self.loop.evaluate),
        }

    def ours(self) -> tuple[dict[str, Clock], HeadFeatures]:
        """Extraction and an epoch of the heads of all folds; and the features, as many as the corpus has clips."""
        clips, folder, batch_size = self.bench.clips, next(self._folders), self.options.extraction_batch_size
        whole, cache = timed(lambda: self.bench.extract(clips, folder, batch_size))
        # what every call costs: an identity of the encoder, a look at the folder
        call, _ = timed(lambda: self.bench.extract(clips.select([0]), folder, batch_size))
        repeated = cache.select(itertools.islice(itertools.cycle(cache.utterance_ids), len(self.bench.data)))
        loading, features = timed(lambda: HeadFeatures(repeated, "mean"))
        heads, _ = timed(lambda: self.train(features, [0], self.options.num_epochs))
        parts = {"extraction_call": call, "extracted_clip": (whole - call) / len(clips), "loading": loading}
        return parts | {"epoch": heads / self.options.num_epochs}, features

    def train(self, features: HeadFeatures, seeds: Iterable[int], epochs: int, is_stacked: bool | None = None) -> None:
        """Train the heads of all folds."""
        tasks = [HeadTask(fold, seed) for seed in seeds for fold in self.bench.data.folds]
        train_heads(features, self.bench.data, tasks, HeadRecipe(epochs=epochs), is_stacked=is_stacked)

    def together(self, features: HeadFeatures) -> dict[str, Clock]:
        """An epoch of several heads of each fold, one after the other and stacked."""
        seeds = range(self.options.num_seeds)
        alone, _ = timed(lambda: self.train(features, seeds, epochs=1, is_stacked=False))
        stacked, _ = timed(lambda: self.train(features, seeds, epochs=1, is_stacked=True))
        return {"one after the other": alone, "stacked": stacked}

    def extraction(self, batch_size: int, reference: np.ndarray) -> dict[str, dict[str, Any]]:
        """A plain loop and ours on the same clips."""
        bench, folder = self.bench, next(self._folders)
        plain, (means, padding) = timed(lambda: self._plain(batch_size, folder.with_suffix(".npy")))
        whole, cache = timed(lambda: bench.extract(bench.clips, folder, batch_size))
        call, _ = timed(lambda: bench.extract(bench.clips.select([0]), folder, batch_size))
        rows = {"plain": (plain, padding, means), "ours": (whole - call, cache.report.padding_share, cache.means[:])}
        return {
            arm: {"clock": clock, "padding": share, "error": float(np.abs(found - reference).max())}
            for arm, (clock, share, found) in rows.items()
        }

    def _plain(self, batch_size: int, path: Path) -> tuple[np.ndarray, float]:
        means, padding = plain_means(self.bench.encoder, self.bench.extractor, self.bench.paths, batch_size)
        np.save(path, means)
        return means, padding


def measure(bench: Bench, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All rounds."""
    rounds = Rounds(bench, options, folder)
    reference, _ = plain_means(bench.encoder, bench.extractor, bench.paths, batch_size=1)
    found: dict[str, Any] = {"parts": [], "heads": [], "extraction": {size: [] for size in options.batch_sizes}}
    for number in range(options.rounds + 1):
        today, (ours, features) = rounds.today(number), rounds.ours()
        if number:  # the first round warms up
            found["parts"].append(today | ours)
            found["heads"].append(rounds.together(features))
            for size in options.batch_sizes:
                found["extraction"][size].append(rounds.extraction(size, reference))
    return found


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="small", help=f"{', '.join(ENCODERS)}, or the folder of a checkpoint")
    parser.add_argument("--data_dir", type=Path, default=CREMA_D, help="folder of CREMA-D")
    parser.add_argument("--label_dir", type=Path, help="folder of EMO-SUPERB's label files, which has CREMA-D/Primary")
    parser.add_argument("--num_clips", type=int, default=64, help=f"clips to measure on, a multiple of {BATCH_SIZE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--num_epochs", type=int, default=2, help="epochs of the heads in each round")
    parser.add_argument("--num_seeds", type=int, default=3, help="heads of each fold that are trained together")
    parser.add_argument("--extraction_batch_size", type=int, help="by default what extract_features chooses")
    parser.add_argument("--batch_sizes", type=int, nargs="*", default=[1, 8, 16, 32], help="for extraction by itself")
    parser.add_argument(
        "--num_workers", type=int, default=6, help="that load batches, in EMO-SUPERB's configuration 6"
    )
    parser.add_argument("--num_threads", type=int, default=1, help="of both sides")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parser.parse_args(arguments)
    if options.num_clips < BATCH_SIZE or options.num_clips % BATCH_SIZE:
        parser.error(
            f"--num_clips {options.num_clips} is not a multiple of {BATCH_SIZE}: no part of a batch is measured."
        )
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a report in Markdown, and write the figures."""
    options = parse_options(arguments)
    torch.set_num_threads(options.num_threads)
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    with tempfile.TemporaryDirectory() as folder:
        clips, paths = speech(options.data_dir, options.num_clips, options.seed, Path(folder))
        data = crema_d_setting(options.label_dir, options.seed)
        bench = Bench(clips, paths, *speech_encoder(options.encoder, options.seed), data)
        found = measure(bench, options, Path(folder))
    plan = Plan([fold.sizes for fold in data.folds], EPOCHS, BATCH_SIZE)
    facts = {
        "encoder": f"{options.encoder}, {bench.encoder.num_parameters() / 1e6:.1f} M parameters",
        "clips": f"{len(clips)} of {'CREMA-D' if options.data_dir.is_dir() else 'noise'}",
        "labels": "EMO-SUPERB's" if options.label_dir else "drawn",
        "threads": options.num_threads,
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }
    figures, lines = report(found, plan, facts, len(clips))
    print("\n".join(lines))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
