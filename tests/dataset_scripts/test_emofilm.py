"""EmoFilm: language and emotion from the file name, speakers and films from an Excel file."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("ans", "dis", "gio", "rab", "tri")
SPEAKERS = {"f_{}001aen": "Meryl Streep", "m_{}002bit": "Fabrizio Manfredi", "f_{}003aes": "Rosa\xa0Guiñón"}
IDS = tuple(speaker.format(emotion) for speaker in SPEAKERS for emotion in EMOTIONS)
needs_excel = pytest.mark.skipif(find_spec("openpyxl") is None, reason="the legend is read with openpyxl")


def write_legend(root: Path, more: tuple[tuple[str, str, str], ...] = ()) -> None:
    """The legend as published: a sheet per gender, files without suffix."""
    rows = [
        (speaker.format(emotion), name, "The devil wears Prada")
        for speaker, name in SPEAKERS.items()
        for emotion in EMOTIONS
    ]
    with pd.ExcelWriter(root / "f_m_corpus_it_es_en_legend.xlsx", engine="openpyxl") as book:
        for sheet in ("female", "male"):
            table = [row for row in (*rows, *more) if row[0][0] == sheet[0]]
            pd.DataFrame(table, columns=["file", "speaker", "film"]).to_excel(book, sheet_name=sheet, index=False)


class TestEmofilmWithoutItsLegend(CorpusCase):
    name = "emofilm"
    files = {
        "zenodo": tuple(f"wav_corpus/{name}.wav" for name in IDS),
        "resampled": tuple(f"wav_corpus_16k/{name}_16k.wav" for name in IDS),
    }
    utterance_ids = IDS
    expected = {
        "f_ans001aen": {
            "raw_label": "ans",
            "emotion": "fear",
            "arousal_valence": "high_negative",
            "language": "en",
            "gender": "female",
            "speaker_id": None,
        },
        "m_dis002bit": {"emotion": "contempt", "arousal_valence": "low_negative", "language": "it", "gender": "male"},
        "f_tri003aes": {"emotion": "sadness", "language": "es"},
    }
    shared_speakers = True  # speakers are in the legend


@needs_excel
class TestEmofilm(TestEmofilmWithoutItsLegend):
    expected = {
        "f_ans001aen": {"emotion": "fear", "speaker_id": "meryl streep", "session": "The devil wears Prada"},
        "m_dis002bit": {"speaker_id": "fabrizio manfredi", "gender": "male"},
        "f_tri003aes": {"speaker_id": "rosa guinon", "language": "es"},
    }
    shared_speakers = False

    def annotate(self, root):
        write_legend(root)

    @pytest.mark.parametrize(
        ("written", "speaker"),
        [
            ("Adalberto Maria Merli+6 ", "adalberto maria merli"),
            ("Domitilla D\u2019Amico", "domitilla damico"),
            ("xavier fernandez", "xavier fernandez"),
            ("Xavier Fernández", "xavier fernandez"),
            ("Whannel Leigh", "leigh whannell"),
            ("????", None),
            ("", None),
        ],
    )
    def test_spellings_of_a_speaker_are_one_speaker(self, scratch, tmp_path, written, speaker):
        write_noise(scratch / "wav_corpus" / "m_tri099ait.wav")
        write_legend(scratch, more=(("m_tri099ait", written, "Saw"),))
        row = self.load(scratch, tmp_path / "cache")["m_tri099ait"]
        assert (row["speaker_id"], row["session"]) == (speaker, "Saw")


def test_a_legend_that_cannot_be_read_is_an_error_that_names_the_package(tmp_path, monkeypatch):
    archive = tmp_path / "archive"
    write_noise(archive / "wav_corpus" / f"{IDS[0]}.wav")
    (archive / "f_m_corpus_it_es_en_legend.xlsx").touch()
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match="openpyxl"):
        TestEmofilm().load(archive, tmp_path / "cache")
