"""Failures of the Hub and of the way to it, as errors that say what happened and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import get_token as stored_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx


PUSH_AGAIN = "What has arrived is kept: push again to continue."
CONFLICT = 412  # a commit has happened since; whoever sends the parent of a commit handles it
_TOO_MANY, _SERVER_ERROR = 429, 500


@contextmanager
def explained_failures(repo_id: str, advice: str = PUSH_AGAIN) -> Iterator[None]:
    """
    Turns failures of a transfer into errors of Python with one sentence that says what happened.

    Args:
        repo_id (`str`): Repository that the transfer is about.
        advice (`str`, *optional*): What to do after an interruption.

    Raises:
        `PermissionError`: The token is refused, or may not do this.
        `FileNotFoundError`: There is no such repository or revision, as far as this token may see.
        `ConnectionError`: The connection failed, or the Hub did.
        `ValueError`: The Hub refuses what was sent.
    """
    try:
        yield
    except HfHubHTTPError as error:
        if error.response.status_code == CONFLICT:
            raise
        raise _explained(error, repo_id, advice) from error
    except (RuntimeError, httpx.HTTPError) as error:  # what a failed upload of a file raises, and a lost connection
        cause = error.__cause__ or error
        reason = f"{type(cause).__name__}: {_one_line(cause)}"
        raise ConnectionError(f"The transfer with {repo_id} was interrupted ({reason}). {advice}") from error
    except LocalEntryNotFoundError as error:  # raised without the error of the connection that caused it
        raise ConnectionError(f"{repo_id} cannot be reached ({_one_line(error)}).") from error


def require_token(token: str | None) -> None:
    """
    Raise unless there is an access token.

    Raises:
        `PermissionError`: If none was given and huggingface_hub knows none.
    """
    if token is None and stored_token() is None:
        raise PermissionError("There is no access token: run `hf auth login`, or set HF_TOKEN.")


def _explained(error: HfHubHTTPError, repo_id: str, advice: str) -> Exception:
    status, said = error.response.status_code, _one_line(error.server_message or error)
    if isinstance(error, GatedRepoError):
        return PermissionError(f"{repo_id} is gated: ask for access on its page, and log in as who has it. {said}")
    if isinstance(error, RevisionNotFoundError):
        return FileNotFoundError(f"{repo_id} has no branch, tag or commit of that name: {said}")
    if isinstance(error, RepositoryNotFoundError):
        return FileNotFoundError(
            f"There is no repository {repo_id} that you may see ({status}). Check its name; if it is private, log in "
            "with `hf auth login` or set HF_TOKEN."
        )
    if status == 401:
        return PermissionError(f"The Hub does not accept the access token (401: {said}). Run `hf auth login` again.")
    if status == 403:
        return PermissionError(
            f"Your access token may not do that with {repo_id} (403: {said}). Use a token with the right to write "
            "there, or push to a repository of yours."
        )
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        return ConnectionError(f"The Hub failed to answer about {repo_id} ({status}: {said}). {advice}")
    return ValueError(f"The Hub refuses this for {repo_id} ({status}: {said}).")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
