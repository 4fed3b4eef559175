"""APC from scratch on real speech: the loss of the paper, a model that `AutoModel` loads, and what it has learned.

    OMP_NUM_THREADS=1 python benchmarks/studies/pretrain_apc.py --data_dir corpora --corpora ravdess emodb urdu

The model is that of `ApcConfig()`, 4.1 M parameters: three GRU layers over the log-mel filter bank, normalised over
each clip, which predict the frame `num_future` steps ahead; the loss is the mean absolute difference (Chung et al.,
2019). No label is read. Optimiser (Adam), clipping (5), dropout (0.1) and 5 frames ahead are those of S3PRL's
`pretrain/apc`. Its learning rate of 1e-4 is meant for 100 epochs over 960 hours; here it is ten times as high and
falls linearly to zero. Batches hold clips of similar length.

Each epoch prints the loss on speakers who are kept out of training, next to that of two predictors without parameters:
the last frame again, and the mean of the clip, which is zero by the normalisation. A training that would take longer
than `--max_minutes` ends early, with the learning rate at zero all the same.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
import torch
from torch.utils.data import DataLoader
from transformers import Wav2Vec2FeatureExtractor, set_seed

from hf_emotion.data.data_collator import EmotionDataCollator
from hf_emotion.data.loading import load_corpus
from hf_emotion.data.mixture import CorpusMixture, MultiCorpusBatchSampler, evaluation_order
from hf_emotion.models.encoders.apc import ApcConfig, ApcModel
from hf_emotion.models.encoders.padding import frame_mask


MAX_DURATION = 10.0  # seconds; longer training clips are cropped at random
MAX_GRADIENT_NORM = 5.0
EVERY_HELD_OUT = 10  # every tenth speaker of a corpus is kept out
PREDICTORS = ("apc", "last_frame", "clip_mean")
RECORD_FILE = "pretraining.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="folder with a folder for each corpus")
    parser.add_argument("--corpora", nargs="+", default=["crema_d"])
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/apc"))
    parser.add_argument("--num_epochs", type=int, default=7)
    parser.add_argument("--max_minutes", type=float, default=35.0)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--num_future", type=int, default=5, help="how many frames of 10 ms to look ahead")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    mixture, held_out = speech(args.data_dir, args.corpora)
    set_seed(args.seed)
    model = ApcModel(ApcConfig())
    print(f"{model.num_parameters():,} parameters, {torch.get_num_threads()} threads", flush=True)
    epochs = pretrain(model, mixture, held_out, args)
    model.eval().save_pretrained(args.output_dir)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    record = {"settings": settings, "epochs": epochs}
    (args.output_dir / RECORD_FILE).write_text(json.dumps(record, indent=2), encoding="utf-8")
    print(f"Saved to {args.output_dir}")


def speech(data_dir: Path, names: list[str]) -> tuple[CorpusMixture, datasets.Dataset]:
    """The clips of some corpora, without those of the speakers that are kept out, and those."""
    training, held_out = {}, []
    for name in names:
        clips = datasets.concatenate_datasets(list(load_corpus(name, data_dir=data_dir / name).values()))
        clips = clips.select_columns(["utterance_id", "audio", "duration", "speaker_id", "corpus"])
        speakers = clips["speaker_id"][:]
        others = set(sorted(set(speakers))[::EVERY_HELD_OUT])
        training[name] = clips.select([row for row, speaker in enumerate(speakers) if speaker not in others])
        held_out.append(clips.select([row for row, speaker in enumerate(speakers) if speaker in others]))
        print(f"{name}: {extent(training[name])}; kept out: {extent(held_out[-1])}", flush=True)
    return CorpusMixture(training), datasets.concatenate_datasets(held_out)


def extent(clips: datasets.Dataset) -> str:
    hours = sum(clips["duration"][:]) / 3600
    return f"{len(clips):,} clips of {len(set(clips['speaker_id'][:]))} speakers, {hours:.2f} h"


def pretrain(
    model: ApcModel, mixture: CorpusMixture, held_out: datasets.Dataset, args: argparse.Namespace
) -> list[dict[str, float]]:
    """Train in place. Returns the losses of each epoch."""
    batches = training_batches(mixture, args.batch_size, args.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
    started, num_steps, epochs = time.perf_counter(), 0, []
    print(f"{'epoch':>5} {'minutes':>7} {'train':>7} " + " ".join(f"{name:>10}" for name in PREDICTORS), flush=True)
    for epoch in range(args.num_epochs):
        mixture.set_epoch(epoch)
        model.train()
        losses = []
        for batch in batches:
            minutes = (time.perf_counter() - started) / 60
            progress = max(num_steps / (args.num_epochs * len(batches)), minutes / args.max_minutes)
            if progress >= 1:
                break
            optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - progress)
            losses.append(training_step(model, batch, args.num_future, optimizer))
            num_steps += 1
        if not losses:
            break
        minutes = (time.perf_counter() - started) / 60
        scores = held_out_losses(model, held_out, args.num_future, args.batch_size)
        epochs.append({"minutes": minutes, "steps": num_steps, "train": sum(losses) / len(losses)} | scores)
        row = " ".join(f"{scores[name]:>10.4f}" for name in PREDICTORS)
        print(f"{epoch + 1:>5} {minutes:>7.1f} {epochs[-1]['train']:>7.4f} {row}", flush=True)
    return epochs


def collator() -> EmotionDataCollator:
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False)  # the filter bank is normalised instead
    return EmotionDataCollator(extractor, max_duration_seconds=MAX_DURATION, crop="random")


def training_batches(mixture: CorpusMixture, batch_size: int, seed: int) -> DataLoader:
    sampler = MultiCorpusBatchSampler(mixture, batch_size=batch_size, mixing="concatenate", seed=seed)
    return DataLoader(mixture, batch_sampler=sampler, collate_fn=collator())


def training_step(
    model: ApcModel, batch: dict[str, torch.Tensor], num_future: int, optimizer: torch.optim.Optimizer
) -> float:
    predicted, future, _, valid = predictions(model, batch, num_future)
    loss = mean_absolute_error(predicted, future, valid)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return loss.item()


def predictions(
    model: ApcModel, batch: dict[str, torch.Tensor], num_future: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    What the model predicts, the frames that follow, those it has just seen, and which of them are no padding. Each is
    `(batch_size, num_frames - num_future, num_mel_bins)`, the last one without the bins.
    """
    states = model(**batch).last_hidden_state
    frames, num_frames = model.extract_features(**batch)
    valid = frame_mask(num_frames, frames.shape[1])[:, num_future:]
    return model.predict(states[:, :-num_future]), frames[:, num_future:], frames[:, :-num_future], valid


def mean_absolute_error(predicted: torch.Tensor, future: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return (predicted - future).abs()[valid].mean()


@torch.no_grad()
def held_out_losses(model: ApcModel, clips: datasets.Dataset, num_future: int, batch_size: int) -> dict[str, float]:
    """Mean absolute error over all frames of some clips, of the model and of the predictors without parameters."""
    model.eval()
    totals, count = dict.fromkeys(PREDICTORS, 0.0), 0
    for batch in evaluation_batches(clips, batch_size):
        predicted, future, last, valid = predictions(model, batch, num_future)
        num_valid = int(valid.sum())
        for name, guess in zip(PREDICTORS, (predicted, last, torch.zeros_like(last)), strict=True):
            totals[name] += mean_absolute_error(guess, future, valid).item() * num_valid
        count += num_valid
    return {name: total / count for name, total in totals.items()}


def evaluation_batches(clips: datasets.Dataset, batch_size: int) -> Iterator[dict[str, torch.Tensor]]:
    order, collate = evaluation_order(clips), collator()
    for start in range(0, len(order), batch_size):
        yield collate([clips[row] for row in order[start : start + batch_size]])


if __name__ == "__main__":
    main()
