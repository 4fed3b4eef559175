"""The cards of the papers' models state the papers' figures, and nothing else."""

import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from hf_emotion.benchmark.reported import IN_PERCENT, NOTES, reported_table
from hf_emotion.cards.templates import template_dir
from tests.hub_storage import card_problems


FOLDER = template_dir() / "published"
REPO = Path(__file__).resolve().parents[2]
# Tables in the order in which the card shows them, the system that its metadata is about, and the settings of each
# entry of its index.
CARDS = {
    "exhubert_large_emoset_plus_plus": (("exhubert_table_2", "exhubert_table_1"), "ExHuBERT L ES++"),
    "hubert_large_full_fine_tuning": (("lora_table_3",), "full fine-tuning"),
    "hubert_large_lora_qkv": (("lora_table_3",), "LoRA on q, k, v"),
    "wavlm_large_msp_podcast": (("wavlm_msp_podcast",), None),  # a single setting: its index has all systems
    "emo_superb_frozen_heads": (("emo_superb",), "WavLM Large"),
}


@pytest.fixture(params=CARDS)
def card(request):
    return ModelCard.load(FOLDER / f"{request.param}.md")


@pytest.fixture
def figures(card, request):
    """The reported tables of a card, and the system of its metadata."""
    tables, system = CARDS[request.node.callspec.params["card"]]
    return {name: reported_table(name) for name in tables}, system


def markdown_tables(text):
    """Header and rows of each table, as text."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()] for block in blocks
    ]


def test_every_card_has_a_test():
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CARDS)


def test_every_figure_in_the_index_is_reported(card, figures):
    tables, system = figures
    name, table = next(iter(tables.items()))
    scale = 100 if name in IN_PERCENT else 1
    expected = table.drop(columns="num_parameters", errors="ignore")
    values = expected["MSP-Podcast"] if system is None else expected.loc[system]
    found = {item.dataset_config or item.dataset_name: item.metric_value for item in card.data.eval_results}
    assert found == pytest.approx((values / scale).to_dict())
    assert all("reported_in" in item.dataset_args for item in card.data.eval_results)


def test_every_figure_in_the_text_is_reported(card, figures):
    tables, _ = figures
    found = markdown_tables(card.text)
    assert len(found) == len(tables)
    for (header, _, *rows), table in zip(found, tables.values(), strict=True):
        names, by_row = {row[0] for row in rows}, {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}
        columns = table.drop(columns="num_parameters", errors="ignore").rename(columns={"MSP-Podcast": "macro-F1"})
        printed = columns if names == set(columns.index) else columns.T
        assert names == set(printed.index)
        for row, values in printed.iterrows():
            shown = {name: float(value) for name, value in by_row[row].items() if name != "M parameters"}
            assert shown == values.to_dict()


def test_a_card_says_that_there_are_no_weights_and_what_contradicts_itself(card, figures):
    assert "**No weights are released with this card.**" in card.text
    assert "those that the paper reports" in " ".join(card.text.split()).replace("> ", "")
    for name in figures[0]:
        for note in NOTES[name]:
            assert note in card.text


def test_the_metadata_is_valid_on_the_hub(card):
    assert card_problems(str(card)) == []
    metadata = yaml.safe_load(str(card).split("---")[1])
    for field in (
        "base_model",
        "language",
        "library_name",
        "license",
        "metrics",
        "model-index",
        "pipeline_tag",
        "tags",
    ):
        assert metadata[field], field


def test_the_experiments_and_code_that_a_card_names_exist(card):
    configs = re.findall(r"trainer_configs/[\w/]+\.yaml", card.text)
    assert configs or "hf-emotion benchmark run emo_superb_paper" in card.text
    for path in configs:
        assert (REPO / path).is_file(), path
    blocks = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    for block in blocks:
        compile(block, "card", "exec")
    assert blocks
