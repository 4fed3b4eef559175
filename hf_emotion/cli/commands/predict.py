"""`hf-emotion predict`: the emotions of recordings, any sampling rate, mono or stereo; ffmpeg is not needed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer


if TYPE_CHECKING:
    from hf_emotion.prediction.job import Job
    from hf_emotion.prediction.outputs import Outputs, Row
    from hf_emotion.prediction.settings import PredictionSettings
    from hf_emotion.prediction.shares import Share

_STOPPED_BY_USER = 130  # 128 + SIGINT, as shells count

Layout = Literal["table", "jsonl", "csv", "parquet", "rttm", "audacity", "textgrid"]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Files, folders, quoted patterns ('rec/**/*.flac'), web addresses, manifests with a column `path`, maybe "
        "`gender` (.csv .jsonl), or - for standard input: audio, or a list of these.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option("--model", help="Folder or Hub id of a model, an ensemble or an export.", show_default=False),
]
Form = Annotated[
    Layout | None,
    typer.Option("--format", help="By default that of the suffix of --output, or a table.", show_default=False),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", help="File to write: .jsonl .csv .parquet .rttm .txt (Audacity) .TextGrid", show_default=False
    ),
]
OutputDir = Annotated[
    Path | None,
    typer.Option("--output_dir", help="Folder for a TextGrid or label file per recording.", show_default=False),
]
Embeddings = Annotated[
    Path | None,
    typer.Option("--embeddings", help="Also write embeddings: .parquet or .safetensors", show_default=False),
]
TopK = Annotated[
    int | None,
    typer.Option("--top_k", min=1, help="Classes shown (table: 3, jsonl: all; csv, parquet: always all)."),
]
ByTime = Annotated[bool, typer.Option("--timeline", help="csv, parquet: one line per span of time.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--labels", help="Keep only these classes: anger,sadness", show_default=False),
]
Temperature = Annotated[float, typer.Option("--temperature", help="Divides logits: above 1, less extreme scores.")]
WindowSeconds = Annotated[
    float | None,
    typer.Option("--window_seconds", help="Length of windows. By default only recordings above 30 s have any."),
]
HopSeconds = Annotated[float | None, typer.Option("--hop_seconds", help="From window to window; half a window.")]
Channels = Annotated[Literal["mix", "each"], typer.Option("--channels", help="each: a result per channel.")]
Gender = Annotated[
    Literal["female", "male"] | None,
    typer.Option(
        "--gender", help="Of all speakers, for models that use it; what a manifest says wins.", show_default=False
    ),
]
GenderModel = Annotated[
    str | None,
    typer.Option(
        "--gender_model", help="Folder or Hub id of a model that tells genders that are not given.", show_default=False
    ),
]
BatchSize = Annotated[int, typer.Option("--batch_size", min=1, help="Clips or windows per batch.")]
NumProcesses = Annotated[
    int, typer.Option("--num_processes", min=1, help="Share the work: one GPU each, or the CPU cores.")
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps ...", show_default=False)]
Dtype = Annotated[str | None, typer.Option("--dtype", help="float32, float16, bfloat16", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start again, and replace what is there.")]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit of the model on the Hub.", show_default=False)
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust_remote_code", help="Allow code from the model's repository. Read it first.")
]


def predict(
    sources: Sources,
    model: Model,
    layout: Form = None,
    output: Output = None,
    output_dir: OutputDir = None,
    embeddings: Embeddings = None,
    top_k: TopK = None,
    by_time: ByTime = False,
    labels: Labels = None,
    temperature: Temperature = 1.0,
    window_seconds: WindowSeconds = None,
    hop_seconds: HopSeconds = None,
    channels: Channels = "mix",
    gender: Gender = None,
    gender_model: GenderModel = None,
    batch_size: BatchSize = 8,
    num_processes: NumProcesses = 1,
    device: Device = None,
    dtype: Dtype = None,
    overwrite: Overwrite = False,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Predict the emotions of recordings.

    With --output, the command can be stopped any time: repeated, it goes on where it was. A finished file is replaced
    with --overwrite only; a finished .jsonl takes what is new.
    """
    from hf_emotion.prediction.outputs import choose_outputs
    from hf_emotion.prediction.settings import PredictionSettings

    outputs = choose_outputs(
        layout, output, output_dir, embeddings=embeddings, top_k=top_k, by_time=by_time, overwrite=overwrite
    )
    settings = PredictionSettings(
        model,
        revision=revision,
        labels=_names(labels),
        temperature=temperature,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        channels=channels,
        return_embeddings=embeddings is not None,
        batch_size=batch_size,
        trust_remote_code=trust_remote_code,
        device=device,
        dtype=dtype,
        gender=gender,
        gender_model=gender_model,
    )
    _start_launched_processes(num_processes)
    _run(sources, settings, outputs, num_processes)


def _names(labels: list[str] | None) -> tuple[str, ...] | None:
    """`--labels anger,joy` and `--labels anger --labels joy` mean the same."""
    return tuple(name.strip() for entry in labels for name in entry.split(",") if name.strip()) if labels else None


def _start_launched_processes(num_processes: int) -> None:
    from hf_emotion.prediction.launched_processes import is_launched

    if "ACCELERATE_MIXED_PRECISION" in os.environ:
        from hf_emotion.scripts.cpu_processes import start_cpu_processes

        start_cpu_processes()
    if is_launched() and num_processes > 1:
        raise ValueError("accelerate launch has started the processes already: leave out predict's --num_processes.")


def _run(sources: Sequence[str], settings: PredictionSettings, outputs: Outputs, num_processes: int) -> None:
    from hf_emotion.prediction.job import open_job
    from hf_emotion.prediction.launched_processes import is_launched, is_main_process, predict_launched
    from hf_emotion.prediction.recordings import find_recordings

    if is_launched() and not is_main_process():
        predict_launched(None, on_file=lambda name: None, on_loaded=lambda conditions: None)
        return
    recordings = find_recordings(sources, sys.stdin.buffer)
    with open_job(recordings, settings, outputs) as job:
        if job.num_done_before:
            typer.echo(f"{job.num_done_before:,} of {len(recordings):,} files were predicted before.", err=True)
        streams = outputs.is_stream and num_processes == 1 and not is_launched()
        with _told_what_is_kept(job):
            failures = _predict_pending(job, num_processes, is_launched(), _echo_line(outputs) if streams else None)
        _finish(job, failures, is_shown=streams)


def _predict_pending(
    job: Job, num_processes: int, is_launched: bool, on_row: Callable[[Row], Any] | None
) -> list[str]:
    """Returns what went wrong with processes."""
    from hf_emotion.prediction.launched_processes import predict_launched
    from hf_emotion.prediction.progress import ProgressBar
    from hf_emotion.prediction.worker_processes import predict_in_processes

    share = job.pending
    with ProgressBar(share.recordings) as bar:

        def on_loaded(conditioned_on: tuple[str, ...]) -> None:
            for line in _unknown_conditions(share, conditioned_on):
                bar.note(line)

        if is_launched:
            predict_launched(job, bar.advance, on_loaded)
        elif num_processes > 1 and len(share.recordings) > 1:
            return predict_in_processes(share, min(num_processes, len(share.recordings)), bar.advance, on_loaded)
        elif share.recordings:
            recognizer = share.settings.load()
            on_loaded(recognizer.conditioned_on)
            for row in share.predict(recognizer):
                bar.advance(row["file"])
                if on_row is not None:
                    on_row(row)
    return []


def _unknown_conditions(share: Share, conditioned_on: tuple[str, ...]) -> Iterator[str]:
    """A line on each thing beside the audio that the model uses and does not get."""
    if "gender" in conditioned_on and not share.knows_genders:
        yield (
            "The model uses the speaker's gender, which counts as unknown: give it by --gender, --gender_model or a "
            "column `gender` of a manifest."
        )
    if "text" in conditioned_on:
        yield "The model uses text, but predicts from the audio alone: transcripts cannot be given here."


def _echo_line(outputs: Outputs) -> Callable[[Row], Any]:
    from hf_emotion.prediction.outputs import json_line

    return lambda row: typer.echo(json_line(row, outputs.top_k), nl=False)


@contextlib.contextmanager
def _told_what_is_kept(job: Job) -> Any:
    try:
        yield
    except KeyboardInterrupt as error:
        num_done, num_all = len(job.collect()), len(job.recordings)
        kept = " Nothing is kept: name an --output, and the same command can go on with it."
        if job.outputs.anchor is not None:
            kept = f" {num_done:,} of {num_all:,} files are done; the same command goes on with the others."
        typer.echo(f"\nStopped.{kept}", err=True)
        raise typer.Exit(_STOPPED_BY_USER) from error


def _finish(job: Job, failures: Sequence[str], is_shown: bool) -> None:
    """Write what there is, and say what is not."""
    rows = job.collect()
    is_kept = job.num_unfinished > 0 and job.outputs.anchor is not None
    if not is_kept:
        content = job.write()
        if content is None:
            typer.echo(f"Written to {job.outputs.folder or job.outputs.path}", err=True)
        elif not is_shown:
            typer.echo(content, nl=False)
    bad = [row for row in rows if "error" in row]
    if bad:
        if job.outputs.anchor is None:
            typer.echo(err=True)  # apart from the table
        typer.secho(f"{len(bad):,} of {len(job.recordings):,} files could not be predicted:", err=True, fg="red")
        for row in bad:
            typer.echo(f"  {_complaint(row)}", err=True)
    if job.num_unfinished:
        what = "\n".join(failures)
        left = f"{job.num_unfinished:,} of {len(job.recordings):,} files are not predicted"
        advice = "The same command goes on with them." if is_kept else "With --output the others would be kept."
        typer.secho(f"{what}: {left}. {advice}", err=True, fg="red")
    if bad or failures:
        raise typer.Exit(1)


def _complaint(row: Row) -> str:
    reason = row["error"].replace("\n", "\n    ")
    return reason if row["file"] in reason else f"{row['file']}: {reason}"
