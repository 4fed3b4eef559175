"""`hf-emotion predict`."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from transformers import (
    AutoFeatureExtractor,
    HubertConfig,
    HubertForSequenceClassification,
    HubertModel,
    Wav2Vec2FeatureExtractor,
)

from hf_emotion.data.audio import load_audio
from hf_emotion.models.exhubert import ExHubertForSequenceClassification
from tests.cli.conftest import CLASSES


@pytest.fixture
def recordings(tmp_path):
    """Noise of several lengths, rates and channel counts, the shortest of 50 samples: names in order of length."""
    generator = np.random.default_rng(0)
    for name, seconds, rate, channels in (
        ("a_short.wav", 50 / 16_000, 16_000, 1),
        ("b_stereo.flac", 0.2, 44_100, 2),
        ("c_telephone.wav", 0.5, 8_000, 1),
        ("deep/d_long.ogg", 1.0, 16_000, 1),
    ):
        path = tmp_path / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * generator.standard_normal((round(seconds * rate), channels)), rate)
    return tmp_path / "recordings"


def probabilities(model, extractor, path) -> dict[str, float]:
    """What the model says of one clip alone, without a pipeline."""
    inputs = extractor(load_audio(path), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        scores = model(**inputs).logits.softmax(-1)[0].tolist()
    return {model.config.id2label[index]: score for index, score in enumerate(scores)}


def test_batches_of_any_rate_and_channels_give_the_scores_of_each_clip_alone(run, model_dir, recordings):
    result = run("predict", recordings, "--model", model_dir, "--format", "jsonl", "--top_k", 9, "--batch_size", 4)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["file"].removeprefix(f"{recordings}/") for row in rows] == [
        "a_short.wav", "b_stereo.flac", "c_telephone.wav", "deep/d_long.ogg",
    ]  # fmt: skip
    assert [row["duration"] for row in rows] == pytest.approx([50 / 16_000, 0.2, 0.5, 1.0], abs=1e-3)
    assert all((row["label"], row["score"]) == tuple(row["scores"][0].values()) for row in rows)
    model = ExHubertForSequenceClassification.from_pretrained(model_dir).eval()
    extractor = AutoFeatureExtractor.from_pretrained(model_dir)
    for row in rows:
        found = {score["label"]: score["score"] for score in row["scores"]}
        assert found == pytest.approx(probabilities(model, extractor, row["file"]), abs=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_files_are_shown_in_the_order_given_on_lines_that_fit_the_terminal(run, model_dir, recordings, monkeypatch):
    monkeypatch.setattr("hf_emotion.prediction.outputs.terminal_width", lambda: 80)
    given = [recordings / "c_telephone.wav", recordings / "a_short.wav", recordings / "c_telephone.wav"]
    header, *lines = run("predict", *given, "--model", model_dir, "--top_k", 2).stdout.splitlines()
    assert header.split() == ["file", "time", "emotion", "2nd"]
    assert [line.split()[0].rsplit("/")[-1] for line in lines] == ["c_telephone.wav", "a_short.wav"]
    assert max(map(len, [header, *lines])) <= 80


def test_bad_files_are_named_at_the_end_and_good_ones_predicted(run, model_dir, recordings):
    (recordings / "empty.wav").touch()
    (recordings / "text.mp3").write_text("not audio")
    soundfile.write(recordings / "nan.wav", np.full(9000, np.nan, dtype=np.float32), 16_000, subtype="FLOAT")
    result = run("predict", recordings, recordings / "absent.wav", "--model", model_dir, "--format", "csv")
    assert result.exit_code == 1
    assert [row["file"].rsplit("/")[-1][0] for row in csv.DictReader(io.StringIO(result.stdout))] == list("abcd")
    assert "4 of 8 files could not be predicted" in result.stderr
    for name, reason in {
        "empty.wav": "0 bytes",
        "text.mp3": "cannot read",
        "nan.wav": "9000 NaN",
        "absent.wav": "No such audio file",
    }.items():
        assert any(name in line and reason in line for line in result.stderr.splitlines())


def test_a_clip_that_fails_while_decoding_does_not_shift_the_scores_of_others(run, model_dir, recordings):
    options = ("--model", model_dir, "--format", "csv", "--batch_size", 2)
    without = list(csv.reader(io.StringIO(run("predict", recordings, *options).stdout)))
    soundfile.write(recordings / "b_nan.wav", np.full(9000, np.nan, dtype=np.float32), 16_000, subtype="FLOAT")
    rows = list(csv.reader(io.StringIO(run("predict", recordings, *options).stdout)))
    assert [row[:3] for row in rows] == [row[:3] for row in without]
    for row, expected in zip(rows[1:], without[1:], strict=True):
        assert list(map(float, row[3:])) == pytest.approx(list(map(float, expected[3:])), abs=1e-5)


def test_csv_has_a_probability_for_every_class_in_the_order_of_the_model(run, model_dir, recordings, tmp_path):
    output = tmp_path / "new" / "scores.csv"
    result = run("predict", recordings, "--model", model_dir, "--output", output)
    assert (result.exit_code, result.stdout) == (0, "")
    rows = list(csv.DictReader(output.open(newline="")))
    assert list(rows[0]) == ["file", "duration", "prediction", *(f"probability_{name}" for name in CLASSES)]
    for row in rows:
        scores = {name: float(row[f"probability_{name}"]) for name in CLASSES}
        assert sum(scores.values()) == pytest.approx(1)
        assert row["prediction"] == max(scores, key=scores.get)


def test_hidden_files_are_not_looked_at(run, model_dir, recordings):
    (recordings / "._a_short.wav").write_bytes(b"a twin that macOS leaves in zip files")
    assert run("predict", recordings, "--model", model_dir).exit_code == 0


def test_a_folder_without_audio_is_an_error(run, model_dir, tmp_path):
    result = run("predict", tmp_path, "--model", model_dir)
    assert result.exit_code == 1
    assert f"There is no audio file in {tmp_path}" in result.stderr


def test_the_folder_of_a_run_with_steps_leads_to_its_models(run, model_dir, recordings, tmp_path):
    shutil.copytree(model_dir, tmp_path / "run" / "transfer")
    result = run("predict", recordings, "--model", tmp_path / "run")
    assert result.exit_code == 1
    assert f"Did you mean {tmp_path}/run/transfer?" in result.stderr


def test_a_mistyped_folder_is_not_looked_for_on_the_hub(run, recordings, tmp_path):
    result = run("predict", recordings, "--model", tmp_path / "absent")
    assert result.exit_code == 1
    assert "There is no folder" in result.stderr


STOCK = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.5,
}


def test_an_encoder_without_trained_head_is_refused(run, recordings, tmp_path):
    HubertModel(HubertConfig(**STOCK)).save_pretrained(tmp_path / "encoder")
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "encoder")
    result = run("predict", recordings, "--model", tmp_path / "encoder")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "encoder is in no layout that is known" in result.stderr


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_stock_models_that_padding_would_change_get_clips_one_by_one(norm, run, recordings, tmp_path):
    torch.manual_seed(0)
    model = HubertForSequenceClassification(HubertConfig(**STOCK, feat_extract_norm=norm, num_labels=3)).eval()
    model.save_pretrained(tmp_path / "stock")
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer")
    extractor.save_pretrained(tmp_path / "stock")
    (recordings / "a_short.wav").unlink()
    result = run("predict", recordings, "--model", tmp_path / "stock", "--format", "jsonl", "--batch_size", 4)
    assert result.exit_code == 0
    for row in map(json.loads, result.stdout.splitlines()):
        found = {score["label"]: score["score"] for score in row["scores"]}
        assert found == pytest.approx(probabilities(model, extractor, row["file"]), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "scores.xyz"], "The format of --output scores.xyz is unclear"),
        (["--output", "a.csv", "--output_dir", "labels"], "--output a.csv is one file"),
        (["--output_dir", "labels"], "--output_dir needs --format textgrid or --format audacity"),
        (["--output_dir", "labels", "--format", "csv"], "csv is one file: --output"),
        (["--format", "parquet"], "Parquet is no text for a terminal"),
        (["--format", "jsonl", "--timeline"], "--timeline is for csv and parquet"),
        (["--embeddings", "e.npz"], "must end in .parquet or .safetensors"),
        (["--format", "textgrid"], "of one recording, but there are 4"),
        (["--labels", "boredom"], "boredom"),
    ],
)
def test_wishes_that_do_not_fit_together_are_refused_with_advice(run, model_dir, recordings, options, message):
    result = run("predict", recordings, "--model", model_dir, *options)
    assert result.exit_code == 1
    assert message in result.stderr


def test_segments_stand_below_a_recording_that_was_heard_in_windows(run, model_dir, recordings):
    options = ("--window_seconds", 0.25, "--hop_seconds", 0.25)
    lines = run("predict", recordings / "deep" / "d_long.ogg", "--model", model_dir, *options).stdout.splitlines()
    assert lines[1].split()[1] == "0:01.0"
    assert lines[2].split()[:2] == ["0:00.0", "-"]
    assert lines[-1].split()[2] == "0:01.0"


def test_labels_of_a_list_are_all_that_is_kept(run, model_dir, recordings):
    found = [
        run("predict", recordings, "--model", model_dir, "--format", "jsonl", *options).stdout
        for options in (["--labels", "anger, fear"], ["--labels", "anger", "--labels", "fear"])
    ]
    assert found[0] == found[1]
    for row in map(json.loads, found[0].splitlines()):
        assert {score["label"] for score in row["scores"]} == {"anger", "fear"}
        assert sum(score["score"] for score in row["scores"]) == pytest.approx(1)


@pytest.mark.real_data
def test_real_clips_get_textgrids_of_their_exact_duration(run, model_dir, real_data_dir, tmp_path):
    clips = sorted((real_data_dir / "emodb").rglob("*.flac"))[:3]
    options = ("--format", "textgrid", "--output_dir", tmp_path / "labels")
    assert run("predict", *clips, "--model", model_dir, *options).exit_code == 0
    for clip in clips:
        grid = (tmp_path / "labels" / f"{clip.stem}.TextGrid").read_text().splitlines()
        assert grid[4] == f"xmax = {soundfile.info(clip).frames / soundfile.info(clip).samplerate!r}"
        assert 'name = "emotion"' in grid[10]
