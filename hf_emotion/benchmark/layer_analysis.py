"""Which layers of a frozen encoder carry emotion: the learned weights of its hidden states, per system and setting."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..cards.model_card_text import table
from .cells import CellResult
from .plots import layer_heatmap_figure, layer_weight_figure


if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = ("settings", "systems", "heatmap")
SUMMARY_COLUMNS = ("system", "setting", "cells", "states", "top layer", "its share (%)", "centre of mass", "entropy")
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class LayerProfile:
    """
    How a system weights the hidden states of its encoder on a setting, after the softmax.

    Args:
        system (`str`): Name of the system.
        setting (`str`): Name of the setting.
        shares (`tuple[float, ...]`): Mean share of each hidden state over folds and seeds, the input of the first
            layer first. They sum to 1.
        spread (`tuple[float, ...]`, *optional*): Standard deviation over folds and seeds; None for a single cell.
        num_cells (`int`, *optional*, defaults to 1): Number of folds times seeds.
    """

    system: str
    setting: str
    shares: tuple[float, ...]
    spread: tuple[float, ...] | None = None
    num_cells: int = 1

    @property
    def top_layer(self) -> int:
        """Layer with the largest share; 0 is the input of the first layer."""
        return int(np.argmax(self.shares))

    @property
    def centre_of_mass(self) -> float | None:
        """Mean depth, from 0 (input of the first layer) to 1 (last layer); None for an encoder of a single state."""
        if len(self.shares) < 2:
            return None
        return float(np.dot(self.shares, np.linspace(0, 1, len(self.shares))))

    @property
    def entropy(self) -> float | None:
        """Entropy relative to equal shares, from 0 (one layer has all) to 1 (all have the same); None as above."""
        if len(self.shares) < 2:
            return None
        return -math.fsum(share * math.log(share) for share in self.shares if share > 0) / math.log(len(self.shares))


def layer_profiles(cells: Iterable[CellResult]) -> list[LayerProfile]:
    """
    Average layer weights over the folds and seeds of each system and setting.

    Args:
        cells (`Iterable[CellResult]`): Finished cells; those of systems that average no layers are left out.

    Returns:
        `list[LayerProfile]`: In the order in which systems and settings first appear.

    Raises:
        ValueError: No cell has layer weights, weights are no shares, or cells of a system and setting have different
            numbers of them.

    Example:

    ```python
    >>> from pathlib import Path
    >>> from hf_emotion.benchmark.cells import CellResult
    >>> where = {"system": "WavLM", "setting": "CREMA-D", "seed": 0}
    >>> weights = ([0.5, 0.25, 0.25], [0.0, 0.25, 0.75])
    >>> cells = [CellResult(Path(), where | {"fold": k, "layer_weights": w}) for k, w in enumerate(weights, start=1)]
    >>> profile = layer_profiles(cells)[0]
    >>> profile.shares, profile.top_layer, profile.centre_of_mass
    ((0.25, 0.25, 0.5), 2, 0.625)

    ```
    """
    found: dict[tuple[str, str], list[Sequence[float]]] = defaultdict(list)
    for result in cells:
        if result.record.get("layer_weights") is not None:
            found[result.cell.system, result.cell.setting].append(_checked_shares(result))
    if not found:
        raise ValueError(
            "No finished cell has layer weights. Only benchmarks of frozen encoders learn them: run one first, or "
            "name its output folder."
        )
    return [_profile(system, setting, shares) for (system, setting), shares in found.items()]


def mean_over_settings(profiles: Sequence[LayerProfile]) -> list[LayerProfile]:
    """
    One profile per system: the mean over its settings, as the curves of Figure 3a of EMO-SUPERB but for a factor.

    The spread is that between settings.
    """
    found: dict[str, list[LayerProfile]] = defaultdict(list)
    for profile in profiles:
        found[profile.system].append(profile)
    return [
        _profile(system, f"mean of {len(mine)} settings", [profile.shares for profile in mine])
        for system, mine in found.items()
    ]


def layer_frame(profiles: Sequence[LayerProfile]) -> pd.DataFrame:
    """One row per system, setting and layer: `layer`, `depth` (0 to 1), `share`, `std` and `num_cells`."""
    rows = [
        {
            "system": profile.system,
            "setting": profile.setting,
            "layer": layer,
            "depth": layer / max(1, len(profile.shares) - 1),
            "share": share,
            "std": None if profile.spread is None else profile.spread[layer],
            "num_cells": profile.num_cells,
        }
        for profile in profiles
        for layer, share in enumerate(profile.shares)
    ]
    return pd.DataFrame(rows).astype({"std": float})


def summary_rows(profiles: Sequence[LayerProfile]) -> list[list[str | int | float | None]]:
    """Rows under `SUMMARY_COLUMNS`, one for each profile."""
    return [
        [
            profile.system,
            profile.setting,
            profile.num_cells,
            len(profile.shares),
            profile.top_layer,
            100 * profile.shares[profile.top_layer],
            profile.centre_of_mass,
            profile.entropy,
        ]
        for profile in profiles
    ]


def layer_markdown(profiles: Sequence[LayerProfile]) -> str:
    """The summary as a Markdown table, then for each system the share of each layer on each setting in percent."""
    rows = [[_markdown_cell(cell) for cell in row] for row in summary_rows(profiles)]
    parts = [table(SUMMARY_COLUMNS, rows)]
    for system in dict.fromkeys(profile.system for profile in profiles):
        mine = [profile for profile in profiles if profile.system == system]
        shares = [
            [layer, *(_share_cell(profile, layer) for profile in mine)]
            for layer in range(max(len(profile.shares) for profile in mine))
        ]
        parts.append(f"## {system}\n\n{table(['layer', *(profile.setting for profile in mine)], shares)}")
    return "\n\n".join(parts) + "\n"


def layer_figure(profiles: Sequence[LayerProfile], kind: str = "settings") -> Figure:
    """
    Draw layer weights as Figure 3 of EMO-SUPERB does.

    Args:
        profiles (`Sequence[LayerProfile]`): Profiles of [`layer_profiles`]; those of a single hidden state are left
            out.
        kind (`str`, *optional*, defaults to `"settings"`): `"settings"`, a panel per system with a line per setting
            (Figure 3b); `"systems"`, one panel with a line per system, the mean over its settings (Figure 3a), for
            each number of layers; or `"heatmap"`, a row per system and setting over the normalised depth.

    Raises:
        ValueError: There is no such kind of figure, or there is nothing to draw.
    """
    if kind not in FIGURES:
        raise ValueError(f"kind must be one of {', '.join(FIGURES)}, but is {kind!r}.")
    profiles = [profile for profile in profiles if len(profile.shares) > 1]
    if kind == "heatmap":
        several = len({profile.setting for profile in profiles}) > 1
        names = [f"{profile.system}, {profile.setting}" if several else profile.system for profile in profiles]
        return layer_heatmap_figure({name: p.shares for name, p in zip(names, profiles, strict=True)})
    shares: dict[str, dict[str, Sequence[float]]] = defaultdict(dict)
    spreads: dict[str, dict[str, Sequence[float] | None]] = defaultdict(dict)
    for profile in mean_over_settings(profiles) if kind == "systems" else profiles:
        panel, line = profile.system, profile.setting
        if kind == "systems":
            panel, line = f"{len(profile.shares)} hidden states", profile.system
        shares[panel][line] = profile.shares
        spreads[panel][line] = profile.spread
    return layer_weight_figure(shares, spreads)


def _checked_shares(result: CellResult) -> Sequence[float]:
    shares = np.asarray(result.record["layer_weights"], dtype=np.float64)
    if shares.ndim != 1 or not shares.size or (shares < 0).any() or not abs(shares.sum() - 1) <= _SUM_TOLERANCE:
        raise ValueError(
            f"The layer weights of {result.folder} are no shares that sum to 1: {result.record['layer_weights']}. "
            "Delete its folder and run the benchmark again."
        )
    return shares.tolist()


def _profile(system: str, setting: str, shares: Sequence[Sequence[float]]) -> LayerProfile:
    if len(sizes := {len(row) for row in shares}) > 1:
        raise ValueError(
            f"Cells of {system} on {setting} have {' and '.join(map(str, sorted(sizes)))} layer weights: they belong "
            "to different encoders. Measure these as systems of different names."
        )
    values = np.asarray(shares)
    spread = tuple(values.std(axis=0, ddof=1).tolist()) if len(values) > 1 else None
    return LayerProfile(system, setting, tuple(values.mean(axis=0).tolist()), spread, len(values))


def _markdown_cell(cell: str | int | float | None) -> str:
    return "-" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _share_cell(profile: LayerProfile, layer: int) -> str:
    if layer >= len(profile.shares):
        return "-"
    spread = "" if profile.spread is None else f" ± {100 * profile.spread[layer]:.2f}"
    return f"{100 * profile.shares[layer]:.2f}{spread}"
