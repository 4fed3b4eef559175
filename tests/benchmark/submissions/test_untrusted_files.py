"""Reading files of strangers: plain files only, of bounded size, with problems as safe text."""

import os

import pytest

from hf_emotion.benchmark.submissions import untrusted_files
from hf_emotion.benchmark.submissions.untrusted_files import (
    SubmissionError,
    read_untrusted,
    read_untrusted_lines,
    shown,
    untrusted_entries,
)


def test_a_file_of_the_allowed_size_is_read_and_a_larger_one_is_not(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_untrusted(path, 5) == b"12345"
    with pytest.raises(SubmissionError, match=r"'file' has 5 bytes, of which no such file needs more than 4\."):
        read_untrusted(path, 4)


def test_a_file_of_a_terabyte_is_refused_without_being_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SubmissionError, match="has 1,099,511,627,776 bytes"):
        read_untrusted(path, 1000)


def test_links_are_refused_even_to_a_file_that_could_be_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(SubmissionError, match="'link' is a link"):
        read_untrusted(tmp_path / "link", 100)
    with pytest.raises(SubmissionError, match="'folder' is no folder, or a link"):
        untrusted_entries(tmp_path / "folder")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SubmissionError, match="'pipe' is no plain file"):
        read_untrusted(tmp_path / "pipe", 100)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(SubmissionError, match="cannot be read|is no plain file"):
        read_untrusted(tmp_path, 100)
    with pytest.raises(SubmissionError, match="'none' cannot be read: No such file"):
        read_untrusted(tmp_path / "none", 100)


def test_lines_end_at_line_feeds_only_and_a_mark_of_byte_order_is_no_text(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes("\ufeffa\x0bb\u2028c\r\nd\n".encode())
    assert read_untrusted_lines(path, 100) == ["a\x0bb\u2028c", "d"]
    path.write_bytes(b"")
    assert read_untrusted_lines(path, 100) == []


def test_bytes_that_are_no_utf_8_are_named_with_their_line(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes("eins\nfünf\n".encode("latin-1"))
    with pytest.raises(SubmissionError, match="'latin1.txt', line 2: the byte 0xfc is not UTF-8"):
        read_untrusted_lines(path, 100)


def test_a_folder_with_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted_files, "MAX_FILES", 2)
    for name in "cab":
        (tmp_path / name).touch()
    with pytest.raises(SubmissionError, match="holds more than 2 files"):
        untrusted_entries(tmp_path)
    (tmp_path / "c").unlink()
    assert [entry.name for entry in untrusted_entries(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize("value", ["\x1b[2Jgone", "a\nb", "\u202egnp.exe", "\ud800", "\x00", b"\xff\n", "x" * 10**6])
def test_what_is_shown_is_one_printable_line(value):
    text = shown(value)
    assert text.isprintable()
    assert len(text) < 100


def test_a_message_lists_a_hundred_problems_and_counts_the_others():
    error = SubmissionError(f"number {number}" for number in range(150))
    assert len(error.problems) == 150
    lines = str(error).splitlines()
    assert lines[0] == "Refused, 150 problem(s):"
    assert lines[-2:] == ["- number 99", "- and 50 more"]
