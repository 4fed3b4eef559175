"""The report of an audit: JSON for programs, a table of files, and one self-contained HTML page for people."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data.audit import CorpusAudit
from ..data.audit.bandwidth import DYNAMIC_RANGE_DB
from ..data.audit.findings import FINDING_KINDS, Finding, grouped
from ..data.audit.signal_checks import CLIPPED_SHARE, DC_OFFSET, SILENT_PEAK_DB, WIDE_BAND_HZ
from .corpus_plots import distribution_figure, label_figure, svg_data_uri


TEMPLATE = Path(__file__).with_name("audit_report.html")
# Rows per kind of finding on the page; the JSON has all.
MAX_ROWS = 200
# From so many utterances on, it is said how they fall on the labels.
MIN_COUNTED = 8
FILE_COLUMNS = (
    *("utterance_id", "label", "duration", "sampling_rate", "num_channels", "file_format", "subtype", "peak", "level"),
    *("dynamic_range", "dc_offset", "clipped_share", "bandwidth", "edge", "edge_fall"),
    *("digest", "error"),
)


@dataclass(frozen=True)
class FindingGroup:
    """
    Findings of one kind and severity, as a report shows them.

    Args:
        severity, kind, title, advice (`str`): See `hf_emotion.data.audit.findings`.
        findings (`tuple[Finding, ...]`): The findings.
        num_utterances (`int`): Utterances concerned; 0 if it is the corpus as a whole.
        by_label (`str`): How many utterances of which label are concerned; empty if they are few.
    """

    severity: str
    kind: str
    title: str
    advice: str
    findings: tuple[Finding, ...]
    num_utterances: int
    by_label: str


@dataclass(frozen=True)
class _Plot:
    caption: str
    description: str
    uri: str


def finding_groups(audit: CorpusAudit) -> list[FindingGroup]:
    """Findings of an audit by kind, the worst first."""
    return [
        FindingGroup(
            severity,
            kind,
            FINDING_KINDS[kind].title,
            FINDING_KINDS[kind].advice,
            tuple(findings),
            len({utterance_id for finding in findings for utterance_id in finding.utterance_ids}),
            "" if kind.startswith("shared_") else _by_label(audit, findings),
        )
        for (severity, kind), findings in grouped(audit.findings).items()
    ]


def _by_label(audit: CorpusAudit, findings: Sequence[Finding]) -> str:
    counts, totals = audit.labels_of(findings), Counter(audit.labels.values())
    if sum(counts.values()) < MIN_COUNTED:
        return ""
    return ", ".join(f"{label} {count} of {totals[label]}" for label, count in counts.items())


def verdict(audit: CorpusAudit) -> str:
    """The outcome in words, for example `"2 errors, 1 warning, 3 notes"`."""
    words = [f"{count:,} {severity}{'s' * (count != 1)}" for severity, count in audit.counts.items() if count]
    return ", ".join(words) or "nothing found"


def write_audit(audit: CorpusAudit, output_dir: str | Path) -> list[Path]:
    """
    Write the report of an audit.

    Args:
        audit ([`~hf_emotion.data.audit.CorpusAudit`]): What [`~hf_emotion.data.audit.audit_corpus`] returns.
        output_dir (`str` or `pathlib.Path`): Folder to write into; it is created.

    Returns:
        `list[Path]`: `audit.json` (findings and parts), `audit_files.csv` (measurements of every file) and
        `audit.html` (findings, parts and figures on one page that loads nothing else).
    """
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    written = [output_dir / name for name in ("audit.json", "audit_files.csv", "audit.html")]
    text = json.dumps(audit_as_dict(audit), indent=1, ensure_ascii=False, allow_nan=False)
    written[0].write_text(text + "\n", encoding="utf-8")
    with written[1].open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FILE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_file_rows(audit))
    written[2].write_text(render_audit(audit), encoding="utf-8")
    return written


def audit_as_dict(audit: CorpusAudit) -> dict[str, Any]:
    """
    An audit for JSON, without the measurements of single files.

    Args:
        audit ([`~hf_emotion.data.audit.CorpusAudit`]): What [`~hf_emotion.data.audit.audit_corpus`] returns.
    """
    parts = {part: asdict(summary) | {"utterance_ids": None} for part, summary in audit.parts.items()}
    return {
        "corpus": audit.corpus,
        "hf_emotion_version": __version__,
        "num_files": len(audit.measurements),
        "formats": audit.formats,
        "bandwidth_hz": audit.bandwidth,
        "split": audit.split_name,
        "counts": audit.counts,
        "findings": [finding.as_dict() for finding in audit.findings],
        "parts": {
            part: {
                "num_utterances": len(audit.parts[part].utterance_ids),
                **{key: value for key, value in summary.items() if key != "utterance_ids"},
            }
            for part, summary in parts.items()
        },
    }


def render_audit(audit: CorpusAudit) -> str:
    """
    One self-contained HTML page.

    Args:
        audit ([`~hf_emotion.data.audit.CorpusAudit`]): What [`~hf_emotion.data.audit.audit_corpus`] returns.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        audit=audit,
        verdict=verdict(audit),
        groups=finding_groups(audit),
        plots=list(_plots(audit)) if audit.formats else [],
        max_rows=MAX_ROWS,
        version=__version__,
        limits={
            "clipped": 1000 * CLIPPED_SHARE,
            "silent": SILENT_PEAK_DB,
            "offset": 100 * DC_OFFSET,
            "range": DYNAMIC_RANGE_DB,
            "wide_band": WIDE_BAND_HZ / 1000,
        },
    )


def _plots(audit: CorpusAudit) -> Iterator[_Plot]:
    labels = {part: summary.labels for part, summary in audit.parts.items()}
    most = ", ".join(f"{label} {count}" for label, count in next(iter(labels.values())).items())
    yield _Plot(
        "Labels", f"Bars of utterances per label; {next(iter(labels))}: {most}.", svg_data_uri(label_figure(labels))
    )
    for caption, quantity, edges, scale, xlabel, unit in (
        ("Durations", "duration", _duration_edges, 1, "duration (s)", "s"),
        ("Loudness", "level", _level_edges, 1, "level (dB re full scale)", "dB"),
        ("Bandwidth", "bandwidth", _bandwidth_edges, 1e-3, "highest frequency that carries sound (kHz)", "kHz"),
    ):
        values = _by_part(audit, quantity, scale)
        pooled = np.concatenate([np.asarray(series, dtype=float) for series in values.values()])
        if pooled.size:
            low, median, high = (f"{value:.1f}" for value in (pooled.min(), np.median(pooled), pooled.max()))
            description = f"Histogram of {caption.lower()}: median {median} {unit}, from {low} to {high} {unit}."
            yield _Plot(caption, description, svg_data_uri(distribution_figure(values, edges(pooled), xlabel)))


def _duration_edges(seconds: np.ndarray) -> np.ndarray:
    longest = np.percentile(seconds, 99.5)  # the last bin also holds the few that are longer
    step = 0.5 if longest <= 10 else 1.0 if longest <= 20 else 5.0
    return step * np.arange(np.ceil(longest / step) + 1)


def _level_edges(levels: np.ndarray) -> np.ndarray:
    return 2 * np.arange(np.floor(levels.min() / 2), np.floor(levels.max() / 2) + 2)


def _bandwidth_edges(bands: np.ndarray) -> np.ndarray:
    return np.arange(0, max(8.0, np.ceil(bands.max())) + 0.25, 0.25)


def _by_part(audit: CorpusAudit, quantity: str, scale: float) -> dict[str, list[float]]:
    """Finite values per part: digital silence has no level and no bandwidth."""
    values = {
        part: [getattr(audit.measurements[key], quantity) for key in summary.utterance_ids]
        for part, summary in audit.parts.items()
    }
    return {
        part: [scale * value for value in series if value is not None and np.isfinite(value)]
        for part, series in values.items()
    }


def _file_rows(audit: CorpusAudit) -> Iterator[dict[str, Any]]:
    for utterance_id, measured in audit.measurements.items():
        values = {name: getattr(measured, name, None) for name in FILE_COLUMNS}
        numbers = {name: f"{value:.6g}" for name, value in values.items() if isinstance(value, float)}
        yield values | numbers | {"utterance_id": utterance_id, "label": audit.labels[utterance_id]}
