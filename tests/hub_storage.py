"""What a Hub keeps: blobs by their checksum, repositories, commits that point to their parents. See `hub_double`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml


FRONT_MATTER = re.compile(r"\A\s*---\r?\n(.*?)\r?\n---", re.DOTALL)
_LFS_SUFFIXES = {".arrow", ".bin", ".flac", ".msgpack", ".onnx", ".parquet", ".png", ".pt", ".safetensors", ".wav"}
_LFS_BYTES = 10_000_000  # larger files are never regular
_GIT_ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in sorted(_LFS_SUFFIXES))
_FIRST_COMMIT = {"message": "initial commit", "description": ""}


class HubError(Exception):
    """An answer that is an error: status, the Hub's `X-Error-Code` if it has one, and a message."""

    def __init__(self, status: int, message: str, code: str | None = None, **body: Any):
        super().__init__(message)
        self.status, self.code, self.body = status, code, {"error": message, **body}


@dataclass(frozen=True)
class StoredFile:
    """A file of a commit: SHA-256 and size of its content, its git id, and whether it is an LFS file."""

    sha256: str
    size: int
    git_id: str
    is_lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.git_id

    def describe(self) -> dict[str, Any]:
        """As the Hub lists it in trees."""
        entry: dict[str, Any] = {"type": "file", "oid": self.git_id, "size": self.size}
        if self.is_lfs:
            entry["lfs"] = {
                "oid": self.sha256,
                "size": self.size,
                "pointerSize": len(_pointer(self.sha256, self.size)),
            }
        return entry


@dataclass
class Commit:
    """A commit: the files it holds, by path, and the commit before it."""

    parent: str | None
    message: str
    description: str
    author: str
    date: str
    files: dict[str, StoredFile]

    @property
    def sha(self) -> str:
        return hashlib.sha1(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass
class Repository:
    """A repository: its commits by their ids, and the branches and tags that point to them."""

    kind: str  # "models", "datasets" or "spaces"
    repo_id: str
    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def commit_id(self, revision: str) -> str:
        """Commit that a branch, a tag or (the start of) a commit id names."""
        found = self.branches.get(revision) or self.tags.get(revision)
        if found is None:
            found = next((sha for sha in self.commits if len(revision) >= 7 and sha.startswith(revision)), None)
        if found is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def history(self, revision: str) -> list[tuple[str, Commit]]:
        """Commits from a revision back to the first."""
        sha: str | None = self.commit_id(revision)
        found = []
        while sha is not None:
            found.append((sha, self.commits[sha]))
            sha = self.commits[sha].parent
        return found


class Storage:
    """
    One folder: `blobs/<sha256>` and `repositories/<kind>/<owner>/<name>.json`. Opened again, it holds what it held.

    Every method may be called from several threads.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.lock = threading.RLock()
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        self.repositories = {
            (repository.kind, repository.repo_id): repository
            for repository in map(_load, sorted((folder / "repositories").glob("*/*/*.json")))
        }

    def create(self, kind: str, repo_id: str, private: bool, author: str) -> Repository:
        with self.lock:
            repository = self.repositories[kind, repo_id] = Repository(kind, repo_id, private)
            self._add_commit(repository, "main", author, _FIRST_COMMIT, {".gitattributes": _GIT_ATTRIBUTES.encode()})
            return repository

    def delete(self, repository: Repository) -> None:
        with self.lock:
            del self.repositories[repository.kind, repository.repo_id]
            self._record(repository).unlink()

    def save(self, repository: Repository) -> None:
        """Write a repository to the folder; call it after every change."""
        record = self._record(repository)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(asdict(repository)), encoding="utf-8")

    def add_blob(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        arriving = self.folder / "blobs" / f"{sha256}.{threading.get_ident()}"
        arriving.write_bytes(content)
        arriving.replace(self.folder / "blobs" / sha256)
        return sha256

    def has_blob(self, sha256: str) -> bool:
        return (self.folder / "blobs" / sha256).is_file()

    def read_blob(self, sha256: str) -> bytes:
        return (self.folder / "blobs" / sha256).read_bytes()

    def commit(self, repository: Repository, branch: str, author: str, lines: Iterable[Mapping[str, Any]]) -> str:
        """Apply the lines of a commit request (`header`, `file`, `lfsFile`, `deletedFile`, `deletedFolder`)."""
        with self.lock:
            if branch not in repository.branches:
                raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
            head = repository.branches[branch]
            header: dict[str, str] = {"summary": "", "description": ""}
            changes: dict[str, bytes | StoredFile | None] = {}
            for line in lines:
                key, value = line["key"], line["value"]
                if key == "header":
                    header |= value
                    if value.get("parentCommit", head) != head:
                        raise HubError(412, "A commit has happened since. Please refresh and try again.")
                elif key == "file":
                    changes[value["path"]] = base64.b64decode(value["content"])
                elif key == "lfsFile":
                    changes[value["path"]] = self._lfs_file(value["oid"])
                elif key in ("deletedFile", "deletedFolder"):
                    changes |= dict.fromkeys(_below(repository.commits[head], value["path"], key == "deletedFolder"))
                else:
                    raise HubError(400, f"The double knows no operation {key!r} in a commit.")
            for path, content in changes.items():
                if (
                    path == "README.md"
                    and isinstance(content, bytes)
                    and (problems := card_problems(content.decode()))
                ):
                    raise HubError(400, f"Invalid metadata in README.md: {problems}")
            message = {"message": header["summary"], "description": header["description"]}
            return self._add_commit(repository, branch, author, message, changes)

    def _lfs_file(self, sha256: str) -> StoredFile:
        if not self.has_blob(sha256):
            raise HubError(400, f"Your push was rejected because the LFS object {sha256} was not uploaded.")
        size = (self.folder / "blobs" / sha256).stat().st_size
        return StoredFile(sha256, size, _git_id(_pointer(sha256, size)), is_lfs=True)

    def _add_commit(
        self,
        repository: Repository,
        branch: str,
        author: str,
        message: Mapping[str, str],
        changes: Mapping[str, bytes | StoredFile | None],
    ) -> str:
        parent = repository.branches.get(branch)
        files = dict(repository.commits[parent].files) if parent else {}
        for path, content in changes.items():
            if content is None:
                files.pop(path)
            elif isinstance(content, StoredFile):
                files[path] = content
            else:
                files[path] = StoredFile(self.add_blob(content), len(content), _git_id(content), is_lfs=False)
        date = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        commit = Commit(parent, author=author, date=date, files=dict(sorted(files.items())), **message)
        repository.commits[commit.sha] = commit
        repository.branches[branch] = commit.sha
        self.save(repository)
        return commit.sha

    def _record(self, repository: Repository) -> Path:
        return self.folder / "repositories" / repository.kind / f"{repository.repo_id}.json"


def is_lfs_path(path: str, size: int) -> bool:
    """Whether the Hub wants a file as an LFS object."""
    return Path(path).suffix in _LFS_SUFFIXES or size > _LFS_BYTES


def card_metadata(text: str) -> dict[str, Any]:
    """The YAML block of a card."""
    match = FRONT_MATTER.search(text)
    return (yaml.safe_load(match[1]) or {}) if match else {}


def card_problems(text: str) -> list[str]:
    """What the Hub refuses in the metadata of a card."""
    try:
        metadata = card_metadata(text)
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    return [
        f'"{key}" must be one of the Hub\'s values, not {value!r}'
        for key, allowed in _VALUES.items()
        for value in _listed(metadata.get(key))
        if not re.fullmatch(allowed, str(value))
    ]


# The Hub's values of card metadata, as far as our cards use them: docs/hub/repositories-licenses.md and datasetcard.md
# of huggingface/hub-docs.
_VALUES = {
    "license": r"apache-2\.0|mit|cc|cc0-1\.0|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-sa-[34]\.0|cc-by-nc-[234]\.0|"
    r"cc-by-nd-4\.0|cc-by-nc-nd-[34]\.0|cc-by-nc-sa-[234]\.0|odbl|odc-by|pddl|unknown|other",
    "license_name": r"[a-z0-9.-]+",
    "language": r"[a-z]{2,3}|code|multilingual",
    "task_categories": r"[a-z]+(-[a-z]+)*",
    "size_categories": r"n<1K|1K<n<10K|10K<n<100K|100K<n<1M|1M<n<10M",
    "annotations_creators": r"crowdsourced|expert-generated|found|machine-generated|no-annotation|other",
    "source_datasets": r"original|extended(\|.+)?",
    "tags": r"[^,]+",
}


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _below(commit: Commit, path: str, is_folder: bool) -> list[str]:
    found = [name for name in commit.files if (name.startswith(path.rstrip("/") + "/") if is_folder else name == path)]
    if not found:
        raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
    return found


def _pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _load(record: Path) -> Repository:
    values = json.loads(record.read_text(encoding="utf-8"))
    for commit in values["commits"].values():
        commit["files"] = {path: StoredFile(**file) for path, file in commit["files"].items()}
    values["commits"] = {sha: Commit(**commit) for sha, commit in values["commits"].items()}
    return Repository(**values)
