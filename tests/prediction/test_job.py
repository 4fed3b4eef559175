"""Jobs that go on where they stopped."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_emotion.prediction.formats.embedding_files import read_embeddings
from hf_emotion.prediction.job import open_job
from hf_emotion.prediction.outputs import choose_outputs
from hf_emotion.prediction.recordings import find_recordings
from hf_emotion.prediction.settings import PredictionSettings
from tests.prediction.loudness_recognizer import LoudnessRecognizer, ToldRecognizer, write_tones


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tones(tmp_path / "rec", a=0.25, b=0.5, c=0.75)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return tmp_path


def run(output="scores.jsonl", *, sources=("rec",), stop_after=None, options=(), kind=LoudnessRecognizer, **asked):
    """Run a job as the command does. Returns how many clips the model heard."""
    recognizer = kind()
    layout = asked.pop("layout", None)
    outputs = choose_outputs(layout, None if output is None else Path(output), **({"folder": None} | asked))
    settings = PredictionSettings("model", return_embeddings=outputs.embeddings is not None, **dict(options))
    with open_job(find_recordings(sources), settings, outputs) as job:
        for number, _ in enumerate(job.pending.predict(recognizer), 1):
            if number == stop_after:
                raise KeyboardInterrupt
        job.write()
    return recognizer.num_heard


def rows(path="scores.jsonl"):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_json_lines_are_in_the_order_of_the_recordings(folder):
    soundfile.write("rec/a.wav", np.full(400, 0.25), 16_000)  # the smallest, which is predicted last
    assert run() == 3
    assert [row["file"] for row in rows()] == ["rec/a.wav", "rec/b.wav", "rec/c.wav"]
    assert list(rows()[1]) == ["file", "duration", "label", "score", "scores", "dimensions", "source"]
    assert rows()[1]["dimensions"] == {"arousal": pytest.approx(0.5)}
    assert not os.path.exists("scores.jsonl.journal")


def test_a_finished_job_is_not_done_again_but_grows(folder):
    run()
    before = rows()
    assert run() == 0
    write_tones(folder / "rec", aa=0.9)
    assert run() == 1
    assert [row["file"] for row in rows()] == [f"rec/{name}.wav" for name in ("a", "aa", "b", "c")]
    assert [row for row in rows() if "aa" not in row["file"]] == before


def test_results_of_other_recordings_are_kept(folder):
    write_tones(folder / "more", d=0.5)
    run()
    run(sources=["more"])
    assert [row["file"] for row in rows()] == ["rec/a.wav", "rec/b.wav", "rec/c.wav", "more/d.wav"]


def test_a_changed_file_is_predicted_again(folder):
    run()
    write_tones(folder / "rec", b=0.875)
    assert run() == 1
    assert [row["dimensions"]["arousal"] for row in rows()] == pytest.approx([0.25, 0.875, 0.75])


@pytest.mark.parametrize("output", ["scores.jsonl", "scores.csv", "scores.parquet", "scores.rttm"])
def test_a_stopped_job_is_gone_on_with(folder, output):
    with pytest.raises(KeyboardInterrupt):
        run(output, stop_after=2)
    assert not os.path.exists(output)  # what exists is complete
    assert run(output) == 1
    assert not os.path.exists(f"{output}.journal")
    content = Path(output).read_bytes()
    assert run(output, overwrite=True) == 3
    assert Path(output).read_bytes() == content


def test_csv_of_a_resumed_job_needs_no_model_for_the_order_of_classes(folder):
    with pytest.raises(KeyboardInterrupt):
        run("scores.csv", stop_after=3)
    assert run("scores.csv") == 0
    with open("scores.csv") as file:
        assert file.readline().split(",")[3:5] == ["probability_calm", "probability_angry"]


def test_files_that_could_not_be_read_are_tried_again(folder):
    (folder / "rec" / "d.wav").write_text("no audio")
    run()
    assert "error" in rows()[-1]
    assert set(rows()[-1]) == {"file", "error"}
    os.remove("rec/d.wav")
    write_tones(folder / "rec", d=0.5)
    assert run() == 1
    assert rows()[-1]["label"] == "calm"


@pytest.mark.parametrize("stop_after", [None, 1])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 2.0}, r"--temperature \(default\) instead of 2.0"),
        ({"labels": ("calm",), "window_seconds": 4.0}, "--labels .* and --window_seconds"),
        ({"gender_model": "model"}, r"--gender_model \(default\) instead of [0-9a-f]{16}"),
    ],
)
def test_other_options_are_refused_by_name(folder, stop_after, options, message):
    if stop_after is None:
        run()
    else:
        with pytest.raises(KeyboardInterrupt):
            run(stop_after=stop_after)
    with pytest.raises(ValueError, match=rf"scores.jsonl.* holds predictions with {message}.*--overwrite"):
        run(options=options)
    assert run(options=options, overwrite=True) == 3


def test_another_model_is_refused(folder):
    run()
    (folder / "model" / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(ValueError, match="with another model, or the same with other weights"):
        run()


def genders(*names):
    text = "".join(f"{path},{name}\n" for path, name in zip(("a.wav", "b.wav", "c.wav"), names, strict=True))
    Path("rec/list.csv").write_text(f"path,gender\n{text}")


def told():
    return [row["dimensions"]["arousal"] for row in rows()]


@pytest.mark.parametrize("stop_after", [None, 3])
def test_a_recording_of_another_gender_is_predicted_again(folder, stop_after):
    asked = {"sources": ["rec/list.csv"], "kind": ToldRecognizer}
    genders("female", "male", "")
    if stop_after is None:
        run(**asked)
        assert told() == [1, 2, 0]
    else:
        with pytest.raises(KeyboardInterrupt):
            run(stop_after=stop_after, **asked)
    assert run(**asked) == 0
    genders("female", "", "male")
    assert run(**asked) == 2
    assert told() == [1, 0, 2]


def test_what_a_manifest_says_wins(folder):
    genders("female", "male", "")
    asked = {"sources": ["rec/list.csv"], "kind": ToldRecognizer, "options": {"gender": "male"}}
    run(**asked)
    assert told() == [1, 2, 2]
    with pytest.raises(ValueError, match=r"--gender male instead of \(default\)"):
        run(**asked | {"options": {}})


def test_genders_do_not_matter_to_models_without_use_for_them(folder):
    genders("female", "male", "whatever")
    run(sources=["rec/list.csv"])
    genders("", "female", "male")
    assert run(sources=["rec/list.csv"]) == 0
    with pytest.raises(ValueError, match="not conditioned on the gender: leave out gender"):
        run(options={"gender": "male"}, overwrite=True)


def test_other_numbers_of_classes_in_json_lines_do_not_mix(folder):
    run(top_k=1)
    assert [len(row["scores"]) for row in rows()] == [1, 1, 1]
    with pytest.raises(ValueError, match=r"--top_k 1 instead of \(default\)"):
        run()


def test_batch_size_does_not_matter(folder):
    run(options={"batch_size": 2})
    assert run(options={"batch_size": 1}) == 0


@pytest.mark.parametrize("output", ["scores.csv", "scores.rttm"])
def test_a_finished_file_of_unknown_settings_is_not_overwritten_unasked(folder, output):
    run(output)
    with pytest.raises(ValueError, match=f"{output} exists already"):
        run(output)
    assert not os.path.exists(f"{output}.journal")
    assert run(output, overwrite=True) == 3


@pytest.mark.parametrize("text", ["not json\n", '{"file": "a.wav"}\n', "[1]\n"])
def test_foreign_json_lines_are_refused(folder, text):
    (folder / "scores.jsonl").write_text(text)
    with pytest.raises(ValueError, match="line 1 of it is not of a job of this command"):
        run()


def test_label_files_are_written_beside_a_record_and_never_replaced_unasked(folder):
    asked = {"output": None, "layout": "textgrid", "folder": folder / "labels"}
    run(**asked)
    assert sorted(os.listdir("labels")) == ["a.TextGrid", "b.TextGrid", "c.TextGrid", "predictions.jsonl"]
    (folder / "labels" / "b.TextGrid").write_text("corrected by hand")
    os.remove("labels/c.TextGrid")
    write_tones(folder / "rec", **{"deep.er": 0.5})
    assert run(**asked) == 1
    assert (folder / "labels" / "b.TextGrid").read_text() == "corrected by hand"
    assert os.path.exists("labels/c.TextGrid")
    assert os.path.exists("labels/deep.er.TextGrid")
    write_tones(folder / "rec", b=0.875)
    with pytest.raises(ValueError, match="b.TextGrid exists already, maybe with corrections of yours"):
        run(**asked)


@pytest.mark.parametrize("name", ["e.safetensors", "e.parquet"])
def test_embeddings_are_those_of_every_row_also_after_a_stop_and_growth(folder, name):
    asked = {"embeddings": folder / name}
    with pytest.raises(KeyboardInterrupt):
        run(stop_after=2, **asked)
    assert run(**asked) == 1
    assert "embedding" not in rows()[0]
    write_tones(folder / "rec", d=1.0)
    assert run(**asked) == 1
    found = {file: vector.tolist() for (file, _), vector in read_embeddings(folder / name).items()}
    peaks = {"a": 0.25, "b": 0.5, "c": 0.75, "d": 1.0}
    assert found == {f"rec/{file}.wav": [peak, peak**2] for file, peak in peaks.items()}


def test_results_without_embeddings_are_made_again_with(folder):
    run()
    assert run(embeddings=folder / "e.parquet") == 3


def test_a_single_label_file_is_of_one_recording(folder):
    with pytest.raises(ValueError, match="of one recording, but there are 3. Name a folder: --output_dir"):
        run("a.TextGrid")
    assert run("a.TextGrid", sources=["rec/a.wav"]) == 1
    assert 'text = "calm"' in (folder / "a.TextGrid").read_text()


def test_recordings_without_result_are_counted(folder):
    settings = PredictionSettings("model")
    with open_job(find_recordings(["rec"]), settings, choose_outputs(None, folder / "scores.csv", None)) as job:
        for _ in job.pending.part(0, 2).predict(LoudnessRecognizer()):
            pass
        assert [row["file"] for row in job.collect()] == ["rec/a.wav", "rec/c.wav"]
        assert job.num_unfinished == 1
