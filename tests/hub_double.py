"""
A Hub on this machine, for tests without network: an HTTP server that real clients cannot tell from the Hub.

huggingface_hub, datasets and transformers read `HF_ENDPOINT` when they are imported, so clients run in processes of
their own: `hub.run("print(...)")`. The server keeps everything in one folder (see `hub_storage`), logs every request,
checks every upload, and breaks on demand (`hub.faults`). Xet is switched off in the clients, as files travel by LFS.

By hand, `python -m tests.hub_double FOLDER` serves FOLDER and prints what a client has to set.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .hub_answers import Answer, HubAnswers, Request
from .hub_storage import HubError, Repository, Storage


REPO = Path(__file__).resolve().parents[1]


# Threads of pyarrow abort the shutdown of the interpreter now and then, after all is done.
_END = "\nimport os, sys; sys.stdout.flush(); os._exit(0)"


@dataclass
class Fault:
    """
    What goes wrong with the next `count` requests whose method and path (a regular expression, searched) fit.

    Args:
        status (`int`): Answer with this status; the request has no effect.
        cut_after (`int`): Cut the connection after so many bytes of the request's body, or of the answer's if the
            request has none.
        skip (`int`): Let so many requests that fit pass first.
        delay (`float`): Seconds to wait before the answer.
        corrupt (`bool`): Invert the first byte of the body that travels, so that its checksum is wrong.
    """

    path: str
    method: str = "PUT"
    count: int = 1
    status: int | None = None
    cut_after: int | None = None
    skip: int = 0
    delay: float = 0.0
    corrupt: bool = False

    def applies(self, method: str, path: str) -> bool:
        return self.count > 0 and self.method == method and re.search(self.path, path) is not None


@dataclass(frozen=True)
class LoggedRequest:
    """A request that arrived: who sent it, how many bytes, the status of the answer (0: the connection was cut)."""

    method: str
    path: str
    user: str | None
    num_bytes: int
    status: int


class HubDouble:
    """
    The server. A context manager: `with HubDouble(folder) as hub: hub.run("...")`.

    Args:
        folder (`Path`): Where everything is kept, the homes of the clients as well.
        port (`int`, *optional*, defaults to 0): Port, by default a free one.
    """

    def __init__(self, folder: Path, port: int = 0):
        self.folder = folder
        self.storage = Storage(folder / "hub")
        self.faults: list[Fault] = []
        self.log: list[LoggedRequest] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.answers = HubAnswers(self.storage, self.url)

    def __enter__(self) -> HubDouble:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client_environment(self, token: str | None = "hf_owner", home: str = "home") -> dict[str, str]:
        """Variables of a client process: this server, a token, and a cache of its own, `home`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        environment |= {
            "HF_ENDPOINT": self.url,
            "HF_HOME": os.fspath(self.folder / home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "NO_PROXY": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([os.fspath(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        return environment | ({"HF_TOKEN": token} if token else {})

    def start(
        self, *command: str | Path, token: str | None = "hf_owner", home: str = "home"
    ) -> subprocess.CompletedProcess:
        """Run a command as a client, to its end, whatever that is."""
        environment = self.client_environment(token, home)
        return subprocess.run(
            list(map(os.fspath, command)), env=environment, cwd=REPO, capture_output=True, text=True, timeout=300
        )

    def run(self, code: str, *arguments: str | Path, **options: Any) -> Any:
        """
        Run Python code as a client. `arguments` are its `sys.argv[1:]`; `options` are those of [`start`].

        Returns:
            The JSON value in the last line that the code prints; `None` if it prints nothing.

        Raises:
            `RuntimeError`: If it fails; with all that it wrote to stderr.
        """
        done = self.start(sys.executable, "-c", code + _END, *arguments, **options)
        if done.returncode:
            raise RuntimeError(f"the client failed:\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def requests(self, method: str, path: str, status: int = 200) -> list[LoggedRequest]:
        """Logged requests of a method whose path fits a regular expression and that got an answer of this status."""
        return [
            request
            for request in self.log
            if request.method == method and request.status == status and re.search(path, request.path)
        ]

    def repository(self, repo_id: str, kind: str = "datasets") -> Repository:
        return self.storage.repositories[kind, repo_id]

    def read(self, repo_id: str, path: str, kind: str = "datasets", revision: str = "main") -> bytes:
        """Content of a file in a repository."""
        repository = self.repository(repo_id, kind)
        return self.storage.read_blob(repository.commits[repository.commit_id(revision)].files[path].sha256)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets, if any."""
        with self._lock:
            for fault in self.faults:
                if fault.applies(method, path):
                    fault.skip, due = max(fault.skip - 1, 0), fault.skip == 0
                    fault.count -= due
                    if due:
                        return fault
            return None


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, has them answered, and breaks what a fault says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, hub: HubDouble, *arguments: Any):
        self.hub = hub
        super().__init__(*arguments)

    def _respond(self) -> None:
        url = urlsplit(self.path)
        fault = self.hub.take_fault(self.command, url.path) or Fault("")
        body = self._read_body(fault.cut_after)
        method = "GET" if self.command == "HEAD" else self.command
        request = Request(method, url.path, parse_qs(url.query), self.headers, body)
        status = 0
        if not (self._has_body and fault.cut_after is not None):
            time.sleep(fault.delay)
            status = self._send(self._answer(request, fault), fault)
        with self.hub._lock:
            self.hub.log.append(LoggedRequest(self.command, url.path, request.user, len(body), status))
        if status == 0:
            self.close_connection = True
            with suppress(OSError):  # the client may have gone first
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _respond

    @property
    def _has_body(self) -> bool:
        return "Transfer-Encoding" in self.headers or int(self.headers.get("Content-Length", 0)) > 0

    def _read_body(self, limit: int | None) -> bytes:
        if "Transfer-Encoding" not in self.headers:
            size = int(self.headers.get("Content-Length", 0))
            return self.rfile.read(size if limit is None else min(size, limit))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            if limit is not None and len(body) >= limit:
                return body[:limit]
        self.rfile.readline()
        return body

    def _answer(self, request: Request, fault: Fault) -> Answer:
        try:
            if fault.status is not None:
                raise HubError(fault.status, f"{fault.status} on demand")
            if fault.corrupt and request.body:
                request.body = bytes([request.body[0] ^ 0xFF]) + request.body[1:]
            answer = self.hub.answers.answer(request)
        except HubError as error:
            headers = {"X-Error-Message": str(error)} | ({"X-Error-Code": error.code} if error.code else {})
            return Answer(error.body, error.status, headers)
        if fault.corrupt and isinstance(answer.body, bytes) and answer.body:
            answer.body = bytes([answer.body[0] ^ 0xFF]) + answer.body[1:]
        return answer

    def _send(self, answer: Answer, fault: Fault) -> int:
        is_bytes = isinstance(answer.body, bytes)
        body = answer.body if is_bytes else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "X-Request-Id": "double"} | answer.headers
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, " ".join(value.split()).encode("ascii", "replace").decode())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: fault.cut_after])
        return answer.status if fault.cut_after is None else 0

    def log_message(self, *_: object) -> None:
        """Requests go to `hub.log`, not to stderr."""


def _serve(folder: Path) -> None:
    with HubDouble(folder) as hub:
        variables = hub.client_environment()
        print("\n".join(f"export {name}={variables[name]}" for name in sorted(variables) if name.startswith("HF_")))
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]).resolve())
