"""How fast we recognise emotions, next to the stock pipeline, in one run on real clips; and what a long file takes.

    python benchmarks/inference_speed.py --data_dir corpora                              # CPU, base size
    python benchmarks/inference_speed.py --data_dir corpora --model_size tiny --num_clips 24 --minutes 1 2

All arms run one `HubertForSequenceClassification` with a layer-norm CNN and random weights, whose logits padding with
a mask leaves as they are. The stock way is `pipeline("audio-classification")` with the batch size and the attention
mask: on arrays that were decoded and resampled beforehand, and on files if there is an ffmpeg for it. Ours are
`SpeechEmotionPipeline` on the same arrays and on the files, and `OnnxSpeechEmotion` in float32 and int8 on the arrays.
Arms take turns, in an order drawn anew in each round; ratios are medians over the ratios of the rounds. Logits are
compared before anything is timed.

The second part joins the clips to files of some minutes and runs each in a process of its own, which reports the
peak of its resident memory before and after.

On a machine that does other work as well, run with OMP_NUM_THREADS=1.
"""

import argparse
import itertools
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch
import transformers
from transformers import HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor

from hf_emotion.export.onnx_export import export_onnx
from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
from hf_emotion.pipelines import SpeechEmotionPipeline, SpeechEmotionRecognizer
from hf_emotion.pipelines.audio_decoding import load_audio


SAMPLING_RATE = 16_000
CLASSES = ("anger", "happiness", "neutral", "sadness")
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
# small has the shape of DistilHuBERT: base with two layers
MODELS = {"tiny": TINY, "small": {"num_hidden_layers": 2}, "base": {}}
REFERENCE = "stock, arrays"
TOLERANCE = 1e-4
AUDIO_ENDINGS = (".wav", ".flac")


def audio_files(data_dir: Path, num_clips: int) -> list[Path]:
    """Files at even distances among all below a folder, so that corpora and lengths are mixed; shuffled."""
    found = sorted(path for path in data_dir.rglob("*") if path.suffix.lower() in AUDIO_ENDINGS)
    if len(found) < num_clips:
        raise SystemExit(f"{data_dir} holds {len(found)} audio files, but --num_clips asks for {num_clips}.")
    chosen = [found[index * len(found) // num_clips] for index in range(num_clips)]
    random.Random(0).shuffle(chosen)
    return chosen


def build(model_size: str) -> tuple[HubertForSequenceClassification, Wav2Vec2FeatureExtractor]:
    """A classifier with random weights, and its feature extractor, which returns the attention mask."""
    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: index for index, name in enumerate(CLASSES)}}
    config = HubertConfig(**LAYER_NORM, **MODELS[model_size], **labels)
    return HubertForSequenceClassification(config).eval(), Wav2Vec2FeatureExtractor(return_attention_mask=True)


def stock_logits(stock: Callable, waveforms: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
    """Logits of the stock pipeline, in the order of the classes."""
    rows = []
    for answer in stock(list(waveforms), batch_size=batch_size, top_k=None, function_to_apply="none"):
        scores = {score["label"]: score["score"] for score in answer}
        rows.append([scores[name] for name in CLASSES])
    return np.array(rows)


def make_arms(
    args: argparse.Namespace, folder: Path, files: Sequence[Path], waveforms: Sequence[np.ndarray]
) -> tuple[dict[str, Callable[[], object]], dict[str, np.ndarray]]:
    """What to time, and the logits of each way to compute them."""
    model, extractor = build(args.model_size)
    stock = transformers.pipeline("audio-classification", model=model, feature_extractor=extractor, device="cpu")
    ours = SpeechEmotionPipeline(model, extractor, device="cpu")
    size, paths = args.batch_size, [str(path) for path in files]
    arms: dict[str, Callable[[], object]] = {REFERENCE: lambda: stock(list(waveforms), batch_size=size)}
    if shutil.which("ffmpeg"):
        arms["stock, files"] = lambda: stock(paths, batch_size=size)
    arms |= {
        "ours, arrays": lambda: ours(list(waveforms), batch_size=size),
        "ours, files": lambda: ours(paths, batch_size=size),
    }
    recognizers: dict[str, SpeechEmotionRecognizer] = {"ours, arrays": ours}
    if not args.without_onnx:
        export_onnx(ours, folder, int8=True, clips=waveforms[: args.batch_size])
        for name, file in (("ONNX, arrays", "model.onnx"), ("ONNX int8, arrays", "model_int8.onnx")):
            recognizers[name] = OnnxSpeechEmotion.from_pretrained(folder, file)
            arms[name] = partial(recognizers[name], list(waveforms), batch_size=size)
    logits = {REFERENCE: stock_logits(stock, waveforms, size)}
    for name, recognizer in recognizers.items():
        logits[name] = recognizer.outputs(list(waveforms), size).logits
    return arms, logits


def time_in_turns(arms: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, float]]:
    """Seconds of each arm in each round."""
    order, generator, turns = list(arms), random.Random(0), []
    for _ in range(rounds):
        generator.shuffle(order)
        turn = {}
        for name in order:
            start = time.perf_counter()
            arms[name]()
            turn[name] = time.perf_counter() - start
        turns.append({name: turn[name] for name in arms})
    return turns


def print_clips(turns: Sequence[dict[str, float]], logits: dict[str, np.ndarray], num_clips: int) -> None:
    """The table of the first part, and whether the logits are those of the stock pipeline."""
    print("| arm | clips / s | speed to stock arrays (rounds) | largest logit difference | same best class |")
    print("|---|---|---|---|---|")
    reference = logits[REFERENCE]
    for arm in turns[0]:
        seconds = statistics.median(turn[arm] for turn in turns)
        ratios = [turn[REFERENCE] / turn[arm] for turn in turns]
        apart = agree = "-"
        if arm in logits:
            apart = f"{np.abs(logits[arm] - reference).max():.1e}"
            agree = f"{100 * np.mean(logits[arm].argmax(1) == reference.argmax(1)):.1f} %"
        print(
            f"| {arm} | {num_clips / seconds:.1f} | **{statistics.median(ratios):.2f} x** "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | {apart} | {agree} |"
        )
    for arm in sorted({"ours, arrays", "ONNX, arrays"} & set(logits), reverse=True):
        difference = float(np.abs(logits[arm] - reference).max())
        verdict = "equal" if difference <= TOLERANCE else "DIFFERENT"
        print(f"\n{arm}: logits {verdict} to stock within {TOLERANCE:.0e} ({difference:.1e})", end="")
    print("\n")


def write_long_file(path: Path, waveforms: Sequence[np.ndarray], minutes: float) -> None:
    """A file of 16-bit samples that repeats the clips."""
    missing = round(60 * minutes * SAMPLING_RATE)
    with soundfile.SoundFile(path, "w", SAMPLING_RATE, 1, "PCM_16") as file:
        for waveform in itertools.cycle(waveforms):
            file.write(waveform[:missing])
            missing -= len(waveform[:missing])
            if not missing:
                return


def recognise_long_file(args: argparse.Namespace) -> None:
    """Run in a process of its own: seconds for a file and peak memory before and after, as JSON."""
    model, extractor = build(args.model_size)
    recognizer = SpeechEmotionPipeline(model, extractor, device="cpu")
    recognizer(
        np.zeros(10 * SAMPLING_RATE * args.batch_size, np.float32), window_seconds=10, batch_size=args.batch_size
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    result = recognizer(args.long_file, batch_size=args.batch_size)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "before": before, "after": after, "duration": result["duration"]}))


def print_long_files(args: argparse.Namespace, folder: Path, waveforms: Sequence[np.ndarray]) -> None:
    """The table of the second part."""
    print("| file | real-time factor | peak memory before | peak memory after | grown by |")
    print("|---|---|---|---|---|")
    for minutes in args.minutes:
        path = folder / "long.wav"
        write_long_file(path, waveforms, minutes)
        options = ["--model_size", args.model_size, "--batch_size", str(args.batch_size), "--long_file", str(path)]
        command = [sys.executable, __file__, "--data_dir", str(args.data_dir), *options]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise SystemExit(answer.stderr)
        report = json.loads(answer.stdout.splitlines()[-1])
        before, after = (report[moment] / 1024 for moment in ("before", "after"))  # Linux counts in KiB
        print(
            f"| {minutes:g} min | {report['seconds'] / report['duration']:.4f} | {before:,.0f} MiB | {after:,.0f} MiB "
            f"| {after - before:,.0f} MiB |"
        )


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="folder with .wav or .flac files, at any depth")
    parser.add_argument("--num_clips", type=int, default=500)
    parser.add_argument("--model_size", choices=MODELS, default="base")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without_onnx", action="store_true", help="leave out both exports")
    parser.add_argument("--minutes", type=float, nargs="*", default=[10, 30, 60], help="lengths of long files")
    parser.add_argument("--long_file", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure both parts and print their tables."""
    args = parse_arguments()
    transformers.utils.logging.set_verbosity_error()
    if args.long_file:
        return recognise_long_file(args)
    files = audio_files(args.data_dir, args.num_clips)
    waveforms = [load_audio(path, SAMPLING_RATE) for path in files]
    seconds = [len(waveform) / SAMPLING_RATE for waveform in waveforms]
    print(
        f"{len(files)} clips of {min(seconds):.1f} to {max(seconds):.1f} s, {np.mean(seconds):.2f} s on average; "
        f"{args.model_size}, batch size {args.batch_size}, {args.rounds} rounds, {torch.get_num_threads()} threads\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        arms, logits = make_arms(args, Path(folder) / "onnx", files, waveforms)
        print_clips(time_in_turns(arms, args.rounds), logits, len(files))
        if args.minutes:
            print_long_files(args, Path(folder), waveforms)


if __name__ == "__main__":
    main()
