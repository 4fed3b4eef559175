"""The card of a corpus: metadata that the Hub takes, numbers that come from the rows, terms that are stated."""

import doctest
import re
from dataclasses import replace

import datasets
import pytest
from huggingface_hub import DatasetCard

from hf_emotion.cards import dataset_card
from hf_emotion.cards.dataset_card import AudioSummary, CorpusCopy, build_dataset_card
from hf_emotion.cards.licences import redistribution
from hf_emotion.data.columns import COLUMNS, FEATURES
from hf_emotion.data.corpus_facts import Corpus
from hf_emotion.data.loading import corpus_facts, list_corpora
from hf_emotion.data.splits.split_info import describe_split
from hf_emotion.emotions import AV_SOURCES, arousal_valence_class
from tests.hub_storage import card_problems


FACTS = Corpus(
    name="tiny",
    full_name="Tiny Corpus",
    languages=("de",),
    labels={"W": "anger", "N": "neutral", "X": None},
    licence="CC BY-NC-ND 4.0",
    access="open",
    how_to_obtain="from <somewhere>, unpacked",
    homepage="https://example.org/tiny_corpus",
    citation="Doe & Roe: Tiny. Journal 1(2), 2020",
    doi="10.1000/1",
    kind="acted",
    num_utterances=8,
    num_speakers=3,
    sampling_rate=16_000,
    pitfalls=("a*b is <odd> | and [so] on",),
)


def row(
    number: int, raw_label: str | None, speaker: str | None = "s1", gender: str | None = "female", **values
) -> dict:
    emotion = FACTS.labels.get(raw_label or "")
    return dict.fromkeys(COLUMNS) | {
        "audio": {"path": f"{number}.wav", "bytes": None},
        "utterance_id": str(number),
        "corpus": "tiny",
        "language": "de",
        "speaker_id": speaker,
        "gender": gender,
        "raw_label": raw_label,
        "emotion": emotion,
        "arousal_valence": emotion and arousal_valence_class(emotion),
        "duration": 900.0,
        **values,
    }


def copy_of(facts: Corpus = FACTS, is_published: bool = True, **parts: list[dict]) -> CorpusCopy:
    parts = parts or {"train": [row(1, "W"), row(2, "W", "s2", "male"), row(3, "N"), row(4, None)]}
    rows = datasets.DatasetDict(
        {part: datasets.Dataset.from_list(listed, features=FEATURES) for part, listed in parts.items()}
    )
    return CorpusCopy(
        repo_id="user/tiny",
        facts=facts,
        parts=rows,
        split=describe_split(rows, "unsplit" if len(rows) == 1 else "given"),
        audio=AudioSummary(dict.fromkeys(rows, 2_000_000), {16_000: 3, 8_000: 1}, {".wav": 4}),
        redistribution=redistribution(facts.licence, facts.access),
        is_published=is_published,
    )


def text_of(**changes) -> str:
    return build_dataset_card(copy_of(replace(FACTS, **changes))).text


def table_row(text: str, first_cell: str) -> list[str]:
    """Cells of the one table row that starts with a cell."""
    [line] = [line for line in text.splitlines() if line.startswith(f"| {first_cell} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_documentation_examples_run():
    assert doctest.testmod(dataset_card).failed == 0


def test_a_saved_card_loads_with_the_same_metadata(tmp_path):
    card = build_dataset_card(copy_of())
    card.save(tmp_path / "README.md")
    assert DatasetCard.load(tmp_path / "README.md").data.to_dict() == {
        "pretty_name": "Tiny Corpus",
        "language": ["de"],
        "license": "cc-by-nc-nd-4.0",
        "task_categories": ["audio-classification"],
        "tags": ["audio", "speech", "speech-emotion-recognition", "emotion", "hf-emotion", "tiny"],
        "size_categories": ["n<1K"],
        "annotations_creators": ["other"],
        "source_datasets": ["original"],
    }


@pytest.mark.parametrize("name", list_corpora())
def test_the_card_of_every_corpus_renders_with_metadata_that_the_hub_takes(name):
    facts = corpus_facts(name)
    copy = copy_of(facts, train=[row(1, next(iter(facts.labels), None), emotion=None, language=None)])
    card = build_dataset_card(copy)
    assert card_problems(str(card)) == []
    assert facts.full_name.split()[0] in card.text
    assert ("must stay private" in card.text) == (not copy.redistribution.allowed)
    assert "None" not in card.text
    for table in re.findall(r"(?:^\|.*\n)+", card.text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_terms_and_their_conditions_are_stated():
    text = text_of()
    assert "[CC BY-NC-ND 4.0](https://creativecommons.org/licenses/by-nc-nd/4.0/)" in text
    assert "- No commercial use." in text
    assert "- Pass it on unchanged only, never an adapted version." in text
    assert "| access to the original | open to download |" in text
    assert "not affiliated\nwith the authors" in text
    assert "must stay private" not in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"licence": None}, "No licence is on record."),
        ({"licence": "research only"}, "Its terms ('research only') are not known to allow passing on copies."),
        ({"access": "eula"}, "Its terms are 'CC BY-NC-ND 4.0', yet it is handed out after signing an agreement."),
    ],
)
def test_a_corpus_that_must_stay_private_says_so_first(changes, reason):
    text = text_of(**changes)
    assert text.split("\n## ")[0].count(f"> **This repository must stay private.** {reason}") == 1
    assert "Log in first: `hf auth login`" in text


def test_terms_of_its_own_get_a_name_and_a_link():
    card = build_dataset_card(copy_of(replace(FACTS, licence="research only", name="tiny_one")))
    data = card.data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "tiny-one-terms")
    assert data["license_link"] == "https://example.org/tiny_corpus"


def test_numbers_come_from_the_rows():
    train = [row(1, "W"), row(2, "W", "s2", "male"), row(3, "N", "s2", "male")]
    card = build_dataset_card(copy_of(train=train, test=[row(4, "W", "s3"), row(5, "X", "s3")]))
    assert (
        "5 utterances (of 8 published) of acted speech in `de` by 3 speakers (2 female, 1 male), 1.25 hours."
        in card.text
    )
    assert table_row(card.text, "`train`") == ["`train`", "3", "2", "0.75"]
    assert table_row(card.text, "`test`") == ["`test`", "2", "1", "0.50"]
    assert table_row(card.text, "`speaker_id`")[2] == "5"
    assert table_row(card.text, "`session`")[2] == "0"
    assert "4.0 MB; `.wav` (4 files); sampled at 8,000 Hz (1 files), 16,000 Hz (3 files)" in card.text


def test_every_label_has_its_meaning_source_and_counts_also_if_it_does_not_occur():
    text = build_dataset_card(copy_of(train=[row(1, "W"), row(2, "W"), row(3, None)], test=[row(4, "W")])).text
    assert table_row(text, "W") == ["W", "anger", "high_negative", "exhubert_card", "2", "1"]
    assert table_row(text, "N") == ["N", "neutral", "low_neutral", "exhubert_card", "0", "0"]
    assert table_row(text, "X") == ["X", "", "", "", "0", "0"]
    assert table_row(text, "none") == ["none", "", "", "", "1", "0"]
    assert f"- `exhubert_card`: {AV_SOURCES['exhubert_card']}" in text


def test_an_exception_of_the_corpus_and_a_reading_of_the_user_name_their_sources():
    facts = replace(FACTS, arousal_valence={"N": ("low_positive", "vivae_design")})
    rows = [row(1, "N", arousal_valence="low_positive"), row(2, "W", emotion="joy", arousal_valence="low_negative")]
    rows.append(row(3, "own word", emotion="fear", arousal_valence="high_negative"))
    text = build_dataset_card(copy_of(facts, train=rows)).text
    assert table_row(text, "N")[3] == "vivae_design"
    assert table_row(text, "W")[1:4] == ["joy", "low_negative", "user"]
    assert table_row(text, "own word")[3] == "keesing_2020"
    assert "- `user`: given by whoever packed this copy" in text


def test_labels_that_are_free_text_do_not_fill_the_card():
    text = build_dataset_card(copy_of(train=[row(number, f"word {number}") for number in range(250)])).text
    assert "153 more labels are not shown." in text  # 250 and the three of the facts


def test_the_split_can_be_verified():
    copy = copy_of(train=[row(1, "W")], test=[row(2, "N")])
    text = build_dataset_card(copy).text
    assert f"| given | {copy.split.version} | `{copy.split.hash}` |" in text
    assert "not independent of each other: " in text  # s1 is in both parts
    assert "not independent" not in build_dataset_card(copy_of()).text


def test_files_that_were_resampled_before_are_told_from_the_published_ones():
    assert "had been resampled" not in text_of()
    assert "published at 44,100 Hz: these files had been resampled before" in text_of(sampling_rate=44_100)


def test_markdown_in_facts_is_shown_and_not_interpreted():
    text = text_of()
    assert r"- a\*b is \<odd> \| and \[so\] on" in text
    assert r"from \<somewhere>, unpacked" in text
    assert "<https://example.org/tiny_corpus>" in text


def test_a_citation_is_text_or_bibtex_as_the_corpus_gives_it():
    assert "Doe & Roe: Tiny. Journal 1(2), 2020\n\n<https://doi.org/10.1000/1>" in text_of()
    bibtex = "@article{doe2020, title={Tiny}}"
    assert f"```bibtex\n{bibtex}\n```" in text_of(citation=bibtex)
    assert "## Citation" not in text_of(citation=None)


def test_recordings_of_the_users_own_are_not_called_a_corpus_of_others():
    facts = Corpus(name="mine", full_name="mine", languages=(), labels={}, licence="cc0-1.0")
    card = build_dataset_card(copy_of(facts, is_published=False))
    assert "affiliated" not in card.text
    assert "How to get the original" not in card.text
    assert "mine" not in card.data.tags
    assert card.data.language == ["de"]  # from the rows


@pytest.mark.parametrize(("count", "category"), [(999, "n<1K"), (1_000, "1K<n<10K"), (10_000, "10K<n<100K")])
def test_the_size_category_follows_the_number_of_rows(count, category):
    table = datasets.Dataset.from_list([row(1, "W")], features=FEATURES).select([0] * count)
    copy = replace(copy_of(), parts=datasets.DatasetDict(train=table))
    assert build_dataset_card(copy).data.size_categories == [category]
