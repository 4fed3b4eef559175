"""CREMA-D: 91 actors speak twelve sentences in six emotions; crowd raters judged voice, face and both."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
SENTENCES = {"DFA": "Don't forget a jacket", "IEO": "It's eleven o'clock", "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment", "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock", "IWW": "I wonder what this is about", "TSI": "The surface is slick",
    "MTI": "Maybe tomorrow it will be cold", "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened", "WSI": "We'll stop in a couple of minutes"}  # fmt: skip
STEM = re.compile(rf"(?<!/AudioMP3)/(?P<speaker>\d+)_(?P<text>{'|'.join(SENTENCES)})_(?P<emotion>[A-Z]{{3}})_[A-Z]+$")
ACTORS = tuple(map(str, range(1001, 1092)))
# By VideoDemographics.csv, for archives that lack that file.
FEMALE = {f"10{number:02d}": "female" for number in (2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 18, 20, 21, 24, 25, 28, 29, 30,
    37, 43, 46, 47, 49, 52, 53, 54, 55, 56, 58, 60, 61, 63, 72, 73, 74, 75, 76, 78, 79, 82, 84, 89, 91)}  # fmt: skip
S1, S2, S3, S4, S5 = ACTORS[36:54], ACTORS[:18], ACTORS[72:], ACTORS[54:72], ACTORS[18:36]  # sessions of EMO-SUPERB
FOLDS = tuple({"validation": dev, "test": test} for dev, test in ((S5, S2), (S1, S5), (S4, S1), (S3, S4), (S2, S3)))
AUDB = {"validation": tuple(f"10{n}" for n in (49, 53, 54, 55, 58, 59, *range(61, 69), 70, 75, 80, 85)),
    "test": tuple(f"10{n}" for n in (48, 69, 71, 74, 76, 77, 78, 79, 82, 83, 84, *range(86, 92)))}  # fmt: skip
PEFT_SER = tuple({"validation": ACTORS[58:73] if first == 73 else ACTORS[76:], "test": ACTORS[first:end]}
    for first, end in ((0, 19), (19, 37), (37, 55), (55, 73), (73, 91)))  # fmt: skip


class CremaD(EmotionCorpus):
    """CREMA-D. Raw labels are the acted ones, `votes` the judgements of the voice alone (if their table is there)."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="crema_d",
        full_name="Crowd-sourced Emotional Multimodal Actors Dataset",
        languages=("en-US",),
        labels=LABELS,
        licence="Open Database License 1.0 (contents: Database Contents License 1.0)",
        access="open",
        how_to_obtain="git lfs clone https://github.com/CheyneyComputerScience/CREMA-D (its zip holds only LFS stubs)",
        layout="AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav, VideoDemographics.csv, processedResults/*.csv",
        homepage="https://github.com/CheyneyComputerScience/CREMA-D",
        citation="Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D. IEEE Trans. Affective Computing 5(4), 2014",
        doi="10.1109/TAFFC.2014.2336244",
        kind="acted",
        num_utterances=7442,
        num_speakers=91,
        sampling_rate=16_000,
        label_counts={"NEU": 1087, **dict.fromkeys(("ANG", "DIS", "FEA", "HAP", "SAD"), 1271)},
        sets=("emoset_plus_plus", "emo_superb", "lora_paper", "emobox"),
        published_splits={
            "emosuperb_code": PublishedSplit("EMO-SUPERB, labels_consensus_1.csv to _5.csv", "speaker_id", FOLDS),
            "audb": PublishedSplit("crema-d 1.1.0 in audb (audEERING), not official", "speaker_id", (AUDB,)),
            "peft_ser": PublishedSplit("PEFT-SER, train_split_gen/crema-d.py", "speaker_id", PEFT_SER),
        },
        pitfalls=(
            "1076_MTI_SAD_XX is silent; it is kept (EMO-SUPERB and EmoBox keep it, audb and PEFT-SER do not)",
            "the voice-only majority is neutral for more than half of the clips: acted and perceived label differ",
            "soft labels of EMO-SUPERB cannot be rebuilt from tabulatedVotes.csv (3372 of 7442 rows differ)",
            "the EmoBox fold shares all actors; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        # Rows of the voice alone are numbered 1xxxxx, of the face 2xxxxx, of both 3xxxxx.
        voice = [row for row in table_rows(root, "processedResults/tabulatedVotes.csv") if row[""].startswith("1")]
        votes = {row["fileName"]: {label: int(row[label[0]]) for label in LABELS} for row in voice}
        genders = FEMALE | {row["ActorID"]: row["Sex"].lower() for row in table_rows(root, "VideoDemographics.csv")}
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender=genders.get(name["speaker"], "male"),
                text=SENTENCES[name["text"]],
                votes=votes.get(path.stem, {}),
            )

    def published_ids(self, root: Path):
        return (row["Filename"] for row in table_rows(root, "SentenceFilenames.csv"))
