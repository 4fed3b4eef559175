"""A user's own reading of corpus labels: a YAML file that overrides the mapping of the corpus files."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ..emotions import AROUSAL_VALENCE_CLASSES, canonical_emotion
from .corpus_facts import Corpus


# Corpus -> raw label -> a canonical emotion (or an alias), None to leave the label out, or a dict with the keys
# `emotion` and `arousal_valence`.
LabelOverrides = Mapping[str, Mapping[str, Any]]

_KEYS = {"emotion", "arousal_valence"}


def load_label_overrides(path: str | os.PathLike[str]) -> LabelOverrides:
    """
    Read label overrides from a YAML file.

    ```yaml
    ravdess:
      "02": neutral                       # calm as neutral
    gemep:
      anxiety: {arousal_valence: high_negative}
    msp_improv:
      O: null                             # no emotion
    ```

    Raises:
        `FileNotFoundError`: If there is no such file.
        `ValueError`: If it is not a mapping of corpora to mappings of labels.
    """
    path = Path(path).expanduser()
    try:
        overrides = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(overrides, dict) or not all(isinstance(labels, dict) for labels in overrides.values()):
        raise ValueError(
            f"{path} must map corpora to labels, and labels to emotions, such as `ravdess: {{'02': neutral}}`."
        )
    for corpus, labels in overrides.items():
        if numbers := [label for label in labels if not isinstance(label, str)]:
            raise ValueError(f"{path}: {corpus}: write the labels {numbers} in quotes; YAML reads them as numbers.")
    return overrides


def override_labels(facts: Corpus, overrides: LabelOverrides) -> Corpus:
    """
    The facts of a corpus with the user's reading of its labels.

    Args:
        facts ([`Corpus`]):
            Facts as published.
        overrides (`dict[str, dict[str, Any]]`):
            Overrides of any number of corpora; those of `facts.name` are applied.

    Raises:
        `ValueError`: If the corpus has no such label, or the new meaning is no canonical emotion or class.

    Example:

    ```python
    >>> from hf_emotion import corpus_facts
    >>> from hf_emotion.data.label_overrides import override_labels
    >>> override_labels(corpus_facts("ravdess"), {"ravdess": {"02": "neutral"}}).labels["02"]
    'neutral'

    ```
    """
    mine = overrides.get(facts.name, {})
    if unknown := sorted(set(mine) - set(facts.labels)):
        raise ValueError(
            f"{facts.name} has no label {unknown[0]!r} to override; its labels are {sorted(facts.labels)}."
        )
    labels, classes = dict(facts.labels), dict(facts.arousal_valence)
    for raw_label, meaning in mine.items():
        given = meaning if isinstance(meaning, Mapping) else {"emotion": meaning}
        if not given or not set(given) <= _KEYS:
            raise ValueError(
                f"{facts.name}, {raw_label!r}: an override has keys out of {sorted(_KEYS)}, got {meaning!r}."
            )
        if "emotion" in given:
            labels[raw_label] = None if given["emotion"] is None else canonical_emotion(given["emotion"])
            classes.pop(raw_label, None)  # the exception was about the old emotion
        if "arousal_valence" in given:
            if given["arousal_valence"] not in (None, *AROUSAL_VALENCE_CLASSES):
                raise ValueError(
                    f"{facts.name}, {raw_label!r}: {given['arousal_valence']!r} is none of {AROUSAL_VALENCE_CLASSES}."
                )
            classes[raw_label] = (given["arousal_valence"], "user")
    return replace(facts, labels=labels, arousal_valence=classes)
