"""CREMA-D: 91 actors speak twelve sentences in six emotions; crowd raters judged voice, face and both."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


LABELS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
SENTENCES = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
STEM = re.compile(rf"/(?P<speaker>1\d{{3}})_(?P<text>{'|'.join(SENTENCES)})_(?P<emotion>[A-Z]{{3}})_(?:LO|MD|HI|XX?)$")
# The female actors by VideoDemographics.csv, for archives that lack that file.
FEMALE = (
    "1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047 "
    "1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091"
)


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
        pitfalls=(
            "1076_MTI_SAD_XX is silent; it is kept (EMO-SUPERB and EmoBox keep it, audb and PEFT-SER do not)",
            "the voice-only majority is neutral for more than half of the clips: acted and perceived label differ",
            "soft labels of EMO-SUPERB cannot be rebuilt from tabulatedVotes.csv (3372 of 7442 rows differ)",
        ),
    )

    def utterances(self, root: Path):
        # Rows of the voice alone are numbered 1xxxxx, of the face 2xxxxx, of both 3xxxxx.
        voice = [row for row in table_rows(root, "processedResults/tabulatedVotes.csv") if row[""].startswith("1")]
        votes = {row["fileName"]: {label: int(row[label[0]]) for label in LABELS} for row in voice}
        sexes = {row["ActorID"]: row["Sex"].lower() for row in table_rows(root, "VideoDemographics.csv")}
        genders = dict.fromkeys(FEMALE.split(), "female") | sexes
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
