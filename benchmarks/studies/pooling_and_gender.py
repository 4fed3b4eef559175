"""Poolings and gender on real speech: every arm of trainer_configs/pooling_and_gender.yaml with several seeds.

    python benchmarks/studies/pooling_and_gender.py --num_parallel 2
    python benchmarks/studies/pooling_and_gender.py --report_only

Trains each arm with each seed (a run that is finished is not repeated, an interrupted one continues), then prints

* each arm's scores, mean over the seeds: the predictions of all seeds are pooled, and the intervals resample the test
  speakers with all their predictions, so that seeds do not count as further speakers;
* paired differences, tested by permuting speakers: gender against none, other poolings against the mean, with
  p-values adjusted for the seven of them (Holm);
* ensembles of five: the five seeds of the arm with the best validation score, and for each seed the five arms with
  the best validation scores. Weights are fitted on the validation part.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from hf_emotion.ensembles.ensemble import build_ensemble
from hf_emotion.ensembles.members import load_member
from hf_emotion.evaluation.comparison import compare_predictions
from hf_emotion.evaluation.predictions import PREDICTIONS_FILE, VALIDATION_PREDICTIONS_FILE, load_predictions
from hf_emotion.evaluation.report import evaluate_predictions, load_metrics
from hf_emotion.metrics.significance import holm_adjusted


REPO = Path(__file__).resolve().parents[2]
CONFIG = REPO / "trainer_configs" / "pooling_and_gender.yaml"
POOLINGS = ("mean", "std", "mean_std", "attention")
PAIRS = [(name, f"{name}_gender") for name in POOLINGS] + [("mean", name) for name in POOLINGS[1:]]
MEMBERS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/pooling_and_gender"))
    parser.add_argument("--corpora_dir", help="folder of crema_d, by default that of the YAML file")
    parser.add_argument("--num_parallel", type=int, default=1, help="trainings at a time, one CPU core each")
    parser.add_argument("--report_only", action="store_true", help="train nothing")
    args = parser.parse_args()
    if not args.report_only:
        flags = ["--corpora_dir", args.corpora_dir] if args.corpora_dir else []
        with ThreadPoolExecutor(args.num_parallel) as pool:
            list(pool.map(lambda seed: train(seed, args.output_dir, flags), args.seeds))
    arms = [step["step_name"] for step in yaml.safe_load(CONFIG.read_text())["steps"]]
    report_arms(arms, args.seeds, args.output_dir)
    report_differences(args.seeds, args.output_dir)
    report_ensembles(arms, args.seeds, args.output_dir)


def train(seed: int, output_dir: Path, flags: Sequence[str]) -> None:
    """All arms with one seed, in a process of its own."""
    folder = output_dir / f"seed_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(REPO / "train.py"), "--config", str(CONFIG), "--seed", str(seed), *flags]
    with (folder / "log.txt").open("w") as log:
        subprocess.run(
            [*command, "--output_dir", str(folder), "--disable_tqdm", "true"],
            check=True,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def pooled(arm: str, seeds: Sequence[int], output_dir: Path, file: str = PREDICTIONS_FILE) -> pd.DataFrame:
    """The predictions of all seeds in one table: speakers stay who they are."""
    tables = []
    for seed in seeds:
        table = load_predictions(output_dir / f"seed_{seed}" / arm / file)
        tables.append(table.assign(utterance_id=f"seed {seed}: " + table["utterance_id"]))
    return pd.concat(tables, ignore_index=True)


def report_arms(arms: Sequence[str], seeds: Sequence[int], output_dir: Path) -> None:
    print(f"Test scores, mean over {len(seeds)} seeds [95 % interval over speakers], and UAR of each seed")
    print(f"{'arm':<18}{'UAR':<21}{'macro-F1':<21}{'validation UAR':<16}seeds")
    for arm in arms:
        part = evaluate_predictions(pooled(arm, seeds, output_dir))["overall"]
        validation = evaluate_predictions(pooled(arm, seeds, output_dir, VALIDATION_PREDICTIONS_FILE))["overall"]
        folders = [output_dir / f"seed_{seed}" / arm for seed in seeds]
        each = " ".join(f"{100 * load_metrics(folder / 'metrics.json')['overall']['uar']:.1f}" for folder in folders)
        cells = [f"{100 * part[name]:.1f} {interval(part['intervals'][name])}" for name in ("uar", "macro_f1")]
        print(f"{arm:<18}{cells[0]:<21}{cells[1]:<21}{100 * validation['uar']:<16.1f}{each}")


def interval(bounds: Sequence[float]) -> str:
    return f"[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def report_differences(seeds: Sequence[int], output_dir: Path) -> None:
    print("\nPaired differences of UAR, B - A [95 % interval over speakers], p by permutation of speakers")
    rows = []
    for first, second in PAIRS:
        report = compare_predictions(pooled(first, seeds, output_dir), pooled(second, seeds, output_dir))
        rows.append((f"{second} - {first}", report["overall"]["metrics"]["uar"]))
    adjusted = holm_adjusted([entry["p_value"] for _, entry in rows])
    for (name, entry), p_value in zip(rows, adjusted, strict=True):
        cell = f"{100 * entry['difference']:+.1f} {interval(entry['interval'])}"
        print(f"{name:<30}{cell:<22}p = {entry['p_value']:.4f}, adjusted {p_value:.4f}")


def report_ensembles(arms: Sequence[str], seeds: Sequence[int], output_dir: Path) -> None:
    print("\nEnsembles of five: log loss on the validation part, UAR and macro-F1 on the test part")
    best = max(arms, key=lambda arm: np.mean([validation_uar(output_dir / f"seed_{seed}" / arm) for seed in seeds]))
    chosen = {f"{best}, {len(seeds)} seeds": [output_dir / f"seed_{seed}" / best for seed in seeds]}
    for seed in seeds:
        folders = sorted((output_dir / f"seed_{seed}" / arm for arm in arms), key=validation_uar, reverse=True)
        chosen[f"five arms, seed {seed}"] = folders[:MEMBERS]
    for name, folders in chosen.items():
        target = output_dir / "ensembles" / name.replace(", ", "_").replace(" ", "_")
        if (target / "ensemble.json").is_file():
            record = json.loads((target / "ensemble.json").read_text())
        else:
            members = [load_member(folder, f"{folder.parent.name}/{folder.name}") for folder in folders]
            record = build_ensemble(members, target)
        losses = [entry["log_loss"] for entry in record["scores"]["validation"]["members"].values()]
        loss = record["scores"]["validation"]["methods"]["weighted"]["log_loss"]
        report = load_metrics(target / "metrics.json")["overall"]
        scores = [f"{100 * report[key]:.1f} {interval(report['intervals'][key])}" for key in ("uar", "macro_f1")]
        of_members = [load_metrics(folder / "metrics.json")["overall"]["uar"] for folder in folders]
        print(
            f"{name:<26}log loss {loss:.4f} (best member {min(losses):.4f}); UAR {scores[0]} (members "
            f"{100 * min(of_members):.1f} to {100 * max(of_members):.1f}); macro-F1 {scores[1]}"
        )


def validation_uar(folder: Path) -> float:
    table = load_predictions(folder / VALIDATION_PREDICTIONS_FILE)
    return evaluate_predictions(table, num_resamples=1)["overall"]["uar"]


if __name__ == "__main__":
    main()
