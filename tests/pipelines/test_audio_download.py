"""Promises of downloads: sound from any server that has it, and one sentence about those that have not."""

import contextlib
import http.server
import io
import threading

import numpy as np
import pytest
import soundfile

from hf_emotion.pipelines import audio_download
from hf_emotion.pipelines.audio_decoding import load_audio, open_audio


RATE = 16_000


def file_of() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, RATE), RATE, format="WAV")
    return file.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by the path: a file, its parts too late, errors, and a page."""

    def do_GET(self):
        status = int(self.path[1:4]) if self.path[1:4].isdigit() else 200
        content, content_type = (b"<html>", "text/html") if "page" in self.path else (file_of(), "audio/wav")
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/clip.wav")
        self.send_header("Content-Type", content_type)
        if "endless" not in self.path:
            self.send_header("Content-Length", str(10**12 if "huge" in self.path else len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            while "endless" in self.path:
                self.wfile.write(bytes(2**16))
            if "huge" not in self.path:
                self.wfile.write(content[: 100 if "cut" in self.path else None])
            if "slow" in self.path:
                self.server.stopped.wait(5)

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    running.stopped = threading.Event()
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.stopped.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["clip.wav", "302.wav", "endpoint?id=1&token=x"])
def test_addresses_are_downloaded(server, path):
    np.testing.assert_array_equal(load_audio(f"{server}/{path}"), load_audio(file_of()))
    np.testing.assert_array_equal(load_audio({"path": f"{server}/{path}", "bytes": None}), load_audio(file_of()))
    with open_audio(f"{server.upper()}/{path}", mono=True) as reader:
        assert sum(block.shape[1] for block in reader.blocks()) == RATE


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("404.wav", FileNotFoundError, "No such audio file: .*404.wav"),
        ("403.wav", ValueError, "403.wav cannot be downloaded: the server answers 403 Forbidden"),
        ("500.wav", ValueError, "the server answers 500"),
        ("page.wav", ValueError, "cannot read .*page.wav .*The server sent a web page.*/resolve/"),
        ("huge.wav", ValueError, "huge.wav is larger than 1 MiB"),
        ("endless.wav", ValueError, "endless.wav is larger than 1 MiB"),
        ("cut.wav", ValueError, "cut.wav cannot be downloaded: RemoteProtocolError"),
    ],
)
def test_servers_that_give_no_audio_are_told_of(server, monkeypatch, path, error, message):
    monkeypatch.setattr(audio_download, "MAX_BYTES", 2**20)
    with pytest.raises(error, match=message):
        load_audio(f"{server}/{path}")


def test_servers_that_are_too_slow_are_given_up(server, monkeypatch):
    monkeypatch.setattr(audio_download, "_ANSWER_SECONDS", 0.2)
    with pytest.raises(ValueError, match="slow_page.wav|cannot be downloaded: ReadTimeout"):
        load_audio(f"{server}/slow_cut.wav")
    monkeypatch.setattr(audio_download, "_DOWNLOAD_SECONDS", -1.0)
    with pytest.raises(ValueError, match="takes longer than"):
        load_audio(f"{server}/clip.wav")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/clip.wav", "http://", "http://[x/clip.wav"])
def test_addresses_that_lead_nowhere_are_told_of(monkeypatch, address):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ValueError, match="cannot be downloaded"):
        load_audio(address)


def test_nothing_is_downloaded_in_offline_mode():
    with pytest.raises(ValueError, match="offline mode is enabled"):
        load_audio("http://127.0.0.1:9/clip.wav")
