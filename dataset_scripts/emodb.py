"""EMO-DB: ten actors speak ten German sentences in seven emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
STEM = re.compile(r"/(?P<speaker>\d{2})(?P<text>[ab]\d{2})(?P<emotion>[WLEAFTN])(?P<version>[a-h]?)$")
LABELS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral"}
MALE = {"03", "10", "11", "12", "15"}


class Emodb(EmotionCorpus):
    """EMO-DB, the 535 published utterances. Raw labels are the initials of the German words (W = Wut, anger)."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emodb",
        full_name="Berlin Database of Emotional Speech",
        languages=("de",),
        labels=LABELS,
        licence="CC0 1.0 as published by audEERING; the original site states free use",
        access="open",
        how_to_obtain="download.zip from http://emodb.bilderbar.info/, unpacked",
        layout="wav/<speaker><sentence><emotion><version>.wav",
        homepage="http://emodb.bilderbar.info/",
        citation="Burkhardt et al.: A database of German emotional speech. Interspeech 2005, 1517-1520",
        doi="10.21437/Interspeech.2005-446",
        kind="acted",
        num_utterances=535,
        num_speakers=10,
        sampling_rate=16_000,
        label_counts={"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "audb": PublishedSplit(
                source="emodb 1.2.0 and later in audb (audEERING), not official",
                by="speaker_id",
                folds=({"test": ("12", "14", "15", "16")},),
            ),
            "autrainer": PublishedSplit(
                source="autrainer, dataset/EmoDB-wav.yaml of its configurations",
                by="speaker_id",
                folds=({"validation": ("13", "14"), "test": ("15", "16")},),
            ),
        },
        pitfalls=(
            "the codes are German: A is Angst (fear), E is Ekel (disgust), W is Wut (anger), T is Trauer (sadness)",
            "the 494 utterances of older papers were recognised by 80 % and called natural by 60 % of the listeners",
            "version 2.0.0 of audb holds 816 files",
            "EmoBox folds share all speakers; their file lists are read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender="male" if name["speaker"] in MALE else "female",
                text=SENTENCES.get(name["text"]),
            )
