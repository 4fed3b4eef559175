"""EMO-SUPERB: the folds that corpus files state are those of its released CSV files, utterance by utterance."""

import csv
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from hf_emotion.data.splits import split_corpus
from tests.data.fake_audio import write_noise


pytestmark = pytest.mark.real_data

SPLIT_SETS = {"train": "Train", "validation": "Development", "test": "Test"}


@dataclass(frozen=True)
class Setting:
    """
    A setting of EMO-SUPERB.

    Args:
        corpus: our name of the corpus.
        labels: its folder among the label files.
        archive_path: where the corpus' own archive has an utterance, by its name.
        speaker: what the CSV files write in `SpkrID`, from a row of ours.
        sizes: utterances in train, validation and test, per fold.
    """

    corpus: str
    labels: str
    archive_path: Callable[[str], str]
    speaker: Callable[[dict], str]
    sizes: tuple[tuple[int, int, int], ...]


def iemocap_path(stem: str) -> str:
    return f"Session{stem[4]}/sentences/wav/{stem.rsplit('_', 1)[0]}/{stem}.wav"


def improv_path(stem: str) -> str:
    _, _, sentence, speaker, scenario, _ = stem.split("-")
    return f"session{speaker[-1]}/{sentence}/{scenario}/{stem}.wav"


IMPROV_SIZES = (
    (5512, 1765, 1108),
    (5198, 1422, 1765),
    (5984, 979, 1422),
    (5794, 1612, 979),
    (5274, 1499, 1612),
    (5778, 1108, 1499),
)
# IEMOCAP and MSP-IMPROV have the session, as two digits, where the column says speaker.
SETTINGS = (
    Setting(
        "iemocap",
        "IEMOCAP/Secondary",
        iemocap_path,
        lambda row: f"{int(row['session']):02d}",
        ((5766, 2170, 2103), (5800, 2103, 2136), (6092, 2136, 1811), (6409, 1811, 1819), (6050, 1819, 2170)),
    ),
    Setting(
        "crema_d",
        "CREMA-D/Primary",
        "AudioWAV/{}.wav".format,
        lambda row: row["speaker_id"],
        ((4509, 1470, 1463), (4496, 1476, 1470), (4490, 1476, 1476), (4409, 1557, 1476), (4422, 1463, 1557)),
    ),
    *(
        Setting("msp_improv", labels, improv_path, lambda row: f"{int(row['session']):02d}", IMPROV_SIZES)
        for labels in ("IMPROV/Primary", "IMPROV/Secondary")
    ),
    Setting(
        "biic_nnime",
        "NNIME/Secondary",
        "Audios/{}.wav".format,
        lambda row: row["speaker_id"],
        ((2802, 1098, 1128), (2953, 1128, 947), (3224, 947, 857), (3173, 857, 998), (2932, 998, 1098)),
    ),
)


def released_rows(labels_dir, setting: Setting, fold: int) -> dict[str, dict]:
    """Rows of the CSV file of a fold, from 0, by utterance id."""
    path = labels_dir / setting.labels / f"labels_consensus_{fold + 1}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        # the header of the first column is FileName or empty
        return {next(iter(row.values())).removesuffix(".wav"): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def corpus_of(emo_superb_labels_dir, tmp_path_factory):
    """Loads the corpus of a setting from a fake archive: all names of its CSV files, as links to one file."""
    loaded = {}
    one_file = write_noise(tmp_path_factory.mktemp("audio") / "one.wav")

    def load(setting: Setting):
        stems = sorted(released_rows(emo_superb_labels_dir, setting, 0))
        key = (setting.corpus, len(stems))
        if key not in loaded:
            root = tmp_path_factory.mktemp(setting.corpus)
            paths = [root / "archive" / setting.archive_path(stem) for stem in stems]
            for folder in {path.parent for path in paths}:
                folder.mkdir(parents=True)
            for path in paths:
                os.link(one_file, path)
            loaded[key] = load_corpus(setting.corpus, root / "archive", cache_dir=root / "cache")
        return loaded[key]

    return load


def setting_name(value) -> str | None:
    return value.labels.replace("/", "-") if isinstance(value, Setting) else None


FOLDS = [(setting, fold) for setting in SETTINGS for fold in range(len(setting.sizes))]


@pytest.mark.parametrize("setting", SETTINGS, ids=setting_name)
def test_there_is_a_fold_for_every_file(setting, emo_superb_labels_dir):
    files = list((emo_superb_labels_dir / setting.labels).glob("labels_consensus_*.csv"))
    folds = corpus_facts(setting.corpus).published_splits["emosuperb_code"].folds
    assert len(files) == len(folds) == len(setting.sizes)


@pytest.mark.parametrize(("setting", "fold"), FOLDS, ids=setting_name)
def test_every_utterance_is_in_the_part_of_the_released_file(setting, fold, corpus_of, emo_superb_labels_dir):
    parts = split_corpus(corpus_of(setting), "emosuperb_code", fold=fold)
    ours = {utterance_id: SPLIT_SETS[part] for part, rows in parts.items() for utterance_id in rows["utterance_id"]}
    released = released_rows(emo_superb_labels_dir, setting, fold)
    assert ours == {utterance_id: row["Split_Set"] for utterance_id, row in released.items()}
    assert tuple(parts[part].num_rows for part in SPLIT_SETS) == setting.sizes[fold]


@pytest.mark.parametrize("setting", SETTINGS, ids=setting_name)
def test_speakers_and_genders_are_those_of_the_released_files(setting, corpus_of, emo_superb_labels_dir):
    columns = ["utterance_id", "speaker_id", "session", "gender"]
    rows = corpus_of(setting)["train"].select_columns(columns)
    ours = {row["utterance_id"]: (setting.speaker(row), row["gender"].capitalize()) for row in rows}
    for fold in range(len(setting.sizes)):
        released = released_rows(emo_superb_labels_dir, setting, fold)
        assert ours == {utterance_id: (row["SpkrID"], row["Gender"]) for utterance_id, row in released.items()}


@pytest.mark.parametrize(
    ("setting", "num_speakers", "num_female"),
    [(SETTINGS[0], 10, 5), (SETTINGS[1], 91, 43), (SETTINGS[2], 12, 6), (SETTINGS[4], 43, 24)],
    ids=setting_name,
)
def test_speakers_are_as_many_as_the_paper_counts(setting, num_speakers, num_female, corpus_of):
    rows = corpus_of(setting)["train"]
    genders = dict(zip(rows["speaker_id"], rows["gender"], strict=True))
    assert len(genders) == num_speakers == corpus_facts(setting.corpus).num_speakers
    assert Counter(genders.values())["female"] == num_female


def test_ratings_of_nnime_are_those_of_the_released_file(tmp_path, emo_superb_labels_dir):
    setting = SETTINGS[-1]
    released = released_rows(emo_superb_labels_dir, setting, 0)
    stem = min(stem for stem, row in released.items() if row["EmoAct"] != row["EmoVal"])
    write_noise(tmp_path / "Audios" / f"{stem}.wav")
    (tmp_path / "Secondary").symlink_to(emo_superb_labels_dir / setting.labels)
    [row] = load_corpus(setting.corpus, tmp_path, cache_dir=tmp_path / "cache")["train"]
    assert (row["arousal"], row["valence"]) == tuple(float(released[stem][key]) for key in ("EmoAct", "EmoVal"))
