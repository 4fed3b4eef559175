"""AESDD: Greek actors speak twenty utterances in five emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# a03 (6): emotion, utterance, speaker. Second takes end in a or b; some names write speaker 1 as 01.
STEM = re.compile(r"/(?!s05 ?\(3\)$)(?P<emotion>[adfhs])\d\d ?\(0?(?P<speaker>\d)\)[ab]?$")


class Aesdd(EmotionCorpus):
    """AESDD. Raw labels are the first letter of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="aesdd",
        full_name="Acted Emotional Speech Dynamic Database",
        languages=("el",),
        labels={"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"},
        access="open",
        how_to_obtain="the download of its homepage, unpacked",
        layout="<anger|disgust|fear|happiness|sadness>/<letter><utterance> (<speaker>).wav, such as anger/a03 (6).wav",
        homepage="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
        citation="Vryzas, Kotsakis, Liatsou, Dimoulas, Kalliris: Speech emotion recognition for performance "
        "interaction. Journal of the Audio Engineering Society 66(6), 457-467, 2018",
        kind="acted",
        num_utterances=604,
        num_speakers=6,
        sampling_rate=44_100,
        label_counts={"a": 121, "d": 122, "f": 120, "h": 119, "s": 122},
        sets=("emobox",),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/aesdd/process_database.py: speaker 5 is test",
                by="speaker_id",
                folds=({"test": ("5",)},),
            )
        },
        pitfalls=(
            "the download has six speakers; its first version and EmoBox speak of five (three women, two men)",
            "which speakers are women is not published; nkululeko takes the odd numbers for men, which is a guess",
            "s05 (3).wav is left out, as in nkululeko and in EmoBox (which drops what it cannot decode)",
            "no licence is stated on the homepage; copies on the Hub carry licences of their uploaders",
            "the EmoBox fold shares all speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(path=path, raw_label=name["emotion"], speaker_id=name["speaker"])
