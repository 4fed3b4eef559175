"""The templates of `model_cards/`: where they are, and how they are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


_ANY_TEMPLATE = "model.md"


def render_template(name: str, *, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """
    Fill in a template.

    Args:
        name (`str`): File in `model_cards/`, such as `"model.md"`. It may extend or include others.
        filters (`Mapping[str, Callable]`, *optional*): Functions that it uses as filters.
        values: What it names; a name without a value is an error.

    Returns:
        `str`: The text of a card.

    Raises:
        FileNotFoundError: There are no templates where they should be.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name).render(**values)


def template_dir() -> Path:
    """Folder of the templates: inside the package when installed, beside it in a checkout.

    Raises:
        FileNotFoundError: Neither place holds them.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "model_cards", package.parent / "model_cards"]
    for place in places:
        if (place / _ANY_TEMPLATE).is_file():
            return place
    raise FileNotFoundError(f"{_ANY_TEMPLATE} is neither in {places[0]} nor in {places[1]}; reinstall hf-emotion.")
