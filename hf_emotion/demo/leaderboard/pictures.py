"""Figures as inline SVG: sharp at any size, in the colours of the page, with a text for those who cannot see them."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ...benchmark.plots import line_style


if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SMALLEST = 0.7  # of the natural size, at which letters can still be read
_POINTS_PER_INCH = 72
_DRAWING = threading.Lock()  # matplotlib is not made for threads
# Comments, creator and date, and a style sheet that would apply to the whole page.
_BESIDE_THE_DRAWING = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
# What is black is text; what is light grey are grids. Both follow the page, light or dark.
_PAGE_COLOURS = (
    (re.compile(r"\b(fill|stroke): #(?:000000|262626)\b"), r"\1: currentColor"),
    (re.compile(r"\b(fill|stroke): #(?:dddddd|eeeeee)\b"), r"\1: currentColor; \1-opacity: 0.15"),
    (re.compile(r"\b(fill|stroke): #(?:767676|bbbbbb)\b"), r"\1: currentColor; \1-opacity: 0.6"),
)


def picture(figure: Figure, alt: str, caption: str = "", legend: Sequence[str] = ()) -> str:
    """
    A figure as HTML.

    Args:
        figure (`Figure`): What to show.
        alt (`str`): What it shows, for screen readers.
        caption (`str`, *optional*): Text below.
        legend (`Sequence[str]`, *optional*): Names of its lines, in the order of
            [`~hf_emotion.benchmark.plots.line_style`].
    """
    names = "".join(f"<li>{_swatch(index)}<span>{escape(name)}</span></li>" for index, name in enumerate(legend))
    return (
        f'<figure class="picture"><div role="img" aria-label="{escape(alt)}">{_svg(figure)}</div><figcaption>'
        f"{f'<ul>{names}</ul>' if names else ''}{escape(caption)}</figcaption></figure>"
    )


def _svg(figure: Figure) -> str:
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    stream = io.StringIO()
    with _DRAWING:
        figure.savefig(stream, format="svg", dpi=150, bbox_inches="tight", pad_inches=0.05)
    drawing = stream.getvalue()
    drawing = _BESIDE_THE_DRAWING.sub("", drawing[drawing.index("<svg") :])
    for colour, replacement in _PAGE_COLOURS:
        drawing = colour.sub(replacement, drawing)
    # a large figure, of 16 classes for example, scrolls sideways on a phone
    least = round(_SMALLEST * _POINTS_PER_INCH * figure.get_figwidth())
    return drawing.replace("<svg", f'<svg style="min-width: {least}pt"', 1)


def _swatch(index: int) -> str:
    """A piece of the line with its marker."""
    style = line_style(index)
    dashes = {"-": "", "--": "5 3", ":": "1.5 3"}[style["linestyle"]]
    shapes = {
        "o": '<circle cx="14" cy="6" r="4"/>',
        "s": '<rect x="10" y="2" width="8" height="8"/>',
        "^": '<path d="M14 1l5 9h-10z"/>',
        "D": '<path d="M14 0.5l5 5.5-5 5.5-5-5.5z"/>',
        "v": '<path d="M14 11l5-9h-10z"/>',
        "P": '<path d="M12 1h4v3h3v4h-3v3h-4V8H9V4h3z"/>',
        "X": '<path d="M10 0l4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z"/>',
    }
    colour = "currentColor" if style["color"] == "#000000" else style["color"]
    return (
        f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true" fill="{colour}" stroke="{colour}">'
        f'<path d="M0 6h28" stroke-width="2" stroke-dasharray="{dashes}"/>{shapes[style["marker"]]}</svg>'
    )
