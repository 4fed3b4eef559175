"""RAVDESS: 24 actors speak two sentences in eight emotions, two intensities. The song recordings are left out."""

import re
from itertools import product
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# Modality 03 = audio only, channel 01 = speech (02 = song); actors with an odd number are male.
STEM = re.compile(r"/03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<text>0[12])-0[12]-(?P<speaker>\d{2})$")
EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
EMOBOX = ("01 11 20 21", "04 10 12 14", "08 09 19 23", "03 05 07 24", "02 15 16 18", "06 13 17 22")
SENTENCES = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


class Ravdess(EmotionCorpus):
    """RAVDESS, speech part. Raw labels are the two digits of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="ravdess",
        full_name="Ryerson Audio-Visual Database of Emotional Speech and Song",
        languages=("en-CA",),
        labels={f"{code:02d}": emotion for code, emotion in enumerate(EMOTIONS, 1)},
        licence="CC BY-NC-SA 4.0",
        access="open",
        how_to_obtain="Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976, unpacked",
        layout="Actor_<nn>/03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav",
        homepage="https://zenodo.org/record/1188976",
        citation="Livingstone & Russo: RAVDESS. PLoS ONE 13(5): e0196391, 2018",
        doi="10.1371/journal.pone.0196391",
        kind="acted",
        num_utterances=1440,
        num_speakers=24,
        sampling_rate=48_000,
        label_counts={"01": 96, **dict.fromkeys(("02", "03", "04", "05", "06", "07", "08"), 192)},
        sets=("emoset_plus_plus", "lora_paper", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1 to 6 of its repository",
                by="speaker_id",
                folds=tuple({"test": tuple(actors.split())} for actors in EMOBOX),
                random_validation=0.2,
            ),
            "audb": PublishedSplit(
                source="ravdess in audb (audEERING), not official",
                by="speaker_id",
                folds=({"validation": ("16", "17", "19", "20"), "test": ("21", "22", "23", "24")},),
            ),
        },
        pitfalls=(
            "neutral has no strong intensity, hence 96 utterances instead of 192",
            "the Kaggle zip holds the tree twice; second copies are ignored",
            "the song part (channel 02, 1012 files) has no disgust and no surprise; it is not speech and is left out",
            "several files of the Zenodo release are stereo; the mean of the channels is used",
            "calm is meant as a second baseline: its class is low_positive here, some map it to neutral",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="male" if int(name["speaker"]) % 2 else "female",
                text=SENTENCES[name["text"]],
            )

    def published_ids(self, root: Path):
        for emotion, intensity, text, repetition in product(self.facts.labels, ("01", "02"), SENTENCES, ("01", "02")):
            if (emotion, intensity) != ("01", "02"):
                for actor in range(1, 25):
                    yield f"03-01-{emotion}-{intensity}-{text}-{repetition}-{actor:02d}"
