"""The named sets of corpora: their members say that they belong, and nothing else is kept."""

import re

import pytest

from hf_emotion.data.corpus_sets import CORPUS_SETS
from hf_emotion.data.loading import corpora_of_set, corpus_facts, list_corpora


@pytest.mark.parametrize("name", sorted(CORPUS_SETS))
def test_the_members_of_a_set_are_the_corpora_that_say_so(name):
    assert corpora_of_set(name) == [corpus for corpus in list_corpora() if name in corpus_facts(corpus).sets]


def test_the_mixtures_grow_and_the_unseen_corpora_are_in_none():
    emoset, plus_5, plus_plus, unseen = (
        set(corpora_of_set(name)) for name in ("emoset", "emoset_plus_5", "emoset_plus_plus", "exhubert_unseen")
    )
    assert emoset < plus_5 < plus_plus
    assert not unseen & plus_plus


def test_the_corpora_of_the_comparison_of_lora_and_full_fine_tuning():
    assert corpora_of_set("lora_paper") == ["crema_d", "ravdess", "savee", "tess"]


def test_a_set_is_not_called_like_a_corpus():
    assert not set(CORPUS_SETS) & {*list_corpora(), "manifest"}


@pytest.mark.parametrize("name", sorted(CORPUS_SETS))
def test_a_set_says_how_many_corpora_it_has_and_where_they_are_from(name):
    assert re.search(r"\d+ corpora", CORPUS_SETS[name])


def test_an_unknown_set_is_refused_with_the_closest_and_the_list():
    with pytest.raises(ValueError, match=r"no set of corpora 'emosets'\. Did you mean 'emoset'.*Sets: .*emobox"):
        corpora_of_set("emosets")
