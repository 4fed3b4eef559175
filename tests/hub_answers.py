"""What a Hub answers to huggingface_hub, datasets and transformers, path by path. See `hub_double`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote

from .hub_storage import HubError, Repository, Storage, StoredFile, card_metadata, card_problems, is_lfs_path


OWNER = "user"
TOKENS = {"hf_owner": OWNER, "hf_stranger": "stranger"}


@dataclass
class Answer:
    """An answer: JSON unless the body is bytes."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """A request; `names` are the named parts of its path."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    names: dict[str, str | None] = field(default_factory=dict)

    @property
    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    @property
    def user(self) -> str | None:
        return TOKENS.get(self.token or "")

    @property
    def revision(self) -> str:
        return self.names["revision"] or "main"

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def flag(self, name: str) -> bool:
        return self.query.get(name, ["false"])[0].lower() in ("true", "1")


class HubAnswers:
    """One method per path of the API, found through `_ROUTES`."""

    def __init__(self, storage: Storage, url: str):
        self.storage, self.url = storage, url

    def answer(self, request: Request) -> Answer:
        """
        What the Hub says to a request.

        Raises:
            `HubError`: The request is refused.
        """
        if request.token is not None and request.user is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        for method, pattern, name in _ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and request.method == method:
                request.names = {name: value and unquote(value) for name, value in match.groupdict().items()}
                return getattr(self, name)(request)
        raise HubError(404, f"The double has no {request.method} {request.path}")

    def _opened(self, request: Request, write: bool = False) -> Repository:
        """The repository that a request is about, if its sender may see it, or write to it."""
        kind, repo_id = (request.names["kind"] or "models").rstrip("/"), request.names["repo_id"] or ""
        repository, owner = self.storage.repositories.get((kind, repo_id)), repo_id.split("/")[0]
        if repository is None or (repository.private and request.user != owner):
            if request.user is None:
                raise HubError(401, "Invalid username or password.", "RepoNotFound")
            raise HubError(404, "Repository not found", "RepoNotFound")
        if write and request.user is None:
            raise HubError(401, "Invalid username or password.")
        if write and request.user != owner:
            raise HubError(403, "Forbidden: you don't have write access to this repository")
        return repository

    def whoami(self, request: Request) -> Answer:
        if request.user is None:
            raise HubError(401, "Invalid username or password.")
        token = {"displayName": "test", "role": "write"}
        return Answer(
            {"type": "user", "name": request.user, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
        )

    def create_repository(self, request: Request) -> Answer:
        values = request.json()
        if request.user is None:
            raise HubError(401, "Invalid username or password.")
        if values.get("type") == "space" and not values.get("sdk"):
            raise HubError(400, "A Space needs an sdk")
        owner = values.get("organization") or request.user
        if owner != request.user:
            raise HubError(403, f"You don't have the rights to create a repository under the namespace {owner!r}")
        kind, repo_id = f"{values.get('type', 'model')}s", f"{owner}/{values['name']}"
        url = f"{self.url}/{'' if kind == 'models' else kind + '/'}{repo_id}"
        if (kind, repo_id) in self.storage.repositories:
            raise HubError(409, "You already created this repository", url=url)
        self.storage.create(kind, repo_id, values.get("visibility") == "private", request.user)
        return Answer({"url": url, "name": repo_id, "id": repo_id})

    def delete_repository(self, request: Request) -> Answer:
        values = request.json()
        name = f"{values.get('organization') or request.user}/{values['name']}"
        request.names = {"kind": f"{values.get('type', 'model')}s", "repo_id": name}
        self.storage.delete(self._opened(request, write=True))
        return Answer()

    def change_settings(self, request: Request) -> Answer:
        repository = self._opened(request, write=True)
        values = request.json()
        if "visibility" in values or "private" in values:
            repository.private = values.get("visibility") == "private" or bool(values.get("private"))
        self.storage.save(repository)
        return Answer({"private": repository.private})

    def info(self, request: Request) -> Answer:
        repository = self._opened(request)
        sha = repository.commit_id(request.revision)
        history = repository.history(sha)
        files = history[0][1].files
        card = self.storage.read_blob(files["README.md"].sha256).decode() if "README.md" in files else ""
        metadata = card_metadata(card)
        info: dict[str, Any] = {
            "_id": hashlib.md5(repository.repo_id.encode()).hexdigest()[:24],
            "id": repository.repo_id,
            "author": repository.repo_id.split("/")[0],
            "sha": sha,
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "createdAt": history[-1][1].date,
            "lastModified": history[0][1].date,
            "tags": _tags(metadata),
            "siblings": [
                {"rfilename": path} | (_blob(file) if request.flag("blobs") else {}) for path, file in files.items()
            ],
        }
        if repository.kind == "models":
            info |= {name: metadata[name] for name in ("pipeline_tag", "library_name") if name in metadata}
            info["modelId"] = repository.repo_id
        return Answer(info | ({"cardData": metadata} if metadata else {}))

    def tree(self, request: Request) -> Answer:
        repository = self._opened(request)
        commit = repository.commits[repository.commit_id(request.revision)]
        top = request.names["path"] or ""
        if top in commit.files:
            return Answer([{"path": top, **commit.files[top].describe()}])
        entries = _entries(commit.files, f"{top}/" if top else "", request.flag("recursive"))
        if top and not entries:
            raise HubError(404, f"{top} does not exist on {request.names['revision']!r}", "EntryNotFound")
        return Answer(entries)

    def paths_info(self, request: Request) -> Answer:
        repository = self._opened(request)
        commit = repository.commits[repository.commit_id(request.revision)]
        is_json = "json" in request.headers.get("Content-Type", "")
        paths = request.json()["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
        listed = {entry["path"]: entry for entry in _entries(commit.files, "", recursive=True)}
        return Answer([listed[path] for path in paths if path in listed])

    def refs(self, request: Request) -> Answer:
        repository = self._opened(request)
        branches = [_ref("heads", name, sha) for name, sha in repository.branches.items()]
        tags = [_ref("tags", name, sha) for name, sha in repository.tags.items()]
        return Answer({"branches": branches, "tags": tags, "converts": []})

    def add_ref(self, request: Request) -> Answer:
        repository, values = self._opened(request, write=True), request.json()
        is_branch = request.names["what"] == "branch"
        name = request.names["name"] if is_branch else values["tag"]
        start = values.get("startingPoint", "main") if is_branch else request.names["name"]
        refs = repository.branches if is_branch else repository.tags
        if name in refs:
            raise HubError(409, f"Reference {name} already exists")
        refs[name] = repository.commit_id(start)
        self.storage.save(repository)
        return Answer()

    def delete_ref(self, request: Request) -> Answer:
        repository = self._opened(request, write=True)
        refs = repository.branches if request.names["what"] == "branch" else repository.tags
        if refs.pop(request.names["name"] or "", None) is None:
            raise HubError(404, f"There is no {request.names['what']} {request.names['name']}", "RevisionNotFound")
        self.storage.save(repository)
        return Answer()

    def commits(self, request: Request) -> Answer:
        history = self._opened(request).history(request.revision)
        keys = ("title", "message", "date")
        return Answer(
            [
                {"id": sha, "authors": [{"user": commit.author}]}
                | dict(zip(keys, (commit.message, commit.description, commit.date), strict=True))
                for sha, commit in history
            ],
            headers={"X-Total-Count": str(len(history))},
        )

    def preupload(self, request: Request) -> Answer:
        repository = self._opened(request, write=True)
        present = repository.commits[repository.commit_id(request.revision)].files
        answers = []
        for file in request.json()["files"]:
            mode = "lfs" if is_lfs_path(file["path"], file["size"]) else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
            if file["path"] in present:
                answers[-1]["oid"] = present[file["path"]].etag
        return Answer({"files": answers})

    def lfs_batch(self, request: Request) -> Answer:
        repository = self._opened(request, write=True)
        objects = []
        for wanted in request.json()["objects"]:
            entry = {"oid": wanted["oid"], "size": wanted["size"]}
            if not self.storage.has_blob(wanted["oid"]):
                href = f"{self.url}/lfs/{repository.kind}/{repository.repo_id}/{wanted['oid']}"
                upload = {"href": f"{href}?size={wanted['size']}"}
                entry["actions"] = {"upload": upload, "verify": {"href": f"{href}/verify"}}
            objects.append(entry)
        return Answer(
            {"transfer": "basic", "objects": objects}, headers={"Content-Type": "application/vnd.git-lfs+json"}
        )

    def lfs_upload(self, request: Request) -> Answer:
        found, expected = len(request.body), int(request.query["size"][0])
        if found != expected or hashlib.sha256(request.body).hexdigest() != request.names["oid"]:
            raise HubError(400, f"The {found} bytes that arrived are not the object {request.names['oid']}")
        self.storage.add_blob(request.body)
        return Answer()

    def lfs_verify(self, request: Request) -> Answer:
        self._opened(request, write=True)
        if not self.storage.has_blob(request.names["oid"] or ""):
            raise HubError(404, f"The object {request.names['oid']} was not uploaded")
        return Answer()

    def commit(self, request: Request) -> Answer:
        repository = self._opened(request, write=True)
        lines = [json.loads(line) for line in request.body.splitlines() if line]
        sha = self.storage.commit(repository, request.revision, str(request.user), lines)
        prefix = "" if repository.kind == "models" else f"{repository.kind}/"
        url = f"{self.url}/{prefix}{repository.repo_id}/commit/{sha}"
        return Answer({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    def resolve(self, request: Request) -> Answer:
        repository = self._opened(request)
        sha = repository.commit_id(request.revision)
        file = repository.commits[sha].files.get(request.names["path"] or "")
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if file is None:
            error = HubError(404, "Entry not found", "EntryNotFound")
            return Answer(error.body, error.status, headers | {"X-Error-Code": "EntryNotFound"})
        headers |= {"ETag": f'"{file.etag}"', "Content-Type": "application/octet-stream"}
        content = self.storage.read_blob(file.sha256)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted is None:
            return Answer(content, headers=headers)
        start, end = int(wanted[1]), min(int(wanted[2] or file.size - 1), file.size - 1)
        if start >= file.size:
            return Answer(b"", 416, headers | {"Content-Range": f"bytes */{file.size}"})
        return Answer(content[start : end + 1], 206, headers | {"Content-Range": f"bytes {start}-{end}/{file.size}"})

    def validate_card(self, request: Request) -> Answer:
        problems = card_problems(request.json()["content"])
        return Answer({"errors": [{"message": text} for text in problems], "warnings": []}, 400 if problems else 200)


def _tags(metadata: Mapping[str, Any]) -> list[str]:
    tags = list(metadata.get("tags") or [])
    for key in ("task_categories", "language", "license", "size_categories"):
        value = metadata.get(key)
        values = value if isinstance(value, list) else [] if value is None else [value]
        tags += [item if key == "language" else f"{key}:{item}" for item in values]
    return tags


def _blob(file: StoredFile) -> dict[str, Any]:
    described = file.describe()
    blob = {"blobId": file.git_id, "size": file.size}
    if file.is_lfs:
        lfs = described["lfs"]
        blob["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
    return blob


def _entries(files: Mapping[str, StoredFile], prefix: str, recursive: bool) -> list[dict[str, Any]]:
    found = {}
    for path, file in files.items():
        if path.startswith(prefix):
            parts = path[len(prefix) :].split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folder = prefix + "/".join(parts[:depth])
                git_id = hashlib.sha1(folder.encode()).hexdigest()
                found[folder] = {"type": "directory", "oid": git_id, "size": 0, "path": folder}
            if recursive or len(parts) == 1:
                found[path] = {"path": path, **file.describe()}
    return [found[path] for path in sorted(found)]


def _ref(kind: str, name: str, sha: str) -> dict[str, str]:
    return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}


_API = r"/api/(?P<kind>models|datasets|spaces)/(?P<repo_id>[^/]+/[^/]+)"
_FILES = r"/(?P<kind>(?:datasets|spaces)/)?(?P<repo_id>[^/]+/[^/]+?)"
_OBJECT = r"/lfs/(?P<kind>models|datasets|spaces)/(?P<repo_id>[^/]+/[^/]+)/(?P<oid>[0-9a-f]{64})"
_REVISION = r"/(?P<revision>[^/]+)"
_ROUTES: list[tuple[str, str, str]] = [
    ("GET", "/api/whoami-v2", "whoami"),
    ("POST", "/api/repos/create", "create_repository"),
    ("DELETE", "/api/repos/delete", "delete_repository"),
    ("POST", "/api/validate-yaml", "validate_card"),
    ("PUT", rf"{_API}/settings", "change_settings"),
    ("GET", rf"{_API}(?:/revision{_REVISION})?", "info"),
    ("GET", rf"{_API}/tree{_REVISION}(?:/(?P<path>.+))?", "tree"),
    ("POST", rf"{_API}/paths-info{_REVISION}", "paths_info"),
    ("GET", rf"{_API}/refs", "refs"),
    ("GET", rf"{_API}/commits{_REVISION}", "commits"),
    ("POST", rf"{_API}/(?P<what>branch|tag)/(?P<name>[^/]+)", "add_ref"),
    ("DELETE", rf"{_API}/(?P<what>branch|tag)/(?P<name>[^/]+)", "delete_ref"),
    ("POST", rf"{_API}/preupload{_REVISION}", "preupload"),
    ("POST", rf"{_API}/commit{_REVISION}", "commit"),
    ("POST", rf"{_FILES}\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", _OBJECT, "lfs_upload"),
    ("POST", rf"{_OBJECT}/verify", "lfs_verify"),
    ("GET", rf"{_FILES}/resolve{_REVISION}/(?P<path>.+)", "resolve"),
]
