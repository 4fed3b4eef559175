"""Protocols are read strictly."""

import pytest

from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, load_protocol, protocol_files


MINIMAL = """
kind: frozen_encoders
settings:
  - {name: EMO-DB, corpus: emodb, split: leave_one_speaker_out, epochs: 3}
systems:
  - {name: FBANK, model_type: filter_bank}
"""


def load(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_protocol(path)


def test_a_corpus_is_a_setting_in_one_line(tmp_path):
    protocol = load(tmp_path, MINIMAL)
    assert isinstance(protocol, FrozenEncoderProtocol)
    assert (protocol.name, protocol.setting("EMO-DB").corpus, protocol.seeds) == ("mine", "emodb", (0,))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: frozen_encoders", "kind: frozen", "`kind` must be one of frozen_encoders, training, but is 'frozen'"),
        ("kind:", "batchsize: 3\nkind:", "no field 'batchsize'. Did you mean 'batch_size'"),
        ("epochs: 3", "epoch: 3", "settings has no field 'epoch'. Did you mean 'epochs'"),
        (", epochs: 3", "", "settings lacks epochs"),
        ("epochs: 3", "epochs: 0", "EMO-DB: epochs must be a positive number, but is 0"),
        ("split: leave_one_speaker_out, ", "", "'EMO-DB' has neither `label_folder` nor `split`"),
        ("model_type: filter_bank", "s3prl_checkpoint: x", "'FBANK' needs either `encoder` or `model_type`"),
        ("kind:", "pooling: max\nkind:", "pooling must be one of mean, std, mean_std, but is 'max'"),
        ("kind:", "seeds: [1, 1]\nkind:", "must be some, and different"),
        ("  - {name: FBANK, model_type: filter_bank}", "  - FBANK", "must be a mapping of fields, found 'FBANK'"),
        ("  - {name: FBANK, model_type: filter_bank}", "", "The systems of 'mine' must be some"),
        ("systems:", "systems: [", "is no YAML file"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(old, new, message, tmp_path):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        load(tmp_path, MINIMAL.replace(old, new, 1))


def test_an_absent_protocol_says_how_to_list_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="`hf-emotion benchmark list`"):
        load_protocol(tmp_path / "none.yaml")


def test_rows_and_columns_are_selected_by_name():
    protocol = load_protocol(protocol_files()["emo_superb_code"])
    chosen = protocol.selected(["FBANK", "APC"], ["CREMA-D"], [1, 2, 3])
    assert [system.name for system in chosen.systems] == ["FBANK", "APC"]
    assert [setting.name for setting in chosen.settings] == ["CREMA-D"]
    assert chosen.seeds == (1, 2, 3)
    assert len(protocol.selected().systems) == 17
    with pytest.raises(ValueError, match="no system 'HuBERT'. Did you mean 'HuBERT Large'"):
        protocol.selected(["HuBERT"])


def test_the_released_code_and_the_paper_differ_where_the_facts_say():
    code, paper = (load_protocol(protocol_files()[f"emo_superb_{variant}"]) for variant in ("code", "paper"))
    assert [system.name for system in code.systems] == [system.name for system in paper.systems]
    assert {setting.epochs for setting in paper.settings} == {200}
    assert {setting.name: setting.epochs for setting in code.settings} == {
        "IMPROV (P)": 45,
        "CREMA-D": 110,
        "POD (P)": 25,
        "B-POD (P)": 25,
        "IEMOCAP": 40,
        "NNIME": 50,
        "IMPROV (S)": 60,
        "POD (S)": 20,
        "B-POD (S)": 45,
    }
    assert (code.loss_weighting, paper.loss_weighting) == ("sample", "class")
    assert (code.max_duration_seconds, paper.max_duration_seconds) == (10, None)
    assert paper.setting("IEMOCAP").split == "emosuperb_paper"
    assert code.setting("POD (S)").batch_size == 16
