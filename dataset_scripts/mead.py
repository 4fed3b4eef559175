"""MEAD: 48 actors speak English sentences in eight emotions, seven of them at three levels of intensity."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


# Numbers of sentences start anew in every folder, so the folders belong to the name.
STEM = re.compile(r"/(?P<speaker>[MW]\d{3})/audio/(?P<emotion>[a-z]+)/level_(?P<level>[123])/(?P<number>\d{3})$")


class Mead(EmotionCorpus):
    """MEAD. Raw labels are the folders of the emotions."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="mead",
        full_name="Multi-view Emotional Audio-visual Dataset",
        languages=("en",),
        labels={
            "angry": "anger",
            "contempt": "contempt",
            "disgusted": "disgust",
            "fear": "fear",
            "happy": "happiness",
            "neutral": "neutral",
            "sad": "sadness",
            "surprised": "surprise",
        },
        licence="terms of use of the dataset: non-commercial research, no redistribution",
        how_to_obtain="the audio of every actor from https://wywu.github.io/projects/MEAD/MEAD.html; convert the m4a "
        "files to wav beside them (ffmpeg -i <name>.m4a <name>.wav)",
        layout="<M|W><number>/audio/<emotion>/level_<1|2|3>/<sentence>.wav",
        homepage="https://github.com/uniBruce/Mead",
        citation="Wang, Wu, Song, Yang, Wu, Qian, He, Qiao, Loy: MEAD: A large-scale audio-visual dataset for "
        "emotional talking-face generation. ECCV 2020, 700-717",
        doi="10.1007/978-3-030-58589-1_42",
        kind="acted",
        num_utterances=31_729,
        num_speakers=48,
        sampling_rate=48_000,
        label_counts={
            "angry": 4193,
            "contempt": 4215,
            "disgusted": 4284,
            "fear": 4251,
            "happy": 4294,
            "neutral": 1916,
            "sad": 4306,
            "surprised": 4270,
        },
        sets=("emobox",),
        pitfalls=(
            "the paper speaks of 60 actors, the release has 48; counts are those of EmoBox",
            "the terms of use speak of a link that is sent on approval, the README of a download page",
            "the level of intensity is kept in the utterance id only; neutral has level 1",
            "a few files are sampled at 44.1 kHz",
            "the authors test on the last sentences of every actor, which shares all actors; it is not built here",
            "the EmoBox fold shares all speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                utterance_id=f"{name['speaker']}_{name['emotion']}_level_{name['level']}_{name['number']}",
                speaker_id=name["speaker"],
                gender="male" if name["speaker"].startswith("M") else "female",
            )
