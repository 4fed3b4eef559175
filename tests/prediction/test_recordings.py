"""Which recordings a user means."""

import io
import os

import pytest

from hf_emotion.prediction.recordings import find_recordings, gender_of, is_audio_content


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rec/b.wav", "rec/a.FLAC", "rec/deep/a.mp3", "rec/notes.txt", "rec/.hidden.wav", "rec/.git/x.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(*sources, stdin=None):
    return [recording.name for recording in find_recordings(sources, None if stdin is None else io.BytesIO(stdin))]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["rec"], ["rec/a.FLAC", "rec/b.wav", "rec/deep/a.mp3"]),
        (["rec/"], ["rec/a.FLAC", "rec/b.wav", "rec/deep/a.mp3"]),
        (["rec/b.wav", "rec"], ["rec/b.wav", "rec/a.FLAC", "rec/deep/a.mp3"]),
        (["rec/notes.txt"], ["rec/notes.txt"]),  # a file that is named is taken, whatever it is
        (["absent.wav"], ["absent.wav"]),
        (["rec/*.wav"], ["rec/b.wav"]),
        (["rec/*"], ["rec/a.FLAC", "rec/b.wav", "rec/deep/a.mp3"]),
        (["rec/**"], ["rec/a.FLAC", "rec/b.wav", "rec/deep/a.mp3"]),
        (["**/a.*"], ["rec/a.FLAC", "rec/deep/a.mp3"]),
        (["re[abc]/?.wav"], ["rec/b.wav"]),
        (["https://host/a.wav?x=*"], ["https://host/a.wav?x=*"]),
    ],
)
def test_sources_and_their_order(folder, sources, expected):
    assert names(*sources) == expected


@pytest.mark.parametrize("source", ["rec/deep/*.wav", "rec/[x]"])
def test_a_pattern_without_audio_is_an_error(folder, source):
    with pytest.raises(ValueError, match="No audio file matches"):
        names(source)


def test_a_folder_without_audio_is_an_error(folder):
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no audio file in empty .*\.wav"):
        names("empty")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "a[1].wav").write_bytes(b"x")
    assert names("a[1].wav") == ["a[1].wav"]


def test_links_to_folders_are_followed_once(folder):
    (folder / "linked").mkdir()
    (folder / "linked" / "rec").symlink_to(folder / "rec")
    (folder / "rec" / "loop").symlink_to(folder)
    found = names("linked")
    assert found[:2] == ["linked/rec/a.FLAC", "linked/rec/b.wav"]
    assert len(found) == 3


def test_size_and_time_of_files_are_known(folder):
    [recording] = find_recordings(["rec/b.wav"])
    assert (recording.num_bytes, recording.modified_ns) == (1, os.stat("rec/b.wav").st_mtime_ns)
    [missing] = find_recordings(["absent.wav"])
    assert missing.num_bytes is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,label\nb.wav,joy\ndeep/a.mp3,\n"),
        ("list.jsonl", '{"path": "b.wav"}\n{"path": "deep/a.mp3"}'),
    ],
)
def test_a_manifest_names_files_relative_to_it(folder, name, text):
    (folder / "rec" / name).write_text(text)
    found = find_recordings([f"rec/{name}"])
    assert [recording.name for recording in found] == ["rec/b.wav", "rec/deep/a.mp3"]
    assert [recording.identifier for recording in found] == ["b", "deep/a"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "file\nb.wav\n", "Row 1 of .* has no `path`"),
        ("list.csv", "path\n", "has no rows"),
        ("list.jsonl", "no json", "cannot be read as a list"),
        ("list.jsonl", "[1]", "Row 1 of .* has no `path`"),
    ],
)
def test_a_wrong_manifest_is_an_error(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        names(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,gender\nb.wav,female\na.FLAC,\ndeep/a.mp3, male \n"),
        ("list.jsonl", '{"path": "b.wav", "gender": "female"}\n{"path": "a.FLAC", "gender": null}\n'
                       '{"path": "deep/a.mp3", "gender": "male"}\n'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [[], ["rec"]])
def test_a_manifest_says_the_gender_whatever_names_the_file_first(folder, name, text, before):
    (folder / "rec" / name).write_text(text)
    found = {recording.name: gender_of(recording) for recording in find_recordings([*before, f"rec/{name}"])}
    assert found == {"rec/b.wav": "female", "rec/a.FLAC": None, "rec/deep/a.mp3": "male"}


def test_the_first_gender_of_a_recording_counts(folder):
    (folder / "list.csv").write_text("path,gender\nrec/b.wav,\nrec/b.wav,male\nrec/b.wav,female\n")
    [recording] = find_recordings(["list.csv"])
    assert (gender_of(recording), recording.row) == ("male", 2)


@pytest.mark.parametrize("value", ["F", "Female", "child"])
def test_words_that_models_do_not_know_are_refused_when_they_matter(folder, value):
    (folder / "list.csv").write_text(f"path,gender\nrec/a.FLAC,male\nrec/b.wav,{value}\n")
    first, second = find_recordings(["list.csv"])
    assert gender_of(first) == "male"
    with pytest.raises(ValueError, match=f"Row 2 .*rec/b.wav has the gender '{value}'.* Write female or male"):
        gender_of(second)


@pytest.mark.parametrize(
    "stdin",
    [b"rec/b.wav\nhttps://host/c.wav\n", b"rec/b.wav\r\nhttps://host/c.wav", b"rec/b.wav\0https://host/c.wav\0"],
)
def test_standard_input_may_be_a_list(folder, stdin):
    assert names("-", stdin=stdin) == ["rec/b.wav", "https://host/c.wav"]


def test_paths_with_newlines_survive_null_separation(folder):
    assert names("-", stdin=b"a\nb.wav\0c.wav\0") == ["a\nb.wav", "c.wav"]


def test_paths_that_are_not_utf_8_are_kept(folder):
    [recording] = find_recordings(["-"], io.BytesIO(b"caf\xe9.wav\n"))
    assert os.fsencode(recording.audio) == b"caf\xe9.wav"


def test_standard_input_may_be_audio():
    content = b"RIFF\xff\xff\xff\xffWAVEfmt "
    [recording] = find_recordings(["-"], io.BytesIO(content))
    assert (recording.name, recording.audio, recording.identifier) == ("stdin", content, "stdin")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"\n \n", "is empty"), (b"\x01\x00\x02\x00" * 9, "neither")]
)
def test_other_standard_input_is_an_error(content, message):
    with pytest.raises(ValueError, match=message):
        names("-", stdin=content)


def test_standard_input_must_be_there():
    with pytest.raises(ValueError, match="standard input, of which there is none"):
        names("-")


@pytest.mark.parametrize(
    "content",
    [b"fLaC\0\0\0\x22", b"OggS\0\2", b"FORM\0\0\0\x10AIFF", b"ID3\4\0", b"\xff\xfb\x90", b"\0\0\0\x20ftypM4A "],
)
def test_audio_is_known_by_its_first_bytes(content):
    assert is_audio_content(content)


@pytest.mark.parametrize("content", [b"FORMs/a.wav", b"OggSounds/a.ogg", b"ID3/a.mp3", b"/data/a.wav", b""])
def test_paths_are_not_taken_for_audio(content):
    assert not is_audio_content(content)


def identifiers(*sources):
    return [recording.identifier for recording in find_recordings(sources)]


def test_identifiers_are_short_unless_that_would_be_ambiguous(folder):
    assert identifiers("rec") == ["a", "b", "deep/a"]
    assert identifiers("rec/a.FLAC", "rec/b.wav") == ["a", "b"]
    assert identifiers("rec/deep/*.mp3") == ["a"]
    assert identifiers("rec/a.FLAC", "rec/deep/a.mp3", "rec/b.wav") == ["rec/a", "rec/deep/a", "b"]
    (folder / "rec" / "a.wav").write_bytes(b"x")
    assert identifiers("rec/a.FLAC", "rec/a.wav") == ["rec/a.FLAC", "rec/a.wav"]


@pytest.mark.parametrize("source", ["../../etc/a.wav", "/etc/a.wav", "https://host/../a.wav"])
def test_identifiers_stay_below_a_folder(folder, source):
    (folder / "list.csv").write_text(f"path\n{source}\n")
    for recording in find_recordings([source, "list.csv"]):
        assert not recording.identifier.startswith("/")
        assert ".." not in recording.identifier.split("/")
