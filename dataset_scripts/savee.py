"""SAVEE: four male students speak 120 sentences each in seven emotions."""

import re
from itertools import product
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# AudioData/DC/a01.wav (original) or ALL/DC_a01.wav (Kaggle). The two-letter codes sa and su come before the others.
PATH = re.compile(r"/(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|a|d|f|h|n)(?P<number>\d{2})$")


class Savee(EmotionCorpus):
    """SAVEE. Raw labels are the letters before the digits of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="savee",
        full_name="Surrey Audio-Visual Expressed Emotion",
        languages=("en-GB",),
        labels={
            "a": "anger",
            "d": "disgust",
            "f": "fear",
            "h": "happiness",
            "n": "neutral",
            "sa": "sadness",
            "su": "surprise",
        },
        licence="free for research",
        access="registration",
        how_to_obtain="register at http://kahlan.eps.surrey.ac.uk/savee/ and unpack AudioData.zip",
        layout="AudioData/<speaker>/<emotion><nn>.wav or ALL/<speaker>_<emotion><nn>.wav",
        homepage="http://kahlan.eps.surrey.ac.uk/savee/",
        citation="Haq & Jackson: Multimodal emotion recognition. In: Machine Audition, IGI Global, 2010",
        kind="acted",
        num_utterances=480,
        num_speakers=4,
        sampling_rate=44_100,
        label_counts={"n": 120, **dict.fromkeys(("a", "d", "f", "h", "sa", "su"), 60)},
        sets=("emoset_plus_5", "emoset_plus_plus", "lora_paper", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1 to 4 of its repository",
                by="speaker_id",
                folds=tuple({"test": (speaker,)} for speaker in ("JE", "KL", "DC", "JK")),
                random_validation=0.2,
            ),
        },
        pitfalls=(
            "neutral has 30 sentences per speaker, every other emotion 15",
            "all speakers are male",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, PATH):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                utterance_id=f"{name['speaker']}_{name['emotion']}{name['number']}",
                speaker_id=name["speaker"],
                gender="male",
            )

    def published_ids(self, root: Path):
        for speaker, (emotion, count) in product(("DC", "JE", "JK", "KL"), self.facts.label_counts.items()):
            for number in range(1, count // 4 + 1):
                yield f"{speaker}_{emotion}{number:02d}"
