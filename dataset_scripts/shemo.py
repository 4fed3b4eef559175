"""ShEMO: utterances of 87 speakers out of Persian radio plays, labelled by a majority of twelve annotators."""

import json
import re
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# F is a woman as the first letter, and fear as the fourth.
STEM = re.compile(r"/(?P<speaker>(?P<gender>[MF])\d{2})(?P<emotion>[AFHNSW])\d{2,3}$")
GENDERS = {"F": "female", "M": "male"}
DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f")


def transcripts(root: Path) -> dict[str, str]:
    """Texts by utterance id: out of shemo.json, else out of the files that transcript.zip holds."""
    table = archive_file(root, "shemo.json")
    if table is not None:
        return {name: row["transcript"] for name, row in json.loads(read_text(table)).items()}
    return {path.stem: read_text(path).translate(DIRECTION_MARKS).strip() for path in sorted(root.rglob("*.ort"))}


class Shemo(EmotionCorpus):
    """ShEMO. Raw labels are the fourth character of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="shemo",
        full_name="Sharif Emotional Speech Database",
        languages=("fa",),
        labels={"A": "anger", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness", "W": "surprise"},
        licence="free for academic use; Apache-2.0 on its authors' Hugging Face page",
        access="open",
        how_to_obtain="https://github.com/pariajm/sharif-emotional-speech-dataset (female.zip, male.zip, shemo.json)",
        layout="<female|male>/<speaker><emotion><number>.wav, shemo.json or transcript/final text/*.ort",
        homepage="https://github.com/mansourehk/ShEMO",
        citation="Mohamad Nezami, Jamshid Lou, Karami: ShEMO. Language Resources and Evaluation 53(1), 1-16, 2019",
        doi="10.1007/s10579-018-9427-x",
        kind="acted",
        num_utterances=3000,
        num_speakers=87,
        sampling_rate=44_100,
        label_counts={"A": 1059, "F": 38, "H": 201, "N": 1028, "S": 449, "W": 225},
        sets=("emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/shemo", by="speaker_id", folds=({"test": ("M12", "M25", "F07", "F24")},)
            )
        },
        pitfalls=(
            "the transcripts follow an older labelling than the audio: 162 files have none, and others have that of "
            "another file (Yazdani & Shekofteh 2022 correct 347 in all); a corrected shemo.json is read as well",
            "EmoBox has the 2838 files whose names are in shemo.json, so 89 of 449 sad and 9 of 38 fearful ones "
            "are left out; its fold is random and is read with split_corpus(..., 'partition_file')",
            "38 utterances of fear: many studies leave it out",
            "121 of the 2838 files are sampled at 22.05 kHz, most of them of M27, M18, M46 and M48",
        ),
    )

    def utterances(self, root: Path):
        texts = transcripts(root)
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender=GENDERS[name["gender"]],
                text=texts.get(path.stem),
            )
