"""Promises of matching listed names to utterances: the right one, or none, or an error; never a wrong one."""

import pytest

from hf_emotion.data.splits.utterance_matching import match_utterances


IDS = ["1001_DFA_ANG_XX", "1002_DFA_ANG_XX", "03-01-05-01-01-01-01"]


@pytest.mark.parametrize(
    "listed",
    [
        "1002_DFA_ANG_XX",
        "1002_DFA_ANG_XX.wav",
        "1002_DFA_ANG_XX.FLAC",
        "1002_DFA_ANG_XX.mp4",
        "downloads/cremad/AudioWAV/1002_DFA_ANG_XX.wav",
        r"downloads\cremad\AudioWAV\1002_DFA_ANG_XX.wav",
        "./1002_DFA_ANG_XX.wav",
    ],
)
def test_ids_file_names_and_paths_are_understood(listed):
    assert match_utterances([listed], IDS) == {listed: 1}


def test_names_without_an_utterance_are_absent():
    assert match_utterances(["1002_DFA_ANG_XX.wav", "1003_DFA_ANG_XX.wav"], IDS) == {"1002_DFA_ANG_XX.wav": 1}


def test_an_id_with_dots_is_not_cut():
    ids = ["m3.s_trzymaj_5", "m3.s_trzymaj_4", "m3"]
    assert match_utterances(["m3.s_trzymaj_4", "x/m3.s_trzymaj_5.wav"], ids) == {
        "m3.s_trzymaj_4": 1,
        "x/m3.s_trzymaj_5.wav": 0,
    }


def test_files_count_where_ids_say_nothing():
    paths = ["/data/emodb/wav/03a01Fa.flac", None, "/data/emodb/wav/03a01Nc.flac"]
    assert match_utterances(["downloads/emodb/wav/03a01Nc.wav"], ["1", "2", "3"], paths) == {
        "downloads/emodb/wav/03a01Nc.wav": 2
    }


def test_folders_tell_listed_names_of_one_stem_apart():
    paths = [f"/archive/{speaker}/{emotion}/201.wav" for speaker in ("liu", "wang") for emotion in ("angry", "fear")]
    ids = [f"u{number}" for number in range(4)]
    listed = [f"casia/{speaker}/{emotion}/201.wav" for speaker in ("wang", "liu") for emotion in ("fear", "angry")]
    assert list(match_utterances(listed, ids, paths).values()) == [3, 2, 1, 0]


def test_an_utterance_of_another_folder_is_not_taken_for_a_missing_one():
    """The archive lacks wang's; liu's file of the same name must not stand in for it."""
    paths = ["/archive/liu/angry/201.wav"]
    listed = ["casia/liu/angry/201.wav", "casia/wang/angry/201.wav"]
    assert match_utterances(listed, ["u"], paths) == {"casia/liu/angry/201.wav": 0}


def test_of_several_utterances_the_one_with_most_folders_in_common_is_meant():
    paths = ["/archive/train_splits/dia0_utt0.wav", "/archive/output_repeated_splits_test/dia0_utt0.wav"]
    listed = "meld/output_repeated_splits_test/dia0_utt0.mp4"
    assert match_utterances([listed], ["a", "b"], paths) == {listed: 1}


@pytest.mark.parametrize(
    ("listed", "ids", "paths", "message"),
    [
        (
            ["201.wav"],
            ["a", "b"],
            ["/x/liu/201.wav", "/x/wang/201.wav"],
            "'201.wav' is ambiguous: it fits 2 utterances",
        ),
        (["u"], ["u", "u"], None, "'u' is ambiguous: it fits 2 utterances, among them u and u"),
        (["a/201.wav", "201a"], ["201a"], ["/x/201.wav"], "'a/201.wav' and '201a' are ambiguous: both fit .* 201a"),
    ],
)
def test_ambiguous_names_are_refused(listed, ids, paths, message):
    with pytest.raises(ValueError, match=message):
        match_utterances(listed, ids, paths)


def test_a_long_list_of_a_few_stems_takes_no_time_for_every_pair():
    names = [
        f"mead/{speaker}/{emotion}/{take:03d}.m4a"
        for speaker in range(250)
        for emotion in range(4)
        for take in range(40)
    ]
    paths = [f"/data/{name}" for name in reversed(names)]
    found = match_utterances(names, [f"u{number}" for number in range(len(names))], paths)
    assert list(found.values()) == list(range(len(names) - 1, -1, -1))
