"""`hf-emotion predict` with models that use the speaker's gender."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_emotion.recognition import load_recognizer
from tests.conditioned_models import save_conditioned, save_gender_model


NAMES = ("a.wav", "b.wav", "c.wav")
UNKNOWN = (
    "The model uses the speaker's gender, which counts as unknown: give it by --gender, --gender_model or a column"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_conditioned(folder / "conditioned")
    save_gender_model(folder / "gender")
    return folder


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Noise in three files, named by a manifest with two genders."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    (tmp_path / "rec").mkdir()
    for number, name in enumerate(NAMES):
        noise = (0.1 + 0.2 * number) * generator.standard_normal(8000 + 800 * number)
        soundfile.write(tmp_path / "rec" / name, np.clip(noise, -1, 1), 16_000, subtype="FLOAT")
    (tmp_path / "rec" / "list.csv").write_text("path,gender\na.wav,female\nb.wav,male\nc.wav,\n")
    return [f"rec/{name}" for name in NAMES]


def scores(rows):
    return [{entry["label"]: entry["score"] for entry in row["scores"]} for row in rows]


def predicted(result):
    assert result.exit_code == 0, result.stderr
    return scores(map(json.loads, result.stdout.splitlines()))


def are_close(found, expected):
    return all(row == pytest.approx(other, abs=1e-5) for row, other in zip(found, expected, strict=True))


@pytest.fixture
def predict(run, models, recordings):
    def predict(*arguments, model="conditioned"):
        return run("predict", *arguments, "--model", models / model, "--format", "jsonl")

    return predict


@pytest.mark.parametrize(
    ("options", "genders"),
    [
        (["rec", "--gender", "male"], "male"),
        (["rec/list.csv"], ["female", "male", None]),
        (["rec/list.csv", "--gender", "male"], ["female", "male", "male"]),
        (["rec", "rec/list.csv"], ["female", "male", None]),  # each once, and what is known of it
    ],
)
def test_the_gender_is_of_all_recordings_or_of_each(options, genders, predict, models, recordings):
    result = predict(*options)
    expected = load_recognizer(models / "conditioned")(recordings, gender=genders)
    assert are_close(predicted(result), scores(expected))
    assert not are_close(predicted(result), scores(load_recognizer(models / "conditioned")(recordings)))
    assert result.stderr == ""


def test_a_gender_model_is_asked_for_what_is_not_given(predict, models, recordings):
    result = predict("rec/list.csv", "--gender_model", models / "gender")
    heard = load_recognizer(models / "gender")(recordings[2])["label"]
    assert heard in ("female", "male")
    expected = load_recognizer(models / "conditioned")(recordings, gender=["female", "male", heard])
    assert are_close(predicted(result), scores(expected))
    assert result.stderr == ""


@pytest.mark.parametrize("options", [[], ["--num_processes", "2"]])
def test_a_line_says_that_nothing_is_known_of_the_gender(options, predict, models, recordings):
    result = predict("rec", *options)
    assert are_close(predicted(result), scores(load_recognizer(models / "conditioned")(recordings)))
    assert result.stderr.startswith(UNKNOWN)
    assert len(result.stderr.splitlines()) == 1


def test_a_line_says_that_there_are_no_transcripts(predict, models, recordings):
    save_conditioned(models / "with_text", text_embedding_size=6)
    result = predict("rec", "--gender", "female", model="with_text")
    assert result.exit_code == 0
    assert result.stderr == (
        "The model uses text, but predicts from the audio alone: transcripts cannot be given here.\n"
    )


class TestModelsWithoutUseForIt:
    @pytest.fixture
    def predict(self, run, model_dir, recordings):
        return lambda *arguments: run("predict", *arguments, "--model", model_dir, "--format", "jsonl")

    def test_ignore_the_column_of_a_manifest_whatever_it_says(self, predict, recordings):
        Path("rec/odd.csv").write_text("path,gender\na.wav,F\nb.wav,not asked\nc.wav,male\n")
        assert predicted(predict("rec/odd.csv")) == predicted(predict("rec"))
        assert predict("rec/odd.csv").stderr == ""

    @pytest.mark.parametrize(
        ("options", "argument"), [(["--gender", "male"], "gender"), (["--gender_model", "absent"], "gender_model")]
    )
    def test_refuse_the_options_in_a_sentence(self, options, argument, predict, recordings):
        result = predict("rec", *options)
        assert result.exit_code == 1
        assert result.stderr == f"Error: The model is not conditioned on the gender: leave out {argument}.\n"


def test_a_word_that_is_no_gender_is_named_with_its_row(predict, recordings):
    rows = ({"path": "a.wav", "gender": "male"}, {"path": "b.wav", "gender": "F"})
    Path("rec/odd.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = predict("rec/odd.jsonl")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: Row 2 of the manifest with rec/b.wav has the gender 'F', which is not known. Write female or male, or "
        "leave it empty.\n"
    )


def test_another_gender_on_the_command_line_is_wrong_usage(predict):
    assert predict("rec", "--gender", "child").exit_code == 2


def test_a_model_that_tells_no_gender_is_refused(predict, model_dir):
    result = predict("rec", "--gender_model", model_dir)
    assert result.exit_code == 1
    assert "but needs female and male" in result.stderr


def test_results_hold_as_long_as_the_gender_does(run, models, recordings):
    def heard(*options):
        return run("predict", *options, "--model", models / "conditioned", "--output", "scores.jsonl")

    assert heard("rec/list.csv").exit_code == 0
    assert "3 of 3 files were predicted before" in heard("rec/list.csv").stderr
    Path("rec/list.csv").write_text("path,gender\na.wav,male\nb.wav,male\nc.wav,\n")
    before = Path("scores.jsonl").read_text().splitlines()
    assert "2 of 3 files were predicted before" in heard("rec/list.csv").stderr
    after = Path("scores.jsonl").read_text().splitlines()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, True]
    result = heard("rec/list.csv", "--gender", "male")
    assert result.exit_code == 1
    assert "holds predictions with --gender (default) instead of male" in result.stderr
    result = heard("rec/list.csv", "--gender_model", models / "gender")
    assert "holds predictions with --gender_model (default) instead of" in result.stderr
