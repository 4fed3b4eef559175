"""MSP-IMPROV: consensus and raters of Evaluation.txt, turned activation, dyads as sessions."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


def rating(rater: str, primary: str, secondary: str = "") -> str:
    return f"{rater}-p1; {primary}; {secondary}; A:3.000000; V:3.000000; D:NaN; N:4.000000;"


# Clip, consensus, activation, valence and dominance, ratings.
CLIPS = (
    ("S01A-F01-P-FM01", "N", "3.500000 4.000000 NaN", (rating("ab12", "Neutral"), *[rating("c_3", "Happy")] * 2)),
    ("S01A-F02-R-FF01", "A", "1.000000 1.500000 4.000000", (rating("ab12", "Angry", "Angry,Other:(fed up)"),
        rating("cd34", "Other", "Disgusted"))),
    ("S05H-M03-S-MM02", "H", "2.000000 4.500000 3.000000", (rating("ab12", "Happy"),)),
    ("S12S-M04-T-FM03", "S", "4.500000 1.500000 2.000000", (rating("ab12", "Sad", "Depressed,Frustrated"),)),
    ("S20N-F05-P-MF04", "O", "3.000000 3.000000 3.000000", (rating("ab12", "Other"),)),
    ("S20N-M06-P-FM12", "X", "3.000000 3.000000 3.000000", (rating("ab12", "Sad"), rating("cd34", "Neutral"))),
)  # fmt: skip


def path_of(clip: str) -> str:
    sentence, speaker, scenario, _ = clip.split("-")
    return f"session{speaker[-1]}/{sentence}/{scenario}/MSP-IMPROV-{clip}.wav"


class TestMspImprov(CorpusCase):
    name = "msp_improv"
    files = {
        "published": tuple(path_of(clip) for clip, *_ in CLIPS),
        "audio_folder": tuple(f"Audio/{path_of(clip)}" for clip, *_ in CLIPS),
    }
    expected = {
        "MSP-IMPROV-S01A-F01-P-FM01": {
            "raw_label": "N",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "F01",
            "gender": "female",
            "session": "1",
            "text": "first words",
            "arousal": 2.5,
            "valence": 4.0,
            "dominance": None,
            # the second rater is listed twice
            "votes": [{"label": "happiness", "count": 1}, {"label": "neutral", "count": 1}],
        },
        "MSP-IMPROV-S01A-F02-R-FF01": {
            "arousal": 5.0,
            "valence": 1.5,
            "votes": [{"label": "anger", "count": 1}, {"label": "other", "count": 1}],
            "text": None,
        },
        "MSP-IMPROV-S12S-M04-T-FM03": {"speaker_id": "M04", "gender": "male", "session": "4", "arousal": 1.5},
        "MSP-IMPROV-S20N-M06-P-FM12": {"raw_label": "X", "emotion": "unknown", "arousal_valence": None},
    }

    def annotate(self, root):
        lines = []
        for clip, label, means, ratings in CLIPS:
            arousal, valence, dominance = means.split()
            summary = f"UTD-IMPROV-{clip}.avi; {label}; A:{arousal}; V:{valence}; D:{dominance} ; N:4.000000;"
            lines += [summary, *ratings, ""]
        # one spelling of the name in either layout
        name = "Evalution.txt" if (root / "Audio").is_dir() else "Evaluation.txt"
        (root / name).write_text("\n".join(lines) + "\n")
        (root / "All_human_transcriptions").mkdir()
        (root / "All_human_transcriptions" / f"MSP-IMPROV-{CLIPS[0][0]}.txt").write_text("first words\n")

    def test_the_acted_target_is_not_the_label(self, rows):
        # the sentence is acted as neutral, and raters did not agree
        assert rows["MSP-IMPROV-S20N-M06-P-FM12"]["raw_label"] == "X"

    def test_without_evaluations_clips_are_unlabelled(self, scratch, tmp_path):
        (scratch / "Evaluation.txt").unlink()
        rows = self.load(scratch, tmp_path / "cache")
        assert {(row["raw_label"], row["arousal"], row["votes"]) for row in rows.values()} == {(None, None, None)}

    def test_windows_line_ends_do_no_harm(self, scratch, tmp_path, rows):
        path = scratch / "Evaluation.txt"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        columns = ("raw_label", "votes", "arousal", "dominance")
        loaded = self.load(scratch, tmp_path / "cache")
        assert {key: [row[column] for column in columns] for key, row in loaded.items()} == {
            key: [row[column] for column in columns] for key, row in rows.items()
        }

    def test_the_folds_of_the_code_are_those_of_the_paper_in_another_order(self):
        splits = corpus_facts("msp_improv").published_splits
        code, paper = splits["emosuperb_code"].folds, splits["emosuperb_paper"].folds
        assert code == paper[2:] + paper[:2]
