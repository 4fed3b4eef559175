"""MSP-IMPROV: twelve actors in six dyads; target sentences read and improvised, and what they said around them."""

import math
import re
from collections import Counter
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/MSP-IMPROV-S\d\d[AHNS]-(?P<speaker>(?P<gender>[FM])0(?P<dyad>[1-6]))-[PRST]-[FM]{2}\d\d$")
# UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.0; V:4.0; D:3.0 ; N:5.0; and a line for every rating.
SUMMARY = re.compile(
    r"^UTD-(\S+)\.avi; *([A-Z]); *A:([\w.]+) *; *V:([\w.]+) *; *D:([\w.]+).*((?:\n(?!UTD-)\S.*)*)", re.MULTILINE
)
RATING = re.compile(r"^([^;\n]+); *([AHNOS])\w*;", re.MULTILINE)  # <rater>; Happy; Happy,Excited; A:2.0; ...


def folds(dyads: str):  # "34": dyad 3 for validation, dyad 4 for test
    return tuple({"validation": (dev,), "test": (test,)} for dev, test in dyads.split())


class MspImprov(EmotionCorpus):
    """MSP-IMPROV. Raw labels are the consensus of the raters, `votes` the primary emotion that each of them chose."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="msp_improv",
        full_name="MSP-IMPROV",
        languages=("en-US",),
        labels={"A": "anger", "H": "happiness", "S": "sadness", "N": "neutral", "O": "other", "X": "unknown"},
        licence="academic licence of the MSP lab",
        access="eula",
        how_to_obtain="sign the agreement of the MSP lab, https://lab-msp.com/",
        layout="Evaluation.txt (or Evalution.txt), session<1-6>/S<nn><A|H|N|S>/<P|R|S|T>/MSP-IMPROV-*.wav",
        homepage="https://lab-msp.com/",
        citation="Busso et al.: MSP-IMPROV. IEEE Trans. Affective Computing 8(1), 67-80, 2017",
        doi="10.1109/TAFFC.2016.2515617",
        kind="acted",
        num_utterances=8438,
        num_speakers=12,
        sampling_rate=44_100,
        label_counts={"A": 792, "H": 2644, "S": 885, "N": 3477},
        rating_range=(1, 5),
        sets=("emo_superb",),
        published_splits={
            "emosuperb_code": PublishedSplit(
                "EMO-SUPERB, labels_consensus_*.csv", "session", folds("34 23 12 61 56 45")
            ),
            "emosuperb_paper": PublishedSplit("EMO-SUPERB, Table C3", "session", folds("56 45 34 23 12 61")),
        },
        pitfalls=(
            "the letter after the sentence number is the acted target, not what raters heard",
            "Evaluation.txt counts activation from 1 (active) to 5 (calm); arousal is 6 minus it, as in EMO-SUPERB",
            "secondary emotions, ten classes of EMO-SUPERB, are not read; its soft labels are in its own files",
            "a rater listed twice for a clip has one vote; keep a session in one part: its actors hear each other",
        ),
    )

    def utterances(self, root: Path):
        file = archive_file(root, "Evaluation.txt") or archive_file(root, "Evalution.txt")
        evaluations = {stem: rest for stem, *rest in SUMMARY.findall(read_text(file) if file else "")}
        said = sorted(file.parent.glob("All_human_transcriptions/**/*.txt")) if file else ()
        texts = {path.stem: read_text(path).strip() for path in said}
        for path, name in named_audio_files(root, STEM):
            label, *means, ratings = evaluations.get(path.stem.removeprefix("MSP-"), (None, *["nan"] * 3, ""))
            arousal, valence, dominance = (None if math.isnan(mean) else mean for mean in map(float, means))
            yield Utterance(
                path=path,
                raw_label=label,
                speaker_id=name["speaker"],
                gender="female" if name["gender"] == "F" else "male",
                session=name["dyad"],
                text=texts.get(path.stem),
                arousal=arousal and 6 - arousal,
                valence=valence,
                dominance=dominance,
                votes=Counter(dict(RATING.findall(ratings)).values()),
            )
