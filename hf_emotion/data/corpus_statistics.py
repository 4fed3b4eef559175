"""Sizes of corpora: utterances, speakers, hours, durations and labels, per corpus, per language and in all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import datasets
import numpy as np
import pandas as pd

from .audit.split_leaks import label_of


_LABEL_COLUMNS = ("emotion", "arousal_valence", "raw_label")
_COLUMNS = ("corpus", "language", "speaker_id", "duration", *_LABEL_COLUMNS)


@dataclass(frozen=True)
class SpeechStatistics:
    """
    Size of a corpus, or of several.

    Args:
        num_utterances (`int`): Utterances, without broken files.
        num_speakers (`int`, *optional*): Speakers; `None` if no utterance has a speaker id.
        hours (`float`): Audio in all.
        mean_duration, median_duration (`float`): Seconds.
        durations (`tuple[int, ...]`): Utterances that last 0 to 1 s, 1 to 2 s and so on.
        labels (`dict[str, int]`): Utterances per label (canonical emotion where there is one), most frequent first.
    """

    num_utterances: int
    num_speakers: int | None
    hours: float
    mean_duration: float
    median_duration: float
    durations: tuple[int, ...]
    labels: dict[str, int]


@dataclass(frozen=True)
class CorporaStatistics:
    """
    Sizes of several corpora.

    Args:
        corpora (`dict[str, SpeechStatistics]`): Per corpus, in the order given.
        languages (`dict[str, SpeechStatistics]`): Per language (the first subtag of the BCP 47 tag: `en` holds
            `en-US` and `en-CA`), `"unknown"` where utterances do not say it; sorted.
        total ([`SpeechStatistics`]): All of them.
    """

    corpora: dict[str, SpeechStatistics]
    languages: dict[str, SpeechStatistics]
    total: SpeechStatistics


def corpora_statistics(corpora: Mapping[str, datasets.DatasetDict]) -> CorporaStatistics:
    """
    Sizes of corpora, from their columns; no file is opened.

    Args:
        corpora (`Mapping[str, DatasetDict]`):
            What [`~hf_emotion.data.loading.load_corpus`] returns, by name.

    Returns:
        [`CorporaStatistics`]

    Raises:
        `ValueError`: If there is no utterance.
    """
    tables = {name: pd.concat([_table(rows) for rows in parts.values()]) for name, parts in corpora.items()}
    everything = pd.concat(list(tables.values())) if tables else pd.DataFrame()
    if everything.empty:
        raise ValueError("There is no utterance to count: no corpus was given, or all are empty.")
    languages = everything["language"].fillna("unknown").str.split("-").str[0]
    return CorporaStatistics(
        corpora={name: _statistics(table) for name, table in tables.items()},
        languages={str(language): _statistics(table) for language, table in everything.groupby(languages)},
        total=_statistics(everything),
    )


def _table(rows: datasets.Dataset) -> pd.DataFrame:
    columns = rows.select_columns(list(_COLUMNS))[:]
    table = pd.DataFrame({name: columns[name] for name in ("corpus", "language", "speaker_id", "duration")})
    levels = zip(*(columns[name] for name in _LABEL_COLUMNS), strict=True)
    table["label"] = [label_of(dict(zip(_LABEL_COLUMNS, labels, strict=True))) for labels in levels]
    return table


def _statistics(table: pd.DataFrame) -> SpeechStatistics:
    seconds = table["duration"].to_numpy(dtype=float)
    num_speakers = len(table[["corpus", "speaker_id"]].dropna().drop_duplicates())
    return SpeechStatistics(
        num_utterances=len(table),
        num_speakers=num_speakers or None,
        hours=float(seconds.sum() / 3600),
        mean_duration=float(seconds.mean()),
        median_duration=float(np.median(seconds)),
        durations=tuple(np.bincount(seconds.astype(int)).tolist()),
        labels=dict(Counter(table["label"]).most_common()),
    )
