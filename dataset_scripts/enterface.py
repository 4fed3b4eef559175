"""eNTERFACE'05: speakers of many countries react in English to stories that elicit six emotions, on video."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "sa": "sadness", "su": "surprise"}
# The folder names the subject; file names do not (subject 11's say s12), and some are misspelt: s_3_ha_1, s16_su_3avi.
FILE = re.compile(
    r"/subject (?P<speaker>\d+)/(?:anger|disgust|fear|happiness|sadness|surprise)/(?:sentence \d/)?"
    rf"s_?\d+_(?P<clip>(?P<emotion>{'|'.join(LABELS)})(?:_\d)?)(?:avi)?$"
)


class Enterface(EmotionCorpus):
    """eNTERFACE'05. Utterance ids are file names with the subject of the folder: s11_an_1, s3_ha_1."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="enterface",
        full_name="eNTERFACE'05 audio-visual emotion database",
        languages=("en",),
        labels=LABELS,
        licence="MIT (by the page of the corpus)",
        access="open",
        how_to_obtain="project2_database.zip of https://enterface.net/enterface05/emotion.html; then extract the "
        "audio of the videos beside them, for example with ffmpeg",
        layout="subject <n>/<emotion>/sentence <k>/s<n>_<em>_<k>.wav, the audio of the .avi with the same name",
        homepage="https://enterface.net/enterface05/emotion.html",
        citation="Martin, Kotsia, Macq, Pitas: The eNTERFACE'05 audio-visual emotion database. ICDE Workshops 2006",
        doi="10.1109/ICDEW.2006.145",
        kind="elicited",
        num_utterances=1293,
        num_speakers=44,
        sampling_rate=48_000,
        label_counts=dict.fromkeys(LABELS, 216) | {"ha": 213},
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "nkululeko": PublishedSplit(
                source="nkululeko, data/enterface/process_database.py (its speaker > '40' compares strings)",
                by="speaker_id",
                folds=({"test": ("5", "6", "7", "8", "9", "41", "42", "43", "44")},),
            )
        },
        pitfalls=(
            "files of subject 11 are named s12_*: whoever keys by file name loses subject 11 or 12 (EmoBox: 12)",
            "subject 6 is not cut into sentences: six recordings of 56 to 107 s, against 1.1 to 6.8 s elsewhere",
            "subject 23 lacks three happiness clips; anger 1 and 2 of subject 2 are in each other's folder",
            "the paper counts 42 subjects and 1166 sequences; the archive has 44 folders, EmoBox 1263 utterances",
            "the page of the corpus states the MIT licence, others say research use",
            "each emotion has five sentences of its own, so that the words alone tell it",
            "the EmoBox fold shares all speakers; its file list is read with split_corpus(..., 'partition_file')",
            "81 % of the subjects are men, but the archive does not say who",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, FILE):
            speaker = name["speaker"]
            yield Utterance(path, name["emotion"], utterance_id=f"s{speaker}_{name['clip']}", speaker_id=speaker)
