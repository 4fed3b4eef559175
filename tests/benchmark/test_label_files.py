"""EMO-SUPERB's label files are read as they are, or refused with the reason."""

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark.label_files import read_label_folder
from hf_emotion.benchmark.protocol import FrozenSetting
from hf_emotion.benchmark.setting_data import labelled_setting
from hf_emotion.data.soft_labels import smooth_labels
from tests.benchmark.label_writer import CLASSES, rotating_parts, write_labels
from tests.data.splits.test_emo_superb_partitions import SETTINGS


VOTES = {"f1_a.wav": (4, 0, 0), "m1_b.wav": (1, 1, 2), "f2_c.wav": (0, 3, 1)}
PARTS = rotating_parts(["f1", "m1", "f2"], 3)


@pytest.fixture
def folder(tmp_path):
    return write_labels(tmp_path, VOTES, PARTS)


def test_labels_parts_speakers_and_genders_are_read(folder):
    found = read_label_folder(folder)
    assert found.classes == CLASSES
    assert found.utterances.values.tolist() == [
        ["f1_a.wav", "f1", "female"],
        ["m1_b.wav", "m1", "male"],
        ["f2_c.wav", "f2", "female"],
    ]
    np.testing.assert_allclose(found.labels, smooth_labels([[1, 0, 0], [0.25, 0.25, 0.5], [0, 0.75, 0.25]]), atol=5e-7)
    assert {fold: parts.tolist() for fold, parts in found.parts.items()} == {
        1: ["test", "validation", "train"],
        2: ["train", "test", "validation"],
        3: ["validation", "train", "test"],
    }


def test_an_empty_header_cell_is_the_file_name(folder):
    for path in folder.glob("*.csv"):
        path.write_text(path.read_text().replace("FileName,", ",", 1))
    assert read_label_folder(folder).utterances["utterance_id"].to_list() == list(VOTES)


def test_ids_with_leading_zeros_stay_as_they_are(folder):
    for path in folder.glob("*.csv"):
        path.write_text(path.read_text().replace(",f1,", ",01,"))
    assert read_label_folder(folder).utterances["speaker_id"][0] == "01"


def change(folder, fold, **columns):
    path = folder / f"labels_consensus_{fold}.csv"
    table = pd.read_csv(path)
    for name, (row, value) in columns.items():
        table[name] = table[name].astype(object)
        table.loc[row, name] = value
    table.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("fold", "change_of", "message"),
    [
        (1, {"angry": (0, 0.5)}, "no distribution, first 'f1_a.wav'"),
        (1, {"angry": (1, "nan")}, "no distribution, first 'm1_b.wav'"),
        (1, {"angry": (1, "much")}, "no distribution, first 'm1_b.wav'"),
        (2, {"Split_Set": (2, "Dev")}, "Split_Set of 'f2_c.wav' is 'Dev'; it must be one of Train, Development, Test"),
        (2, {"FileName": (2, "m1_b.wav")}, "lists 1 utterances more than once, first 'm1_b.wav'"),
        (2, {"FileName": (2, "x.wav")}, "list different utterances"),
        (2, {"angry": (0, 0.9), "sad": (0, 0.075)}, "give different labels"),
    ],
)
def test_what_cannot_be_is_refused_by_name(folder, fold, change_of, message):
    change(folder, fold, **change_of)
    with pytest.raises(ValueError, match=message):
        read_label_folder(folder)


def test_a_missing_class_column_is_named(folder):
    path = folder / "labels_consensus_1.csv"
    pd.read_csv(path).drop(columns="sad").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"lacks the columns \['sad'\]"):
        read_label_folder(folder)


def test_an_absent_folder_says_where_the_files_are_published(tmp_path):
    with pytest.raises(FileNotFoundError, match="github.com/EMOsuperb/EMO-SUPERB-submission"):
        read_label_folder(tmp_path)


def test_a_config_without_classes_is_refused(folder):
    (folder / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="must state the classes"):
        read_label_folder(folder)


# Utterances above 1/C of each class, over all folds: counted once in the published files.
POSITIVES = {
    "CREMA-D/Primary": [1955, 1835, 2378, 1966, 5739, 988],
    "IEMOCAP/Secondary": [5004, 2749, 2121, 256, 2892, 351, 4402, 615, 2410],
    "IMPROV/Primary": [1177, 1412, 4686, 3233],
    "IMPROV/Secondary": [1312, 2967, 1898, 2336, 1078, 2863, 528, 5706, 2141, 4098],
    "NNIME/Secondary": [963, 569, 357, 506, 394, 3108, 739, 917, 257, 534, 595],
}
SIZES = {setting.labels: list(setting.sizes) for setting in SETTINGS}
# The docstring of EMO-SUPERB's loss has those of the third fold; the others follow from the same recipe.
IEMOCAP_WEIGHTS = {
    1: [0.2513, 0.3987, 0.4732, 2.6314, 0.3916, 2.8001, 0.2615, 1.3584, 0.4338],
    2: [0.2493, 0.4305, 0.4694, 2.9387, 0.3669, 2.4741, 0.2612, 1.3864, 0.4235],
    3: [0.2139, 0.3445, 0.4665, 3.3741, 0.3337, 2.2446, 0.2398, 1.3928, 0.3900],
    4: [0.1590, 0.2617, 0.3443, 4.2670, 0.2634, 1.8935, 0.1852, 1.3135, 0.3125],
    5: [0.1697, 0.2769, 0.3729, 3.6149, 0.2690, 2.4215, 0.1946, 1.3448, 0.3357],
}


@pytest.mark.real_data
@pytest.mark.parametrize("label_folder", SIZES)
def test_sizes_of_folds_and_truth_of_the_published_files(label_folder, emo_superb_labels_dir):
    data = labelled_setting(FrozenSetting("x", "x", 1, label_folder=label_folder), emo_superb_labels_dir)
    assert [fold.sizes for fold in data.folds] == SIZES[label_folder]
    assert data.truth.sum(axis=0).tolist() == POSITIVES[label_folder]
    tested = np.concatenate([fold.test for fold in data.folds])
    assert sorted(tested) == list(range(len(data)))  # every utterance is tested once


@pytest.mark.real_data
@pytest.mark.parametrize("fold", IEMOCAP_WEIGHTS)
def test_class_weights_of_iemocap_are_those_of_the_released_code(fold, emo_superb_labels_dir):
    data = labelled_setting(FrozenSetting("x", "x", 1, label_folder="IEMOCAP/Secondary"), emo_superb_labels_dir)
    np.testing.assert_allclose(data.class_weights(data.fold(fold)), IEMOCAP_WEIGHTS[fold], atol=5.1e-5)


@pytest.mark.real_data
def test_rounding_of_the_published_files_makes_ten_labels_of_crema_d_positive(emo_superb_labels_dir):
    data = labelled_setting(FrozenSetting("x", "x", 1, label_folder="CREMA-D/Primary"), emo_superb_labels_dir)
    assert int((data.labels == 0.166667).sum()) == 10
    assert data.truth[data.labels == 0.166667].all()


@pytest.mark.real_data
def test_six_utterances_of_improv_have_no_class_above_chance(emo_superb_labels_dir):
    data = labelled_setting(FrozenSetting("x", "x", 1, label_folder="IMPROV/Primary"), emo_superb_labels_dir)
    assert int((~data.truth.any(axis=1)).sum()) == 6
