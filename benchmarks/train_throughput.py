"""How fast we train, next to the stock way, in one run; and how much GPU memory ExHuBERT takes.

    python benchmarks/train_throughput.py                                    # CPU, a few minutes
    python benchmarks/train_throughput.py --model base --device cuda --bf16 --in_memory --num_batches 40
    python benchmarks/train_throughput.py --memory --device cuda --bf16

The stock way is what transformers' audio classification example does: `HubertForSequenceClassification`, `Trainer`,
the collator of its feature extractor with attention mask, clips in random order, decoding in the main process, a
frozen CNN. Ours is `ExHubertForSequenceClassification` (not expanded, so that both compute the same function with the
same parameters), `EmotionTrainer`, `EmotionDataCollator` and the batches of `MultiCorpusBatchSampler`. Both are real
training loops with the same batch size, optimizer and clipping, and train in turns. Two mixed arms take the gain
apart: ours on stock batches, and stock on our batches. LayerDrop is off: skipped layers would be noise in the ratios.

On a machine that does other work as well, look at the CPU time and run with OMP_NUM_THREADS=1: threads that wait for
each other turn foreign load into noise.

In-memory runs need torch, transformers, accelerate, datasets and numpy only; without soundfile, our arms fall back to
the stock collator and Trainer, and say so.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from synthetic_clips import (
    CORPORA,
    NUM_CLASSES,
    SAMPLING_RATE,
    BatchPlan,
    evenly_spaced,
    length_aware_epoch,
    noise_mixture,
    random_epoch,
    write_clips,
)
from torch.utils.data import DataLoader, Dataset
from train_memory import memory_table
from transformers import (
    HubertConfig,
    HubertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    Wav2Vec2FeatureExtractor,
)

from hf_emotion.data.mixture import CorpusMixture
from hf_emotion.models.exhubert import ExHubertForSequenceClassification


LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
}
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
# small has the shape of DistilHuBERT: HuBERT base with two layers
MODELS = {"tiny": TINY, "small": {"num_hidden_layers": 2}, "base": {}, "large": LARGE}
ARMS = ("stock", "stock model, our batches", "our model, stock batches", "ours")
MAX_LENGTH_SECONDS = 20.0  # default of the example


class StopWatch(TrainerCallback):
    """Seconds of the last epoch, loading included, by the clock and of CPU time."""

    seconds = cpu_seconds = 0.0

    def on_epoch_begin(self, args, state, control, **kwargs):
        _synchronize(args.device)
        self._start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, args, state, control, **kwargs):
        _synchronize(args.device)
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_seconds = time.process_time() - self._start[1]


class StockClips(Dataset):
    """Rows after the transform of the example: decoded, cut to 20 s, normalised, not padded."""

    def __init__(self, mixture: CorpusMixture, extractor: Wav2Vec2FeatureExtractor):
        self.mixture = mixture
        self.extractor = extractor

    def __len__(self) -> int:
        return len(self.mixture)

    def __getitem__(self, index: int) -> dict:
        row = self.mixture[index, 0]
        waveform = _decode(row["audio"])[: int(MAX_LENGTH_SECONDS * SAMPLING_RATE)]
        features = self.extractor(waveform, sampling_rate=SAMPLING_RATE)
        return {"input_values": features["input_values"][0], "labels": row["emotion"]}


def _decode(audio: dict):
    if "array" in audio:
        return audio["array"]
    # the example decodes with torchcodec; soundfile and soxr keep decoding the same in all arms
    import soundfile
    import soxr

    samples, rate = soundfile.read(audio["path"], dtype="float32")
    return samples if rate == SAMPLING_RATE else soxr.resample(samples, rate, SAMPLING_RATE)


class StockTrainer(Trainer):
    """The stock Trainer on given batches."""

    plan: BatchPlan

    def get_train_dataloader(self) -> DataLoader:
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.plan.batches,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)


def build_trainers(options: argparse.Namespace, mixture: CorpusMixture, output_dir: str) -> dict[str, Trainer]:
    """One Trainer per arm, all starting from the same parameters."""
    torch.manual_seed(0)
    config = HubertConfig(**MODELS[options.model], num_labels=NUM_CLASSES, layerdrop=0.0)
    stock = HubertForSequenceClassification(config)
    trainers = {}
    for arm in options.arms:
        if arm.startswith("stock"):
            model = HubertForSequenceClassification(config)
            model.load_state_dict(stock.state_dict())
            build = _stock_trainer
        else:
            model = ExHubertForSequenceClassification.from_hubert(stock)
            build = _our_trainer
        model.freeze_feature_encoder()
        model.set_attn_implementation(options.attention)
        trainers[arm] = build(model, mixture, options, output_dir)
        trainers[arm].watch = StopWatch()
        trainers[arm].add_callback(trainers[arm].watch)
        trainers[arm].remove_callback(transformers.PrinterCallback)
    return trainers


def _stock_trainer(model, mixture: CorpusMixture, options: argparse.Namespace, output_dir: str) -> Trainer:
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    args = TrainingArguments(output_dir, **_training_arguments(options), remove_unused_columns=False)
    return StockTrainer(
        model=model, args=args, train_dataset=StockClips(mixture, extractor), processing_class=extractor
    )


def _our_trainer(model, mixture: CorpusMixture, options: argparse.Namespace, output_dir: str) -> Trainer:
    try:
        from hf_emotion.arguments import EmotionTrainingArguments
        from hf_emotion.data.data_collator import EmotionDataCollator, minimum_input_samples
        from hf_emotion.trainer import EmotionTrainer
    except ModuleNotFoundError as error:
        if not options.in_memory:
            raise
        print(f"No {error.name}: our arms use the Trainer and the collator of transformers.")
        return _stock_trainer(model, mixture, options, output_dir)

    class PlannedTrainer(EmotionTrainer):
        """EmotionTrainer on given batches."""

        plan: BatchPlan

        def get_train_dataloader(self) -> DataLoader:
            batches = [[(index, 0) for index in batch] for batch in self.plan.batches]
            return self._dataloader(self.train_dataset, False, batch_sampler=batches)

    minimum = minimum_input_samples(model.config)
    collator = EmotionDataCollator(
        Wav2Vec2FeatureExtractor(return_attention_mask=True),
        label2id={number: number for number in range(NUM_CLASSES)},
        label_column="emotion",
        min_num_samples=minimum.clip,
        min_training_batch_samples=minimum.training_batch,
        pad_to_multiple_of=options.pad_to_multiple_of,
    )
    args = EmotionTrainingArguments(output_dir, **_training_arguments(options))
    return PlannedTrainer(model, args, collator, mixture)


def _training_arguments(options: argparse.Namespace) -> dict:
    return {
        "per_device_train_batch_size": options.batch_size,
        "num_train_epochs": 1,
        "learning_rate": 1e-5,
        "bf16": options.bf16,
        "torch_compile": options.compile,
        "dataloader_num_workers": options.num_workers,
        "use_cpu": options.device == "cpu",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
    }


@dataclass
class Measurement:
    """What one arm did: seconds of each round, and the batches it had."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    plans: list[BatchPlan] = field(default_factory=list)

    def throughput(self, clock: str = "seconds") -> list[float]:
        """Seconds of audio, padding not counted, per second; one value per round."""
        return [plan.valid_seconds / spent for plan, spent in zip(self.plans, getattr(self, clock), strict=True)]


def round_plans(options: argparse.Namespace, mixture: CorpusMixture, number: int) -> tuple[BatchPlan, BatchPlan]:
    """Batches of a round: in random order, and length-aware."""
    offset = (number + 0.5) / options.rounds
    epochs = (epoch(mixture, options.batch_size, number) for epoch in (random_epoch, length_aware_epoch))
    random, aware = (evenly_spaced(epoch, mixture, options.num_batches, offset) for epoch in epochs)
    return random, aware


def measure(options: argparse.Namespace, trainers: dict[str, Trainer], mixture: CorpusMixture):
    """Train all arms in turns, the order turning with each round; the first batches of each arm do not count."""
    measurements = {arm: Measurement() for arm in trainers}
    for number in range(-1, options.rounds):
        is_warm_up = number < 0
        random, aware = round_plans(options, mixture, max(number, 0))
        write_clips(mixture, (random, aware))
        order = list(trainers)
        for arm in order[number % len(order) :] + order[: number % len(order)]:
            plan = aware if arm in ("ours", "stock model, our batches") else random
            trainer = trainers[arm]
            trainer.plan = BatchPlan(plan.batches[: options.warm_up_batches], 0, 0) if is_warm_up else plan
            trainer.train()
            if not is_warm_up:
                measurements[arm].plans.append(plan)
                measurements[arm].seconds.append(trainer.watch.seconds)
                measurements[arm].cpu_seconds.append(trainer.watch.cpu_seconds)
    return measurements


def loading_seconds(trainer: Trainer) -> float:
    """Seconds to decode, normalise and pad the batches of the plan, without training."""
    start = time.perf_counter()
    for _ in trainer.get_train_dataloader():
        pass
    return time.perf_counter() - start


def ratios(measurements: dict[str, Measurement], arm: str, reference: str, clock: str = "seconds") -> list[float]:
    """Throughput of an arm by that of another in the same round; one value per round."""
    pairs = zip(measurements[arm].throughput(clock), measurements[reference].throughput(clock), strict=True)
    return [ours / stock for ours, stock in pairs]


def throughput_report(options: argparse.Namespace) -> Iterator[str]:
    """Measure, and yield the lines of the report."""
    with tempfile.TemporaryDirectory() as folder:
        mixture = noise_mixture(None if options.in_memory else Path(folder))
        trainers = build_trainers(options, mixture, folder)
        measurements = measure(options, trainers, mixture)
        loading = {arm: loading_seconds(trainer) for arm, trainer in trainers.items()}
    yield "| arm | clips | audio | padding | median step | audio s / s | ratio to stock (rounds) | in CPU time |"
    yield "|---|---|---|---|---|---|---|---|"
    for arm, measured in measurements.items():
        clips = sum(len(batch) for plan in measured.plans for batch in plan.batches)
        valid = sum(plan.valid_seconds for plan in measured.plans)
        padded = sum(plan.padded_seconds for plan in measured.plans)
        steps = [spent / len(plan.batches) for spent, plan in zip(measured.seconds, measured.plans, strict=True)]
        rounds = ratios(measurements, arm, "stock")
        yield (
            f"| {arm} | {clips} | {valid:.0f} s | {padded / valid:.3f} x | {statistics.median(steps):.2f} s "
            f"| {statistics.median(measured.throughput()):.1f} | **{statistics.median(rounds):.2f}** "
            f"({', '.join(f'{ratio:.2f}' for ratio in rounds)}) "
            f"| {statistics.median(ratios(measurements, arm, 'stock', 'cpu_seconds')):.2f} |"
        )
    yield ""
    yield from _parts_of_the_gain(options, measurements, loading)


def _parts_of_the_gain(options: argparse.Namespace, measurements: dict[str, Measurement], loading: dict[str, float]):
    parts = (
        ("batches of similar durations (stock model)", "stock model, our batches", "stock"),
        ("batches of similar durations (our model)", "ours", "our model, stock batches"),
        ("model, Trainer and collator (stock batches)", "our model, stock batches", "stock"),
        ("model, Trainer and collator (our batches)", "ours", "stock model, our batches"),
    )
    for name, arm, reference in parts:
        if arm in measurements and reference in measurements:
            clock, cpu = (
                statistics.median(ratios(measurements, arm, reference, kind)) for kind in ("seconds", "cpu_seconds")
            )
            yield f"* {name}: {clock:.2f} x ({cpu:.2f} x in CPU time)"
    for arm, seconds in loading.items():
        share = seconds / measurements[arm].seconds[-1]
        how = f"{options.num_workers} workers" if options.num_workers else "main process"
        yield f"* loading alone ({how}), {arm}: {seconds:.2f} s per round, {share:.1%} of it"


def padding_report() -> Iterator[str]:
    """Padding of whole epochs, which needs no training."""
    mixture = noise_mixture(None)
    yield "| batch size | random order | length-aware | ratio |"
    yield "|---|---|---|---|"
    for batch_size in (8, 16, 32):
        epochs = (epoch(mixture, batch_size, 0) for epoch in (random_epoch, length_aware_epoch))
        random, aware = (evenly_spaced(epoch, mixture, 0, 0).padding for epoch in epochs)
        yield f"| {batch_size} | {random:.3f} x | {aware:.3f} x | {random / aware:.2f} |"


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def parse_options(arguments=None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(MODELS), default="small", help="shape of the model")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast, in all arms")
    parser.add_argument("--batch_size", type=int, default=32, help="32 is that of the example's single-GPU command")
    parser.add_argument("--num_batches", type=int, default=2, help="batches per arm and round; 0: the whole epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm_up_batches", type=int, default=1)
    parser.add_argument("--num_workers", type=int, default=0, help="data loader workers, in all arms")
    parser.add_argument("--in_memory", action="store_true", help="no files, no decoding")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--attention", default="sdpa", help="sdpa, eager or flash_attention_2")
    parser.add_argument("--compile", action="store_true", help="torch.compile, in all arms")
    parser.add_argument("--pad_to_multiple_of", type=int, help="samples, in our arms")
    parser.add_argument("--memory", action="store_true", help="measure peak memory of ExHuBERT-large instead")
    options = parser.parse_args(arguments)
    if "stock" not in options.arms:
        parser.error("--arms needs stock, which all ratios refer to")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda, but torch finds no GPU")
    if options.memory and options.device != "cuda":
        parser.error("--memory reads the allocator of a GPU: add --device cuda")
    return options


def main(arguments=None) -> None:
    """Measure and print a report in Markdown."""
    options = parse_options(arguments)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    device = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {device}")
    print(" ".join(f"{name}={value}" for name, value in vars(options).items() if name != "arms"), end="\n\n")
    if options.memory:
        lines = memory_table(LARGE, options.bf16, options.attention)
    else:
        sizes = ", ".join(f"{shape.num_clips} clips as {shape.name}" for shape in CORPORA)
        print(f"Padding of an epoch over {sizes}:\n\n" + "\n".join(padding_report()), end="\n\n", flush=True)
        lines = throughput_report(options)
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
