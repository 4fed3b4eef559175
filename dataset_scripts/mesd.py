"""MESD: women, men and children from Mexico speak single words in six emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


EMOTIONS = ("Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness")
STEM = re.compile(rf"/(?P<emotion>{'|'.join(EMOTIONS)})_(?P<voice>[FMC])_[AB]_(?P<word>[a-z_]+)$")
GENDERS = {"F": "female", "M": "male", "C": None}


class Mesd(EmotionCorpus):
    """MESD. Its file names tell the type of voice (woman, man, child), but not the speaker."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="mesd",
        full_name="Mexican Emotional Speech Database",
        languages=("es-MX",),
        labels={
            "Anger": "anger",
            "Disgust": "disgust",
            "Fear": "fear",
            "Happiness": "happiness",
            "Neutral": "neutral",
            "Sadness": "sadness",
        },
        licence="CC BY 4.0",
        access="open",
        how_to_obtain="https://data.mendeley.com/datasets/cy34mh68j9/5",
        layout="Mexican Emotional Speech Database (MESD)/<emotion>_<F|M|C>_<A|B>_<word>.wav",
        homepage="https://data.mendeley.com/datasets/cy34mh68j9/5",
        citation="Duville, Alonso-Valerdi, Ibarra-Zarate: The Mexican Emotional Speech Database (MESD): elaboration "
        "and assessment based on machine learning. EMBC 2021",
        doi="10.1109/EMBC46164.2021.9629934",
        kind="acted",
        num_utterances=862,
        num_speakers=11,
        sampling_rate=48_000,
        label_counts=dict.fromkeys(EMOTIONS, 144) | {"Anger": 143, "Neutral": 143},
        sets=("emoset_plus_5", "emoset_plus_plus", "emobox"),
        pitfalls=(
            "864 utterances are announced, version 5 has 862: Anger_C_A_hoy and Neutral_C_A_tarde are missing",
            "3 women, 2 men and 6 children speak, but no file says who: no split is known to be speaker-independent",
            "the EmoBox fold is random; its file list is read with split_corpus(..., 'partition_file')",
            "single words of 0.2 to 2.5 s: in a window of 3 s most is padding",
            "words are written without accents; Happiness_C_A_lento_dentro is lento in every other emotion, and "
            "Sadness_M_A_afuera is fuera: which word is spoken is not documented",
            "children have no gender here",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                gender=GENDERS[name["voice"]],
                text=name["word"].replace("_", " "),
            )
