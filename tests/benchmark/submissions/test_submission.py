"""Submissions as a whole: found in a folder, scored, added to a store; refused ones leave nothing behind."""

import datetime
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from hf_emotion.benchmark.protocol import FrozenSetting, load_protocol, protocol_files
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.benchmark.setting_data import labelled_setting
from hf_emotion.benchmark.submissions.submission import read_submission, submit
from hf_emotion.benchmark.submissions.untrusted_files import SubmissionError
from tests.benchmark.submissions.tiny_labels import (
    PROTOCOL,
    tiny_predictions,
    tiny_setting,
    write_submission,
    write_text_files,
    write_tiny_labels,
)


DATE = datetime.date(2030, 1, 2)


@pytest.fixture(scope="module")
def label_dir(tmp_path_factory) -> Path:
    return write_tiny_labels(tmp_path_factory.mktemp("labels"))


@pytest.fixture
def folder(tmp_path, label_dir) -> Path:
    return write_submission(tmp_path / "mine", label_dir)


@pytest.fixture
def store(tmp_path) -> ResultsStore:
    return ResultsStore(tmp_path / "store")


def problems_of(folder, label_dir, **options) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_submission(folder, PROTOCOL, label_dir, **options)
    return "\n".join(caught.value.problems)


def test_the_score_is_macro_f1_of_scikit_learn_averaged_over_folds(folder, label_dir, store):
    entry = submit(folder, PROTOCOL, label_dir, store)
    data, frame, scores = tiny_setting(label_dir), pd.read_parquet(folder / "crema_d.parquet"), []
    for fold in data.folds:
        mine = frame[frame["fold"] == fold.number].set_index("utterance_id")
        mine = mine.loc[data.utterances["utterance_id"].iloc[fold.test]].filter(like="probability_")
        truth = data.labels[fold.test] > 1 / 6
        scores.append(f1_score(truth, mine.to_numpy() > 1 / 6, average="macro", zero_division=0))
    assert entry.score("CREMA-D") == pytest.approx(np.mean(scores), abs=1e-12)


def test_decisions_have_every_score_but_calibration(folder, label_dir, store):
    entry = submit(folder, PROTOCOL, label_dir, store)
    assert entry.settings["IMPROV (P)"]["calibration_error"] is None
    assert entry.settings["CREMA-D"]["calibration_error"] > 0
    assert set(entry.settings["IMPROV (P)"]["per_gender"]) == {"female", "male"}


def test_facts_become_those_of_the_entry(tmp_path, label_dir, store):
    weights = {"CREMA-D": [0.25, 0.75]}
    folder = write_submission(
        tmp_path / "x",
        label_dir,
        name="Große Wörter+",
        encoder="owner/model",
        num_parameters=94_400_000,
        layer_weights=weights,
        notes="None.",
    )
    entry = submit(folder, PROTOCOL, label_dir, store, date=DATE)
    assert (entry.system, entry.origin, entry.protocol) == ("Große Wörter+", "submitted", "tiny")
    assert entry.id.startswith("groe_worter_plus-")
    assert (entry.encoder, entry.num_parameters, entry.layer_weights) == ("owner/model", 94.4, weights)
    assert entry.facts == {"notes": "None.", "date": "2030-01-02"}


def test_the_same_submission_again_changes_nothing_even_on_another_day(folder, label_dir, store):
    first = submit(folder, PROTOCOL, label_dir, store, date=DATE)
    frame = pd.read_parquet(folder / "crema_d.parquet")
    frame.iloc[::-1].to_parquet(folder / "crema_d.parquet", compression="zstd")  # other bytes, same predictions
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    again = submit(folder, PROTOCOL, label_dir, store, date=DATE + datetime.timedelta(days=1))
    assert again == first
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before


def test_other_predictions_or_other_facts_are_another_entry(folder, label_dir, store):
    ids = {submit(folder, PROTOCOL, label_dir, store).id}
    tiny_predictions(tiny_setting(label_dir), spread=0.5).to_parquet(folder / "crema_d.parquet")
    ids.add(submit(folder, PROTOCOL, label_dir, store).id)
    ids.add(submit(folder, PROTOCOL, label_dir, store, facts={"name": "Tiny", "notes": "x"}).id)
    assert len(ids) == 3
    assert {entry.id for entry in store.entries()} >= ids


def test_a_refused_submission_leaves_no_store_behind(folder, label_dir, store):
    (folder / "improv_p" / "test_fold1_predict.txt").unlink()
    with pytest.raises(SubmissionError, match="fold 1 lacks its predictions"):
        submit(folder, PROTOCOL, label_dir, store)
    assert not store.folder.exists()


def test_problems_of_all_files_are_named_at_once(folder, label_dir):
    (folder / "system.json").write_text("{}", encoding="utf-8")
    (folder / "crema_d.parquet").write_bytes(b"PAR1")
    (folder / "improv_p" / "test_fold1_truth.txt").write_bytes(b"\xff")
    (folder / "creme_d.parquet").touch()
    text = problems_of(folder, label_dir)
    assert "system.json lacks the field name" in text
    assert "'crema_d.parquet' is no Parquet file" in text
    assert "'test_fold1_truth.txt', line 1: the byte 0xff is not UTF-8" in text
    assert "'creme_d.parquet' is named after no setting of tiny. Did you mean 'crema_d'?" in text


def test_a_parquet_file_may_stand_alone_beside_its_facts(folder, label_dir):
    assert list(read_submission(folder / "crema_d.parquet", PROTOCOL, label_dir).predictions) == ["CREMA-D"]
    (folder / "crema_d.parquet").rename(folder / "out.parquet")
    assert "'out.parquet' is named after no setting" in problems_of(folder / "out.parquet", label_dir)
    found = read_submission(folder / "out.parquet", PROTOCOL, label_dir, setting="CREMA-D")
    assert list(found.predictions) == ["CREMA-D"]


def test_text_files_may_lie_in_the_folder_itself(tmp_path, label_dir):
    folder = tmp_path / "expdir"
    write_text_files(folder, tiny_setting(label_dir))
    facts = {"name": "Plain"}
    assert "'expdir' is named after no setting" in problems_of(folder, label_dir, facts=facts)
    found = read_submission(folder, PROTOCOL, label_dir, setting="CREMA-D", facts=facts)
    assert list(found.predictions) == ["CREMA-D"]
    folder.rename(tmp_path / "CREMA-D")
    assert list(read_submission(tmp_path / "CREMA-D", PROTOCOL, label_dir, facts=facts).predictions) == ["CREMA-D"]


def test_a_setting_that_is_there_twice_is_refused(folder, label_dir):
    (folder / "CREMA D").mkdir()
    assert "'CREMA D' and 'crema_d.parquet' both are predictions of CREMA-D" in problems_of(folder, label_dir)


def test_links_are_refused_wherever_they_are(folder, label_dir, tmp_path):
    (folder / "improv_p").rename(tmp_path / "elsewhere")
    (folder / "improv_p").symlink_to(tmp_path / "elsewhere")
    (folder / "crema_d.parquet").rename(tmp_path / "elsewhere.parquet")
    (folder / "crema_d.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    text = problems_of(folder, label_dir)
    assert "'improv_p' is a link. Put the file or folder itself there" in text
    assert "'crema_d.parquet' is a link. Put the file itself there" in text


def test_an_empty_folder_is_told_what_to_add(tmp_path, label_dir):
    (tmp_path / "empty").mkdir()
    text = problems_of(tmp_path / "empty", label_dir, facts={"name": "x"})
    assert "'empty' holds no predictions. Add files such as crema_d.parquet, or folders such as crema_d with" in text
    with pytest.raises(FileNotFoundError, match="There is no submission"):
        read_submission(tmp_path / "none", PROTOCOL, label_dir)


def test_a_name_never_leads_out_of_the_store(tmp_path, label_dir, store):
    folder = write_submission(tmp_path / "x", label_dir, name="../../../etc/cron.d/x")
    entry = submit(folder, PROTOCOL, label_dir, store)
    assert entry.id.startswith("etc_cron_d_x-")
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert written == {"x", "store"}


def test_a_name_without_latin_letters_gets_an_id(tmp_path, label_dir, store):
    entry = submit(write_submission(tmp_path / "x", label_dir, name="模型"), PROTOCOL, label_dir, store)
    assert entry.id.startswith("system-")


def test_a_setting_whose_labels_are_not_published_cannot_be_submitted(folder, label_dir):
    from dataclasses import replace

    protocol = replace(PROTOCOL, settings=(FrozenSetting("CREMA-D", "crema_d", 1, split="leave_one_speaker_out"),))
    with pytest.raises(SubmissionError, match="CREMA-D has no published label files"):
        read_submission(folder / "crema_d.parquet", protocol, label_dir)


def test_published_partitions_of_emo_superb_are_scored(emo_superb_labels_dir, tmp_path):
    protocol = load_protocol(protocol_files()["emo_superb_code"])
    folder = tmp_path / "oracle"
    folder.mkdir()
    (folder / "system.json").write_text(json.dumps({"name": "Oracle"}), encoding="utf-8")
    data = labelled_setting(protocol.setting("CREMA-D"), emo_superb_labels_dir)
    tiny_predictions(data, spread=0.0).to_parquet(folder / "crema_d.parquet")
    write_text_files(folder / "nnime", labelled_setting(protocol.setting("NNIME"), emo_superb_labels_dir))
    entry = submit(folder, protocol, emo_superb_labels_dir, ResultsStore(tmp_path / "store"))
    assert entry.protocol == "emo_superb_code"
    assert entry.score("CREMA-D") == 1.0
    assert entry.settings["CREMA-D"]["num_utterances"] == 7442
    assert entry.settings["NNIME"]["num_utterances"] == 5028
    assert 0.5 < entry.settings["NNIME"]["macro_f1"] < 0.8  # half of the truth: F1 is 2 * 0.5 / 1.5
