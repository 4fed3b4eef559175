"""What all corpora together promise: how many there are, that each is tested, and that its facts say enough."""

import importlib
from itertools import combinations, pairwise

import pytest

from hf_emotion.data.corpus import EmotionCorpus
from hf_emotion.data.corpus_sets import CORPUS_SETS
from hf_emotion.data.loading import corpora_of_set, corpus_builder_class, corpus_facts, list_corpora
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus
from tests.dataset_scripts.corpus_case import CorpusCase


SET_SIZES = {
    "emoset": 26,
    "emoset_plus_5": 31,
    "emoset_plus_plus": 37,
    "exhubert_unseen": 6,
    "emo_superb": 6,
    "lora_paper": 4,
    "emobox": 32,
}
every_corpus = pytest.mark.parametrize("name", list_corpora())


def test_there_are_all_corpora_of_the_papers_and_benchmarks():
    assert len(list_corpora()) >= 61


def test_sets_have_as_many_corpora_as_their_papers_count():
    assert {name: len(corpora_of_set(name)) for name in CORPUS_SETS} == SET_SIZES


def test_smaller_mixtures_are_parts_of_larger_ones():
    mixtures = [set(corpora_of_set(name)) for name in ("emoset", "emoset_plus_5", "emoset_plus_plus")]
    assert all(small < large for small, large in pairwise(mixtures))
    assert mixtures[1] - mixtures[0] == {"esd", "mesd", "savee", "shemo", "tess"}
    assert not mixtures[2] & set(corpora_of_set("exhubert_unseen"))


def cases(name):
    """Test classes of a corpus' test file."""
    module = importlib.import_module(f"tests.dataset_scripts.test_{name}")
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, CorpusCase) and member.__module__ == module.__name__
    ]


@every_corpus
def test_every_corpus_has_a_case_that_is_run(name):
    named = [case for case in cases(name) if case.name == name]
    assert named
    assert all(case.__name__.startswith("Test") for case in named)


def test_every_case_is_about_a_corpus_and_in_its_file(repo_dir):
    files = {path.stem.removeprefix("test_") for path in (repo_dir / "tests" / "dataset_scripts").glob("test_*.py")}
    assert files - {"every_corpus"} == set(list_corpora())
    assert {name: {case.name for case in cases(name)} - {name} for name in list_corpora()} == {
        name: set() for name in list_corpora()
    }


@every_corpus
def test_a_corpus_file_is_a_builder_with_a_version_and_a_description(name):
    builder = corpus_builder_class(name)
    assert issubclass(builder, EmotionCorpus)
    assert "VERSION" in vars(builder)
    assert builder.__doc__
    assert builder.__module__ == f"hf_emotion.dataset_scripts.{name}"


@every_corpus
def test_a_user_learns_what_the_corpus_is_and_how_to_get_it(name):
    facts = corpus_facts(name)
    assert facts.name == name
    assert facts.full_name
    assert facts.how_to_obtain
    assert facts.layout
    assert facts.citation or facts.homepage or facts.pitfalls
    assert facts.languages or facts.pitfalls, "a pitfall says that the language is not known"
    assert facts.access or facts.pitfalls, "a pitfall says that sources disagree"
    assert facts.kind in (None, "acted", "elicited", "natural")


@every_corpus
def test_a_corpus_without_labels_or_layout_is_read_from_a_manifest_and_says_so(name):
    facts = corpus_facts(name)
    is_manifest = issubclass(corpus_builder_class(name), ManifestCorpus)
    assert is_manifest == (MANIFEST_LAYOUT in facts.layout)
    assert is_manifest or facts.labels
    assert not is_manifest or facts.pitfalls


@every_corpus
def test_addresses_and_numbers_are_what_they_seem(name):
    facts = corpus_facts(name)
    assert facts.homepage is None or facts.homepage.startswith("http")
    assert facts.doi is None or facts.doi.startswith("10.")
    assert facts.sampling_rate is None or 8_000 <= facts.sampling_rate <= 96_000
    assert all(tag == tag.strip() and 2 <= len(tag.split("-")[0]) <= 3 for tag in facts.languages)
    if facts.label_counts and facts.num_utterances:
        assert sum(facts.label_counts.values()) <= facts.num_utterances


@every_corpus
def test_an_exception_to_a_class_differs_from_the_rule(name):
    facts = corpus_facts(name)
    for label, (exception, _) in facts.arousal_valence.items():
        without = type(facts)(name=name, full_name=name, languages=(), labels=facts.labels)
        assert exception != without.arousal_valence_class(label), label


@every_corpus
def test_pitfalls_are_phrases(name):
    assert not [pitfall for pitfall in corpus_facts(name).pitfalls if pitfall.endswith(".") or not pitfall]


PUBLISHED = [(name, split) for name in list_corpora() for split in corpus_facts(name).published_splits]


@pytest.mark.parametrize(("name", "split"), PUBLISHED)
def test_the_folds_of_a_published_split_test_nobody_twice(name, split):
    facts = corpus_facts(name)
    published = facts.published_splits[split]
    assert published.source
    tested = [set(fold["test"]) for fold in published.folds]
    if published.leak is None:
        assert not [(one, other) for one, other in combinations(tested, 2) if one & other]
    if published.by == "speaker_id" and facts.num_speakers:
        members = {member for fold in published.folds for part in fold.values() for member in part}
        assert len(members) <= facts.num_speakers
