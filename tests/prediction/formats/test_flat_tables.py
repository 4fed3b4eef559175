"""CSV and Parquet."""

import csv
import io

import pyarrow.parquet

from hf_emotion.prediction.formats.flat_tables import columns_of, csv_text, parquet_bytes


def scores(**values):
    return [{"label": name, "score": score} for name, score in sorted(values.items(), key=lambda item: -item[1])]


WHOLE = {"file": "a.wav", "duration": 1.5, "scores": scores(joy=0.25, fear=0.75), "dimensions": {"arousal": 0.5}}
WINDOWED = {
    "file": 'b, "c".wav',
    "duration": 4.0,
    "scores": scores(joy=0.5, fear=0.5),
    "dimensions": {"arousal": 0.25},
    "timeline": [
        {"start": 0.0, "end": 2.0, "scores": scores(joy=0.875, fear=0.125), "dimensions": {"arousal": 0.125}},
        {"start": 2.0, "end": 4.0, "scores": scores(joy=0.125, fear=0.875), "dimensions": {"arousal": 0.375}},
    ],
}


def test_a_line_per_recording_with_classes_in_the_order_of_the_model():
    assert csv_text(columns_of([WHOLE, WINDOWED], ["joy", "fear"], by_time=False)) == (
        "file,duration,prediction,probability_joy,probability_fear,predicted_arousal\n"
        "a.wav,1.5,fear,0.25,0.75,0.5\n"
        '"b, ""c"".wav",4.0,joy,0.5,0.5,0.25\n'
    )


def test_a_line_per_span_of_the_timeline_and_one_for_a_whole_clip():
    assert csv_text(columns_of([WHOLE, WINDOWED], ["joy", "fear"], by_time=True)) == (
        "file,start,end,prediction,probability_joy,probability_fear,predicted_arousal\n"
        "a.wav,0.0,1.5,fear,0.25,0.75,0.5\n"
        '"b, ""c"".wav",0.0,2.0,joy,0.875,0.125,0.125\n'
        '"b, ""c"".wav",2.0,4.0,fear,0.125,0.875,0.375\n'
    )


def test_a_line_per_channel():
    row = {"file": "a.wav", "duration": 2.0, "channels": [{"scores": scores(joy=1.0)}, {"scores": scores(fear=1.0)}]}
    columns = columns_of([row], ["joy", "fear"], by_time=False)
    assert columns["channel"] == [1, 2]
    assert columns["prediction"] == ["joy", "fear"]
    assert columns["probability_joy"] == [1.0, None]


def test_ratings_need_no_classes():
    row = {"file": "a.wav", "duration": 2.0, "dimensions": {"arousal": 0.5}}
    assert columns_of([row], [], by_time=False) == {"file": ["a.wav"], "duration": [2.0], "predicted_arousal": [0.5]}


def test_csv_and_parquet_read_back_what_was_written():
    columns = columns_of([WHOLE, WINDOWED], ["joy", "fear"], by_time=False)
    table = pyarrow.parquet.read_table(io.BytesIO(parquet_bytes(columns)))
    assert table.to_pydict() == columns
    rows = list(csv.DictReader(io.StringIO(csv_text(columns), newline="")))
    assert [row["file"] for row in rows] == columns["file"]
    assert [float(row["probability_joy"]) for row in rows] == columns["probability_joy"]
