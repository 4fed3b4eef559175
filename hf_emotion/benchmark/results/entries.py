"""One row of a leaderboard: a system, what it reaches on each setting, and where the figures come from."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...suggestions import did_you_mean


ORIGINS = ("reported", "measured", "submitted")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,95}")


@dataclass(frozen=True)
class Entry:
    """
    A row of a leaderboard.

    Args:
        id (`str`): Small letters, digits, `_` and `-`: the name of its files.
        system (`str`): Name of the system, as shown.
        origin (`str`): `"reported"` by a paper, `"measured"` from cells of this package, or `"submitted"`.
        protocol (`str`): Name of the protocol that it was measured by.
        settings (`Mapping[str, Mapping]`): For each setting what
            [`~hf_emotion.benchmark.scores.setting_scores`] returns; reported ones have `macro_f1` only.
        num_parameters (`float`, *optional*): Parameters of the system in millions.
        encoder (`str`, *optional*): Its Hub id.
        layer_weights (`Mapping[str, Sequence[float]]`, *optional*): For each setting the learned share of each hidden
            state, the input of the first layer first.
        facts (`Mapping[str, Any]`, *optional*): `paper`, `code`, `submitted_by`, `date`, `notes`.

    Raises:
        ValueError: The id cannot be a file name, the origin is unknown, or a score is not between 0 and 1.
    """

    id: str
    system: str
    origin: str
    protocol: str
    settings: Mapping[str, Mapping[str, Any]]
    num_parameters: float | None = None
    encoder: str | None = None
    layer_weights: Mapping[str, Sequence[float]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise ValueError(f"The id {self.id!r} must be small letters, digits, '_' and '-', up to 96 of them.")
        if self.origin not in ORIGINS:
            raise ValueError(f"{self.id}: origin must be one of {', '.join(ORIGINS)}, but is {self.origin!r}.")
        for name, scores in self.settings.items():
            score = scores.get("macro_f1")
            if not isinstance(score, int | float) or not 0 <= score <= 1:  # NaN is not
                raise ValueError(f"{self.id}: macro_f1 of {name} must be between 0 and 1, but is {score!r}.")

    def score(self, setting: str) -> float | None:
        """Macro-F1 on a setting, None where it was not measured."""
        return self.settings[setting]["macro_f1"] if setting in self.settings else None

    def average(self, settings: Sequence[str]) -> float | None:
        """Mean over some settings, None if one of them is missing: averages of other settings do not compare."""
        scores = [self.score(name) for name in settings]
        known = [score for score in scores if score is not None]
        return math.fsum(known) / len(known) if known and len(known) == len(scores) else None

    def to_json(self) -> str:
        """The entry as JSON, which [`Entry.from_json`] reads."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """
        Read an entry.

        Raises:
            ValueError: The text is no entry; the message says what is wrong.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"An entry must be JSON: {error}") from error
        if not isinstance(values, dict):
            raise ValueError(f"An entry must be a JSON object, found {type(values).__name__}.")
        known = {item.name for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise ValueError(
                    f"An entry has no field {name!r}. {did_you_mean(name, known)}Fields: {sorted(known)}."
                )
        try:
            return cls(**values)
        except (AttributeError, TypeError) as error:
            raise ValueError(f"The entry lacks a field, or one has the wrong type: {error}") from error
