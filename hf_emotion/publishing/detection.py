"""What a source holds, told from its files."""

from __future__ import annotations

import os
from pathlib import Path

from ..data.loading import list_corpora
from ..metrics import list_metrics
from ..recognition import ENSEMBLE_FILE
from .adapter import ADAPTER_CONFIG_FILE
from .model import CONFIG_FILE
from .results import is_results_store, run_folders


KINDS = ("model", "adapter", "ensemble", "corpus", "metric", "results")
MANIFESTS = ("manifest.csv", "manifest.jsonl")


def detect_kind(source: str | os.PathLike[str]) -> str:
    """
    What can be pushed from a source.

    Args:
        source (`str` or `os.PathLike`): A folder, or the name of a metric or a corpus. Where a folder has the name of
            one of those, it is the folder.

    Returns:
        `str`: One of `KINDS`.

    Raises:
        FileNotFoundError: There is no such folder, metric or corpus.
        ValueError: The folder holds nothing that is known.

    Example:

    ```python
    >>> detect_kind("unweighted_average_recall"), detect_kind("ravdess")
    ('metric', 'corpus')

    ```
    """
    folder = Path(source)
    if not folder.is_dir():
        return _kind_of_name(os.fspath(source))
    telling = {ENSEMBLE_FILE: "ensemble", ADAPTER_CONFIG_FILE: "adapter", CONFIG_FILE: "model"}
    telling |= dict.fromkeys(MANIFESTS, "corpus")
    for name, kind in telling.items():
        if (folder / name).is_file():
            return kind
    if is_results_store(folder):
        return "results"
    below = sorted(str(path.parent) for path in folder.glob(f"*/{CONFIG_FILE}"))
    if below:
        raise ValueError(
            f"{folder} holds no model itself. Did you mean {' or '.join(below)}? To push the scores of these runs as "
            "a table, pass kind='results'."
        )
    if run_folders(folder):
        return "results"
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
    raise ValueError(
        f"{folder} holds no model, adapter, ensemble, corpus or results, but {found or 'nothing'}. Pass the folder of "
        "one of those, and its kind if it cannot be told."
    )


def _kind_of_name(name: str) -> str:
    if name in list_metrics():
        return "metric"
    if name in list_corpora():
        return "corpus"
    raise FileNotFoundError(
        f"There is no folder {name}, and no metric or corpus of that name. `hf-emotion corpora list` and "
        "`hf_emotion.metrics.list_metrics()` list them. Pass the folder of a model, adapter, ensemble or results."
    )
