"""EMNS: one British actress tells stories in eight emotions, a different sentence each."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


STEM = re.compile(r"/recorded_audio(?:_\w{7})?$")


class Emns(EmotionCorpus):
    """EMNS. Raw labels are those of `metadata.csv`; recordings that it does not list are left out."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emns",
        full_name="Emotive Narrative Storytelling corpus",
        languages=("en-GB",),
        labels={
            "Angry": "anger",
            "Disgust": "disgust",
            "Excited": "excitement",
            "Happy": "happiness",
            "Neutral": "neutral",
            "Sad": "sadness",
            "Sarcastic": "sarcasm",
            "Surprised": "surprise",
        },
        licence="Apache 2.0 (OpenSLR)",
        access="open",
        how_to_obtain="cleaned_webm.tar.xz and metadata.csv from https://www.openslr.org/136/; convert the webm files "
        "to wav beside them (ffmpeg -i <name>.webm <name>.wav)",
        layout="metadata.csv (columns separated by |) and cleaned_webm/recorded_audio_<code>.wav",
        homepage="https://www.openslr.org/136/",
        citation="Noriy, Yang, Zhang: EMNS /Imz/ Corpus: An emotive single-speaker dataset for narrative storytelling "
        "in games, television and graphic novels. arXiv 2305.13137, 2023",
        doi="10.48550/arXiv.2305.13137",
        kind="acted",
        num_utterances=1181,
        num_speakers=1,
        sampling_rate=48_000,
        label_counts={
            "Angry": 126,
            "Disgust": 162,
            "Excited": 150,
            "Happy": 157,
            "Neutral": 149,
            "Sad": 147,
            "Sarcastic": 139,
            "Surprised": 151,
        },
        sets=("emobox",),
        pitfalls=(
            "a single speaker: no score on this corpus is about new voices, and the EmoBox fold shares her as well; "
            "its file list is read with split_corpus(..., 'partition_file')",
            "24 of the 1205 rows of metadata.csv are marked 'Needs Updating'; they are left out, as in cleaned_webm",
            "raw_webm has the same file names: unpack one of the two archives, not both into one folder",
            "every sentence is recorded once, so text and emotion are confounded",
            "the licence is Apache 2.0 on OpenSLR; nkululeko says CC BY 4.0",
            "EmoBox spells Surprised as Surprise",
        ),
    )

    def utterances(self, root: Path):
        recordings = {Path(row["audio_recording"]).stem: row for row in table_rows(root, "metadata.csv", "|")}
        for path, _ in named_audio_files(root, STEM):
            row = recordings.get(path.stem)
            if row is None or row["status"] != "Complete":
                continue
            yield Utterance(
                path=path,
                raw_label=row["emotion"],
                speaker_id=row["user_id"],
                gender=row["gender"].lower(),
                text=row["utterance"],
            )
