"""Small labelled corpora of parametric emotional speech, written to disk offline: the demo's default training data.

Four invented corpora differ in label set, speakers, phoneme inventory, expressiveness and recording conditions.
Every utterance is spoken by the source-filter synthesizer of `speech_synthesis.py`. Its emotion is nothing but a row
of `vocal_cues.EMOTION_CUES`, the cues that the literature on vocal emotion reports, varied at random per speaker and
utterance. The corpora are stand-ins that let every step run without a download, in the spirit of the rule-based
SyntAct (Burkhardt, Eyben, Schuller: SyntAct: a synthesized database of basic emotions. DCLRL workshop, LREC 2022).
Results on them say nothing about people.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from operator import index
from pathlib import Path

import numpy as np
import soundfile as sf

from ...suggestions import did_you_mean
from .recording_conditions import RecordingConditions, impulse_responses, record
from .speech_synthesis import SYNTHESIS_RATE, Delivery, Sentence, synthesize
from .vocal_cues import EMOTION_CUES


logger = logging.getLogger(__name__)

GENERATOR_VERSION = 1  # raise it whenever the same seed sounds different
_COLUMNS = ("path", "utterance_id", "corpus", "speaker_id", "gender", "label", "language", "text")
ARGUMENTS_FILE = "generation.json"
LANGUAGE = "art"  # ISO 639-2, artificial languages
NEUTRAL_LEVEL = -28.0  # dB relative to full scale, root mean square of a neutral utterance's voiced part
# Shared by all speakers and emotions, as in most acted corpora: the words say nothing about the emotion.
SENTENCES_PER_CORPUS = 12


@dataclass(frozen=True)
class SyntheticCorpus:
    """
    One invented corpus: who speaks what, how expressively, into which microphone.

    Args:
        name (`str`): Folder name and `corpus` column.
        emotions (`tuple[str, ...]`): Keys of `vocal_cues.EMOTION_CUES`; the labels.
        onsets (`tuple[str, ...]`): Consonants (keys of `speech_synthesis.PHONES`) that begin a syllable.
        nuclei (`tuple[str, ...]`): Vowels.
        codas (`tuple[str, ...]`): Consonants that end a syllable; `""` leaves it open.
        num_syllables (`tuple[int, int]`): Shortest and longest sentence, both included.
        strength (`float`): Factor on every emotion's deviation from neutral.
        tempo (`float`): Factor on the speaking rate.
        recording ([`RecordingConditions`]): Room, microphone and file format.
    """

    name: str
    emotions: tuple[str, ...]
    onsets: tuple[str, ...]
    nuclei: tuple[str, ...]
    codas: tuple[str, ...]
    num_syllables: tuple[int, int]
    strength: float
    tempo: float
    recording: RecordingConditions


SYNTHETIC_CORPORA: dict[str, SyntheticCorpus] = {
    corpus.name: corpus
    for corpus in (
        SyntheticCorpus(
            name="synthetic_alba",
            emotions=("anger", "calm", "joy", "neutral", "sadness", "surprise"),
            onsets=("p", "t", "k", "m", "n", "l", "r", "s", "d"),
            nuclei=("a", "e", "i", "o", "u"),
            codas=("",),
            num_syllables=(4, 6),
            strength=1.15,
            tempo=1.0,
            recording=RecordingConditions(sampling_rate=16_000),
        ),
        SyntheticCorpus(
            name="synthetic_brio",
            emotions=("anger", "boredom", "fear", "happiness", "neutral", "sadness"),
            onsets=("b", "d", "g", "f", "v", "z", "h", "l", "r", "t"),
            nuclei=("a", "ä", "e", "y", "i", "o", "u"),
            codas=("", "", "n", "s", "ch", "sh", "r"),
            num_syllables=(3, 6),
            strength=1.1,
            tempo=1.05,
            recording=RecordingConditions(
                sampling_rate=22_050, noise_level=-55.0, reverberation_time=0.25, low_cut=80.0
            ),
        ),
        SyntheticCorpus(
            name="synthetic_corda",
            emotions=("anger", "disgust", "excitement", "neutral", "relaxation", "surprise"),
            onsets=("w", "j", "m", "n", "k", "b", "s", "h", "g"),
            nuclei=("a", "e", "i", "o", "u", "ö"),
            codas=("", "", "m", "n", "l"),
            num_syllables=(3, 6),
            strength=1.1,
            tempo=1.1,
            recording=RecordingConditions(
                sampling_rate=44_100, num_channels=2, noise_level=-52.0, hum_level=-60.0, reverberation_time=0.15
            ),
        ),
        SyntheticCorpus(
            name="synthetic_duna",
            emotions=("anger", "fear", "happiness", "neutral", "sadness"),
            onsets=("d", "g", "k", "l", "m", "r", "z", "ch", "f"),
            nuclei=("a", "e", "i", "u", "ä"),
            codas=("", "r", "n", "sh"),
            num_syllables=(3, 6),
            strength=1.05,
            tempo=1.15,
            recording=RecordingConditions(
                sampling_rate=24_000, noise_level=-52.0, reverberation_time=0.3, low_cut=100.0, high_cut=7000.0
            ),
        ),
    )
}


@dataclass(frozen=True)
class _Request:
    """What `generation.json` records: two corpora with equal requests have equal bytes."""

    corpus: str
    seed: int
    speakers_per_corpus: int
    utterances_per_emotion: int
    generator_version: int = GENERATOR_VERSION


@dataclass(frozen=True)
class _Speaker:
    speaker_id: str
    gender: str
    f0: float  # Hz
    formant_scale: float
    tilt: float  # dB at 3 kHz
    open_quotient: float
    aspiration: float  # dB
    tempo: float
    strength: float
    level: float  # dB, distance to the microphone


def generate_synthetic_corpora(
    output_dir: str | Path,
    *,
    seed: int = 0,
    speakers_per_corpus: int = 8,
    utterances_per_emotion: int = 5,
    corpora: Iterable[str] | None = None,
) -> dict[str, Path]:
    """
    Write synthetic emotional speech as ordinary corpora: audio files plus a manifest.

    Every corpus becomes `<output_dir>/<name>/manifest.csv` with `audio/*.wav` (16 bit) beside it and can be opened
    with `load_corpus("manifest", data_dir=...)`. An utterance depends on the seed, its corpus, speaker, emotion and
    number alone: a smaller request writes a subset of the same bytes. A corpus appears in one step when it is
    complete. One that is already there is reused when it was generated with the same arguments, and never touched
    otherwise.

    Args:
        output_dir (`str` or `Path`): Folder for the corpora; created if need be.
        seed (`int`, *optional*, defaults to 0): Changes voices, sentences and every random variation.
        speakers_per_corpus (`int`, *optional*, defaults to 8): Female and male speakers in turn.
        utterances_per_emotion (`int`, *optional*, defaults to 5): Utterances per speaker and emotion.
        corpora (`Iterable[str]`, *optional*): Names out of [`SYNTHETIC_CORPORA`]; all four by default.

    Returns:
        `dict[str, Path]`: The folder of each corpus, in the order asked for.

    Raises:
        `ValueError`: If a corpus name is unknown or a count is below one.
        `FileExistsError`: If a folder of that name is incomplete, holds something else, or other arguments' output.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_emotion.data.synthetic import generate_synthetic_corpora
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     corpora = generate_synthetic_corpora(
    ...         folder, speakers_per_corpus=2, utterances_per_emotion=1, corpora=["synthetic_duna"]
    ...     )
    ...     len(list(corpora["synthetic_duna"].glob("audio/*.wav")))
    10

    ```
    """
    names = _checked_names(corpora)
    for argument, value in (
        ("speakers_per_corpus", speakers_per_corpus),
        ("utterances_per_emotion", utterances_per_emotion),
    ):
        if value < 1:
            raise ValueError(f"{argument} is {value}, but a corpus needs at least 1")
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    requests = [_Request(name, index(seed), speakers_per_corpus, utterances_per_emotion) for name in names]
    return {request.corpus: _generate_once(output_dir / request.corpus, request) for request in requests}


def _checked_names(corpora: Iterable[str] | None) -> list[str]:
    names = list(SYNTHETIC_CORPORA) if corpora is None else [corpora] if isinstance(corpora, str) else list(corpora)
    for name in names:
        if name not in SYNTHETIC_CORPORA:
            hint = did_you_mean(name, SYNTHETIC_CORPORA, cutoff=0.4)
            raise ValueError(f"Unknown synthetic corpus {name!r}. {hint}Known are {', '.join(SYNTHETIC_CORPORA)}.")
    return names


def _generate_once(folder: Path, request: _Request) -> Path:
    if folder.exists():
        _check_existing(folder, request)
        logger.info("reusing %s", folder)
        return folder
    # Written beside its destination and renamed when complete: an interrupted run leaves no half corpus behind.
    with tempfile.TemporaryDirectory(prefix=".synthetic-", dir=folder.parent) as scratch:
        draft = Path(scratch) / folder.name
        (draft / "audio").mkdir(parents=True)
        _write_corpus(draft, request)
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            _check_existing(folder, request)  # another process was faster; its bytes are the same
    logger.info("generated %s", folder)
    return folder


def _check_existing(folder: Path, request: _Request) -> None:
    remedy = "Delete the folder to generate it again, or choose another output_dir."
    generation, manifest = folder / ARGUMENTS_FILE, folder / "manifest.csv"
    if not (generation.is_file() and manifest.is_file()):
        raise FileExistsError(
            f"{folder} exists but is no complete synthetic corpus: it lacks {ARGUMENTS_FILE} or manifest.csv. {remedy}"
        )
    found, arguments = json.loads(generation.read_text(encoding="utf-8")), asdict(request)
    different = sorted(key for key in arguments.keys() | found.keys() if arguments.get(key) != found.get(key))
    if different:
        changes = ", ".join(f"{key}={found.get(key)!r} (now {arguments.get(key)!r})" for key in different)
        raise FileExistsError(f"{folder} was generated with other arguments: {changes}. {remedy}")
    with manifest.open(encoding="utf-8", newline="") as file:
        missing = [row["path"] for row in csv.DictReader(file) if not (folder / row["path"]).is_file()]
    if missing:
        raise FileExistsError(f"{folder} lacks {len(missing)} of its audio files, the first {missing[0]!r}. {remedy}")


def _write_corpus(folder: Path, request: _Request) -> None:
    corpus = SYNTHETIC_CORPORA[request.corpus]
    rows = []
    for row, samples in _utterances(corpus, request):
        sf.write(folder / row["path"], samples, corpus.recording.sampling_rate, subtype="PCM_16")
        rows.append(row)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / ARGUMENTS_FILE).write_text(json.dumps(asdict(request), indent=2) + "\n", encoding="utf-8")


def _utterances(corpus: SyntheticCorpus, request: _Request) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Manifest row and int16 samples of shape `(num_samples, num_channels)` of every utterance."""
    seed = request.seed
    sentences = [_sentence(corpus, _rng(seed, corpus.name, "sentence", n)) for n in range(SENTENCES_PER_CORPUS)]
    room = impulse_responses(corpus.recording, SYNTHESIS_RATE, _rng(seed, corpus.name, "room"))
    for number in range(request.speakers_per_corpus):
        speaker = _speaker(corpus, number, _rng(seed, corpus.name, "speaker", number))
        for emotion in corpus.emotions:
            for take in range(request.utterances_per_emotion):
                rng = _rng(seed, corpus.name, "utterance", number, emotion, take)
                sentence = sentences[rng.integers(len(sentences))]
                delivery, level = _deliver(corpus, speaker, emotion, rng)
                speech = synthesize(sentence, delivery, rng) * 10 ** (level / 20)
                utterance_id = f"{speaker.speaker_id}_{emotion}_{take:02d}"
                row = {
                    "path": f"audio/{utterance_id}.wav",
                    "utterance_id": utterance_id,
                    "corpus": corpus.name,
                    "speaker_id": speaker.speaker_id,
                    "gender": speaker.gender,
                    "label": emotion,
                    "language": LANGUAGE,
                    "text": " ".join("".join(phone for syllable in word for phone in syllable) for word in sentence),
                }
                yield row, record(speech, SYNTHESIS_RATE, corpus.recording, room, rng)


def _rng(*key: object) -> np.random.Generator:
    """A generator that depends on the key alone, so that no utterance depends on how many were made before it."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _sentence(corpus: SyntheticCorpus, rng: np.random.Generator) -> Sentence:
    remaining = int(rng.integers(corpus.num_syllables[0], corpus.num_syllables[1] + 1))
    words = []
    while remaining:
        length = min(remaining, int(rng.integers(1, 4)))
        parts = (
            (rng.choice(corpus.onsets), rng.choice(corpus.nuclei), rng.choice(corpus.codas)) for _ in range(length)
        )
        words.append(tuple(tuple(str(phone) for phone in syllable if phone) for syllable in parts))
        remaining -= length
    return tuple(words)


def _speaker(corpus: SyntheticCorpus, number: int, rng: np.random.Generator) -> _Speaker:
    is_female = number % 2 == 0
    return _Speaker(
        speaker_id=f"{corpus.name.removeprefix('synthetic_')}_{'f' if is_female else 'm'}{number // 2 + 1:02d}",
        gender="female" if is_female else "male",
        f0=(205.0 if is_female else 115.0) * 2 ** (rng.normal(0, 1.5) / 12),
        formant_scale=(1.16 if is_female else 1.0) * rng.lognormal(0, 0.03),
        tilt=9.0 + (2.0 if is_female else 0.0) + rng.normal(0, 1.5),
        open_quotient=(0.64 if is_female else 0.56) + rng.normal(0, 0.03),
        aspiration=(-24.0 if is_female else -28.0) + rng.normal(0, 2.0),
        tempo=corpus.tempo * rng.lognormal(0, 0.06),
        strength=corpus.strength * rng.uniform(0.85, 1.15),
        level=rng.normal(0, 1.5),
    )


def _deliver(
    corpus: SyntheticCorpus, speaker: _Speaker, emotion: str, rng: np.random.Generator
) -> tuple[Delivery, float]:
    """The speaker's neutral voice moved along the emotion's cues, and the level (dBFS) of the utterance."""
    cues = EMOTION_CUES[emotion]
    strength = speaker.strength * float(np.clip(rng.normal(1.0, 0.12), 0.7, 1.3))

    def varied(neutral: float, deviation: float, spread: float) -> float:
        return neutral + strength * deviation + rng.normal(0, spread)

    def scaled(neutral: float, factor: float, spread: float) -> float:
        return neutral * factor**strength * rng.lognormal(0, spread)

    delivery = Delivery(
        f0_mean=speaker.f0 * 2 ** (varied(0.0, cues.f0_mean, 0.9) / 12),
        accent_height=scaled(3.0, cues.f0_range, 0.15),
        f0_slope=varied(-2.5, cues.f0_slope, 0.6),
        final_movement=varied(-2.0, cues.final_movement, 0.8),
        tempo=scaled(speaker.tempo, cues.tempo, 0.06),
        pause_probability=varied(0.12, cues.pauses, 0.0),
        tilt=max(0.5, varied(speaker.tilt, -cues.brightness, 1.2)),
        open_quotient=float(np.clip(varied(speaker.open_quotient, cues.open_quotient, 0.02), 0.35, 0.85)),
        aspiration=min(-8.0, varied(speaker.aspiration, cues.breathiness, 1.5)),
        jitter=max(0.001, varied(0.006, cues.jitter, 0.002)),
        shimmer=max(0.01, varied(0.04, 3.0 * cues.jitter, 0.01)),
        tremor=max(0.0, varied(0.0, cues.tremor, 0.05)),
        articulation=float(np.clip(scaled(1.0, cues.articulation, 0.05), 0.4, 1.3)),
        formant_scale=speaker.formant_scale,
        lip_spreading=varied(0.0, cues.lip_spreading, 0.01),
        accent_sharpness=scaled(1.0, cues.accent_sharpness, 0.1),
    )
    return delivery, varied(NEUTRAL_LEVEL + speaker.level, cues.intensity, 1.5)
