"""`hf-emotion corpora`."""

import pytest

from hf_emotion.data.loading import corpus_facts, list_corpora, load_corpus


@pytest.mark.parametrize("name", list_corpora())
def test_info_shows_licence_labels_and_classes(name, run):
    facts, shown = corpus_facts(name), run("corpora", "info", name).stdout
    words = " ".join(shown.split())
    assert f"{name}: {facts.full_name}" in words
    assert facts.licence is None or facts.licence in words
    assert all(f"\n{label} " in shown for label in facts.labels)
    assert all(" ".join(pitfall.split()) in words for pitfall in facts.pitfalls)


def test_info_gives_the_class_that_the_corpus_gives(run):
    line = next(line for line in run("corpora", "info", "ravdess").stdout.splitlines() if line.startswith("02 "))
    assert line.split() == ["02", "calm", "low_positive", "192"]


def test_info_on_an_unknown_corpus_proposes_one(run):
    result = run("corpora", "info", "cremad")
    assert result.exit_code == 1
    assert "Did you mean 'crema_d'?" in result.stderr


def test_synthesize_writes_corpora_that_load_and_repeats_nothing(run, tmp_path):
    options = ("--speakers_per_corpus", 1, "--utterances_per_emotion", 1)
    result = run("corpora", "synthesize", tmp_path, *options)
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["synthetic_alba", "6"],
        ["synthetic_brio", "6"],
        ["synthetic_corda", "6"],
        ["synthetic_duna", "5"],
    ]
    rows = load_corpus("manifest", tmp_path / "synthetic_duna", split="train", cache_dir=tmp_path / "cache")
    assert sorted(rows["emotion"]) == ["anger", "fear", "happiness", "neutral", "sadness"]
    first = (tmp_path / "synthetic_alba" / "manifest.csv").stat().st_mtime_ns
    assert run("corpora", "synthesize", tmp_path, *options).exit_code == 0
    assert (tmp_path / "synthetic_alba" / "manifest.csv").stat().st_mtime_ns == first


def test_synthesize_does_not_touch_corpora_of_other_arguments(run, tmp_path):
    assert (
        run("corpora", "synthesize", tmp_path, "--speakers_per_corpus", 1, "--utterances_per_emotion", 1).exit_code
        == 0
    )
    result = run("corpora", "synthesize", tmp_path, "--speakers_per_corpus", 1, "--utterances_per_emotion", 2)
    assert result.exit_code == 1
    assert "utterances_per_emotion=1 (now 2)" in result.stderr
