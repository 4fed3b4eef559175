"""`hf-emotion benchmark relabel`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hf_emotion.cli.tables import print_table


def relabel(
    folder: Annotated[Path, typer.Argument(help="New label files: labels_consensus_FOLD.csv for each fold.")],
    setting: Annotated[str, typer.Option("--setting", help="Setting that they are for.", show_default=False)],
    label_dir: Annotated[
        Path, typer.Option("--label_dir", help="Folder `data` of EMO-SUPERB-submission.", show_default=False)
    ],
    protocol: Annotated[
        str, typer.Option("--protocol", help="Name of a protocol, see `benchmark list`, or a YAML file.")
    ] = "emo_superb_code",
    output: Annotated[Path | None, typer.Option("--output", help="JSON file for the comparison.")] = None,
) -> None:
    """Check label files that were made again, and compare their labels with the published ones."""
    from hf_emotion.benchmark.setting_data import labelled_setting
    from hf_emotion.benchmark.submissions.relabelling import read_relabelling

    from .run import protocol_named

    data = labelled_setting(protocol_named(protocol).setting(setting), label_dir)
    comparison = read_relabelling(data, folder).comparison()
    _print_comparison(setting, comparison)
    if output is not None:
        output.write_text(json.dumps({"setting": setting, **comparison}, indent=2) + "\n", encoding="utf-8")


def _print_comparison(setting: str, comparison: dict[str, Any]) -> None:
    total = comparison["num_utterances"]
    print(
        f"{setting}: labels of {comparison['num_changed']:,} of {total:,} utterances to train and validate on differ"
    )
    print(f"other classes above chance: {comparison['num_changed_truth']:,} utterances")
    print(f"mean total variation distance: {comparison['total_variation']:.4f}")
    print(f"mean Jensen-Shannon divergence: {comparison['jensen_shannon']:.4f} bits")
    if comparison["num_changed_test"]:
        print(f"{comparison['num_changed_test']:,} labels of test parts differ too; tests use the published ones")
    rows = [(name, f"{score:.3f}") for name, score in comparison["per_class"].items()]
    print_table(("class", "F1"), [*rows, ("macro-F1", f"{comparison['macro_f1']:.3f}")])
