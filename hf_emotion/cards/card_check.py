"""What a card lacks, found without the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from huggingface_hub import RepoCard


# Metadata that a reader of the Hub looks for, and why, by type of repository.
_EXPECTED = {
    "model": {
        "license": "nobody knows what they may do with it",
        "language": "those who filter by language do not find it",
        "base_model": "the page of the model that it started from does not list it",
        "datasets": "the pages of its training data do not list it; name their repositories, if they are on the Hub",
        "pipeline_tag": "those who filter by task do not find it",
        "library_name": "the Hub shows no example of its use",
        "model-index": "its scores are not shown",
    },
    "dataset": {
        "license": "nobody knows what they may do with it",
        "task_categories": "those who filter by task do not find it",
    },
    "space": {"sdk": "the Hub does not know what to show", "title": "it has no name"},
}


def card_problems(text: str, repo_type: str = "model") -> list[str]:
    """
    What the metadata of a card lacks.

    Args:
        text (`str`): The card.
        repo_type (`str`, *optional*, defaults to `"model"`): `"model"`, `"dataset"` or `"space"`.

    Returns:
        `list[str]`: One clause each; empty if all is there. Metadata that cannot be read is the only problem then.

    Example:

    ```python
    >>> card_problems("---\\ntitle: UAR\\n---\\n", "space")
    ['no sdk: the Hub does not know what to show']

    ```
    """
    try:
        metadata = _metadata(text)
    except (TypeError, ValueError, yaml.YAMLError) as error:
        return [f"the metadata cannot be read: {' '.join(str(error).split())}"]
    found = [f"no {name}: {reason}" for name, reason in _EXPECTED[repo_type].items() if not metadata.get(name)]
    if metadata.get("license") == "other" and not metadata.get("license_name"):
        found.append("license: other without a license_name")
    return found


def _metadata(text: str) -> Mapping[str, Any]:
    return RepoCard(text).data.to_dict()
