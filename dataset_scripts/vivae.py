"""VIVAE: eleven speakers voice six affective states without words, in four intensities."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


PATH = re.compile(r"(?P<core>/core_set)?/(?P<speaker>S\d\d)_(?P<emotion>[a-z]+)_(?:low|moderate|strong|peak)_\d{1,3}$")


class Vivae(EmotionCorpus):
    """VIVAE, the full set; the files of the core set are copies of some of it. Raw labels are words of the names."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="vivae",
        full_name="Variably Intense Vocalizations of Affect and Emotion corpus",
        languages=("zxx",),
        labels={
            "achievement": "achievement",
            "anger": "anger",
            "fear": "fear",
            "pain": "pain",
            "pleasure": "pleasure",
            "surprise": "surprise",
        },
        arousal_valence={"surprise": ("high_positive", "vivae_design")},
        licence="CC BY-NC-SA 4.0",
        how_to_obtain="VIVAE.zip from https://zenodo.org/record/4066235, unpacked",
        layout="full_set/<speaker>_<emotion>_<intensity>_<number>.wav (core_set/ holds copies)",
        homepage="https://zenodo.org/record/4066235",
        citation="Holz, Larrouy-Maestri, Poeppel: The Variably Intense Vocalizations of Affect and Emotion (VIVAE) "
        "corpus prompts new perspective on nonspeech perception. Emotion 22(1), 213-225, 2022",
        doi="10.1037/emo0001048",
        kind="acted",
        num_utterances=1085,
        num_speakers=11,
        label_counts={"achievement": 161, "anger": 174, "fear": 176, "pain": 185, "pleasure": 202, "surprise": 187},
        sets=("exhubert_unseen",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/vivae/vivae_test.csv", by="speaker_id", folds=({"test": ("S05", "S06")},)
            )
        },
        pitfalls=(
            "vocalizations without words, not speech",
            "core_set repeats 480 files of full_set under the same names; they are read once",
            "SER-datasets calls the access restricted, nkululeko downloads it freely: access is not stated",
            "the file names do not tell the gender of the speakers",
            "surprise is meant as a positive state, unlike the surprise of other corpora",
        ),
    )

    def utterances(self, root: Path):
        files = list(named_audio_files(root, PATH))
        full_set = {path.stem for path, name in files if not name["core"]}
        for path, name in files:
            if not name["core"] or path.stem not in full_set:
                yield Utterance(path=path, raw_label=name["emotion"], speaker_id=name["speaker"])
