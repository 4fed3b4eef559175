"""`hf-emotion benchmark list`: the protocols, and what each of them holds."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hf_emotion.benchmark.protocol import load_protocol, protocol_files
from hf_emotion.benchmark.training.protocol import TrainingProtocol
from hf_emotion.cli.tables import print_table
from hf_emotion.terminal import terminal_width


_HEADER = ("protocol", "trains", "systems", "settings", "seeds", "cells")


def list_all(
    name: Annotated[
        str | None, typer.Argument(help="Show the systems and settings of this one.", show_default=False)
    ] = None,
    output_format: Annotated[Literal["table", "json"], typer.Option("--format", help="Form of the list.")] = "table",
) -> None:
    """List the benchmarks of papers that can be run, or the rows and columns of one."""
    files = protocol_files()
    if name is None:
        summaries = [_summary(path) for path in files.values()]
        if output_format == "json":
            print(json.dumps(summaries, indent=2))
        else:
            print_table(_HEADER, [[row[key] for key in _HEADER] for row in summaries])
            print("Systems and settings of one: hf-emotion benchmark list NAME")
        return
    path = files.get(name, Path(name))
    protocol = load_protocol(path)
    systems = [(system.name, _origin(system)) for system in protocol.systems]
    settings = [(setting.name, _content(setting)) for setting in protocol.settings]
    if output_format == "json":
        print(json.dumps(_summary(path) | {"systems": dict(systems), "settings": dict(settings)}, indent=2))
        return
    print(_header(path))
    for title, rows in (("system", systems), ("setting", settings)):
        print()
        print_table((title, ""), rows, terminal_width(), keep=(title,))


def _summary(path: Path) -> dict[str, Any]:
    protocol = load_protocol(path)
    folds = [_num_folds(protocol, setting) for setting in protocol.settings]
    each = len(protocol.systems) * len(protocol.seeds)
    return {
        "protocol": path.stem,
        "trains": "models" if isinstance(protocol, TrainingProtocol) else "heads of frozen encoders",
        "systems": len(protocol.systems),
        "settings": len(protocol.settings),
        "seeds": len(protocol.seeds),
        "cells": None if None in folds else each * sum(fold or 0 for fold in folds),
    }


def _num_folds(protocol: Any, setting: Any) -> int | None:
    """`None` where published files say it, which need not be at hand."""
    is_known = isinstance(protocol, TrainingProtocol) or (setting.label_folder is None and setting.split == "k_fold")
    return setting.num_folds if is_known else None


def _origin(system: Any) -> str:
    return next(
        str(value)
        for value in (getattr(system, field, None) for field in ("config", "encoder", "model_type"))
        if value is not None
    )


def _content(setting: Any) -> str:
    """What tells a setting from the others."""
    if hasattr(setting, "label_folder"):
        return ", ".join(filter(None, [setting.corpus, setting.label_folder, setting.split]))
    overrides = [f"{key}: {value}" for key, value in setting.overrides.items()]
    return (
        ", ".join(filter(None, [setting.metric, setting.corpus, setting.training, *overrides])) or "as the systems are"
    )


def _header(path: Path) -> str:
    """The comment at the start of a file, as it is written: it may hold commands."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.lstrip("#").removeprefix(" ") for line in itertools.takewhile(_is_comment, lines))


def _is_comment(line: str) -> bool:
    return line.startswith("#")
