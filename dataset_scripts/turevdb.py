"""TurEV-DB: six speakers say 82 Turkish words in four emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# 1984_sk_eger: speaker, emotion (kz, sk, mt, hl, as the folder says), word. One second take has a digit at its end.
STEM = re.compile(r"/(?P<emotion>Angry|Calm|Happy|Sad)/(?P<speaker>\d{4})_(?:kz|sk|mt|hl)_(?P<word>[a-z]+)\d?$")


class Turevdb(EmotionCorpus):
    """TurEV-DB. Raw labels are the folders of the emotions; `text` is the word in ASCII, as the file name has it."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="turevdb",
        full_name="Turkish Emotion Voice Database",
        languages=("tr",),
        labels={"Angry": "anger", "Calm": "calm", "Happy": "happiness", "Sad": "sadness"},
        licence="CC BY-NC-ND 4.0",
        access="open",
        how_to_obtain="git clone https://github.com/Xeonen/TurEV-DB",
        layout="Sound Source/<Angry|Calm|Happy|Sad>/<speaker>_<emotion>_<word>.wav",
        homepage="https://github.com/Xeonen/TurEV-DB",
        citation="Canpolat, Ormanoğlu, Zeyrek: Turkish Emotion Voice Database (TurEV-DB). SLTU/CCURL 2020, 368-375",
        kind="acted",
        num_utterances=1735,
        num_speakers=6,
        sampling_rate=44_100,
        label_counts={"Angry": 487, "Calm": 408, "Happy": 357, "Sad": 483},
        sets=("emobox",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/turev/process_database.py",
                by="speaker_id",
                folds=({"validation": ("1358",), "test": ("6783",)},),
            )
        },
        pitfalls=(
            "single words; they are written without the letters that ASCII lacks (cekirge is çekirge)",
            "two of the six speakers did not say every word in every emotion (150 and 272 of 328)",
            "the gender of the speakers is not told by the download",
            "the EmoBox fold shares all speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                text=name["word"],
            )
