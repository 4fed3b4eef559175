"""Pages of corpora: they say what the facts say, and the ones in the repository are up to date."""

from itertools import groupby

import pytest

from hf_emotion.corpus_reports.corpus_page import corpus_page, overview_page
from hf_emotion.data.corpus_facts import Corpus, PublishedSplit
from hf_emotion.data.loading import corpus_facts, list_corpora
from hf_emotion.scripts import corpus_pages


FACTS = Corpus(
    name="toy",
    full_name="Toy corpus",
    languages=("de", "fr"),
    labels={"W": "anger", "P": "motherese", "O": None},
    licence="CC BY 4.0",
    access="eula",
    how_to_obtain="toy_speech.zip (3 GB) from https://example.org/a_b, then tables/*.csv",
    layout="wav/<speaker>_<label>.wav",
    citation="Doe: A toy corpus. 2020",
    doi="10.1/toy",
    num_utterances=1200,
    num_speakers=3,
    label_counts={"W": 1000},
    arousal_valence={"P": (None, "derived")},
    sets=("emobox",),
    published_splits={
        "official": PublishedSplit(source="the archive", leak="two speakers are in all parts"),
        "emobox": PublishedSplit(source="EmoBox", by="speaker_id", folds=({"test": ("a",)},), random_validation=0.2),
    },
    pitfalls=("file_1 is | silent",),
)


def test_a_page_states_all_facts():
    page = corpus_page(FACTS)
    for text in (
        "# `toy`: Toy corpus",
        "| languages | `de`, `fr` |",
        "| size | 1,200 utterances by 3 speakers |",
        "| licence | CC BY 4.0 |",
        "| access | after signing an agreement |",
        "`toy_speech.zip` (3 GB) from https://example.org/a_b, then `tables/*.csv`",
        "```\nwav/<speaker>_<label>.wav\n```",
        "| `W` | anger | high_negative | exhubert_card | 1,000 |",
        "| `P` | motherese |  |  |  |",
        "takes the official parts",
        "| `official` | as the archive says | the archive | two speakers are in all parts |",
        "| `emobox` | 1 by speakers, 20% of train for validation | EmoBox |  |",
        "- `file_1` is | silent",
        "Doe: A toy corpus. 2020 [doi:10.1/toy](https://doi.org/10.1/toy)",
    ):
        assert text in page
    assert "sampling rate" not in page


def test_the_overview_links_every_page_and_names_the_members_of_sets():
    page = overview_page([FACTS, corpus_facts("urdu")])
    assert "2 corpora" in page
    assert "[`toy`](pages/toy.md) | Toy corpus | de, fr |" in page
    assert "| `toy`, `urdu` |" in next(line for line in page.splitlines() if line.startswith("| `emobox`"))


@pytest.mark.parametrize("name", list_corpora())
def test_all_rows_of_a_table_have_as_many_cells(name):
    lines = [line.replace("\\|", "") for line in corpus_page(corpus_facts(name)).splitlines()]
    for is_table, rows in groupby(lines, key=lambda line: line.startswith("|")):
        assert not is_table or len({row.count("|") for row in rows}) == 1


def test_the_pages_of_the_repository_are_up_to_date(capsys):
    assert corpus_pages.main(["--check"]) == 0, capsys.readouterr().err


def test_pages_are_written_checked_and_deleted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(corpus_pages, "scripts_dir", lambda: tmp_path)
    assert corpus_pages.main(["--check"]) == 1
    assert "README.md" in capsys.readouterr().err
    assert corpus_pages.main([]) == 0
    assert corpus_pages.main(["--check"]) == 0
    (tmp_path / "pages" / "gone.md").write_text("x")
    (tmp_path / "pages" / "ravdess.md").write_text("edited")
    assert corpus_pages.main(["--check"]) == 1
    assert corpus_pages.main([]) == 0
    assert not (tmp_path / "pages" / "gone.md").exists()
