"""The manifest: two required columns, everything else optional, errors with line numbers, no silent typo."""

import json

import pytest

from hf_emotion.data.corpus import COLUMNS
from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two", "three"):
        write_noise(tmp_path / "calls" / "audio" / f"{name}.wav", seconds=0.25)
    return tmp_path / "calls"


def write(folder, text, name="manifest.csv", **options):
    (folder / name).write_text(text, **{"encoding": "utf-8"} | options)


def load(data_dir, tmp_path, **options):
    return load_corpus("manifest", data_dir, cache_dir=tmp_path / "cache", **options)


def test_path_and_label_are_enough(folder, tmp_path):
    write(folder, "path,label\naudio/one.wav,anger\naudio/two.wav,Happy\n")
    dataset = load(folder, tmp_path)["train"]
    assert tuple(dataset.column_names) == COLUMNS
    assert dataset[0] == dict.fromkeys(COLUMNS) | {
        "audio": {"bytes": None, "path": str(folder / "audio" / "one.wav")},
        "utterance_id": "audio/one",
        "corpus": "calls",
        "raw_label": "anger",
        "emotion": "anger",
        "arousal_valence": "high_negative",
        "duration": 0.25,
    }
    assert (dataset[1]["raw_label"], dataset[1]["emotion"]) == ("Happy", "happiness")


def test_all_columns_arrive(folder, tmp_path):
    write(
        folder,
        "path,label,utterance_id,corpus,speaker_id,gender,split,language,session,text,arousal,valence,dominance,votes\n"
        'audio/one.wav,anger,u1,hotline,007,F,dev,de,3,"Ja, gut",1.5,2,-1,"{""angry"": 2, ""anger"": 1, ""odd"": 1}"\n'
        "audio/two.wav,joy,u2,,8,male,train,,,,,,,\n",
    )
    parts = load(folder, tmp_path)
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 1, "validation": 1}
    expected = {
        "utterance_id": "u1",
        "corpus": "hotline",
        "speaker_id": "007",
        "gender": "female",
        "language": "de",
        "session": "3",
        "text": "Ja, gut",
        "arousal": 1.5,
        "valence": 2.0,
        "dominance": -1.0,
        "votes": [{"label": "anger", "count": 3}, {"label": "odd", "count": 1}],
    }
    row = parts["validation"][0]
    assert {column: row[column] for column in expected} == expected
    assert parts["train"][0]["corpus"] == "calls"


def test_jsonl_says_the_same_as_csv(folder, tmp_path):
    rows = [
        {"path": "audio/one.wav", "label": "sad", "speaker_id": 7, "votes": {"sad": 2}},
        {"path": "audio/two.wav", "label": "calm"},
    ]
    write(folder, "\n".join(map(json.dumps, rows)) + "\n\n", name="manifest.jsonl")
    first, second = load(folder, tmp_path)["train"]
    assert (first["emotion"], first["speaker_id"], first["votes"]) == (
        "sadness",
        "7",
        [{"label": "sadness", "count": 2}],
    )
    assert (second["emotion"], second["speaker_id"]) == ("calm", None)


def test_the_file_itself_may_be_given_and_have_any_name(folder, tmp_path):
    write(folder, "path,label\naudio/one.wav,anger\n", name="night shift.csv")
    assert len(load(folder / "night shift.csv", tmp_path)["train"]) == 1


def test_a_label_may_be_a_class(folder, tmp_path):
    write(folder, "path,label\naudio/one.wav,low_positive\n")
    row = load(folder, tmp_path)["train"][0]
    assert (row["raw_label"], row["emotion"], row["arousal_valence"]) == ("low_positive", None, "low_positive")


def test_a_word_of_ones_own_is_kept_with_null_emotion_and_a_warning(folder, tmp_path, caplog):
    write(folder, "path,label\naudio/one.wav,Grant\naudio/two.wav,Grant\naudio/three.wav,other\n")
    rows = rows_by_id(load(folder, tmp_path)["train"])
    found = [(rows[f"audio/{name}"]["raw_label"], rows[f"audio/{name}"]["emotion"]) for name in ("one", "three")]
    assert found == [("Grant", None), ("other", "other")]
    assert "{'Grant': 2}" in caplog.text


def test_paths_may_be_absolute_and_excel_may_add_its_byte_order_mark(folder, tmp_path):
    write(folder, f"path,label\n{folder / 'audio' / 'one.wav'},anger\n", encoding="utf-8-sig")
    assert len(load(folder, tmp_path)["train"]) == 1


def test_an_edited_manifest_is_read_again(folder, tmp_path):
    write(folder, "path,label\naudio/one.wav,anger\n")
    assert load(folder, tmp_path)["train"]["emotion"][:] == ["anger"]
    write(folder, "path,label\naudio/one.wav,joy\n")
    assert load(folder, tmp_path)["train"]["emotion"][:] == ["joy"]


WRONG = {
    "no file": (
        "path,label\naudio/one.wav,anger\naudio/gone.wav,joy\n",
        "1 wrong rows:\n  line 3: no such file: .*gone.wav",
    ),
    "no label": ("path,label\naudio/one.wav,\n", "line 2: path and label must be filled in"),
    "gender": ("path,label,gender\naudio/one.wav,joy,x\n", r"line 2: gender is 'x', expected \['female', 'male'\]"),
    "split": ("path,label,split\naudio/one.wav,joy,eval\n", "line 2: split is 'eval'"),
    "some splits": ("path,label,split\naudio/one.wav,joy,test\naudio/two.wav,joy,\n", "1 of 2 rows have no split"),
    "number": ("path,label,arousal\naudio/one.wav,joy,high\n", "line 2: arousal is 'high', expected a number"),
    "votes": ('path,label,votes\naudio/one.wav,joy,"[1]"\n', "line 2: votes must map labels to counts"),
    "votes not JSON": ("path,label,votes\naudio/one.wav,joy,joy\n", "line 2: "),
    "misspelt column": ("path,label,speaker\naudio/one.wav,joy,1\n", "column 'speaker'. Did you mean 'speaker_id'"),
    "missing column": (
        "file,emotion\naudio/one.wav,joy\n",
        r"lacks the column\(s\) path, label; it has \['emotion', 'file'\]",
    ),
    "semicolons": ("path;label\naudio/one.wav;joy\n", "Separate columns by commas"),
    "cells": ("path,label\naudio/one.wav,joy,more\n", "line 2: not as many cells as the 2 columns"),
    "header only": ("path,label\n", "has no rows"),
    "same id": ("path,label,utterance_id\naudio/one.wav,joy,u\naudio/two.wav,joy,u\n", "u: .*one.wav and .*two.wav"),
    "same file": ("path,label,utterance_id\naudio/one.wav,joy,u\naudio/one.wav,joy,u\n", "one.wav is listed 2 times"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_manifest_is_refused_with_the_place(folder, tmp_path, text, message):
    write(folder, text)
    with pytest.raises(ValueError, match=message):
        load(folder, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"), [("{not json}\n", "line 1: not JSON"), ("\n[1, 2]\n", "line 2: a row must be a JSON object")]
)
def test_a_wrong_jsonl_line_is_refused_with_its_number(folder, tmp_path, text, message):
    write(folder, text, name="manifest.jsonl")
    with pytest.raises(ValueError, match=message):
        load(folder, tmp_path)


def test_unknown_columns_are_ignored_with_a_warning(folder, tmp_path, caplog):
    write(folder, "path,label,microphone\naudio/one.wav,joy,C414\n")
    assert len(load(folder, tmp_path)["train"]) == 1
    assert "unknown columns are ignored: microphone" in caplog.text


def test_ten_wrong_rows_are_shown_and_the_rest_is_counted(folder, tmp_path):
    write(folder, "path,label\n" + "audio/gone.wav,joy\n" * 12)
    with pytest.raises(ValueError, match=r"has 12 wrong rows(?s:.*)line 11: no such file.*\n  \.\.\. and 2 more"):
        load(folder, tmp_path)


def test_other_files_folders_and_encodings_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"(?s)it holds audio/.*manifest\.csv or manifest\.jsonl"):
        load(folder, tmp_path)
    write(folder, "path,label\naudio/one.wav,Verärgerung\n", encoding="latin-1")
    with pytest.raises(ValueError, match="is not UTF-8"):
        load(folder, tmp_path)
    write(folder, "{}", name="manifest.jsonl")
    with pytest.raises(ValueError, match=r"holds both manifest\.csv and manifest\.jsonl"):
        load(folder, tmp_path)
    write(folder, "path: x", name="manifest.yaml")
    with pytest.raises(ValueError, match=r"is a \.csv or a \.jsonl file"):
        load(folder / "manifest.yaml", tmp_path)
