"""IEMOCAP: evaluations with several choices per rater and the actors' own, transcripts, speaker by the last letter."""

import pytest

from hf_emotion.data.loading import corpus_facts
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


# Utterance, label, [valence, activation, dominance], lines of the raters, text.
TURNS = (
    ("Ses01F_impro01_F000", "neu", "2.5000, 2.5000, 2.5000",
        ("C-E2:\tNeutral;\t()", "C-F1:\tNeutral; Anger;\t(so; so)", "A-E3:\tval 3; act 2; dom  2;\t()"),
        "first words"),
    ("Ses01F_impro01_M013", "ang", "2.0000, 4.0000, 3.5000",
        ("C-E2:\tAnger;\t()", "C-E3:\tAnger; Frustration;\t(loud)"), "second: words [LAUGHTER]"),
    ("Ses01F_impro01_M014", "xxx", "3.0000, 3.0000, 3.0000",
        ("C-E2:\tOther;\t()", "A-E2:\tval 3; act 3; dom ;\t()"), ""),
    ("Ses02M_script01_1b_F000", "dis", "1.5000, 3.0000, 3.0000", ("C-E1:\tDisgust;\t()",), "third words"),
    ("Ses02M_script01_1b_M001", "fru", "2.0000, 3.0000, 3.0000", ("C-E1:\tFrustration;\t()",), "fourth words"),
    ("Ses03F_impro05a_F001", "hap", "4.5000, 3.0000, 3.0000", ("C-E1:\tHappiness; Excited;\t()",), "fifth words"),
    ("Ses03F_impro05a_M002", "exc", "4.5000, 4.5000, 3.0000", ("C-E1:\tExcited;\t()",), "sixth words"),
    ("Ses04F_impro02_F003", "sad", "1.5000, 2.0000, 2.0000", ("C-E1:\tSadness;\t()",), "seventh words"),
    ("Ses04F_impro02_M004", "fea", "1.5000, 4.0000, 2.0000", ("C-E1:\tFear;\t()",), "eighth words"),
    ("Ses05M_script03_2_F005", "sur", "3.5000, 4.0000, 3.0000", ("C-E1:\tSurprise;\t()",), "ninth words"),
    ("Ses05M_script03_2_M006", "oth", "2.5000, 2.5000, 2.5000", ("C-E1:\tOther;\t()",), "tenth words"),
)  # fmt: skip


def dialog_of(stem: str) -> str:
    return stem.rsplit("_", 1)[0]


class TestIemocap(CorpusCase):
    name = "iemocap"
    files = tuple(f"Session{stem[4]}/sentences/wav/{dialog_of(stem)}/{stem}.wav" for stem, *_ in TURNS)
    expected = {
        "Ses01F_impro01_F000": {
            "raw_label": "neu",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "Ses01F",
            "gender": "female",
            "session": "1",
            "text": "first words",
            "valence": 2.5,
            "votes": [{"label": "anger", "count": 1}, {"label": "neutral", "count": 2}],
        },
        # The actress of this dialog has the markers, but her partner speaks.
        "Ses01F_impro01_M013": {
            "raw_label": "ang",
            "speaker_id": "Ses01M",
            "gender": "male",
            "text": "second: words [LAUGHTER]",
            "valence": 2.0,
            "arousal": 4.0,
            "dominance": 3.5,
            "votes": [{"label": "anger", "count": 2}, {"label": "frustration", "count": 1}],
        },
        "Ses01F_impro01_M014": {"raw_label": "xxx", "emotion": "unknown", "arousal_valence": None, "text": ""},
        "Ses02M_script01_1b_F000": {"speaker_id": "Ses02F", "session": "2", "emotion": "disgust"},
        "Ses03F_impro05a_F001": {
            "votes": [{"label": "excitement", "count": 1}, {"label": "happiness", "count": 1}],
        },
    }

    def annotate(self, root):
        for dialog in sorted({dialog_of(stem) for stem, *_ in TURNS}):
            folder = root / f"Session{dialog[4]}" / "dialog"
            summary = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
            transcript = []
            for stem, label, means, raters, text in TURNS:
                if dialog_of(stem) == dialog:
                    summary += [f"[6.2901 - 8.2357]\t{stem}\t{label}\t[{means}]", *raters, ""]
                    transcript.append(f"{stem} [006.2901-008.2357]: {text}")
            for name, lines in (("EmoEvaluation", summary), ("transcriptions", transcript)):
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / f"{dialog}.txt").write_text("\n".join(lines) + "\n")
            # twins that macOS leaves, and the files of single raters, are no summaries
            (folder / "EmoEvaluation" / f"._{dialog}.txt").write_bytes(b"\x00\x05\x16\x07")
            (folder / "EmoEvaluation" / "Categorical").mkdir(exist_ok=True)
            single = f"{TURNS[0][0]} :Sadness; ()\n"
            (folder / "EmoEvaluation" / "Categorical" / f"{dialog}_e1_cat.txt").write_text(single)

    def test_recordings_of_whole_dialogs_are_no_utterances(self, scratch, tmp_path, rows):
        write_noise(scratch / "Session1" / "dialog" / "wav" / "Ses01F_impro01.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_without_evaluations_utterances_are_unlabelled(self, scratch, tmp_path):
        (scratch / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt").unlink()
        row = self.load(scratch, tmp_path / "cache")["Ses01F_impro01_F000"]
        assert [row[column] for column in ("raw_label", "emotion", "arousal", "votes")] == [None] * 4
        assert row["text"] == "first words"

    def test_a_comment_that_is_not_utf_8_does_no_harm(self, scratch, tmp_path, rows):
        path = scratch / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
        path.write_bytes(path.read_bytes().replace(b"(loud)", b"(caf\xe9)"))
        assert (
            self.load(scratch, tmp_path / "cache")["Ses01F_impro01_M013"]["votes"]
            == (rows["Ses01F_impro01_M013"]["votes"])
        )

    def test_windows_line_ends_do_no_harm(self, scratch, tmp_path, rows):
        for path in scratch.glob("Session?/dialog/*/Ses*.txt"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        columns = ("raw_label", "votes", "arousal", "text")
        loaded = self.load(scratch, tmp_path / "cache")
        assert {key: [row[column] for column in columns] for key, row in loaded.items()} == {
            key: [row[column] for column in columns] for key, row in rows.items()
        }

    def test_published_counts_add_up(self):
        facts = corpus_facts("iemocap")
        assert sum(facts.label_counts.values()) == facts.num_utterances

    @pytest.mark.parametrize("name", ["emosuperb_code", "emosuperb_paper"])
    def test_every_session_is_tested_once_and_validated_once(self, name):
        folds = corpus_facts("iemocap").published_splits[name].folds
        for part in ("validation", "test"):
            assert sorted(session for fold in folds for session in fold[part]) == list("12345")

    def test_no_fold_of_emo_superb_s_paper_is_one_that_it_released(self):
        splits = corpus_facts("iemocap").published_splits
        released, printed = splits["emosuperb_code"].folds, splits["emosuperb_paper"].folds
        assert not [fold for fold in printed if fold in released]
        assert "row 5" in splits["emosuperb_paper"].source
