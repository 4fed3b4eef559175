"""The corpus sets of the ExHuBERT paper: as many members as it counts, and a place for every loader."""

import pytest

from hf_emotion.data.corpus_sets import CORPUS_SETS, published_corpora
from hf_emotion.data.loading import list_corpora


@pytest.mark.parametrize(
    ("name", "number"), [("emoset", 26), ("emoset_plus_5", 31), ("emoset_plus_plus", 37), ("exhubert_unseen", 6)]
)
def test_a_set_has_as_many_corpora_as_the_paper_counts(name, number):
    assert len(CORPUS_SETS[name]) == len(set(CORPUS_SETS[name])) == number


def test_the_mixtures_grow_and_the_unseen_corpora_are_in_none():
    emoset, plus_5, plus_plus, unseen = (
        set(CORPUS_SETS[name]) for name in ("emoset", "emoset_plus_5", "emoset_plus_plus", "exhubert_unseen")
    )
    assert emoset < plus_5 < plus_plus
    assert not unseen & plus_plus
    assert published_corpora() == plus_plus | unseen


def test_the_loaders_of_the_paper_s_corpora_bear_the_names_of_the_members():
    of_the_paper = {"crema_d", "emodb", "ravdess", "savee", "tess", "urdu"}
    assert of_the_paper <= set(list_corpora()) & set(CORPUS_SETS["emoset_plus_plus"])


def test_a_set_is_not_called_like_a_corpus():
    assert not set(CORPUS_SETS) & (published_corpora() | set(list_corpora()))
