"""TESS: two actresses (26 and 64 years) speak 200 words in the frame "Say the word ..." in seven emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


# OA_bite_neutral lacks its F in the Kaggle copy. The emotion is in the file name; spellings of the folders differ.
STEM = re.compile(r"/(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)$")
SPEAKERS = {"OA": "OAF", "OAF": "OAF", "YAF": "YAF"}


class Tess(EmotionCorpus):
    """TESS. Raw labels are the last part of the file name; `ps` is a pleasant surprise."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="tess",
        full_name="Toronto Emotional Speech Set",
        languages=("en-CA",),
        labels={
            "angry": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "happy": "happiness",
            "neutral": "neutral",
            "ps": "pleasant_surprise",
            "sad": "sadness",
        },
        licence="CC BY-NC-ND 4.0",
        access="open",
        how_to_obtain="https://tspace.library.utoronto.ca/handle/1807/24487 or Borealis, doi 10.5683/SP2/E8H2MF",
        layout="<OAF|YAF>_<word>_<emotion>.wav, flat or in folders such as OAF_angry/",
        homepage="https://tspace.library.utoronto.ca/handle/1807/24487",
        citation="Pichora-Fuller & Dupuis: Toronto emotional speech set (TESS), 2020",
        doi="10.5683/SP2/E8H2MF",
        kind="acted",
        num_utterances=2800,
        num_speakers=2,
        sampling_rate=24_414,
        label_counts=dict.fromkeys(("angry", "disgust", "fear", "happy", "neutral", "ps", "sad"), 400),
        sets=("emoset_plus_5", "emoset_plus_plus", "lora_paper", "emobox"),
        pitfalls=(
            "only two speakers: no three speaker-independent parts exist",
            "OAF_bite_neutral is called OA_bite_neutral in the Kaggle copy; both give the same utterance id",
            "the Kaggle zip holds the tree twice (5600 files); second copies are ignored",
            "OAF_food_fear is sampled at 96 kHz, everything else at 24414 Hz",
            "ps is a pleasant surprise (positive valence), not the surprise of neutral valence",
            "the EmoBox fold shares both speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            speaker = SPEAKERS[name["speaker"]]
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                utterance_id=f"{speaker}_{name['word']}_{name['emotion']}",
                speaker_id=speaker,
                gender="female",
                text=f"Say the word {name['word']}",
            )
