"""Audit of a corpus: every file decoded once, every label, split and header looked at, and what was found."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from ..corpus import EmotionCorpus
from .audio_measurement import AudioMeasurement, measure_files
from .findings import SEVERITIES, Finding
from .identical_audio import identical_audio_findings
from .signal_checks import corpus_bandwidth, corpus_findings, file_findings, is_silent
from .split_leaks import label_of, leak_findings


@dataclass(frozen=True)
class PartSummary:
    """
    One part of a split, or the whole corpus.

    Args:
        utterance_ids (`tuple[str, ...]`): Utterances of the part, without broken files.
        labels (`dict[str, int]`): Utterances per label (canonical emotion where there is one), most frequent first.
        num_speakers (`int`): Speakers that are known.
        hours (`float`): Audio, as decoded.
        shortest, median, mean, longest (`float`): Durations, seconds.
    """

    utterance_ids: tuple[str, ...]
    labels: dict[str, int]
    num_speakers: int
    hours: float
    shortest: float
    median: float
    mean: float
    longest: float


@dataclass(frozen=True)
class CorpusAudit:
    """
    What an audit found.

    Args:
        corpus, full_name (`str`): Name and published name of the corpus.
        findings (`tuple[Finding, ...]`): Everything found.
        measurements (`dict[str, AudioMeasurement]`): Measurement by utterance id, in the order of the corpus.
        labels (`dict[str, str]`): Label by utterance id, as counted in the parts.
        parts (`dict[str, PartSummary]`): Parts of the split, or `{"all": ...}`.
        split_name (`str`, *optional*): The split whose parts were compared.
        bandwidth (`float`, *optional*): Highest frequency that carries sound in the corpus, Hz.
    """

    corpus: str
    full_name: str
    findings: tuple[Finding, ...]
    measurements: dict[str, AudioMeasurement]
    labels: dict[str, str]
    parts: dict[str, PartSummary]
    split_name: str | None
    bandwidth: float | None

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings per severity."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in SEVERITIES}

    def labels_of(self, findings: Iterable[Finding]) -> dict[str, int]:
        """Utterances of findings per label, most frequent first: what hits one label most, a model may learn."""
        ids = {utterance_id for finding in findings for utterance_id in finding.utterance_ids}
        return dict(Counter(self.labels[utterance_id] for utterance_id in sorted(ids)).most_common())

    @property
    def formats(self) -> dict[str, int]:
        """Files per format, such as `"48,000 Hz, 1 channel, WAV PCM_16"`, most frequent first."""
        return dict(
            Counter(map(_format, filter(lambda file: file.num_frames, self.measurements.values()))).most_common()
        )


def audit_corpus(
    builder: EmotionCorpus,
    parts: Mapping[str, Iterable[str]] | None = None,
    *,
    split_name: str | None = None,
    num_proc: int = 1,
) -> CorpusAudit:
    """
    Decode every file of a corpus once and report what is wrong with files, labels and parts.

    Args:
        builder ([`EmotionCorpus`]):
            What [`~hf_emotion.data.loading.corpus_builder`] returns; it need not be prepared.
        parts (`Mapping[str, Iterable[str]]`, *optional*):
            Utterance ids of each part of a split. By default the parts that the archive itself tells, if any.
        split_name (`str`, *optional*):
            Name of that split, for the report.
        num_proc (`int`, *optional*, defaults to 1):
            Processes to decode with, see [`~hf_emotion.data.audit.audio_measurement.measure_files`].

    Returns:
        [`CorpusAudit`]

    Raises:
        `ValueError`: If a part names an utterance that the archive does not have.
    """
    rows = {row["utterance_id"]: row for row in builder.rows}
    files = measure_files([row["audio"]["path"] for row in rows.values()], num_proc)
    # disable=None: no bar where stderr is not a terminal
    bar = tqdm(files, total=len(rows), desc=f"Decoding {builder.facts.name}", unit="file", leave=False, disable=None)
    measurements = dict(zip(rows, bar, strict=True))
    sounding = {key: file for key, file in measurements.items() if file.num_frames and not is_silent(file)}
    digests = {key: file.digest for key, file in sounding.items() if file.digest and not file.error}
    part_rows = _part_rows(rows, parts)
    findings = [
        *file_findings(measurements),
        *corpus_findings(measurements, builder.facts.sampling_rate),
        *identical_audio_findings(list(rows.values()), digests),
        *(leak_findings(part_rows, digests) if len(part_rows) > 1 else ()),
    ]
    return CorpusAudit(
        corpus=builder.facts.name,
        full_name=builder.facts.full_name,
        findings=tuple(findings),
        measurements=measurements,
        labels={key: label_of(row) for key, row in rows.items()},
        parts={part: _summary(members, measurements) for part, members in part_rows.items()},
        split_name=split_name or ("official" if len(part_rows) > 1 else None),
        bandwidth=corpus_bandwidth(sounding),
    )


def _part_rows(
    rows: Mapping[str, dict[str, Any]], parts: Mapping[str, Iterable[str]] | None
) -> dict[str, list[dict[str, Any]]]:
    if parts is None:
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows.values():
            found.setdefault(row["split"], []).append(row)
        return found if len(found) > 1 else {"all": list(rows.values())}
    listed = {part: list(members) for part, members in parts.items()}
    if unknown := [key for members in listed.values() for key in members if key not in rows]:
        raise ValueError(
            f"{len(unknown)} utterances of the split are not in the archive, for example {unknown[0]!r}. Was the "
            f"split made from this corpus and data_dir?"
        )
    return {part: [rows[key] for key in members] for part, members in listed.items() if members}


def _summary(rows: Sequence[Mapping[str, Any]], measurements: Mapping[str, AudioMeasurement]) -> PartSummary:
    sound = [row for row in rows if measurements[row["utterance_id"]].num_frames]
    durations = [measurements[row["utterance_id"]].duration for row in sound] or [0.0]
    return PartSummary(
        utterance_ids=tuple(row["utterance_id"] for row in sound),
        labels=dict(Counter(label_of(row) for row in sound).most_common()),
        num_speakers=len({(row["corpus"], row["speaker_id"]) for row in sound if row["speaker_id"] is not None}),
        hours=sum(durations) / 3600,
        shortest=min(durations),
        median=statistics.median(durations),
        mean=statistics.fmean(durations),
        longest=max(durations),
    )


def _format(measured: AudioMeasurement) -> str:
    channels = f"{measured.num_channels} channel{'s' * (measured.num_channels > 1)}"
    return f"{measured.sampling_rate:,} Hz, {channels}, {measured.file_format} {measured.subtype}"
