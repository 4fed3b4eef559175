"""What an audit finds, and how bad each kind of finding is."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


# error: the data are wrong; what is trained or measured on them is wrong as far as they reach. Repair or leave out.
# warning: usable, but results depend on it; look before training, and say it next to a score.
# note: a property to know about.
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class FindingKind:
    """
    A kind of finding.

    Args:
        title (`str`): Heading in reports.
        advice (`str`): What it means, and what to do.
    """

    title: str
    advice: str


FINDING_KINDS: dict[str, FindingKind] = {
    "undecodable": FindingKind("cannot be decoded", "Fetch these files again, or leave them out."),
    "truncated": FindingKind("cut off", "The header promises more samples than there are. Fetch these files again."),
    "hidden_samples": FindingKind(
        "header too short", "Samples lie behind the end that the header gives, and no program reads them."
    ),
    "silent": FindingKind("without speech", "Nothing can be learnt from these files. Leave them out."),
    "cancelling_channels": FindingKind(
        "channels cancel out", "The mean of the channels, which models hear, is nearly silent. Keep one channel."
    ),
    "conflicting_labels": FindingKind(
        "identical audio, different labels", "At least one of the labels is wrong. Leave all of them out."
    ),
    "conflicting_speakers": FindingKind(
        "identical audio, different speakers", "At least one of the speaker ids is wrong. Keep one of the files."
    ),
    "duplicate": FindingKind("identical audio", "These utterances count twice. Keep one of the files."),
    "shared_audio": FindingKind(
        "identical audio in two parts", "The part that is scored was seen in training. Keep one of the files."
    ),
    "shared_utterances": FindingKind("utterances in two parts", "The part that is scored was seen in training."),
    "shared_speakers": FindingKind(
        "speakers in two parts", "Scores are not about new speakers. Use a speaker-independent split, or say it."
    ),
    "shared_sessions": FindingKind(
        "sessions in two parts", "Parts have room, microphone and conversation in common. Say it next to a score."
    ),
    "shared_texts": FindingKind(
        "texts in two parts", "Usual where actors speak a script; a model that reads words gains from it."
    ),
    "unknown_speakers": FindingKind("speakers unknown", "Nobody can say whether the parts share speakers."),
    "absent_label": FindingKind("label absent from a part", "It is not learnt, or not measured."),
    "clipped": FindingKind(
        "clipped", "The waveform is cut at full scale. Loud emotions are clipped most: a model may learn the clipping."
    ),
    "band_limited_corpus": FindingKind(
        "band-limited corpus",
        "In a mixture with wide-band corpora, the band tells a model which corpus, and so which labels, to expect.",
    ),
    "band_limited": FindingKind("narrower band than the corpus", "Telephone or compressed recordings, most likely."),
    "odd_sampling_rate": FindingKind(
        "sampling rate unlike the corpus",
        "Resample when loading (load_audio does), and see whether the header is right.",
    ),
    "resampled": FindingKind(
        "sampling rate unlike the published one", "This copy was resampled, or is another release."
    ),
    "wrong_suffix": FindingKind("suffix unlike the format", "Programs that trust the suffix fail. Rename the files."),
    "empty_channel": FindingKind("empty channel", "The mean of the channels is quieter than the other channel."),
    "identical_channels": FindingKind("identical channels", "Mono, stored more than once."),
    "dc_offset": FindingKind(
        "constant offset", "The mean is not zero. Feature extractors with do_normalize remove it, others do not."
    ),
}


@dataclass(frozen=True)
class Finding:
    """
    One thing that an audit found.

    Args:
        kind (`str`): A key of `FINDING_KINDS`.
        severity (`str`): One of `SEVERITIES`.
        utterance_ids (`tuple[str, ...]`): Utterances concerned, empty if it is the corpus as a whole.
        explanation (`str`): What was found, with its numbers.
    """

    kind: str
    severity: str
    utterance_ids: tuple[str, ...]
    explanation: str

    def __post_init__(self):
        if self.kind not in FINDING_KINDS or self.severity not in SEVERITIES:
            raise ValueError(f"A finding has a kind out of FINDING_KINDS and a severity out of {SEVERITIES}: {self}.")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "utterance_ids": list(self.utterance_ids)}


def grouped(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """
    Findings by severity and kind, the worst first, kinds in the order of `FINDING_KINDS`.

    Example:

    ```python
    >>> from hf_emotion.data.audit.findings import Finding, grouped
    >>> note = Finding("dc_offset", "note", ("a",), "mean 0.05")
    >>> list(grouped([note, Finding("silent", "error", ("b",), "peak 0")]))
    [('error', 'silent'), ('note', 'dc_offset')]

    ```
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.kind), []).append(finding)
    kinds = list(FINDING_KINDS)
    return dict(sorted(groups.items(), key=lambda item: (SEVERITIES.index(item[0][0]), kinds.index(item[0][1]))))
