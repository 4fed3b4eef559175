"""Every failure of a transfer becomes one sentence that says what happened."""

import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx as hub_httpx

from hf_emotion.publishing.errors import CONFLICT, explained_failures


def answer(status):
    return hub_httpx.Response(status, request=hub_httpx.Request("GET", "https://example.org"))


def failure(kind, status, message="said so"):
    return kind("long\ntext", response=answer(status), server_message=message)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (failure(GatedRepoError, 403), PermissionError, "me/x is gated: ask for access on its page.*said so"),
        (failure(RevisionNotFoundError, 404), FileNotFoundError, "me/x has no branch, tag or commit"),
        (failure(RepositoryNotFoundError, 404), FileNotFoundError, "no repository me/x that you may see .404"),
        (failure(HfHubHTTPError, 401), PermissionError, "does not accept the access token .401: said so"),
        (failure(HfHubHTTPError, 403), PermissionError, "may not do that with me/x .403: said so"),
        (failure(HfHubHTTPError, 429), ConnectionError, "429: said so.*push again to continue"),
        (failure(HfHubHTTPError, 503), ConnectionError, "503: said so.*push again to continue"),
        (failure(HfHubHTTPError, 400), ValueError, "The Hub refuses this for me/x .400: said so"),
        (hub_httpx.ConnectError("refused"), ConnectionError, "interrupted .ConnectError: refused.*push again"),
        (LocalEntryNotFoundError("offline"), ConnectionError, "me/x cannot be reached .offline"),
    ],
)
def test_each_failure_has_a_sentence(error, kind, message):
    with pytest.raises(kind, match=message) as caught, explained_failures("me/x"):
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_a_failed_upload_of_a_file_names_its_cause():
    failed = RuntimeError("Error while uploading")
    failed.__cause__ = TimeoutError("too slow")
    with pytest.raises(ConnectionError, match="TimeoutError: too slow"), explained_failures("me/x"):
        raise failed


def test_a_conflict_is_left_to_who_sent_the_parent_commit():
    with pytest.raises(HfHubHTTPError), explained_failures("me/x"):
        raise failure(HfHubHTTPError, CONFLICT)
