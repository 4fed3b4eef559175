"""ASVP-ESD: speech and other vocal sounds in several languages, cut from films, television and the web."""

import logging
import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


logger = logging.getLogger(__name__)

# modality-channel-emotion-intensity-statement-actor-age-source-language-..., with stray fields at the end.
STEM = re.compile(
    r"/03-(?P<channel>0[12])-(?P<emotion>\d\d)-\d+-\d+-(?P<actor>\d+)-\d+-\d+(?:-(?P<language>\d+))?(?:-[^/]*)?$"
)
EMOTIONS = ("boredom", "neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise", "excitement")
LABELS = {
    f"{code:02d}": emotion
    for code, emotion in enumerate((*EMOTIONS, "pleasure", "pain", "disappointment", "breath"), start=1)
}
COUNTS = (548, 1598, 1868, 2694, 1453, 1180, 899, 1586, 401, 365, 834, 365, 172)
LANGUAGES = {"01": "zh", "02": "en", "04": "fr"}
# Numbers of many people: 00, and babies and children in Bonus/.
SEVERAL_PEOPLE = {"00", "50", "150", "200"}


class AsvpEsd(EmotionCorpus):
    """
    ASVP-ESD with its bonus part. Raw labels are the third field of the file name; a code that the corpus does not
    define is left unlabelled. The second field, also of `utterance_id`, is 01 for speech and 02 for other sounds.
    """

    VERSION = "1.0.0"
    facts = Corpus(
        name="asvp_esd",
        full_name="Audio, Speech and Vision Processing lab Emotional Sound Database",
        languages=("zh", "en", "fr", "ru"),
        labels=LABELS,
        licence="custom, academic use",
        access="open",
        how_to_obtain="ASVP-ESD-Update.zip from https://zenodo.org/record/7132783, unpacked",
        layout="{Audio,Bonus}/actor_<n>/03-<channel>-<emotion>-<intensity>-<statement>-<actor>-<age>-<source>-*.wav",
        homepage="https://zenodo.org/record/7132783",
        citation="Landry, He, Yan, Li: ASVP-ESD: A dataset and its benchmark for emotion recognition using both "
        "speech and non-speech utterances. Global Scientific Journals 8(5), 2020",
        kind="natural",
        num_utterances=13_964,
        num_speakers=131,
        sampling_rate=16_000,
        label_counts=dict(zip(LABELS, COUNTS, strict=True)),
        sets=("exhubert_unseen", "emobox"),
        pitfalls=(
            "8824 of 13964 files are not speech; ids that end in 77 are noisy, in 66 several voices",
            "versions differ: 5146, 7812 and 13285 files were published before the 13964 counted here",
            "the numbers 00, 50, 150 and 200 stand for several people, the last three for babies and children",
            "16 files lie in the folder of another actor, some in actor_ without a number; the name counts here",
            "one file has the undefined emotion 17: it is kept without a label",
            "code 12 is disappointment and disapproval, 11 pain and groans, 03 also laughter, 04 crying",
            "the EmoBox fold shares speakers; its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            if name["emotion"] not in LABELS:
                logger.warning("asvp_esd: %s has the undefined emotion %s: no label", path, name["emotion"])
            is_one_person = name["actor"] not in SEVERAL_PEOPLE
            yield Utterance(
                path=path,
                raw_label=name["emotion"] if name["emotion"] in LABELS else None,
                speaker_id=name["actor"],
                # Even numbers are men, by the description of the corpus.
                gender=("female" if int(name["actor"]) % 2 else "male") if is_one_person else None,
                language=LANGUAGES.get(name["language"]) if name["channel"] == "01" else None,
            )
