"""What a results store says of itself on the Hub: its dataset card and its table of scores."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from ...cards.templates import render_template
from ..cells import slug
from .entries import Entry


CARD_FILE, SCORES_FILE = "README.md", "scores.parquet"
_SCORES = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "system", "origin", "protocol", "encoder", "date", "setting")),
        ("num_parameters", pa.float64()),  # in millions
        *((name, pa.float64()) for name in ("macro_f1", "interval_low", "interval_high", "gender_gap")),
        ("calibration_error", pa.float64()),
        ("num_utterances", pa.int64()),
    ]
)


def scores_table(entries: Sequence[Entry]) -> bytes:
    """Content of a Parquet file with a row for each entry and setting."""
    rows = []
    for entry in entries:
        for setting, scores in entry.settings.items():
            low, high = scores.get("interval") or (None, None)
            facts = {"date": entry.facts.get("date"), "setting": setting, "interval_low": low, "interval_high": high}
            known = {name: getattr(entry, name) for name in _SCORES.names if hasattr(entry, name)}
            rows.append({name: scores.get(name) for name in _SCORES.names} | known | facts)
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, _SCORES), content)
    return content.getvalue()


def results_card(entries: Sequence[Entry], present: str | None = None, repo_id: str = "owner/name") -> str:
    """
    The dataset card of a store.

    Args:
        entries (`Sequence[Entry]`): What the store holds.
        present (`str`, *optional*): The card that there is. Its text and metadata are kept, but for the
            configurations.
        repo_id (`str`, *optional*): Repository, for the example in a new card.

    Raises:
        ValueError: The metadata of the present card cannot be read.
    """
    if present is None:
        data = DatasetCardData(
            pretty_name="Results of a speech emotion recognition benchmark",
            task_categories=["audio-classification"],
            tags=["speech-emotion-recognition", "leaderboard", "emo-superb", "hf-emotion"],
        )
        card = DatasetCard(render_template("benchmark.md", metadata=data.to_yaml(), repo_id=repo_id))
    else:
        try:
            card = DatasetCard(present, ignore_metadata_errors=True)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise ValueError(f"The metadata of the store's {CARD_FILE} is damaged ({error}). Mend it.") from error
    settings = sorted({setting for entry in entries for setting in entry.settings})
    configs = [("scores", SCORES_FILE), *((slug(name), f"predictions/*/{slug(name)}.parquet") for name in settings)]
    card.data["configs"] = [
        {"config_name": name, "data_files": [{"split": "test", "path": path}]} for name, path in configs
    ]
    card.data["configs"][0]["default"] = True
    return str(card)
