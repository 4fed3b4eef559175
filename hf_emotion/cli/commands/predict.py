"""`hf-emotion predict`: the emotions of audio files, any sampling rate, mono or stereo; ffmpeg is not needed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer


if TYPE_CHECKING:
    import numpy as np

    from hf_emotion.clip_classifier import ClipClassifier, EnsembleClassifier

# The second line are formats that libsndfile cannot read: they are reported, not passed over in silence.
AUDIO_SUFFIXES = {
    *(".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"),
    *(".aac", ".amr", ".m4a", ".mp4", ".webm", ".wma"),
}


@dataclass
class Clip:
    """An audio file, its duration in seconds, and the classes with their scores, best first."""

    path: Path
    duration: float
    scores: list[tuple[str, float]] = field(default_factory=list)


def predict(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="FILE_OR_DIR...", help="Audio files, or folders of them.", show_default=False),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", help="Folder of a trained classifier or an ensemble, or an id on the Hub.", show_default=False
        ),
    ],
    top_k: Annotated[int, typer.Option("--top_k", min=1, help="Classes shown per file (csv: always all).")] = 3,
    batch_size: Annotated[int, typer.Option("--batch_size", min=1, help="Files per batch.")] = 8,
    layout: Annotated[
        Literal["table", "jsonl", "csv"], typer.Option("--format", help="Form of the result.")
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", help="File to write; the terminal by default.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="Allow code from the model's repository. Read it first.")
    ] = False,
) -> None:
    """Predict the emotions of audio files."""
    from hf_emotion.data.archive import header_duration

    problems: list[str] = []
    clips: list[Clip] = []
    paths = find_audio(sources)
    for path in paths:
        try:
            clips.append(Clip(path, header_duration(path)))
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if clips:
        classifier = _classifier(model, trust_remote_code)
        classify(clips, problems, classifier, batch_size)
        _write_result([clip for clip in clips if clip.scores], classifier.classes, layout, top_k, output)
    if problems:
        typer.secho(f"\n{len(problems)} of {len(paths)} files could not be classified:", err=True, fg=typer.colors.RED)
        for problem in problems:
            typer.echo(f"  {problem}", err=True)
        raise typer.Exit(1)


def find_audio(sources: Sequence[Path]) -> list[Path]:
    """
    Files as they are, folders with everything below them in the order of paths, hidden ones aside; each file once.

    Raises:
        `ValueError`: if a folder holds no audio file.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if not source.is_dir():
            found[source] = None
            continue
        below = [
            path
            for path in sorted(source.rglob("*"))
            if path.suffix.lower() in AUDIO_SUFFIXES
            and not any(part.startswith(".") for part in path.relative_to(source).parts)
        ]
        if not below:
            raise ValueError(f"There is no audio file in {source} (looked for {' '.join(sorted(AUDIO_SUFFIXES))}).")
        found |= dict.fromkeys(below)
    return list(found)


def classify(clips: Sequence[Clip], problems: list[str], classifier: Any, batch_size: int) -> None:
    """
    Fill in the scores of clips, the longest first so that a batch that does not fit fails at once. A clip that cannot
    be decoded keeps no scores and is added to `problems`.
    """
    from tqdm import tqdm

    decoded: list[Clip] = []
    by_length = sorted(clips, key=lambda clip: clip.duration, reverse=True)
    waveforms = _waveforms(by_length, decoded, problems, classifier)
    results = classifier(waveforms, batch_size=batch_size, top_k=None)
    # disable=None: no bar where stderr is not a terminal
    for number, scores in enumerate(tqdm(results, total=len(clips), unit="file", leave=False, disable=None)):
        decoded[number].scores = [(score["label"], score["score"]) for score in scores]


def _classifier(model: str, trust_remote_code: bool) -> ClipClassifier | EnsembleClassifier:
    import transformers

    from hf_emotion.clip_classifier import load_clip_classifier

    transformers.utils.logging.disable_progress_bar()
    return load_clip_classifier(model, trust_remote_code=trust_remote_code)


def _waveforms(
    clips: Sequence[Clip], decoded: list[Clip], problems: list[str], classifier: Any
) -> Iterator[np.ndarray]:
    from hf_emotion.data.audio import load_audio

    for clip in clips:
        try:
            waveform = load_audio(clip.path, classifier.sampling_rate)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        decoded.append(clip)
        yield waveform


def _write_result(clips: Sequence[Clip], classes: Sequence[str], layout: str, top_k: int, output: Path | None) -> None:
    if output is None:
        _write(clips, classes, layout, top_k, sys.stdout)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8", newline="") as file:
        _write(clips, classes, layout, top_k, file)


def _write(clips: Sequence[Clip], classes: Sequence[str], layout: str, top_k: int, file: TextIO) -> None:
    if layout == "jsonl":
        for clip in clips:
            best = [{"label": label, "score": score} for label, score in clip.scores[:top_k]]
            row: dict[str, Any] = {"file": str(clip.path), "duration": clip.duration, "predictions": best}
            print(json.dumps(row, ensure_ascii=False), file=file)
    elif layout == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "duration", "prediction", *(f"probability_{name}" for name in classes)])
        for clip in clips:
            scores = dict(clip.scores)
            writer.writerow([clip.path, clip.duration, clip.scores[0][0], *(scores[name] for name in classes)])
    else:
        for line in _table(clips, top_k):
            print(line, file=file)


def _table(clips: Sequence[Clip], top_k: int) -> Iterator[str]:
    """Lines as wide as the terminal; of a long path the end is kept, which tells files apart."""
    if not clips:
        return
    label_width = max(len(label) for clip in clips for label, _ in clip.scores[:top_k])
    num_shown = len(clips[0].scores[:top_k])
    room = shutil.get_terminal_size((80, 24)).columns - 8 - num_shown * (label_width + 7)
    names = [os.fspath(clip.path) for clip in clips]
    width = min(max(map(len, ["file", *names])), max(room, 16))
    yield f"{'file':<{width}}  {'s':>5}" + f"  {'class':<{label_width}} {'prob':>4}" * num_shown
    for name, clip in zip(names, clips, strict=True):
        shown = name if len(name) <= width else f"…{name[len(name) - width + 1 :]}"
        scores = "".join(f"  {label:<{label_width}} {score:4.2f}" for label, score in clip.scores[:top_k])
        yield f"{shown:<{width}}  {clip.duration:5.1f}{scores}"
