"""NNIME: 43 actors in dyads play three-minute scenes in Mandarin, each with a target emotion."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/(?P<target>angry|frustration|happy|neutral|sad|surprise)_(?P<dyad>\d\d)_(?P<side>[AB])_\d{3}$")
MALE = {2, 4, 5, 6, 7, 8, 10, 12, 14, 16, 19, 29, 31, 33, 34, 37, 38, 39, 40}
DYADS = ("01 02 03 04 22", "05 06 07 08", "09 10 11 12", "13 14 15 16", "17 18 19 20 21")
S1, S2, S3, S4, S5 = (tuple(dyads.split()) for dyads in DYADS)  # sessions of EMO-SUPERB
FOLDS = tuple({"validation": dev, "test": test} for dev, test in ((S4, S5), (S5, S1), (S1, S2), (S2, S3), (S3, S4)))


class BiicNnime(EmotionCorpus):
    """
    NNIME. Raw labels are the target emotion of the scene, as in the file names. The archive's annotations are not
    public; with EMO-SUPERB's labels_consensus_<fold>.csv beside the audio, arousal and valence are its means.
    """

    VERSION = "1.0.0"
    facts = Corpus(
        name="biic_nnime",
        full_name="NTHU-NTUA Chinese interactive multimodal emotion corpus",
        languages=("zh-TW",),
        labels={
            "angry": "anger",
            "frustration": "frustration",
            "happy": "happiness",
            "neutral": "neutral",
            "sad": "sadness",
            "surprise": "surprise",
        },
        licence="academic licence of the BIIC lab",
        access="eula",
        how_to_obtain="sign the agreement at https://nnime.ee.nthu.edu.tw/ (or ask biiclab@ee.nthu.edu.tw)",
        layout="<target>_<dyad>_<A|B>_<nnn>.wav in any folder; labels_consensus_1.csv of EMO-SUPERB if you have it",
        homepage="https://nnime.ee.nthu.edu.tw/",
        citation="Chou, Lin, Chang, Li, Ma, Lee: NNIME. ACII 2017, 292-298",
        doi="10.1109/ACII.2017.8273615",
        kind="acted",
        num_utterances=5596,
        num_speakers=43,
        sampling_rate=16_000,
        rating_range=(1, 5),
        sets=("emo_superb",),
        published_splits={
            "emosuperb_code": PublishedSplit(
                source="EMO-SUPERB, labels_consensus_*.csv (the rows of its Table 2 on the sessions of its Table C5)",
                by="session",
                folds=FOLDS,
            )
        },
        pitfalls=(
            "the emotion in the name is the target of the scene: raters heard neutral in 3108 of 5028 utterances",
            "EMO-SUPERB's eleven perceived classes are soft labels in its own files, which do not tell votes",
            "EMO-SUPERB has 5028 of the 5596 utterances: those with at least three raters and not only other",
            "speaker ids are EMO-SUPERB's, session is the dyad; one actor (8) is in the dyads 04 and 22",
            "clips last from 0.13 to 71.8 s",
        ),
    )

    def utterances(self, root: Path):
        table = table_rows(root, "Secondary/labels_consensus_1.csv") or table_rows(root, "labels_consensus_1.csv")
        means = {next(iter(row.values())): row for row in table}  # the header of the first column is empty
        for path, name in named_audio_files(root, STEM):
            speaker = 2 * int(name["dyad"]) - (name["side"] == "A")
            speaker = {43: 8, 44: 43}.get(speaker, speaker)
            mean = means.get(f"{path.stem}.wav")
            yield Utterance(
                path=path,
                raw_label=name["target"],
                speaker_id=str(speaker),
                gender="male" if speaker in MALE else "female",
                session=name["dyad"],
                arousal=mean and float(mean["EmoAct"]),
                valence=mean and float(mean["EmoVal"]),
            )
