"""One commit for all files of a repository that are loaded together."""

import os
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)


class _ImpatientApi(HfApi):
    """Does not wait forever for a Hub that takes the connection and never answers, as `resolve_revision` would."""

    def repo_info(self, repo_id: str, **options: Any) -> Any:
        return super().repo_info(repo_id, **{"timeout": HF_HUB_ETAG_TIMEOUT, **options})


def resolve_revision(
    source: str | os.PathLike[str],
    revision: str | None = None,
    *,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> str | None:
    """
    The revision of a repository, tied to the commit that it is at now.

    All files that are then loaded come from this commit, and those that the cache knows, or knows to be absent, need
    no connection. Without one, the commit that was last loaded is taken.

    Args:
        source (`str` or `os.PathLike`): Id on the Hub. Of a folder or a file, the revision stays as it is.
        revision (`str`, *optional*): Branch, tag or commit.
        token (`str` or `bool`, *optional*): Token for the Hub; by default the one that is stored on this machine.
        cache_dir (`str` or `os.PathLike`, *optional*): Where downloads are kept.
        local_files_only (`bool`, *optional*, defaults to `False`): Whether to use only what is on this machine.

    Returns:
        `str` or `None`: A `huggingface_hub.ResolvedRevision`. The revision as it was given where the source can be no
        id, or may not be read: loading it says why.

    Raises:
        FileNotFoundError: There is no such repository or revision; or the Hub cannot be asked, and nothing of the
            repository is on this machine.
    """
    if Path(source).exists():
        return revision
    try:
        return _ImpatientApi().resolve_revision(
            os.fspath(source),
            revision=revision,
            token=token,
            cache_dir=None if cache_dir is None else os.fspath(cache_dir),
            local_files_only=local_files_only,
        )
    except RevisionNotFoundError as error:
        raise FileNotFoundError(f"The repository {source} has no branch, tag or commit {revision}.") from error
    except GatedRepoError:
        return revision
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"There is no folder {source}, and no repository of that name on the Hub that this machine may read. "
            "Check the name; if it is a private one, log in first: hf auth login"
        ) from error
    except (HfHubHTTPError, HFValidationError):
        return revision
    except RevisionResolutionError as error:
        why = "no download was allowed" if error.__cause__ is None else f"the Hub cannot be asked ({error.__cause__})"
        raise FileNotFoundError(
            f"There is no folder {source}. If it is a repository on the Hub, {why}, and "
            f"{revision or 'it'} was not downloaded before. Check the path, or the connection."
        ) from error
