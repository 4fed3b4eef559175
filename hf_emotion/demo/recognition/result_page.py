"""The result as HTML: what was heard, how sure the model is, where and when."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..html_tables import Cell, html_table
from .analysis import Analysis
from .clock import clock, spoken_duration
from .downloads import download_files
from .emotion_marks import display_name, emotion_hues, short_names
from .plane_figure import PLANE, meters_html, plane_html, rating_scale
from .probability_figure import bars_html, grid_html, has_plane_classes, percent
from .timeline_figure import timeline_html


_CLOSE = 0.1  # scores that are as near to each other do not decide
_EXCLUSIVE = "How probable each emotion is"
_INDEPENDENT = "How probable each emotion is, by itself: several can be present"


def result_html(analysis: Analysis) -> str:
    """
    All that a model says about a recording.

    Args:
        analysis ([`~hf_emotion.demo.recognition.analysis.Analysis`]): The result.
    """
    hues, short = emotion_hues(analysis.classes), short_names(analysis.classes)
    figures = "".join(f"<div>{column}</div>" for column in _columns(analysis, hues) if column)
    timeline = timeline_html(
        analysis.clip.samples,
        analysis.clip.duration,
        analysis.segments,
        hues,
        short,
        "What is heard when" if analysis.segments else "Waveform",
    )
    return (
        f'<section class="result" aria-label="Result">{_headline(analysis, hues)}<div class="figures">{figures}</div>'
        f"{timeline}{_segment_table(analysis)}{_links(analysis)}</section>"
    )


def _headline(analysis: Analysis, hues: dict[str, str]) -> str:
    result = analysis.result
    about = f"{analysis.clip.name}, {spoken_duration(analysis.clip.duration)}, {analysis.model}"
    if analysis.gender is not None:
        about += f", {analysis.gender} speaker"
    if analysis.windows:
        about += "; windows of {window_seconds:g} s every {hop_seconds:g} s".format(**analysis.windows)
    dropped = [name for name in analysis.classes if name not in analysis.labels]
    if dropped:
        about += f"; not considered: {', '.join(map(display_name, dropped))}"
    if "scores" in result:
        verdict = _verdict(result["scores"], hues)
    else:
        verdict = ", ".join(f"{name} {value:.2f}" for name, value in result["dimensions"].items())
        verdict = escape(verdict[:1].upper() + verdict[1:])
    return f'<h2>{verdict}</h2><p class="note">{escape(about)}</p>'


def _verdict(scores: Sequence[Mapping[str, Any]], hues: Mapping[str, str]) -> str:
    """The best class, or the best two where there is little between them."""
    best, second = (
        f'<strong class="hue-{hues[row["label"]]}">{escape(display_name(row["label"]))}</strong> '
        f'<span class="score">{escape(percent(row["score"]))}</span>'
        for row in scores[:2]
    )
    if scores[0]["score"] - scores[1]["score"] < _CLOSE:
        return f"Unclear: {best} or {second}"
    return f"Sounds most like {best}"


def _columns(analysis: Analysis, hues: Mapping[str, str]) -> tuple[str, str]:
    """Figures that are lists, and those that are planes."""
    bars, planes = "", ""
    if "scores" in analysis.result:
        scores = analysis.result["scores"]
        bars += bars_html(scores, hues, _EXCLUSIVE if analysis.is_exclusive else _INDEPENDENT)
        planes += grid_html(scores) if has_plane_classes([row["label"] for row in scores]) else ""
    if dimensions := analysis.result.get("dimensions"):
        timeline = analysis.result.get("timeline", ())
        scale = rating_scale(
            [value for row in ({"dimensions": dimensions}, *timeline) for value in row["dimensions"].values()]
        )
        bars += meters_html(dimensions, scale)
        planes += plane_html(dimensions, scale, timeline) if {*PLANE} <= {*dimensions} else ""
    return bars, planes


def _segment_table(analysis: Analysis) -> str:
    if "segments" not in analysis.result:
        return ""
    rows = [
        [
            Cell(f"{clock(row['start'], 1)} to {clock(row['end'], 1)}", str(row["start"])),
            Cell(display_name(row["label"]), row["label"]),
            Cell(percent(row["score"]), row["score"]),
        ]
        for row in analysis.segments
    ]
    return html_table(["Time", "Emotion", "Probability"], rows, f"Segments: {len(rows)}")


def _links(analysis: Analysis) -> str:
    """The files travel within the page, so that none is left on the server."""
    links = ""
    for file in download_files(analysis):
        content = base64.b64encode(file.text.encode("utf-8")).decode("ascii")
        links += (
            f'<a class="download" download="{escape(file.name)}" '
            f'href="data:{file.media_type};charset=utf-8;base64,{content}">{escape(file.title)}</a>'
        )
    return f'<p class="downloads"><span>Download:</span> {links}</p>'
