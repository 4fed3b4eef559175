"""Label files that were made again: checked against the published ones, trained on, never tested on."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from hf_emotion.benchmark.protocol import load_protocol, protocol_files
from hf_emotion.benchmark.setting_data import labelled_setting
from hf_emotion.benchmark.submissions.relabelling import read_relabelling
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError
from hf_emotion.data.soft_labels import effective_number_weights, threshold_labels
from tests.benchmark.submissions.tiny_labels import tiny_setting, write_tiny_labels


CLASSES = ["angry", "sad", "disgust", "fear", "neutral", "happy"]
ALL_ANGRY = [0.95, 0.01, 0.01, 0.01, 0.01, 0.01]


@pytest.fixture(scope="module")
def label_dir(tmp_path_factory):
    return write_tiny_labels(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def data(label_dir):
    return tiny_setting(label_dir)


@pytest.fixture
def folder(label_dir, tmp_path):
    return shutil.copytree(label_dir / "CREMA-D" / "Primary", tmp_path / "new")


def edit(folder, change, folds=(1, 2, 3)) -> None:
    """Change the tables of some folds as `change(frame)` does."""
    for fold in folds:
        path = folder / f"labels_consensus_{fold}.csv"
        frame = pd.read_csv(path, dtype=dict.fromkeys(["SpkrID"], str))
        change(frame)
        frame.to_csv(path, index=False)


def relabel_as_angry(frame: pd.DataFrame, parts=("Train", "Development")) -> None:
    frame.loc[frame["Split_Set"].isin(parts) & (frame["SpkrID"] == "00"), CLASSES] = ALL_ANGRY


def problems_of(folder, data) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_relabelling(data, folder)
    return "\n".join(caught.value.problems)


def test_published_files_are_no_change(folder, data):
    comparison = read_relabelling(data, folder).comparison()
    assert comparison.pop("per_class") == dict.fromkeys(CLASSES, 1.0)
    assert comparison == {
        "num_utterances": 30,
        "num_changed": 0,
        "num_changed_truth": 0,
        "num_changed_test": 0,
        "total_variation": 0.0,
        "jensen_shannon": 0.0,
        "macro_f1": 1.0,
    }


def test_each_fold_trains_on_new_labels_and_tests_on_published_ones(folder, data):
    edit(folder, lambda frame: relabel_as_angry(frame, ("Train", "Development", "Test")))
    speaker = (data.utterances["speaker_id"] == "00").to_numpy()
    seen_in = set()
    new = read_relabelling(data, folder).setting()
    assert new.utterances is data.utterances
    for fold in new.folds:
        labels = new.labels_of(fold)
        assert np.array_equal(labels[fold.test], data.labels[fold.test])
        for part in ("train", "validation"):
            rows = getattr(fold, part)
            expected = np.where(speaker[rows, None], ALL_ANGRY, data.labels[rows])
            assert np.array_equal(labels[rows], expected)
            seen_in |= {part} if speaker[rows].any() else set()
    assert seen_in == {"train", "validation"}


def test_class_weights_and_what_is_at_hand_follow_the_new_labels(folder, data):
    edit(folder, relabel_as_angry)
    new = read_relabelling(data, folder).setting()
    speaker = (data.utterances["speaker_id"] == "00").to_numpy()
    fold = next(fold for fold in new.folds if speaker[fold.train].any())
    expected = effective_number_weights(threshold_labels(new.labels_of(fold)[fold.train]))
    assert np.array_equal(new.class_weights(fold), expected)
    assert not np.array_equal(expected, data.class_weights(fold))
    fewer = new.restricted_to(set(new.utterances["utterance_id"]) - {new.utterances["utterance_id"][fold.train[0]]})
    assert len(fewer) == len(new) - 1
    kept = np.delete(new.labels_of(fold), fold.train[0], axis=0)
    assert np.array_equal(fewer.labels_of(fewer.fold(fold.number)), kept)


def test_cells_of_other_labels_have_other_digests(folder, data):
    before = read_relabelling(data, folder)
    edit(folder, relabel_as_angry)
    after = read_relabelling(data, folder)
    assert len({before.setting().digest, after.setting().digest, data.digest}) == 3


def test_the_comparison_counts_utterances_once_and_scores_as_scikit_learn_does(folder, data):
    edit(folder, relabel_as_angry)
    comparison = read_relabelling(data, folder).comparison()
    speaker = (data.utterances["speaker_id"] == "00").to_numpy()
    new = np.where(speaker[:, None], ALL_ANGRY, data.labels)
    assert comparison["num_changed"] == 5
    assert comparison["num_changed_truth"] == ((new > 1 / 6) != data.truth).any(axis=1).sum()
    assert comparison["num_changed_test"] == 0
    # every utterance is trained or validated on in two of the three folds
    assert comparison["total_variation"] == pytest.approx(np.abs(new - data.labels).sum(axis=1).mean() / 2)
    scores = f1_score(data.truth, new > 1 / 6, average=None, zero_division=0)
    assert comparison["per_class"] == pytest.approx(dict(zip(CLASSES, scores, strict=True)))
    assert comparison["macro_f1"] == pytest.approx(scores.mean())


def test_opposite_labels_are_one_bit_apart(folder, data):
    old, new = [1.0, 0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0, 0]
    published = replace(data, labels=np.tile(old, (len(data), 1)))

    def change(frame):
        frame[CLASSES] = new

    edit(folder, change)
    comparison = read_relabelling(published, folder).comparison()
    assert comparison["jensen_shannon"] == pytest.approx(1.0)
    assert comparison["total_variation"] == pytest.approx(1.0)
    assert comparison["macro_f1"] == 0.0


def test_changed_labels_of_test_parts_are_counted_and_not_used(folder, data):
    edit(folder, lambda frame: relabel_as_angry(frame, ("Test",)))
    relabelling = read_relabelling(data, folder)
    assert relabelling.comparison()["num_changed_test"] == 5
    assert relabelling.comparison()["num_changed"] == 0


def test_lines_of_the_test_part_columns_and_order_may_differ(folder, data):
    for fold in (1, 2, 3):
        path = folder / f"labels_consensus_{fold}.csv"
        frame = pd.read_csv(path)
        kept = frame[frame["Split_Set"] != "Test"].iloc[::-1]
        kept[["Split_Set", *reversed(CLASSES), "FileName"]].to_csv(path, index=False)
    assert read_relabelling(data, folder).comparison()["num_changed"] == 0


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("angry", "nan", "line 2: the labels ['nan'"),
        ("angry", "-0.1", "line 2: the labels ['-0.1'"),
        ("angry", "inf", "line 2: the labels ['inf'"),
        ("angry", "much", "line 2: the labels ['much'"),
        ("angry", "0.9999", "are no distribution. Write numbers from 0 that sum to 1"),
        ("FileName", "other.wav", "line 2: 'other.wav' is no utterance of this fold. Leave it out"),
        ("FileName", "00_clip 1.wav", "'00_clip 1.wav' is there twice. Keep one"),
        ("FileName", "\x1b[2J<b>", r"line 2: '\x1b[2J<b>' is no utterance"),
        ("Split_Set", "Test", "line 2: Split_Set is 'Test', published is Development. The partition must not change"),
        ("Split_Set", "", "line 2: Split_Set is '', published is Development"),
    ],
)
def test_a_wrong_cell_is_named_with_file_and_line(column, value, expected, folder, data):
    def change(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[0, column] = value

    edit(folder, change, folds=[1])
    text = problems_of(folder, data)
    assert text.startswith("'labels_consensus_1.csv', line ")
    assert expected in text


def test_missing_utterances_folds_and_classes_are_named(folder, data):
    edit(folder, lambda frame: frame.drop(index=[0, 1], inplace=True), folds=[1])
    edit(folder, lambda frame: frame.rename(columns={"sad": "sadness"}, inplace=True), folds=[2])
    (folder / "labels_consensus_3.csv").rename(folder / "labels_consensus_4.csv")
    text = problems_of(folder, data)
    expected = "2 of 20 utterances to train and validate on are missing, first '00_clip 0.wav'"
    assert f"'labels_consensus_1.csv': {expected}" in text
    assert "'labels_consensus_2.csv' needs the columns FileName, angry, sad" in text
    assert "'new' lacks labels_consensus_3.csv" in text
    assert "'labels_consensus_4.csv' is of no fold of CREMA-D" in text


def test_hostile_files_are_refused(folder, data, tmp_path):
    (folder / "labels_consensus_1.csv").write_bytes("fünf".encode("latin-1"))
    (folder / "labels_consensus_2.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "labels_consensus_2.csv").symlink_to(tmp_path / "elsewhere.csv")
    (folder / "labels_consensus_3.csv").write_text("a,b\n" * 1000, encoding="utf-8")
    text = problems_of(folder, data)
    assert "'labels_consensus_1.csv', line 1: the byte 0xfc is not UTF-8" in text
    assert "'labels_consensus_2.csv' is a link" in text
    assert "'labels_consensus_3.csv' has 1,000 lines for 30 utterances" in text


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text('",;\n\r\x00a0.', max_size=100).map(str.encode))
def test_any_content_gives_problems(content, data, label_dir, tmp_path_factory):
    folder = shutil.copytree(label_dir / "CREMA-D" / "Primary", tmp_path_factory.mktemp("fuzzed") / "new")
    (folder / "labels_consensus_1.csv").write_bytes(content)
    assert "labels_consensus_1.csv" in problems_of(folder, data)


def test_published_label_files_of_nnime_are_read_in_spite_of_their_header(emo_superb_labels_dir):
    setting = load_protocol(protocol_files()["emo_superb_code"]).setting("NNIME")
    data = labelled_setting(setting, emo_superb_labels_dir)
    comparison = read_relabelling(data, emo_superb_labels_dir / "NNIME" / "Secondary").comparison()
    assert (comparison["num_utterances"], comparison["num_changed"], comparison["macro_f1"]) == (5028, 0, 1.0)
