"""ShEMO: F for women and for fear, the two formats of the transcripts, texts that are missing."""

import json
import shutil
from pathlib import Path

from hf_emotion.data.loading import corpus_facts
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


NAMES = (
    *(f"{speaker}{emotion}0{number}" for speaker in ("F01", "F30") for emotion in "AFHNSW" for number in (1, 2)),
    *(f"{speaker}{emotion}0{number}" for speaker in ("M02", "M56") for emotion in "ANS" for number in (1, 2)),
    "M12A100",
)
TEXTS = {"F01F01": "متن یک", "M02N02": "متن دو", "M12A100": "متن سه"}


def below(folders: str = "") -> tuple[str, ...]:
    return tuple(f"{folders}{'female' if name[0] == 'F' else 'male'}/{name}.wav" for name in NAMES)


class TestShemo(CorpusCase):
    name = "shemo"
    files = {"zip files": below(), "in one folder": tuple(f"{name}.wav" for name in NAMES), "nested": below("ShEMO/")}
    expected = {
        "F01F01": {
            "raw_label": "F",
            "emotion": "fear",
            "arousal_valence": "high_negative",
            "speaker_id": "F01",
            "gender": "female",
            "text": "متن یک",
            "language": "fa",
        },
        "M02N02": {"raw_label": "N", "emotion": "neutral", "speaker_id": "M02", "gender": "male", "text": "متن دو"},
        "M12A100": {"raw_label": "A", "emotion": "anger", "speaker_id": "M12", "text": "متن سه"},
        "F30W02": {"emotion": "surprise", "speaker_id": "F30", "text": None},
    }

    def annotate(self, root: Path) -> None:
        rows = {
            name: {
                "speaker_id": name[:3],
                "gender": "female" if name[0] == "F" else "male",
                "emotion": "neutral",
                "transcript": text,
                "ipa": "mætn",
            }
            for name, text in TEXTS.items()
        }
        folder = root / "ShEMO" if (root / "ShEMO").is_dir() else root
        (folder / "shemo.json").write_text(json.dumps(rows, indent=4))

    def test_the_files_of_transcript_zip_are_read_as_well(self, scratch, tmp_path):
        (scratch / "shemo.json").unlink()
        texts = scratch / "transcript" / "final text"
        texts.mkdir(parents=True)
        (texts / "F01F01.ort").write_text("\u200fمتن یک\r\n", encoding="utf-8-sig")
        (texts / "M02N02.ort").write_text("متن \u200eدو", encoding="utf-8")
        scripts = scratch / "transcript" / "final script"
        shutil.copytree(texts, scripts)
        (scripts / "F01F01.ort").rename(scripts / "F01F01.tra")
        (scripts / "M02N02.ort").rename(scripts / "M02N02.tra")
        rows = self.load(scratch, tmp_path / "cache")
        assert {name: row["text"] for name, row in rows.items() if row["text"]} == {
            "F01F01": "متن یک",
            "M02N02": "متن دو",
        }

    def test_labels_are_those_of_the_audio_and_not_of_the_transcripts(self, rows):
        assert rows["F01F01"]["emotion"] == "fear"  # shemo.json says neutral

    def test_audio_without_transcripts_is_enough(self, scratch, tmp_path):
        (scratch / "shemo.json").unlink()
        write_noise(scratch / "male" / "M30H01.wav")
        rows = self.load(scratch, tmp_path / "cache")
        assert rows["M30H01"]["emotion"] == "happiness"
        assert {row["text"] for row in rows.values()} == {None}

    def test_the_published_counts_sum_to_the_published_size(self):
        facts = corpus_facts("shemo")
        assert sum(facts.label_counts.values()) == facts.num_utterances
