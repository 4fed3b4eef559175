"""MELD: dialogues of the television series Friends, each utterance labelled by what is seen, heard and said."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, table_rows
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
# Folders: train_splits, dev_splits_complete, output_repeated_splits_test; converted copies have names like test_wav.
STEM = re.compile(r"/(?:output_repeated_splits_)?(?P<part>train|dev|test)[^/]*/dia(?P<dialogue>\d+)_utt(?P<turn>\d+)$")
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
# The tables inside MELD.Raw hold Windows-1252 bytes as control characters, such as U+0092 for an apostrophe.
WINDOWS_1252 = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}


def annotations(root: Path) -> dict[str, dict[str, str]]:
    """Rows of the three tables by utterance id. In MELD.Raw that of train lies in the folder of its clips."""
    return {
        f"{part}_dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": row
        for part, table in ((part, f"{part}_sent_emo.csv") for part in SPLITS)
        for row in table_rows(root, table) or table_rows(root, f"{part}/{table}")
    }


class Meld(EmotionCorpus):
    """MELD. `session` is the dialogue, `speaker_id` the name of the character. Clips without a row are left out."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="meld",
        full_name="Multimodal EmotionLines Dataset",
        languages=("en-US",),
        labels={emotion: emotion for emotion in EMOTIONS},
        licence="GPL-3.0 (annotations); the clips are from a television series under copyright",
        access="open",
        how_to_obtain="https://huggingface.co/datasets/declare-lab/MELD; extract the audio of each .mp4 beside it",
        layout="{train_splits,dev_splits_complete,output_repeated_splits_test}/dia<d>_utt<u>.wav, *_sent_emo.csv",
        homepage="https://affective-meld.github.io/",
        citation="Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea: MELD. ACL 2019",
        doi="10.18653/v1/P19-1050",
        kind="acted",
        num_utterances=13_708,
        num_speakers=304,
        sampling_rate=48_000,
        label_counts=dict(zip(EMOTIONS, (1607, 361, 358, 2308, 6436, 1002, 1636), strict=True)),
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "official": PublishedSplit(
                source="MELD (Poria et al., ACL 2019); EmoBox takes the same parts",
                leak="69 of 100 test speakers (2501 of 2610 utterances) and 33 of 47 validation speakers are in train",
            )
        },
        pitfalls=(
            "dev dia110_utt7 is missing and train dia125_utt3 is broken: 13706 utterances can be used",
            "132 test clips exist twice: the plain ones are read, as by the authors and EmoBox, but 96 test clips are "
            "over 1 s off the times of the table (train: 1), and users find that final_videos_test<name> is right",
            "test dia38_utt4 (305 s), dia220_utt0 (235 s), train dia309_utt0 (41 s) are cut wrongly; 14 are < 0.1 s",
            "a laugh track; several channels in most clips; speakers such as All or Joey and Ross are several people",
        ),
    )

    def utterances(self, root: Path):
        rows = annotations(root)
        for path, name in named_audio_files(root, STEM):
            session = f"{name['part']}_dia{name['dialogue']}"
            if row := rows.get(utterance_id := f"{session}_utt{name['turn']}"):
                yield Utterance(
                    path=path,
                    raw_label=row["Emotion"],
                    utterance_id=utterance_id,
                    speaker_id=row["Speaker"].translate(WINDOWS_1252),
                    session=session,
                    text=row["Utterance"].translate(WINDOWS_1252),
                    split=SPLITS[name["part"]],
                )

    def published_ids(self, root: Path):
        return annotations(root)
