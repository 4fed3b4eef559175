"""The synthetic corpora: same seed, same bytes; ordinary corpora on disk; emotions that can be heard."""

import csv
import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import stft

from hf_emotion.data.loading import load_corpus
from hf_emotion.data.synthetic import SYNTHETIC_CORPORA, generate_synthetic_corpora
from hf_emotion.data.synthetic import corpora as synthetic
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES, EMOTIONS, arousal_valence_class


TRAINING = ("synthetic_alba", "synthetic_brio", "synthetic_corda")
ONE_SMALL = {"corpora": ["synthetic_duna"], "speakers_per_corpus": 2, "utterances_per_emotion": 1}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> dict[str, Path]:
    return generate_synthetic_corpora(
        tmp_path_factory.mktemp("corpora"), speakers_per_corpus=4, utterances_per_emotion=3
    )


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.*"))}


@pytest.fixture(scope="module")
def measured(corpora) -> dict[str, dict[str, np.ndarray]]:
    """Per corpus and emotion: rows of seconds, level (dB), brightness (dB) and F0 (semitones above 100 Hz)."""
    table: dict[str, dict[str, list]] = {}
    for name, folder in corpora.items():
        for row in manifest(folder):
            samples, rate = sf.read(folder / row["path"], always_2d=True)
            table.setdefault(name, {}).setdefault(row["label"], []).append(measure(samples[:, 0], rate))
    return {name: {label: np.array(rows) for label, rows in labels.items()} for name, labels in table.items()}


def measure(samples: np.ndarray, rate: int) -> tuple[float, float, float, float]:
    frequencies, _, frames = stft(samples, rate, nperseg=round(0.04 * rate), nfft=4096)
    power = np.abs(frames) ** 2
    loud = power[:, power.sum(axis=0) > 0.05 * power.sum(axis=0).max()]
    bands = [loud[(frequencies >= low) & (frequencies < high)].sum() for low, high in ((50, 1000), (1000, 5000))]
    lags = slice(round(rate / 450), round(rate / 70))
    correlation = np.fft.irfft(loud, axis=0)[: lags.stop]
    peaks = lags.start + np.argmax(correlation[lags], axis=0)
    return (
        len(samples) / rate,
        20 * np.log10(samples.std()),
        10 * np.log10(bands[1] / bands[0]),
        12 * np.log2(np.median(rate / peaks) / 100),
    )


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    first, again, other = (
        generate_synthetic_corpora(tmp_path / run, seed=seed, **ONE_SMALL)["synthetic_duna"]
        for run, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert digests(first) == digests(again)
    assert not set(digests(first).values()) & set(digests(other).values())


def test_a_smaller_request_gives_a_subset_of_the_same_files(corpora, tmp_path):
    small = generate_synthetic_corpora(tmp_path, **ONE_SMALL)["synthetic_duna"]
    wavs = digests(small / "audio")
    assert len(wavs) == 10  # 2 speakers x 5 emotions
    assert wavs.items() <= digests(corpora["synthetic_duna"] / "audio").items()


def test_bytes_on_disk_do_not_depend_on_which_corpora_are_asked_for(corpora, tmp_path):
    folders = generate_synthetic_corpora(
        tmp_path, corpora=["synthetic_brio"], speakers_per_corpus=4, utterances_per_emotion=3
    )
    assert list(folders) == ["synthetic_brio"]
    assert digests(folders["synthetic_brio"]) == digests(corpora["synthetic_brio"])


@pytest.mark.parametrize("name", SYNTHETIC_CORPORA)
def test_the_manifest_lists_every_file_once(corpora, name):
    rows = manifest(corpora[name])
    assert len(rows) == 4 * len(SYNTHETIC_CORPORA[name].emotions) * 3
    assert sorted(row["path"] for row in rows) == sorted(
        f"audio/{path.name}" for path in (corpora[name] / "audio").iterdir()
    )
    assert len({row["utterance_id"] for row in rows}) == len(rows)
    assert all(value for row in rows for value in row.values())
    assert "split" not in rows[0]  # splitting by speaker is the reader's task
    assert {row["corpus"] for row in rows} == {name}


@pytest.mark.parametrize("name", SYNTHETIC_CORPORA)
def test_every_speaker_speaks_every_emotion_and_has_one_gender(corpora, name):
    rows = manifest(corpora[name])
    speakers = {(row["speaker_id"], row["gender"]) for row in rows}
    assert sorted(gender for _, gender in speakers) == ["female", "female", "male", "male"]
    assert {(row["speaker_id"], row["label"]) for row in rows} == {
        (speaker, emotion) for speaker, _ in speakers for emotion in SYNTHETIC_CORPORA[name].emotions
    }


def test_labels_are_canonical_and_differ_between_corpora():
    inventories = [frozenset(corpus.emotions) for corpus in SYNTHETIC_CORPORA.values()]
    assert len(set(inventories)) == 4
    assert set().union(*inventories) <= EMOTIONS.keys()


def test_the_training_corpora_cover_all_six_arousal_valence_classes():
    emotions = {emotion for name in TRAINING for emotion in SYNTHETIC_CORPORA[name].emotions}
    assert {arousal_valence_class(emotion) for emotion in emotions} == set(AROUSAL_VALENCE_CLASSES)
    unseen = {arousal_valence_class(emotion) for emotion in SYNTHETIC_CORPORA["synthetic_duna"].emotions}
    assert unseen < set(AROUSAL_VALENCE_CLASSES)


@pytest.mark.parametrize(
    ("name", "sampling_rate", "num_channels"),
    [
        ("synthetic_alba", 16_000, 1),
        ("synthetic_brio", 22_050, 1),
        ("synthetic_corda", 44_100, 2),
        ("synthetic_duna", 24_000, 1),
    ],
)
def test_each_corpus_has_its_own_audio_format(corpora, name, sampling_rate, num_channels):
    headers = [sf.info(path) for path in sorted((corpora[name] / "audio").iterdir())]
    assert {(header.samplerate, header.channels, header.subtype) for header in headers} == {
        (sampling_rate, num_channels, "PCM_16")
    }
    durations = [header.duration for header in headers]
    assert min(durations) > 0.5
    assert max(durations) < 3.0
    assert 1.0 < np.mean(durations) < 1.6


@pytest.mark.parametrize("name", SYNTHETIC_CORPORA)
def test_load_corpus_opens_it_like_any_manifest(corpora, name, tmp_path):
    dataset = load_corpus("manifest", data_dir=corpora[name], cache_dir=tmp_path)["train"]
    assert dataset.num_rows == len(manifest(corpora[name]))
    assert set(dataset["corpus"]) == {name}
    assert dataset["emotion"] == dataset["raw_label"]
    assert None not in dataset["arousal_valence"]


MEASURES = ("duration", "level", "brightness", "f0")


@pytest.mark.parametrize(
    ("measure_name", "higher", "lower"),
    [
        ("f0", "anger", "sadness"),
        ("f0", "fear", "neutral"),
        ("f0", "joy", "calm"),
        ("f0", "excitement", "disgust"),
        ("f0", "surprise", "neutral"),
        ("duration", "sadness", "neutral"),
        ("duration", "boredom", "happiness"),
        ("duration", "disgust", "excitement"),
        ("duration", "neutral", "fear"),
        ("level", "anger", "neutral"),
        ("level", "neutral", "sadness"),
        ("level", "neutral", "calm"),
        ("level", "neutral", "relaxation"),
        ("brightness", "anger", "neutral"),
        ("brightness", "happiness", "boredom"),
        ("brightness", "neutral", "sadness"),
    ],
)
def test_emotions_can_be_heard_in_every_corpus_that_has_them(measured, measure_name, higher, lower):
    column = MEASURES.index(measure_name)
    having_both = [labels for labels in measured.values() if {higher, lower} <= labels.keys()]
    assert having_both
    for labels in having_both:
        assert labels[higher][:, column].mean() > labels[lower][:, column].mean()


@pytest.mark.parametrize("name", SYNTHETIC_CORPORA)
def test_emotions_overlap_in_every_single_cue(measured, name):
    for column in range(len(MEASURES)):
        values = [(rows[:, column].min(), rows[:, column].max()) for rows in measured[name].values()]
        lowest_first = sorted(values)
        assert any(upper > lower for (_, upper), (lower, _) in itertools.pairwise(lowest_first))


def test_women_speak_higher_than_men(corpora):
    f0 = {"female": [], "male": []}
    for row in manifest(corpora["synthetic_alba"]):
        if row["label"] == "neutral":
            samples, rate = sf.read(corpora["synthetic_alba"] / row["path"])
            f0[row["gender"]].append(measure(samples, rate)[3])
    assert np.mean(f0["female"]) > np.mean(f0["male"]) + 5  # semitones


def test_speakers_say_the_same_few_sentences_in_every_emotion(corpora):
    rows = manifest(corpora["synthetic_alba"])
    texts = {row["text"] for row in rows}
    assert 3 < len(texts) <= 12
    assert len(rows) > 2 * len(texts)


def test_an_existing_corpus_with_the_same_arguments_is_reused(tmp_path, monkeypatch):
    folder = generate_synthetic_corpora(tmp_path, **ONE_SMALL)["synthetic_duna"]
    monkeypatch.setattr(synthetic, "synthesize", lambda *_: pytest.fail("generated again"))
    assert generate_synthetic_corpora(tmp_path, **ONE_SMALL) == {"synthetic_duna": folder}


@pytest.mark.parametrize("change", [{"seed": 1}, {"speakers_per_corpus": 3}, {"utterances_per_emotion": 2}])
def test_other_arguments_never_touch_an_existing_corpus(tmp_path, change):
    folder = generate_synthetic_corpora(tmp_path, **ONE_SMALL)["synthetic_duna"]
    before = digests(folder)
    ((argument, value),) = change.items()
    with pytest.raises(FileExistsError, match=rf"other arguments: {argument}=\d \(now {value}\)"):
        generate_synthetic_corpora(tmp_path, **{**ONE_SMALL, **change})
    assert digests(folder) == before


def test_another_generator_version_is_not_mistaken_for_this_one(tmp_path, monkeypatch):
    generate_synthetic_corpora(tmp_path, **ONE_SMALL)
    generation = tmp_path / "synthetic_duna" / "generation.json"
    generation.write_text(generation.read_text().replace('"generator_version": 1', '"generator_version": 0'))
    with pytest.raises(FileExistsError, match=r"generator_version=0 \(now 1\)"):
        generate_synthetic_corpora(tmp_path, **ONE_SMALL)


def test_a_corpus_that_lost_a_file_is_reported(tmp_path):
    folder = generate_synthetic_corpora(tmp_path, **ONE_SMALL)["synthetic_duna"]
    (folder / "audio" / "duna_m01_fear_00.wav").unlink()
    with pytest.raises(FileExistsError, match=r"lacks 1 of its audio files, the first 'audio/duna_m01_fear_00\.wav'"):
        generate_synthetic_corpora(tmp_path, **ONE_SMALL)


def test_a_foreign_folder_is_left_alone(tmp_path):
    foreign = tmp_path / "synthetic_duna" / "notes.txt"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    with pytest.raises(FileExistsError, match="no complete synthetic corpus"):
        generate_synthetic_corpora(tmp_path, **ONE_SMALL)
    assert foreign.read_text() == "mine"


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    written = []

    def fail_at_third_file(path, *args, **kwargs):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sf, "write", fail_at_third_file)
        with pytest.raises(KeyboardInterrupt):
            generate_synthetic_corpora(tmp_path, **ONE_SMALL)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_may_generate_the_same_corpus_at_once(tmp_path, monkeypatch):
    write_corpus = synthetic._write_corpus

    def overtaken(folder, request):
        write_corpus(folder, request)
        monkeypatch.setattr(synthetic, "_write_corpus", write_corpus)
        generate_synthetic_corpora(tmp_path, **ONE_SMALL)

    monkeypatch.setattr(synthetic, "_write_corpus", overtaken)
    generate_synthetic_corpora(tmp_path, **ONE_SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic_duna"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corpora": ["synthetic_albo"]}, "Unknown synthetic corpus 'synthetic_albo'.*mean 'synthetic_alba'"),
        ({"speakers_per_corpus": 0}, "speakers_per_corpus is 0"),
        ({"utterances_per_emotion": -1}, "utterances_per_emotion is -1"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_synthetic_corpora(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_linear_probe_recognises_the_emotions_of_unseen_speakers_but_not_all(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = generate_synthetic_corpora(tmp_path, corpora=["synthetic_alba"])["synthetic_alba"]
    rows = manifest(folder)
    features = np.array([log_spectrum_statistics(sf.read(folder / row["path"])[0]) for row in rows])
    labels, speakers = ([row[column] for row in rows] for column in ("label", "speaker_id"))
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
    predictions = cross_val_predict(probe, features, labels, groups=speakers, cv=GroupKFold(4))
    assert 0.6 < recall_score(labels, predictions, average="macro") < 0.97  # chance is 1/6


def log_spectrum_statistics(samples: np.ndarray) -> np.ndarray:
    """Mean and deviation over time of 40 log band energies; the level is normalised away."""
    power = np.abs(stft(samples / samples.std(), 16_000, nperseg=400, nfft=512)[2]) ** 2
    edges = np.unique(np.round(np.geomspace(3, 256, 41)).astype(int))
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=0) + 1e-8)
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1)])
