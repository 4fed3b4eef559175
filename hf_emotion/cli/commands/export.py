"""`hf-emotion export`: a classifier as an ONNX file, and how every way to run it compares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..tables import print_table


if TYPE_CHECKING:
    from collections.abc import Sequence

    from hf_emotion.export.runtime_checks import RuntimeCheck


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a classifier, or its id on the Hub.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to write model.onnx and what belongs to it.")
    ],
    int8: Annotated[
        bool, typer.Option("--int8", help="Write model_int8.onnx too: linear layers in 8 bits, for CPUs.")
    ] = False,
    audio: Annotated[
        list[Path] | None,
        typer.Option("--audio", help="Audio file to compare int8 with float32 on; give it as often as you like."),
    ] = None,
    opset: Annotated[int, typer.Option("--opset", help="Version of ONNX's operators, 18 to 23.")] = 20,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare eager, torch.export, torch.compile, ONNX and int8: results and speed."),
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="Allow code from the repository to run. Read it first.")
    ] = False,
) -> None:
    """Export a classifier to ONNX and verify that it computes the same; `predict --model FOLDER` runs it.

    Compiling a large model for --check takes minutes.
    """
    import transformers

    from hf_emotion.export.onnx_export import export_onnx, load_exportable
    from hf_emotion.export.runtime_checks import check_runtimes
    from hf_emotion.pipelines.audio_decoding import load_audio

    transformers.utils.logging.disable_progress_bar()
    if audio and not int8:
        raise ValueError("--audio is what int8 is compared on: add --int8.")
    recognizer = load_exportable(model, trust_remote_code=trust_remote_code)
    clips = [load_audio(path, recognizer.sampling_rate) for path in audio or []]
    record = export_onnx(recognizer, folder, opset=opset, int8=int8, clips=clips or None)
    for name, facts in record["files"].items():
        typer.echo(f"{name}: {facts['bytes'] / 1e6:,.1f} MB")
    parity = record["parity"]
    typer.echo(
        f"ONNX against torch on {len(parity['cases'])} batches: results differ by at most "
        f"{parity['max_difference']:.1e}"
    )
    if int8:
        typer.echo(_int8_line(record["int8"]))
    typer.echo(f"Written to {folder}")
    if check:
        typer.echo("Checking runtimes, which compiles the model and takes minutes ...", err=True)
        _print_checks(check_runtimes(recognizer, folder))


def _int8_line(report: dict[str, Any]) -> str:
    clips = f"{report['num_clips']} {'generated clips' if report['generated'] else 'clips'}"
    parts = []
    if report["top_class_agreement"] is not None:
        parts.append(f"same best class for {100 * report['top_class_agreement']:.1f} %")
        parts.append(f"scores differ by at most {report['max_score_difference']:.2g}")
    if report["max_dimension_difference"] is not None:
        parts.append(f"dimensions differ by at most {report['max_dimension_difference']:.2g}")
    return f"int8 against float32 on {clips}: {', '.join(parts)}"


def _print_checks(checks: Sequence[RuntimeCheck]) -> None:
    rows = [
        (
            check.runtime,
            "yes" if check.works else "no",
            None if check.max_difference is None else f"{check.max_difference:.1e}",
            check.milliseconds_per_second,
            None if check.bytes is None else f"{check.bytes / 1e6:,.1f}",
        )
        for check in checks
    ]
    typer.echo()
    print_table(("runtime", "works", "differs by", "ms per s", "MB"), rows)
    for check in checks:
        if check.note:
            typer.echo(f"{check.runtime}: {check.note}")
