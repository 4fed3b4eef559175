"""MSP-Podcast: turns cut from English podcasts, labelled by at least five raters."""

import json
import re
from collections import Counter
from itertools import product
from pathlib import Path

from hf_emotion.data.archive import archive_file, named_audio_files, read_text, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/MSP-PODCAST_(?P<podcast>\d{4})_\d{4}(?:_\d{4})?$")
LABELS = {"A": "anger", "S": "sadness", "H": "happiness", "U": "surprise", "F": "fear", "D": "disgust",
    "C": "contempt", "N": "neutral", "O": "other", "X": "unknown"}  # fmt: skip
PARTS = {"Train": "train", "Development": "validation", "Validation": "validation", "Test1": "test", "Test2": "test"}
GENDERS = {"Female": "female", "Male": "male"}
# Folder and spelling of the table of consensus labels change with the release.
TABLES = tuple(map("/labels_".join, product(("Labels", "labels", "label"), ("consensus.csv", "concensus.csv"))))


class MspPodcast(EmotionCorpus):
    """MSP-Podcast. Raw labels are the consensus on the primary emotion, `votes` the primary emotion of every rater."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="msp_podcast",
        full_name="MSP-Podcast",
        languages=("en",),
        labels=LABELS,
        licence="academic or commercial licence of the MSP lab",
        access="eula",
        how_to_obtain="sign the agreement of the MSP lab, https://lab-msp.com/",
        layout="Audios/MSP-PODCAST_*.wav, Labels/labels_consensus.csv, Labels/labels_detailed.json, Transcripts/*.txt",
        homepage="https://lab-msp.com/",
        citation="Lotfian & Busso: Building naturalistic emotionally balanced speech corpus by retrieving emotional "
        "speech from existing podcast recordings. IEEE Trans. Affective Computing 10(4), 471-483, 2019",
        doi="10.1109/TAFFC.2017.2736999",
        kind="natural",
        num_utterances=149_307,
        num_speakers=2172,
        sampling_rate=16_000,
        rating_range=(1, 7),
        sets=("emo_superb", "emobox"),
        published_splits={
            "official": PublishedSplit("Split_Set of labels_consensus.csv, Test1 and Test2 as one part")
        },
        pitfalls=(
            "counts are those of release 1.11, which EMO-SUPERB uses; EmoBox uses 1.8 and tests on Test1 only",
            "Test3 (2347 clips in 1.11) has no public labels and is left out, as is audio that no table row names",
            "clips of unknown speakers have no speaker id: whether they are in two parts cannot be told",
            "secondary emotions (POD (S) of EMO-SUPERB) are in labels_detailed only and not read",
            "MSP-PODCAST_1023_0235.wav is stereo at 44.1 kHz in release 1.8",
        ),
    )

    def utterances(self, root: Path):
        name = next((name for name in TABLES if archive_file(root, name)), TABLES[0])
        table = {row["FileName"]: row for row in table_rows(root, name) if row["Split_Set"] != "Test3"}
        file = archive_file(root, f"{name.split('/')[0]}/labels_detailed.json")
        # {clip: {rater: {"EmoClass_Major": word, ...}}}, of which only the words are kept while it is parsed.
        words = json.loads(read_text(file) if file else "{}", object_hook=lambda at: at.get("EmoClass_Major", at))
        for path, name in named_audio_files(root, STEM):
            if (row := table.get(f"{path.stem}.wav")) is None:
                continue
            transcript = path.parents[1] / "Transcripts" / f"{path.stem}.txt"
            yield Utterance(
                path=path,
                raw_label=row["EmoClass"],
                speaker_id=row["SpkrID"] if row["SpkrID"] != "Unknown" else None,
                gender=GENDERS.get(row["Gender"]),
                session=name["podcast"],
                text=read_text(transcript).strip() if transcript.is_file() else None,
                split=PARTS.get(row["Split_Set"], row["Split_Set"]),
                arousal=float(row["EmoAct"]),
                valence=float(row["EmoVal"]),
                dominance=float(row["EmoDom"]),
                # Surprise is U, and Other-<what a rater typed> is O.
                votes=Counter(word.replace("Sur", "U", 1)[:1] for word in words.get(row["FileName"], {}).values()),
            )
