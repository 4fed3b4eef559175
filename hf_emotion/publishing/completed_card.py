"""The card that a run has left, brought up to what is known once its repository has a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from ..cards.emissions import Emissions, read_emissions
from ..cards.model_card import TAGS
from ..cards.model_card_text import emissions_sentence
from ..cards.templates import render_template
from .local_paths import without_local_paths


_PIPELINE_TEMPLATE = "pipeline_usage.md"
_OURS = "### With hf-emotion\n"
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
# What an adapter shares with the merged model of the same run.
_SHARED_METADATA = ("language", "license", "license_name", "datasets", "metrics", "eval_results", "co2_eq_emissions")
_SHARED_SECTIONS = ("Results", "Data", "Limitations", "Ethical and legal considerations", "Licence", "Citation")


def completed_card(
    text: str,
    repo_id: str,
    folder: Path,
    *,
    licence: str | None = None,
    datasets: Sequence[str] = (),
    has_pipeline_code: bool = False,
) -> ModelCard:
    """
    A model card for the Hub.

    A card of this package names its repository from now on, and says how the pipeline in it is used. Of any other card
    the text stays as it is, but for folders of this machine.

    Args:
        text (`str`): The card in the folder.
        repo_id (`str`): Repository.
        folder (`Path`): Folder of the model, with what codecarbon may have measured.
        licence (`str`, *optional*): Hub identifier of the licence, instead of the card's.
        datasets (`Sequence[str]`, *optional*): Repositories of the training data, instead of the card's.
        has_pipeline_code (`bool`, *optional*, defaults to `False`): Whether the repository carries the code of the
            pipeline for speech emotion.

    Raises:
        ValueError: The metadata of the card cannot be read.
    """
    card = ModelCard(without_local_paths(text))
    data: Any = card.data
    data.model_name = repo_id.split("/")[-1] if data.eval_results else data.model_name
    data.pipeline_tag = data.pipeline_tag or "audio-classification"
    data.library_name = data.library_name or "transformers"
    if licence is not None:
        data.license, data.license_name = licence, None
    if datasets:
        data.datasets = list(datasets)
    emissions = read_emissions(folder)
    if emissions is not None and "co2_eq_emissions" not in data:
        data.co2_eq_emissions = emissions.metadata
    if set(TAGS) <= set(data.tags or []):
        card.text = _completed_text(card.text, repo_id, emissions, has_pipeline_code)
    return card


def with_results_of_run(card: ModelCard, run: Path) -> ModelCard:
    """
    The card of an adapter with the scores, data and limits of the run that it comes from.

    Args:
        card (`ModelCard`): Card of the adapter.
        run (`Path`): Folder of the run, whose merged model has the same outputs.
    """
    of_run = ModelCard(without_local_paths((run / "README.md").read_text(encoding="utf-8")))
    for name in _SHARED_METADATA:
        if (value := of_run.data.get(name)) is not None and card.data.get(name) is None:
            card.data[name] = value
    card.data["model_name"] = of_run.data.get("model_name")
    sections = _sections(of_run.text)
    shared = [f"## {title}\n{sections[title]}" for title in _SHARED_SECTIONS if title in sections]
    card.text = card.text.rstrip("\n") + "\n\n" + "".join(shared)
    return card


def _completed_text(text: str, repo_id: str, emissions: Emissions | None, has_pipeline_code: bool) -> str:
    heading = _HEADING.search(text)
    if heading is not None:
        old = re.escape(heading[1].strip())
        text = re.sub(rf'"(?:[\w.-]+/)?{old}"', f'"{repo_id}"', text)
        text = text.replace(heading[0], f"# {repo_id.split('/')[-1]}", 1)
    text = text.replace('"path/to/this/folder"', f'"{repo_id}"')
    usage = render_template(_PIPELINE_TEMPLATE, model_id=repo_id)
    if has_pipeline_code and usage.splitlines()[0] not in text:
        text = text.replace(_OURS, f"{usage}\n{_OURS}", 1)
    if emissions is not None and (sentence := emissions_sentence(emissions)) not in text:
        text = text.replace("\n## Training\n\n", f"\n## Training\n\n{sentence}\n\n", 1)
    return text


def _sections(text: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    found = list(_SECTION.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return {match[1].strip(): text[match.end() + 1 : end] for match, end in zip(found, ends, strict=True)}
