"""Promises of the header index: nothing is read twice, nothing stale is believed, a torn journal is no harm."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from hf_emotion.data import header_index
from hf_emotion.data.archive import header_duration
from hf_emotion.data.header_index import FileState, journal_path, read_durations

from .fake_audio import write_noise


@pytest.fixture
def files(tmp_path):
    """Ten files of 0.1 s, 0.2 s, ... 1.0 s."""
    paths = [write_noise(tmp_path / "audio" / f"{number:02d}.wav", number / 10) for number in range(1, 11)]
    return [FileState.of(str(path)) for path in paths]


@pytest.fixture
def headers_read(monkeypatch):
    """Paths whose headers were read, in order."""
    read = []

    def duration(path):
        read.append(path)
        return header_duration(path)

    monkeypatch.setattr(header_index, "header_duration", duration)
    return read


DURATIONS = [number / 10 for number in range(1, 11)]


def test_durations_come_in_the_order_of_the_files(files, tmp_path):
    assert read_durations(files, tmp_path / "journal.jsonl") == DURATIONS
    assert read_durations(files[::-1], tmp_path / "journal.jsonl") == DURATIONS[::-1]


def test_a_header_is_read_once_and_its_duration_is_the_same_to_the_last_bit(files, tmp_path, headers_read):
    write_noise(tmp_path / "third.wav", seconds=1 / 3, sampling_rate=22_050)
    files = [*files, FileState.of(str(tmp_path / "third.wav"))]
    first = read_durations(files, tmp_path / "journal.jsonl")
    assert sorted(headers_read) == sorted(file.path for file in files)
    assert read_durations(files, tmp_path / "journal.jsonl") == first
    assert len(headers_read) == len(files)


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_has_changed_is_read_again(files, tmp_path, headers_read, change):
    read_durations(files, tmp_path / "journal.jsonl")
    headers_read.clear()
    path = tmp_path / "audio" / "03.wav"
    if change == "size":
        state = path.stat()
        write_noise(path, seconds=2)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    else:
        os.utime(path, ns=(0, 0))
    files[2] = FileState.of(str(path))
    durations = read_durations(files, tmp_path / "journal.jsonl")
    assert headers_read == [str(path)]
    assert durations[2] == (2 if change == "size" else 0.3)


def test_broken_and_absent_files_have_no_duration_and_are_tried_again(files, tmp_path, headers_read):
    (tmp_path / "broken.wav").write_bytes(b"RIFF but not really")
    broken = FileState.of(str(tmp_path / "broken.wav"))
    absent = FileState.of(str(tmp_path / "absent.wav"))
    assert absent == (str(tmp_path / "absent.wav"), None, None)
    for _ in range(2):
        headers_read.clear()
        assert read_durations([broken, files[0], absent], tmp_path / "journal.jsonl") == [None, 0.1, None]
    assert headers_read == [broken.path, absent.path]
    assert (tmp_path / "journal.jsonl").read_text().count(".wav") == 1


def test_nothing_is_opened_for_writing_when_everything_is_known(files, tmp_path):
    journal = tmp_path / "journal.jsonl"
    read_durations(files, journal)
    before = journal.stat().st_mtime_ns, journal.read_bytes()
    journal.chmod(0o400)
    read_durations(files[:3], journal)
    assert (journal.stat().st_mtime_ns, journal.read_bytes()) == before


@pytest.mark.parametrize("torn", [b"", b"[", b'["/a/b.wav", 12', b'\n"four"\n12\nnull\n{"a": 1}\n', b"\xff\xfe\x00"])
def test_a_torn_or_foreign_end_of_the_journal_costs_nothing_but_that_line(files, tmp_path, headers_read, torn):
    journal = tmp_path / "journal.jsonl"
    read_durations(files[:5], journal)
    with journal.open("ab") as lines:
        lines.write(torn)
    headers_read.clear()
    assert read_durations(files, journal) == DURATIONS
    assert sorted(headers_read) == [file.path for file in files[5:]]
    headers_read.clear()
    assert read_durations(files, journal) == DURATIONS
    assert headers_read == []


def test_a_cut_last_line_is_read_again(files, tmp_path, headers_read):
    journal = tmp_path / "journal.jsonl"
    read_durations(files, journal, num_threads=1)
    journal.write_bytes(journal.read_bytes()[:-5])
    headers_read.clear()
    assert read_durations(files, journal) == DURATIONS
    assert headers_read == [files[-1].path]


def test_headers_are_read_by_as_many_threads_as_asked_for(files, tmp_path, monkeypatch):
    both_inside = threading.Barrier(2, timeout=20)

    def duration(path):
        both_inside.wait()  # only if two threads are at it at the same time
        return 1.0

    monkeypatch.setattr(header_index, "_FILES_PER_CHUNK", 1)
    monkeypatch.setattr(header_index, "header_duration", duration)
    assert read_durations(files, tmp_path / "journal.jsonl", num_threads=2) == [1.0] * 10


def test_what_was_read_before_an_error_is_kept(files, tmp_path, monkeypatch, headers_read):
    monkeypatch.setattr(header_index, "_FILES_PER_CHUNK", 2)
    counted = header_index.header_duration

    def failing(path):
        if path == files[7].path:
            raise KeyboardInterrupt
        return counted(path)

    monkeypatch.setattr(header_index, "header_duration", failing)
    with pytest.raises(KeyboardInterrupt):
        read_durations(files, tmp_path / "journal.jsonl", num_threads=1)
    monkeypatch.setattr(header_index, "header_duration", counted)
    headers_read.clear()
    assert read_durations(files, tmp_path / "journal.jsonl") == DURATIONS
    assert {files[6].path, files[7].path} <= set(headers_read) <= {file.path for file in files[6:]}


def test_journals_of_different_corpora_and_folders_do_not_meet(tmp_path):
    paths = {journal_path(tmp_path, name, root) for name in ("emodb", "tess") for root in ("/a", "/b")}
    assert len(paths) == 4
    assert {path.parent for path in paths} == {tmp_path / "hf_emotion_headers"}


# A process that reads 2,000 headers; as "killed" it kills itself when it reads header number 1,500.
PROCESS = """
import os, signal, sys
from pathlib import Path
from hf_emotion.data import header_index
from hf_emotion.data.header_index import FileState, read_durations

folder, journal, role = sys.argv[1:]
count, read = 0, header_index.header_duration
def duration(path):
    global count
    count += 1
    if role == "killed" and count == 1500:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
header_index.header_duration = duration
files = [FileState.of(str(path)) for path in sorted(Path(folder).iterdir())]
durations = read_durations(files, Path(journal), num_threads=1 if role == "killed" else 4)
print(count, len(durations), sum(durations))
"""


@pytest.fixture
def two_thousand(tmp_path):
    content = write_noise(tmp_path / "one.wav", seconds=0.5).read_bytes()
    (tmp_path / "many").mkdir()
    for number in range(2000):
        (tmp_path / "many" / f"{number:04d}.wav").write_bytes(content)
    return tmp_path / "many"


def process(folder, journal, role):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(folder), str(journal), role], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_is_resumed_where_it_was(two_thousand, tmp_path):
    killed = process(two_thousand, tmp_path / "journal.jsonl", "killed")
    assert killed.wait(timeout=120) == -signal.SIGKILL
    resumed = process(two_thousand, tmp_path / "journal.jsonl", "resumed")
    num_read, num_files, seconds = resumed.communicate(timeout=120)[0].split()
    assert (int(num_files), float(seconds)) == (2000, 1000.0)
    assert 500 <= int(num_read) <= 1000  # at most the two chunks that were not in the journal yet are read again


def test_two_processes_may_read_the_same_corpus_at_once(two_thousand, tmp_path):
    journal = tmp_path / "journal.jsonl"
    both = [process(two_thousand, journal, "alone") for _ in range(2)]
    for one in both:
        assert one.communicate(timeout=120)[0].split()[1:] == ["2000", "1000.0"]
    entries = [json.loads(line) for line in journal.read_text().splitlines() if line]
    assert {entry[0] for entry in entries} == {str(path) for path in two_thousand.iterdir()}
    assert all(len(entry) == 4 and entry[3] == 0.5 for entry in entries)
