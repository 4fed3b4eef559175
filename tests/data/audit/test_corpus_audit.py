"""A whole audit: on a small corpus with one of everything, and on real corpora, where what is wrong is known."""

import csv
import functools
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_emotion.data.audit import CorpusAudit, audit_corpus
from hf_emotion.data.loading import corpus_builder
from tests.data.fake_audio import write_noise


RATE = 16_000


def write_voice(path: Path, seed: int, seconds: float = 1.0) -> Path:
    """Noise in bursts: level, band and silence between the bursts as in speech."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    bursts = np.repeat(generator.uniform(0, 1, 20) ** 3, round(seconds * RATE / 20))
    soundfile.write(path, 0.2 * bursts * generator.uniform(-1, 1, len(bursts)), RATE)
    return path


def write_manifest(folder: Path, rows: list[tuple]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "speaker_id", "split", "text"), *rows])


@pytest.fixture
def corpus(tmp_path):
    """Four sound utterances in two parts."""
    rows = []
    for number, (label, speaker, part) in enumerate(
        [("anger", "s1", "train"), ("fear", "s1", "train"), ("anger", "s2", "test"), ("fear", "s2", "test")]
    ):
        write_voice(tmp_path / f"{number}.wav", number)
        rows.append((f"{number}.wav", label, speaker, part, f"sentence {number}"))
    write_manifest(tmp_path, rows)
    return tmp_path


def audit(folder, parts=None, **options) -> CorpusAudit:
    return audit_corpus(corpus_builder("manifest", folder, cache_dir=folder / "cache"), parts, **options)


def found(result) -> list[tuple[str, str, tuple[str, ...]]]:
    return sorted((finding.severity, finding.kind, finding.utterance_ids) for finding in result.findings)


def test_a_sound_corpus_has_no_findings_and_its_parts_are_described(corpus):
    result = audit(corpus)
    assert found(result) == []
    assert result.counts == {"error": 0, "warning": 0, "note": 0}
    assert result.formats == {"16,000 Hz, 1 channel, WAV PCM_16": 4}
    assert result.bandwidth == 8_000
    assert result.split_name == "official"
    assert list(result.parts) == ["train", "test"]
    train = result.parts["train"]
    assert (train.utterance_ids, train.labels, train.num_speakers) == (("0", "1"), {"anger": 1, "fear": 1}, 1)
    assert (train.hours, train.shortest, train.median, train.mean, train.longest) == (2 / 3600, 1.0, 1.0, 1.0, 1.0)


def test_files_that_are_wrong_are_found(corpus):
    (corpus / "0.wav").write_bytes((corpus / "0.wav").read_bytes()[:20_000])
    (corpus / "1.wav").write_bytes(b"")
    soundfile.write(corpus / "2.wav", np.zeros(RATE), RATE)
    result = audit(corpus)
    assert found(result) == [
        ("error", "silent", ("2",)),
        ("error", "truncated", ("0",)),
        ("error", "undecodable", ("1",)),
    ]
    assert result.parts["train"].utterance_ids == ("0",), "what cannot be decoded is in no part"


def test_identical_audio_is_found_within_and_between_parts(corpus):
    shutil.copy(corpus / "0.wav", corpus / "3.wav")
    assert found(audit(corpus)) == [
        ("error", "conflicting_labels", ("0", "3")),
        ("error", "shared_audio", ("3",)),
    ]


def test_silent_files_are_not_copies_of_each_other(corpus):
    for name in ("0.wav", "3.wav"):
        soundfile.write(corpus / name, np.zeros(RATE), RATE)
    assert found(audit(corpus)) == [("error", "silent", ("0",)), ("error", "silent", ("3",))]


def test_the_parts_of_a_given_split_are_compared(corpus):
    result = audit(corpus, {"train": ["0", "2"], "validation": [], "test": ["1", "3"]}, split_name="random-seed0")
    assert found(result) == [
        ("error", "shared_speakers", ("1", "3")),
        ("warning", "absent_label", ()),
        ("warning", "absent_label", ()),
    ]
    assert (result.split_name, list(result.parts)) == ("random-seed0", ["train", "test"])


def test_a_split_of_another_corpus_is_refused(corpus):
    with pytest.raises(ValueError, match="1 utterances of the split are not in the archive, for example 'x'"):
        audit(corpus, {"train": ["0", "x"]})


def test_findings_are_counted_by_label(corpus):
    for number in (0, 2):
        samples = np.clip(10 * soundfile.read(corpus / f"{number}.wav")[0], -1, 32767 / 32768)
        soundfile.write(corpus / f"{number}.wav", samples, RATE)
    result = audit(corpus)
    assert found(result) == [("warning", "clipped", ("0",)), ("warning", "clipped", ("2",))]
    assert result.labels_of(result.findings) == {"anger": 2}


def test_a_corpus_without_parts_is_audited_as_a_whole(tmp_path):
    for number in range(3):
        write_noise(tmp_path / f"{number}.wav", seconds=0.1)
    write_manifest(tmp_path, [(f"{number}.wav", "anger", "s1", "", "") for number in range(3)])
    result = audit(tmp_path)
    assert (list(result.parts), result.split_name) == (["all"], None)
    assert [finding.kind for finding in result.findings] == ["band_limited_corpus"], "fake_audio writes 8 kHz"


@pytest.fixture(scope="module")
def real_audit(real_data_dir, tmp_path_factory):
    """Audit of a real corpus, made once, with the seconds it took."""

    @functools.cache
    def run(name: str) -> tuple[CorpusAudit, float]:
        start = time.monotonic()
        builder = corpus_builder(name, real_data_dir / name, cache_dir=tmp_path_factory.mktemp("cache"))
        return audit_corpus(builder, num_proc=2), time.monotonic() - start

    return run


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "band", "expected"),
    [
        ("ravdess", 7_875.0, {("warning", "duplicate"): 1}),
        ("emodb", 5_512.5, {("warning", "band_limited_corpus"): 1}),
        (
            "crema_d",
            5_512.5,
            {
                ("error", "conflicting_labels"): 2,
                ("warning", "clipped"): 106,
                ("warning", "band_limited_corpus"): 1,
            },
        ),
        ("urdu", 7_875.0, {("note", "band_limited"): 4, ("note", "dc_offset"): 152}),
    ],
)
def test_findings_in_real_corpora_are_these_and_no_others(real_audit, name, band, expected):
    """All of them are resampled copies; every other finding was looked at (waveforms, spectra, hashes)."""
    result, _ = real_audit(name)
    kinds = [(finding.severity, finding.kind) for finding in result.findings]
    assert {kind: kinds.count(kind) for kind in kinds} == expected | {("note", "resampled"): 1}
    assert result.bandwidth == band


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "kind", "pairs"),
    [
        ("ravdess", "duplicate", [("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")]),
        (
            "crema_d",
            "conflicting_labels",
            [("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"), ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX")],
        ),
    ],
)
def test_identical_pairs_of_real_corpora(real_audit, name, kind, pairs):
    result, _ = real_audit(name)
    assert [finding.utterance_ids for finding in result.findings if finding.kind == kind] == pairs


@pytest.mark.real_data
def test_clipping_in_crema_d_is_clipping_of_loud_emotions(real_audit):
    result, _ = real_audit("crema_d")
    clipped = [finding for finding in result.findings if finding.kind == "clipped"]
    assert result.labels_of(clipped) == {"anger": 76, "fear": 20, "happiness": 8, "disgust": 2}


@pytest.mark.real_data
def test_1440_files_take_less_than_a_minute(real_audit):
    result, seconds = real_audit("ravdess")
    assert len(result.measurements) == 1440
    assert seconds < 60
