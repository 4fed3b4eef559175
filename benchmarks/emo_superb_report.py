"""From measured parts to the time that EMO-SUPERB takes on a corpus, and the tables that show the arithmetic."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


KINDS = ("wall", "cpu")
DAY, HOUR, MINUTE = 86_400, 3600, 60


@dataclass(frozen=True)
class Clock:
    """Seconds by the clock on the wall, and CPU seconds of the process with all its threads."""

    wall: float
    cpu: float

    def __truediv__(self, count: float) -> Clock:
        return Clock(self.wall / count, self.cpu / count)

    def __sub__(self, other: Clock) -> Clock:
        return Clock(self.wall - other.wall, self.cpu - other.cpu)


@dataclass(frozen=True)
class Plan:
    """
    What is computed from the measured parts.

    Args:
        fold_sizes (`Sequence[tuple[int, int, int]]`): Utterances for training, validation and test of each fold.
        epochs (`int`): Passes over the training part, each with an evaluation of the other two.
        batch_size (`int`): Of training and evaluation.
    """

    fold_sizes: Sequence[tuple[int, int, int]]
    epochs: int
    batch_size: int

    @property
    def num_clips(self) -> int:
        """Of the corpus."""
        return sum(self.fold_sizes[0])

    @property
    def num_trained(self) -> int:
        """Clips in the training parts of all folds."""
        return sum(train for train, _, _ in self.fold_sizes)

    @property
    def num_evaluated(self) -> int:
        """Clips in the validation and test parts of all folds."""
        return sum(validation + test for _, validation, test in self.fold_sizes)

    @property
    def num_steps(self) -> float:
        """Training steps; the last one of an epoch counts as the part of a batch that it is."""
        return self.epochs * self.num_trained / self.batch_size

    @property
    def num_evaluated_batches(self) -> float:
        """Evaluated batches, counted in the same way."""
        return self.epochs * self.num_evaluated / self.batch_size

    def totals(self, parts: dict[str, float]) -> dict[str, float]:
        """Seconds for the whole corpus, and ratios, from the seconds of the parts."""
        training = self.num_steps * parts["training_step"]
        evaluation = self.num_evaluated_batches * parts["evaluated_batch"]
        extraction = parts["extraction_call"] + self.num_clips * parts["extracted_clip"]
        heads = parts["loading"] + self.epochs * parts["epoch"]
        today, once, per_fold = training + evaluation, extraction + heads, len(self.fold_sizes) * extraction + heads
        return {
            "training": training,
            "evaluation": evaluation,
            "today": today,
            "extraction": extraction,
            "heads": heads,
            "ours": once,
            "ours_extracting_per_fold": per_fold,
            "ratio": today / once,
            "ratio_extracting_per_fold": today / per_fold,
        }


def report(found: dict[str, Any], plan: Plan, facts: dict[str, Any], num_clips: int) -> tuple[dict, list[str]]:
    """
    Figures for a file, and lines in Markdown.

    Args:
        found (`dict`): Measurements: `parts` and `heads`, a dict of [`Clock`] for each round, and `extraction`, for
            each batch size and round the `clock`, `padding` and `error` of both loops.
        plan ([`Plan`]): What to compute.
        facts (`dict`): What was measured on.
        num_clips (`int`): Clips that were measured.
    """
    rounds = [{kind: _round(parts, plan, kind) for kind in KINDS} for parts in found["parts"]]
    extraction = [_extraction(size, rows, num_clips) for size, rows in found["extraction"].items()]
    heads = {arm: _medians([row[arm] for row in found["heads"]]) for arm in found["heads"][0]}
    stacking = _ratio(found["heads"], "one after the other", "stacked")
    lines = [", ".join(f"{name}: {fact}" for name, fact in facts.items()), ""]
    lines += [*_parts_table(rounds, plan), "", *_extraction_table(extraction), ""]
    lines += [*_heads_table(heads, stacking)]
    figures = {
        "facts": facts,
        "plan": {"fold_sizes": [list(sizes) for sizes in plan.fold_sizes], "epochs": plan.epochs},
        "rounds": rounds,
        "extraction": extraction,
        "heads_seconds_per_epoch": heads,
        "heads_ratio_of_stacking": stacking,
    }
    return figures, lines


def _round(parts: dict[str, Clock], plan: Plan, kind: str) -> dict[str, dict[str, float]]:
    seconds = {name: getattr(clock, kind) for name, clock in parts.items()}
    return {"parts": seconds, "totals": plan.totals(seconds)}


def _medians(clocks: Sequence[Clock]) -> dict[str, float]:
    return {kind: statistics.median(getattr(clock, kind) for clock in clocks) for kind in KINDS}


def _ratio(rows: Sequence[Any], slow: str, fast: str) -> dict[str, float]:
    """Median over the rounds of how many times as long the first takes."""
    return {
        kind: statistics.median(getattr(row[slow], kind) / getattr(row[fast], kind) for row in rows) for kind in KINDS
    }


def _parts_table(rounds: list[dict], plan: Plan) -> Iterator[str]:
    parts, totals = (
        {
            kind: {
                name: statistics.median(turn[kind][level][name] for turn in rounds) for name in rounds[0][kind][level]
            }
            for kind in KINDS
        }
        for level in ("parts", "totals")
    )
    folds, epochs, size = len(plan.fold_sizes), plan.epochs, plan.batch_size
    trained = f"{epochs} x {plan.num_trained:,} clips / {size} = {plan.num_steps:,.0f} steps"
    evaluated = f"{epochs} x {plan.num_evaluated:,} clips / {size} = {plan.num_evaluated_batches:,.0f} batches"
    wall, cpu = parts["wall"], parts["cpu"]
    clips = f"{plan.num_clips:,} clips x {wall['extracted_clip']:.4f} s + {wall['extraction_call']:.2f} s for the call"
    heads = f"{epochs} epochs of all folds x {wall['epoch']:.3f} s + {wall['loading']:.2f} s to load the features"
    lines = {
        "training": f"{trained} of {wall['training_step']:.3f} s (CPU {cpu['training_step']:.3f} s)",
        "evaluation": f"{evaluated} of {wall['evaluated_batch']:.3f} s (CPU {cpu['evaluated_batch']:.3f} s)",
        "today": "training + evaluation",
        "extraction": f"{clips} (CPU {cpu['extracted_clip']:.4f} s and {cpu['extraction_call']:.2f} s)",
        "heads": f"{heads} (CPU {cpu['epoch']:.3f} s and {cpu['loading']:.2f} s)",
        "ours": "extraction + heads",
        "ours_extracting_per_fold": f"{folds} x extraction + heads",
    }
    yield f"{folds} folds of {plan.num_clips:,} clips, {epochs} epochs"
    yield ""
    yield "| part | arithmetic | time | CPU time |"
    yield "|---|---|---|---|"
    for name, arithmetic in lines.items():
        shown = f"**{name.replace('_', ', ', 1).replace('_', ' ')}**" if "ours" in name or name == "today" else name
        yield f"| {shown} | {arithmetic} | {duration(totals['wall'][name])} | {duration(totals['cpu'][name])} |"
    yield ""
    for name, what in (("ratio", "today / ours"), ("ratio_extracting_per_fold", "today / ours, extracting per fold")):
        values = ", ".join(f"{turn['wall']['totals'][name]:.0f}" for turn in rounds)
        yield f"* {what}: **{totals['wall'][name]:.0f} x** ({values}), in CPU time {totals['cpu'][name]:.0f} x"


def duration(seconds: float) -> str:
    """A time as people say it."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


def _extraction(size: int, rows: list[dict], num_clips: int) -> dict[str, Any]:
    """Medians of one batch size."""
    clocks = [{arm: row[arm]["clock"] for arm in row} for row in rows]
    arms = {
        arm: {
            "clips_per_second": {
                kind: num_clips / seconds for kind, seconds in _medians([row[arm] for row in clocks]).items()
            },
            "padding": rows[0][arm]["padding"],
            "error": max(row[arm]["error"] for row in rows),
        }
        for arm in rows[0]
    }
    return {"batch_size": size, **arms, "ratio": _ratio(clocks, "plain", "ours")}


def _extraction_table(extraction: list[dict]) -> Iterator[str]:
    if not extraction:
        return
    yield "Extraction: clips per second; padding; largest difference from the plain loop with one clip at a time"
    yield ""
    yield "| batch | plain | ours | ratio | in CPU time | padding, plain | and ours | difference, plain | and ours |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in extraction:
        plain, ours, ratio = row["plain"], row["ours"], row["ratio"]
        rates = " | ".join(f"{arm['clips_per_second']['wall']:.2f}" for arm in (plain, ours))
        yield (
            f"| {row['batch_size']} | {rates} | **{ratio['wall']:.2f} x** | {ratio['cpu']:.2f} x "
            f"| {plain['padding']:.1%} | {ours['padding']:.1%} | {plain['error']:.1e} | {ours['error']:.1e} |"
        )


def _heads_table(heads: dict[str, dict[str, float]], stacking: dict[str, float]) -> Iterator[str]:
    yield "Several heads of each fold, one epoch"
    yield ""
    yield "| heads | seconds | CPU seconds |"
    yield "|---|---|---|"
    for arm, seconds in heads.items():
        yield f"| {arm} | {seconds['wall']:.2f} | {seconds['cpu']:.2f} |"
    yield ""
    yield f"* stacked: {stacking['wall']:.2f} x as fast, in CPU time {stacking['cpu']:.2f} x"
