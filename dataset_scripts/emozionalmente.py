"""Emozionalmente: 431 volunteers speak 18 Italian sentences in seven emotions; five listeners judged each."""

import re
from collections import Counter, defaultdict
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/audio/\d{13}$")
PARTS = {"train": "train", "dev": "validation", "test": "test"}


class Emozionalmente(EmotionCorpus):
    """Emozionalmente. Raw labels are the emotions that the speakers meant, `votes` what listeners recognised."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emozionalmente",
        full_name="Emozionalmente",
        languages=("it",),
        labels={
            "anger": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "joy": "happiness",
            "neutrality": "neutral",
            "sadness": "sadness",
            "surprise": "surprise",
        },
        licence="CC BY 4.0",
        access="open",
        how_to_obtain="emozionalmente.zip (version 1.1) from https://zenodo.org/records/12616095, unpacked",
        layout="audio/<number>.wav, metadata/samples.csv, metadata/users.csv, metadata/evaluations.csv, "
        "metadata/split/<train|dev|test>.csv",
        homepage="https://zenodo.org/records/6569824",
        citation="Catania, Wilke, Garzotto: Emozionalmente: A crowdsourced corpus of simulated emotional speech in "
        "Italian. IEEE Trans. Audio, Speech and Language Processing 33, 1142-1155, 2025",
        doi="10.1109/TASLPRO.2025.3540662",
        kind="acted",
        num_utterances=6902,
        num_speakers=431,
        sampling_rate=16_000,
        label_counts=dict.fromkeys(("anger", "disgust", "fear", "joy", "neutrality", "sadness", "surprise"), 986),
        sets=("emobox",),
        published_splits={
            "official": PublishedSplit(source="metadata/split of version 1.1: stratified by emotion, gender and age")
        },
        pitfalls=(
            "version 1.0 has no split; nkululeko publishes another speaker-independent one (257, 87 and 87 speakers)",
            "listeners recognise 66 % of the recordings: meant and perceived emotion differ",
            "150 files are sampled at 44.1 kHz, everything else at 16 kHz",
            "the EmoBox fold shares 315 of 431 speakers; its file list is read with "
            "split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        genders = {row["username"]: row["gender"].lower() for row in table_rows(root, "metadata/users.csv")}
        samples = {row["file_name"]: row for row in table_rows(root, "metadata/samples.csv")}
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for row in table_rows(root, "metadata/evaluations.csv"):
            votes[row["file_name"]][row["emotion_recognized"]] += 1
        parts = {row["file_name"]: part for part in PARTS for row in table_rows(root, f"metadata/split/{part}.csv")}
        for path, _ in named_audio_files(root, STEM):
            name = f"{path.stem}.wav"
            if (sample := samples.get(name)) is None:
                continue
            gender = genders.get(sample["actor"])
            yield Utterance(
                path=path,
                raw_label=sample["emotion_expressed"],
                speaker_id=sample["actor"],
                gender=gender if gender in ("female", "male") else None,
                text=sample["sentence"],
                split=PARTS.get(parts.get(name, "")),
                votes=votes[name],
            )
