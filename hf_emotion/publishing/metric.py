"""Pushing a metric as a Space that `evaluate.load("owner/metric")` reads, without this package."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
from pathlib import Path
from typing import Any

import evaluate
from huggingface_hub import CommitInfo

from .. import __version__
from ..cards.card_check import card_problems
from ..cards.templates import render_template
from ..metrics import load_metric, metric_path
from .upload import CARD_FILE, Upload, check_repo_id


_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="max-width: 45em; margin: 2em auto; padding: 0 1em; font-family: sans-serif">
<h1>{title}</h1>
<p>{description}</p>
<pre style="overflow: auto">{code}</pre>
</body>
</html>
"""


def push_metric(
    name: str,
    repo_id: str,
    *,
    token: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> CommitInfo:
    """
    Push a metric of this package as a Space, which `evaluate.load(repo_id)` reads on any machine.

    The Space is static: evaluate's own page does not run with the Gradio of today, and the files are what is read.

    Args:
        name (`str`):
            One of [`~hf_emotion.metrics.list_metrics`].
        repo_id (`str`):
            Space `owner/name`. It is created if need be.
        token, revision:
            As in [`~hf_emotion.publishing.model.push_model`].
        options:
            `private` and `commit_message`, as in [`~hf_emotion.publishing.model.prepare_model`].

    Returns:
        `huggingface_hub.CommitInfo`: The commit.

    Raises:
        `ValueError`: If there is no such metric.
        `PermissionError`, `ConnectionError`: See [`~hf_emotion.publishing.model.push_model`].

    Example:

    ```python
    >>> from hf_emotion.publishing import push_metric
    >>> push_metric("unweighted_average_recall", "me/uar")  # doctest: +SKIP

    ```
    """
    return prepare_metric(name, repo_id, **options).push(token=token, revision=revision)


def prepare_metric(
    name: str, repo_id: str, *, private: bool | None = None, commit_message: str = "Push metric"
) -> Upload:
    """
    Everything that [`push_metric`] does before it uploads. Needs no network.

    Args and raised errors: as [`push_metric`].
    """
    check_repo_id(repo_id)
    path, metric = metric_path(name), load_metric(name)
    modules = [path, *_siblings(path)]
    requirements = sorted({*_libraries(modules), "evaluate"})
    card = _card(name, repo_id, metric)
    code = f'import evaluate\n\nmetric = evaluate.load("{repo_id}")'
    page = _PAGE.format(title=_title(name), description=_first_paragraph(metric.description), code=code)
    files: dict[str, Path | bytes] = {module.name: module for module in modules[1:]}
    files |= {
        f"{repo_id.split('/')[1]}.py": path,  # the name that evaluate asks for
        "requirements.txt": "".join(f"{line}>={importlib.metadata.version(line)}\n" for line in requirements).encode(),
        "index.html": page.encode(),
        CARD_FILE: card.encode(),
    }
    return Upload(
        repo_id,
        files,
        commit_message,
        repo_type="space",
        space_sdk="static",
        private=private,
        problems=card_problems(card, "space"),
    )


def _siblings(module: Path) -> list[Path]:
    """Modules that a metric imports from its folder. evaluate fetches those alone, not what they import in turn."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = [
        module.with_name(f"{node.module}.py")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
    ]
    for sibling in found:
        for node in ast.walk(ast.parse(sibling.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                raise ValueError(
                    f"{module.name} cannot be pushed: {sibling.name} imports modules of its own from this package, "
                    "which evaluate would not fetch."
                )
    return found


def _libraries(modules: list[Path]) -> set[str]:
    """Distributions that modules import; those of Python itself are none."""
    names = set()
    for module in modules:
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.split(".")[0])
    known = importlib.metadata.packages_distributions()
    return {_DISTRIBUTIONS.get(name, known[name][0]) for name in names if name in known}


def _card(name: str, repo_id: str, metric: evaluate.Metric) -> str:
    return render_template(
        "metric.md",
        title=_title(name),
        repo_id=repo_id,
        description=metric.description.strip(),
        inputs=inspect.cleandoc(_inputs_without_examples(metric.inputs_description)),
        citation=(metric.citation or "").strip(),
        version=__version__,
    )


def _inputs_without_examples(text: str) -> str:
    """The description of inputs without its examples, which load the metric from this package."""
    return text.partition("Examples:")[0].strip("\n")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _first_paragraph(text: str) -> str:
    return re.split(r"\n\s*\n", text.strip())[0].replace("\n", " ")
