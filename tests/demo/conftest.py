"""The small leaderboard, for tests that only read it."""

import pytest

from hf_emotion.benchmark.results.store import ResultsStore

from .small_store import small_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> ResultsStore:
    return small_store(tmp_path_factory.mktemp("store"))
