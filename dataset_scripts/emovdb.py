"""EmoV-DB: four speakers read CMU ARCTIC sentences in five styles."""

import re
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# Folders <speaker>/<Emotion> (sorted download), <speaker>_<Emotion> (OpenSLR, one folder per tar file), or 1 to 4 (the
# authors' download script). Some names write Disgust and Neutral with a capital, some 225_252 instead of 225-252.
STEM = re.compile(
    r"/(?P<speaker>bea|jenie|josh|sam|[1-4])(?:[/_][A-Z][a-z]+)?"
    r"/(?P<emotion>amused|anger|[Dd]isgust|[Nn]eutral|sleepiness)_\d+[-_]\d+_(?P<sentence>\d{4})$"
)
NUMBERED = {"1": "bea", "2": "jenie", "3": "josh", "4": "sam"}
SENTENCE = re.compile(r'\( arctic_a(\d{4}) "(.*)" \)')


class Emovdb(EmotionCorpus):
    """EmoV-DB. Raw labels are the first word of the file name, in lower case."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emovdb",
        full_name="Emotional Voices Database",
        languages=("en",),
        labels={
            "amused": "amusement",
            "anger": "anger",
            "disgust": "disgust",
            "neutral": "neutral",
            "sleepiness": "sleepiness",
        },
        licence="non-commercial purposes only (LICENSE.md of its repository)",
        access="open",
        how_to_obtain="the 18 tar files of https://openslr.org/115/, each unpacked into a folder of its name (the "
        "audio lies flat in them); texts: http://www.festvox.org/cmu_arctic/cmuarctic.data",
        layout="<speaker>_<Emotion>/<emotion>_<range>_<sentence>.wav or <speaker>/<Emotion>/...; cmuarctic.data",
        homepage="https://github.com/numediart/EmoV-DB",
        citation="Adigwe, Tits, El Haddad, Ostadabbas, Dutoit: The emotional voices database: Towards controlling the "
        "emotion dimension in voice generation systems. arXiv 1806.09514, 2018",
        doi="10.48550/arXiv.1806.09514",
        kind="acted",
        num_utterances=6893,
        num_speakers=4,
        label_counts={"amused": 1317, "anger": 1268, "disgust": 1019, "neutral": 1568, "sleepiness": 1721},
        sets=("emobox",),
        published_splits={
            "nkululeko": PublishedSplit(
                "nkululeko, data/emov-db/process_database.py", "speaker_id", ({"test": ("bea",)},)
            )
        },
        pitfalls=(
            "josh has no anger and no disgust",
            "bea is recorded at 44.1 kHz, the others at 16 kHz; styles come with laughs, yawns and the like",
            "six sentences are there twice in a style: EmoBox keeps one of each (6887); the README counts 7000 files",
            "the EmoBox fold shares all speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        prompts = archive_file(root, "cmuarctic.data")
        texts = dict(SENTENCE.findall(read_text(prompts))) if prompts else {}
        for path, name in named_audio_files(root, STEM):
            speaker = NUMBERED.get(name["speaker"], name["speaker"])
            yield Utterance(
                path=path,
                raw_label=name["emotion"].lower(),
                utterance_id=f"{speaker}_{path.stem}",
                speaker_id=speaker,
                gender="female" if speaker in ("bea", "jenie") else "male",
                text=texts.get(name["sentence"]),
            )
