"""Emotions in Polish speech: five young men say six words in anger, in fear and neutrally, five times each."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/(?P<speaker>m[1-5])\.(?P<emotion>[ans])_(?P<word>nie|oddaj|podaj|stop|tak|trzymaj)_[1-5]$")


class Polish(EmotionCorpus):
    """Emotions in Polish speech recordings. Raw labels are the letter after the speaker in the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="polish",
        full_name="Emotions in Polish speech recordings",
        languages=("pl",),
        labels={"a": "anger", "n": "neutral", "s": "fear"},
        access="open",
        how_to_obtain="Speech_emotions.zip from https://doi.org/10.34808/h46c-hb44, unpacked",
        layout="<speaker>.<emotion>_<word>_<repetition>.wav, for example m1.a_nie_2.wav",
        homepage="https://mostwiedzy.pl/en/open-research-data/emotions-in-polish-speech-recordings,11190523461146169-0",
        citation="Mięsikowska, Świsulski: Emotions in Polish speech recordings. Gdańsk University of Technology, 2020",
        doi="10.34808/h46c-hb44",
        kind="acted",
        num_utterances=450,
        num_speakers=5,
        sampling_rate=44_100,
        label_counts={"a": 150, "n": 150, "s": 150},
        sets=("emobox",),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-5 in its repository",
                by="speaker_id",
                folds=tuple({"test": (speaker,)} for speaker in ("m3", "m2", "m4", "m5", "m1")),
                random_validation=0.2,
            ),
            "nkululeko": PublishedSplit(
                source="nkululeko, data/polish/polish_dev.csv and polish_test.csv",
                by="speaker_id",
                folds=({"validation": ("m4",), "test": ("m1",)},),
            ),
        },
        pitfalls=("s is strach (fear), not sadness", "all speakers are men of 21 to 23 years"),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="male",
                text=name["word"],
            )
