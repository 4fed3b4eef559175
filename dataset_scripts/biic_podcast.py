"""BIIC-Podcast: turns cut from Mandarin podcasts, labelled by at least three raters; made like MSP-Podcast."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, PublishedSplit, Utterance
from hf_emotion.data.manifest_corpus import MANIFEST_LAYOUT, ManifestCorpus


STEM = re.compile(r"/(?P<file>BIIC-PODCAST_(?P<podcast>\d{4})_\d{4}(?:_\d{4})?)$")
PARTS = {"Train": "train", "Development": "validation", "Test": "test"}
LABELS = {
    "angry": "anger",
    "sad": "sadness",
    "disgust": "disgust",
    "contempt": "contempt",
    "fear": "fear",
    "neutral": "neutral",
    "surprise": "surprise",
    "happy": "happiness",
    "other": "other",
}


class BiicPodcast(ManifestCorpus):
    """
    BIIC-Podcast. How its archive is laid out is not public, but EMO-SUPERB's data folder is: raw labels are the class
    with the largest share in its soft labels, null if two are equal. Without that table a manifest is read.
    """

    VERSION = "1.0.0"
    facts = Corpus(
        name="biic_podcast",
        full_name="BIIC-Podcast",
        languages=("zh-TW",),
        labels=LABELS,
        licence="academic or commercial licence of the BIIC lab",
        access="eula",
        how_to_obtain="ask cclee@ee.nthu.edu.tw (http://andc.ai/); EMO-SUPERB's label files are in its repository",
        layout=f"Audios/BIIC-PODCAST_*.wav, Primary/labels_consensus_1.csv of EMO-SUPERB; or {MANIFEST_LAYOUT}",
        homepage="http://andc.ai/",
        citation="Upadhyay et al.: An intelligent infrastructure toward large scale naturalistic affective speech "
        "corpora collection. ACII 2023",
        doi="10.1109/ACII59096.2023.10388174",
        kind="natural",
        num_utterances=70_000,
        sampling_rate=16_000,
        sets=("emo_superb",),
        published_splits={
            "official": PublishedSplit("release 1.01, Split_Set of EMO-SUPERB's labels_consensus_1.csv")
        },
        pitfalls=(
            "no layout of its archive is published, nor what EMO-SUPERB's table says of speakers: there are no ids",
            "other is no class of EMO-SUPERB: a clip that most raters called other has the label of the rest",
            "EMO-SUPERB speaks of five raters for every clip, but counts 3.33 on average",
        ),
    )

    def utterances(self, root: Path):
        rows = table_rows(root, "Primary/labels_consensus_1.csv") or table_rows(root, "labels_consensus_1.csv")
        if not rows:
            yield from super().utterances(root)
        table = {next(iter(row.values())): row for row in rows}  # EMO-SUPERB's code takes the first column as well
        for path, name in named_audio_files(root, STEM):
            if row := table.get(f"{path.stem}.wav"):
                shares = {label: float(row[label]) for label in LABELS if label in row}
                top = [label for label, share in shares.items() if share == max(shares.values())]
                yield Utterance(
                    path=path,
                    raw_label=top[0] if len(top) == 1 else None,
                    session=name["podcast"],
                    split=PARTS[row["Split_Set"]],
                )
