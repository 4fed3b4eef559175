"""Predictions of strangers against the partition: all of the test part, once, no more, and problems by their names."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_emotion.benchmark.soft_predictions import decisions_of, has_probabilities, probabilities_of, truth_of
from hf_emotion.benchmark.submissions import predictions as submitted_predictions
from hf_emotion.benchmark.submissions import untrusted_parquet
from hf_emotion.benchmark.submissions.predictions import read_decisions, read_probabilities
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError
from tests.benchmark.submissions.tiny_labels import tiny_predictions, tiny_setting, write_text_files, write_tiny_labels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_setting(write_tiny_labels(tmp_path_factory.mktemp("labels")))


@pytest.fixture
def in_this_process(monkeypatch):
    """Decode Parquet here, as starting Python for each case takes time."""

    def read(content, file, classes, max_rows):
        problems, table = untrusted_parquet.decode_table(content, classes, max_rows)
        if problems:
            raise SubmissionError(file + problem for problem in problems)
        return table

    monkeypatch.setattr(submitted_predictions, "read_untrusted_table", read)


@pytest.fixture
def text_dir(data, tmp_path):
    write_text_files(tmp_path / "crema_d", data)
    return tmp_path / "crema_d"


def problems_of(frame: pd.DataFrame, data, tmp_path) -> str:
    frame.to_parquet(tmp_path / "crema_d.parquet")
    with pytest.raises(SubmissionError) as caught:
        read_probabilities(tmp_path / "crema_d.parquet", data)
    assert all(problem.startswith("'crema_d.parquet'") for problem in caught.value.problems)
    return "\n".join(caught.value.problems)


def problems_of_text(folder, data) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_decisions(folder, data)
    assert all("crema_d" in problem for problem in caught.value.problems)
    return "\n".join(caught.value.problems)


def replace_in(path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("order", ["as it is", "reversed"])
def test_probabilities_come_back_beside_their_labels_whatever_the_order(order, data, tmp_path):
    frame = tiny_predictions(data, seeds=[7, 3])
    shuffled = frame if order == "as it is" else frame.iloc[::-1, ::-1]
    shuffled.to_parquet(tmp_path / "crema_d.parquet")
    folds = read_probabilities(tmp_path / "crema_d.parquet", data)
    assert {number: len(tables) for number, tables in folds.items()} == {1: 2, 2: 2, 3: 2}
    for fold in data.folds:
        for table, seed in zip(folds[fold.number], [3, 7], strict=True):
            ids = data.utterances["utterance_id"].iloc[fold.test]
            assert table["utterance_id"].to_list() == ids.to_list()
            assert np.array_equal(truth_of(table), data.truth[fold.test])
            mine = frame[(frame["fold"] == fold.number) & (frame["seed"] == seed)]
            assert np.array_equal(probabilities_of(table), mine.filter(like="probability_").to_numpy())


@pytest.mark.usefixtures("in_this_process")
class TestProbabilities:
    def test_missing_utterances_are_counted_by_fold(self, data, tmp_path):
        text = problems_of(tiny_predictions(data).drop([0, 3]), data, tmp_path)
        assert "fold 1: 2 of 10 utterances of the test part are missing, first '04_clip 20.wav'" in text
        assert "fold 2" not in text

    def test_a_missing_fold_and_an_empty_table_are_missing_utterances(self, data, tmp_path):
        frame = tiny_predictions(data)
        assert "fold 2: 10 of 10 utterances" in problems_of(frame[frame["fold"] != 2], data, tmp_path)
        text = problems_of(frame.iloc[:0].astype({"utterance_id": str}), data, tmp_path)
        assert text.count("10 of 10 utterances") == 3

    def test_a_seed_that_lacks_an_utterance_is_named(self, data, tmp_path):
        text = problems_of(tiny_predictions(data, seeds=[1, 2]).drop(10), data, tmp_path)
        assert text == (
            "'crema_d.parquet', fold 1, seed 2: 1 of 10 utterances of the test part are missing, first "
            "'04_clip 20.wav'. Predict all of them."
        )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "04_clip 21.wav",
                "row 0: '04_clip 21.wav' is there twice|row 1: '04_clip 21.wav' is there twice in fold 1",
            ),
            ("00_clip 0.wav", "row 0: '00_clip 0.wav' is in the development part of fold 1. Submit the test part"),
            ("02_clip 10.wav", "row 0: '02_clip 10.wav' is in the training part of fold 1"),
            ("04_clip 20", "row 0: '04_clip 20' is no utterance of this setting; '04_clip 20.wav' is: write ids with"),
            ("../../etc/passwd", r"row 0: '../../etc/passwd' is no utterance of this setting"),
            ("\x1b[2J<b>", r"row 0: '\\x1b\[2J<b>' is no utterance of this setting"),
        ],
    )
    def test_a_wrong_id_is_named_with_its_row(self, name, expected, data, tmp_path):
        frame = tiny_predictions(data)
        frame.loc[0, "utterance_id"] = name
        text = problems_of(frame, data, tmp_path)
        assert pd.Series([text]).str.contains(expected).all()
        assert "fold 1: 1 of 10 utterances of the test part are missing, first '04_clip 20.wav'" in text

    def test_an_utterance_of_another_fold_is_told_its_part(self, data, tmp_path):
        frame = tiny_predictions(data)
        frame.loc[0, "fold"] = 2
        text = problems_of(frame, data, tmp_path)
        assert "row 0: '04_clip 20.wav' is in the development part of fold 2" in text

    @pytest.mark.parametrize("number", [0, 4, -1, 2**62])
    def test_an_unknown_fold_is_named(self, number, data, tmp_path):
        frame = tiny_predictions(data)
        frame.loc[0, "fold"] = number
        assert f"row 0: fold is {number}; CREMA-D has the folds 1 to 3." in problems_of(frame, data, tmp_path)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (np.nan, "row 4: probability_sad is empty or not a number, as in 1 rows"),  # pandas writes a null
            (np.inf, "row 4: probability_sad is inf, not finite in 1 rows"),
            (-0.1, "row 4: probability_sad is -0.1, negative in 1 rows. Apply the softmax"),
            (5.0, "row 4: probabilities sum to 5"),
            (1e308, "row 4: probabilities sum to 1e+308"),
        ],
    )
    def test_values_that_are_no_distribution_are_named_with_their_row(self, value, expected, data, tmp_path):
        frame = tiny_predictions(data)
        frame.loc[4, "probability_sad"] = value
        assert expected in problems_of(frame, data, tmp_path)

    @pytest.mark.parametrize("column", ["utterance_id", "fold", "probability_sad"])
    def test_a_cell_without_a_value_is_named(self, column, data, tmp_path):
        frame = tiny_predictions(data).convert_dtypes()
        frame.loc[[2, 5], column] = pd.NA
        assert f"row 2: {column} is empty or not a number, as in 2 rows" in problems_of(frame, data, tmp_path)

    def test_a_number_that_is_none_is_not_taken_for_one(self, data, tmp_path):
        frame = tiny_predictions(data)
        table = pa.table({name: frame[name].to_numpy() for name in frame.columns})
        place = table.column_names.index("probability_sad")
        values = pa.array(np.where(np.arange(30) == 4, np.nan, 0.5), from_pandas=False)
        pq.write_table(table.set_column(place, "probability_sad", values), tmp_path / "crema_d.parquet")
        with pytest.raises(SubmissionError, match="row 4: probability_sad is nan, not finite in 1 rows"):
            read_probabilities(tmp_path / "crema_d.parquet", data)

    def test_rounding_to_half_precision_is_no_problem(self, data, tmp_path):
        frame = tiny_predictions(data)
        soft = frame.columns[frame.columns.str.startswith("probability_")]
        frame[soft] = frame[soft].astype(np.float16)
        frame.to_parquet(tmp_path / "crema_d.parquet")
        assert set(read_probabilities(tmp_path / "crema_d.parquet", data)) == {1, 2, 3}

    def test_too_many_or_negative_seeds_are_refused(self, data, tmp_path):
        frame = tiny_predictions(data)
        assert "has 1 seeds from -5" in problems_of(frame.assign(seed=-5), data, tmp_path)
        assert "has 30 seeds from 0" in problems_of(frame.assign(seed=range(30)), data, tmp_path)

    def test_many_rows_with_one_problem_are_summarised(self, data, tmp_path):
        frame = tiny_predictions(data)
        frame["utterance_id"] = [f"other {number}" for number in range(30)]
        text = problems_of(frame, data, tmp_path)
        assert text.count("is no utterance of this setting") == 15  # five of each fold
        assert text.count("5 more rows are like this") == 3

    def test_a_table_of_all_parts_is_too_long(self, data, tmp_path):
        frame = pd.concat([tiny_predictions(data)] * 21)
        assert "has 630 rows" in problems_of(frame, data, tmp_path)


def test_decisions_come_back_beside_their_labels(data, text_dir):
    folds = read_decisions(text_dir, data)
    for fold in data.folds:
        (table,) = folds[fold.number]
        assert not has_probabilities(table)
        expected = data.truth[fold.test].copy()
        expected[1::2] = False  # lines without a class
        assert np.array_equal(decisions_of(table), expected)


def test_a_space_that_was_lost_behind_an_id_with_spaces_does_no_harm(data, text_dir):
    replace_in(text_dir / "test_fold1_predict.txt", "04_clip 21.wav \n", "04_clip 21.wav\n")
    (table,) = read_decisions(text_dir, data)[1]
    assert not decisions_of(table)[1].any()


def test_lines_that_end_as_on_windows_and_other_orders_are_read(data, text_dir):
    expected = decisions_of(read_decisions(text_dir, data)[1][0])
    path = text_dir / "test_fold1_predict.txt"
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\n")[-2::-1]))
    assert np.array_equal(decisions_of(read_decisions(text_dir, data)[1][0]), expected)


def test_development_files_logs_and_checkpoints_beside_them_are_not_read(data, text_dir):
    for name in ("dev_fold1_predict.txt", "log.log", "states-100.ckpt"):
        (text_dir / name).write_bytes(b"\xff\x00")
    assert set(read_decisions(text_dir, data)) == {1, 2, 3}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("04_clip 21.wav \n", "", "fold 1: 1 of 10 utterances of the test part are missing, first '04_clip 21.wav'"),
        ("04_clip 21.wav \n", "04_clip 21.wav \n04_clip 21.wav sad\n", "line 3: '04_clip 21.wav' is there twice"),
        ("04_clip 21.wav \n", "04_clip 21.wav Sad\n", "line 2: 'Sad' is no class of CREMA-D, which has angry, sad"),
        ("04_clip 21.wav \n", "04_clip 21.wav sad;\n", "line 2: '' is no class of CREMA-D"),
        ("04_clip 21.wav \n", "04_clip 21.wav sad; angry\n", "line 2: '04_clip 21.wav sad;' is no utterance"),
        ("04_clip 21.wav \n", "04_clip 21.wav <b>\n", "line 2: '<b>' is no class"),
        ("04_clip 21.wav \n", "02_clip 10.wav sad\n", "line 2: '02_clip 10.wav' is in the training part of fold 1"),
        ("04_clip 21.wav \n", "../../04.wav sad\n", "line 2: '../../04.wav' is no utterance of this setting"),
        ("04_clip 21.wav \n", "\n", "line 2: '' is no utterance of this setting"),
        ("04_clip 21.wav \n", "04_clip 21.wav\x00 \n", r"line 2: '04_clip 21.wav\x00' is no utterance"),
        ("04_clip 21.wav \n", "x" * 10**6 + "\n", "line 2: 'xxxx"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_number(old, new, expected, data, text_dir):
    replace_in(text_dir / "test_fold1_predict.txt", old, new)
    text = problems_of_text(text_dir, data)
    assert f"'crema_d', 'test_fold1_predict.txt', {expected}" in text
    assert len(text) < 1000


def test_a_truth_that_is_not_the_published_one_is_named(data, text_dir):
    path = text_dir / "test_fold2_truth.txt"
    lines = path.read_text(encoding="utf-8").split("\n")
    name, _, names = lines[4].rpartition(" ")
    lines[4] = f"{name} {'sad' if names != 'sad' else 'angry'}"
    path.write_text("\n".join(lines), encoding="utf-8")
    text = problems_of_text(text_dir, data)
    expected = (
        f"1 utterances have another truth than the published labels, first {name!r}: {lines[4].split()[-1]} instead"
    )
    assert f"'test_fold2_truth.txt': {expected} of {names}." in text


def test_folds_that_are_missing_unknown_or_given_twice_are_named(data, text_dir):
    (text_dir / "test_fold1_predict.txt").rename(text_dir / "test_fold9_predict.txt")
    (text_dir / "test_2_predict.txt").touch()
    (text_dir / "test_best_predict.txt").touch()
    text = problems_of_text(text_dir, data)
    assert "'test_fold9_predict.txt' names no fold; there are 1 to 3" in text
    assert "'test_best_predict.txt' names no fold" in text
    assert "'test_2_predict.txt' and 'test_fold2_predict.txt' are of the same fold" in text
    assert "fold 1 lacks its predictions, test_fold1_predict.txt" in text


def test_a_file_of_far_too_many_lines_is_refused_by_their_number(data, text_dir):
    (text_dir / "test_fold1_predict.txt").write_text("a b\n" * 1000, encoding="utf-8")
    assert "'test_fold1_predict.txt' has 1,000 lines for 10 utterances" in problems_of_text(text_dir, data)


def test_a_file_in_another_encoding_is_named(data, text_dir):
    (text_dir / "test_fold3_predict.txt").write_bytes("fünf sad\n".encode("latin-1"))
    assert "'test_fold3_predict.txt', line 1: the byte 0xfc is not UTF-8" in "".join(_problems(text_dir, data))


def _problems(folder, data):
    with pytest.raises(SubmissionError) as caught:
        read_decisions(folder, data)
    return caught.value.problems


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=100)
    | st.lists(st.sampled_from(["04_clip 20.wav", "00", " ", "\n", ";", "sad", "angry", "\r", "é"])).map(
        lambda words: "".join(words).encode()
    )
)
def test_any_content_gives_decisions_or_problems(content, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed") / "crema_d"
    write_text_files(folder, data, truth=False)
    (folder / "test_fold1_predict.txt").write_bytes(content)
    problems = _problems(folder, data)  # ten utterances do not come about by chance
    assert all(
        "'crema_d', 'test_fold1_predict.txt'" in p or p.startswith("'test_fold1_predict.txt'") for p in problems
    )
