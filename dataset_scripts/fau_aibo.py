"""FAU Aibo: 51 children of two schools talk to a robot that does not obey; labels of chunks, five classes."""

import re
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# Whole turns (Ohm_01_000) have no number of a chunk, and are not read.
STEM = re.compile(r"/(?P<speaker>(?P<school>Ohm|Mont)_\d{2})_\d{3}_\d{2}$")
PARTS = {"Ohm": "train", "Mont": "test"}
LABEL_FILES = ("labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt", "chunk_labels_5cl_corpus.txt")


def chunk_labels(root: Path) -> dict[str, str]:
    """Class of every chunk; a line is `Ohm_01_015_00 N 1`, the last cell being the agreement of the annotators."""
    path = next(filter(None, (archive_file(root, name) for name in LABEL_FILES)), None)
    if path is None:
        raise FileNotFoundError(
            f"fau_aibo: no labels for the audio in {root}. They are in {LABEL_FILES[0]} of the archive: keep its "
            f"tree, or put the file into data_dir."
        )
    cells = (line.split() for line in read_text(path).splitlines())
    return {line[0]: line[1] for line in cells if line}


class FauAibo(EmotionCorpus):
    """FAU Aibo. Raw labels are the five classes of the INTERSPEECH 2009 Emotion Challenge; `session` is the school."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="fau_aibo",
        full_name="FAU Aibo Emotion Corpus",
        languages=("de",),
        labels={"A": "anger", "E": "emphatic", "N": "neutral", "P": "motherese", "R": "rest"},
        access="eula",
        how_to_obtain="sign the licence of FAU Erlangen-Nuremberg (see the homepage)",
        layout=f"wav/<Ohm|Mont>_<speaker>_<turn>_<chunk>.wav, {LABEL_FILES[0]}",
        homepage="https://www5.cs.fau.de/de/mitarbeiter/steidl-stefan/fau-aibo-emotion-corpus/",
        citation="Steidl: Automatic classification of emotion-related user states in spontaneous children's speech. "
        "Logos, 2009; Schuller, Steidl, Batliner: The INTERSPEECH 2009 Emotion Challenge",
        doi="10.21437/Interspeech.2009-103",
        kind="natural",
        num_utterances=18_216,
        num_speakers=51,
        sampling_rate=16_000,
        label_counts={"A": 1492, "E": 3601, "N": 10967, "P": 889, "R": 1267},
        arousal_valence={"P": (None, "derived")},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        published_splits={
            "official": PublishedSplit(source="INTERSPEECH 2009 Emotion Challenge: school Ohm trains, Mont tests"),
            "autrainer": PublishedSplit(
                source="autrainer (the last two speakers of Ohm are validation)",
                by="speaker_id",
                folds=({"validation": ("Ohm_31", "Ohm_32"), "test": tuple(f"Mont_{n:02}" for n in range(1, 26))},),
            ),
        },
        pitfalls=(
            "children of 10 to 13 years: most other corpora have adults",
            "speaker numbers start anew in each school: Ohm_01 and Mont_01 are two children",
            "P is motherese (low arousal) and joyful (high) in one class, so it has no arousal x valence class",
            "R is the rest, and has no class either",
            "the two-class labels (NEG, IDL) and the eleven states of single words are in files that are not read",
        ),
    )

    def utterances(self, root: Path):
        files = list(named_audio_files(root, STEM))
        labels = chunk_labels(root) if files else {}
        for path, name in files:
            yield Utterance(
                path=path,
                raw_label=labels.get(path.stem),
                speaker_id=name["speaker"],
                session=name["school"],
                split=PARTS[name["school"]],
            )
