"""The papers' figures: what is printed, and which printed averages their own figures contradict."""

import pytest

from hf_emotion.benchmark.reported import IN_PERCENT, NOTES, SOURCES, reported_entries, reported_table


# Printed averages. Of the last column they are those that are wrong by more than rounding.
TABLE_1 = {
    "XLS-R 300M": 57.1,
    "XLS-R 1B": 54.1,
    "Whisper Medium": 42.0,
    "Whisper Large v3": 41.4,
    "HuBERT Large": 62.7,
    "HuBERT XLarge": 56.0,
    "HuBERT Large EmoSet+5": 64.9,
    "HuBERT Large EmoSet++": 69.7,
}
TABLE_2 = {
    "W2V2 Emotion": (52.1, 54.7),
    "W2V2 XLS-R": (54.7, 52.05),
    "HuBERT L LS960": (63.3, 63.28),
    "HuBERT L ES++": (71.1, 71.02),
    "ExHuBERT L LS960": (61.3, 63.97),
    "ExHuBERT L ES++": (74.2, 74.17),
    "ExHuBERT L non-frozen ES++": (66.5, 66.47),
    "ExHuBERT XL ES++": (42.0, 41.93),
}
EMO_SUPERB = {"XLS-R-1B": 0.38352, "WavLM Large": 0.38334, "HuBERT Large": 0.38331, "APC": 0.34975, "FBANK": 0.19099}
ROUNDING = 0.0501  # of a figure with one decimal


def averages(name):
    table = reported_table(name)
    return table.drop(columns=[column for column in ("num_parameters",) if column in table]).mean(axis=1).to_dict()


def test_averages_of_exhubert_table_1_are_as_printed():
    found = averages("exhubert_table_1")
    assert set(found) == set(TABLE_1)
    assert {name: printed for name, printed in TABLE_1.items() if abs(found[name] - printed) > ROUNDING} == {}


def test_averages_of_exhubert_table_2_that_are_misprinted_are_the_known_ones():
    found = averages("exhubert_table_2")
    assert set(found) == set(TABLE_2)
    for name, (_, recomputed) in TABLE_2.items():
        assert found[name] == pytest.approx(recomputed, abs=0.005)
    wrong = {name for name, (printed, _) in TABLE_2.items() if abs(found[name] - printed) > ROUNDING}
    assert wrong == {"W2V2 Emotion", "W2V2 XLS-R", "HuBERT L ES++", "ExHuBERT L LS960", "ExHuBERT XL ES++"}
    note = " ".join(NOTES["exhubert_table_2"])
    for name in wrong:
        assert f"{name} {TABLE_2[name][0]:.1f}" in note


def test_exhubert_does_not_lose_without_emoset_as_its_text_says():
    found = averages("exhubert_table_2")
    assert found["ExHuBERT L LS960"] > found["HuBERT L LS960"]


def test_trainable_parameters_are_those_printed():
    parameters = reported_table("exhubert_table_2")["num_parameters"].to_dict()
    assert parameters["ExHuBERT L ES++"] == parameters["ExHuBERT L LS960"] == 336.68
    assert parameters["ExHuBERT L non-frozen ES++"] == parameters["ExHuBERT XL ES++"] == 664.18


def test_averages_of_emo_superb_are_as_printed():
    found = averages("emo_superb")
    assert {name: round(found[name], 5) for name in EMO_SUPERB} == pytest.approx(EMO_SUPERB, abs=2e-4)


def test_figures_of_the_lora_paper_are_counts_of_its_2432_test_utterances():
    table = reported_table("lora_table_3")
    right = (table["micro-F1"] * 2432).round().astype(int)
    assert right.to_dict() == {"full fine-tuning": 2094, "LoRA on q, k, v": 1633, "LoRA on classifier": 1085}
    assert (right / 2432).round(4).to_dict() == pytest.approx(table["micro-F1"].to_dict())


@pytest.mark.parametrize("name", SOURCES)
def test_every_table_has_a_source_notes_and_plausible_figures(name):
    table = reported_table(name).drop(columns="num_parameters", errors="ignore")
    assert table.index.is_unique
    assert table.notna().all(axis=None)
    low, high = (10, 100) if name in IN_PERCENT else (0, 1)
    assert ((table > low) & (table <= high)).all(axis=None)
    assert NOTES[name]
    assert all(note.endswith(".") for note in NOTES[name])


def test_only_multi_label_figures_become_rows_of_a_leaderboard():
    assert len(reported_entries("emo_superb")) == 18  # 16 models, the filter bank, and the fine-tuned one of Table 4
    with pytest.raises(ValueError, match="'exhubert_table_1' are no multi-label macro-F1"):
        reported_entries("exhubert_table_1")
    with pytest.raises(ValueError, match="no reported figures 'nothing'"):
        reported_table("nothing")
