"""Sizes of corpora, on rows that a reader can add up."""

import datasets
import pytest

from hf_emotion.data.columns import FEATURES
from hf_emotion.data.corpus_statistics import corpora_statistics


def corpus(name, language, rows):
    """Rows are (speaker, emotion, seconds)."""
    table = [
        {
            **dict.fromkeys(FEATURES),
            "utterance_id": f"{name}{number}",
            "corpus": name,
            "language": language,
            "speaker_id": speaker,
            "emotion": emotion,
            "raw_label": "X",
            "duration": seconds,
        }
        for number, (speaker, emotion, seconds) in enumerate(rows)
    ]
    return datasets.DatasetDict({"train": datasets.Dataset.from_list(table, features=FEATURES)})


@pytest.fixture(scope="module")
def statistics():
    return corpora_statistics(
        {
            "one": corpus("one", "en-US", [("a", "anger", 0.5), ("b", "anger", 1.0), ("b", "fear", 3.9)]),
            "two": corpus("two", "en-GB", [("a", "anger", 1.5)]),
            "three": corpus("three", None, [(None, None, 2.0)]),
        }
    )


def test_a_corpus(statistics):
    one = statistics.corpora["one"]
    assert (one.num_utterances, one.num_speakers) == (3, 2)
    assert one.hours == pytest.approx(5.4 / 3600)
    assert (one.mean_duration, one.median_duration) == (pytest.approx(1.8), 1.0)
    assert one.durations == (1, 1, 0, 1)
    assert one.labels == {"anger": 2, "fear": 1}


def test_corpora_without_speakers_or_emotions(statistics):
    three = statistics.corpora["three"]
    assert (three.num_speakers, three.labels) == (None, {"X": 1})


def test_languages_join_their_variants_and_equal_ids_of_two_corpora_are_two_speakers(statistics):
    assert list(statistics.languages) == ["en", "unknown"]
    english = statistics.languages["en"]
    assert (english.num_utterances, english.num_speakers, english.durations) == (4, 3, (1, 2, 0, 1))


def test_the_total_is_the_sum(statistics):
    assert statistics.total.num_utterances == 5
    assert statistics.total.num_speakers == 3
    assert statistics.total.durations == (1, 2, 1, 1)


def test_nothing_to_count_is_an_error():
    with pytest.raises(ValueError, match="There is no utterance to count"):
        corpora_statistics({})
