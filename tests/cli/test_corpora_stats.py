"""`hf-emotion corpora stats`."""

import json

import datasets
import pytest
from PIL import Image

from tests.data.fake_audio import write_noise


@pytest.fixture
def corpora_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for actor in ("01", "02"):
        for emotion, seconds in (("01", 0.5), ("05", 1.5)):
            stem = f"03-01-{emotion}-01-01-01-{actor}"
            write_noise(tmp_path / "corpora" / "ravdess" / f"Actor_{actor}" / f"{stem}.wav", seconds=seconds)
    write_noise(tmp_path / "corpora" / "emodb" / "wav" / "03a01Wa.wav", seconds=2.5)
    return tmp_path / "corpora"


def test_corpora_languages_and_durations(run, corpora_dir):
    result = run("corpora", "stats", "ravdess", "emodb", "--corpora_dir", corpora_dir)
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert rows["ravdess"] == ["ravdess", "4", "2", "0.00", "1.00", "1.00", "neutral", "2,", "anger", "2"]
    assert rows["de"][:6] == ["de", "1", "1", "0.00", "2.50", "2.50"]
    assert rows["en"][1:3] == ["4", "2"]
    assert rows["all"][1:3] == ["5", "3"]
    assert [rows[seconds][1:] for seconds in ("0-1", "1-2", "2-3")] == [["2", "40.00"], ["2", "40.00"], ["1", "20.00"]]


def test_json_and_figure_are_written(run, corpora_dir, tmp_path):
    output_dir = tmp_path / "out"
    result = run("corpora", "stats", "ravdess", "--corpora_dir", corpora_dir, "--output_dir", output_dir)
    assert result.stdout.splitlines()[-2:] == [str(output_dir / "statistics.json"), str(output_dir / "durations.png")]
    content = json.loads((output_dir / "statistics.json").read_text())
    assert content["corpora"]["ravdess"]["durations"] == [2, 2]
    assert content["languages"]["en"]["labels"] == {"neutral": 2, "anger": 2}
    with Image.open(output_dir / "durations.png") as image:
        assert image.format == "PNG"


def test_of_a_set_the_corpora_that_are_there_count(run, corpora_dir):
    result = run("corpora", "stats", "--set", "lora_paper", "--corpora_dir", corpora_dir)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[:2]] == ["corpus", "ravdess"]


def test_a_corpus_that_was_named_must_be_there(run, corpora_dir):
    result = run("corpora", "stats", "ravdess", "savee", "--corpora_dir", corpora_dir)
    assert result.exit_code == 1
    assert "savee" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("ravdess", "--set", "emoset")])
def test_either_corpora_or_a_set_are_named(run, corpora_dir, arguments):
    result = run("corpora", "stats", *arguments, "--corpora_dir", corpora_dir)
    assert result.exit_code == 2
    assert "Name corpora, or a set of them with --set" in " ".join(result.stderr.split())


@pytest.mark.real_data
def test_half_of_the_real_utterances_last_two_to_three_seconds(run, real_data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    result = run("corpora", "stats", "ravdess", "emodb", "crema_d", "urdu", "--corpora_dir", real_data_dir)
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert rows["all"][1:6] == ["6,135", "109", "4.78", "2.81", "2.67"]
    assert rows["2-3"] == ["2-3", "3,134", "51.08"]
