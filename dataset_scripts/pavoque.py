"""PAVOQUE: one German actor reads sentences neutrally and in four characters."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, Utterance


STEM = re.compile(r"/(?P<prompt>[a-z]+(?:_[a-z])?\d{4}[a-z]?)-(?P<style>angry|happy|neutral|poker|sad)$")


class Pavoque(EmotionCorpus):
    """PAVOQUE. Read from the files that the `wav` task of its repository cuts out of the long recordings."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="pavoque",
        full_name="PAVOQUE corpus of expressive speech",
        languages=("de",),
        labels={"angry": "anger", "happy": "happiness", "neutral": "neutral", "poker": "neutral", "sad": "sadness"},
        licence="CC BY-NC-SA 4.0",
        access="open",
        how_to_obtain="git clone https://github.com/marytts/pavoque-data; add 'outtakes' to styles in build.gradle; "
        "./gradlew download wav text (needs Java and sox)",
        layout="build/wav/<prompt>-<style>.wav, build/text/<prompt>.txt",
        homepage="https://github.com/marytts/pavoque-data",
        citation="Steiner, Schröder, Klepp: The PAVOQUE corpus as a resource for analysis and synthesis of expressive "
        "speech. Phonetik & Phonologie 9, 83-84, 2013",
        kind="acted",
        num_utterances=7334,
        num_speakers=1,
        sampling_rate=44_100,
        label_counts={"angry": 724, "happy": 746, "neutral": 4344, "poker": 819, "sad": 701},
        sets=("emobox",),
        pitfalls=(
            "published as one long FLAC file per style with the times of the utterances: it has to be cut first",
            "1892 utterances are outtakes, which the tasks of the repository do not cut unless told to (5442 without)",
            "poker is a cool, laid-back style, counted as neutral here",
            "a single speaker: no score on this corpus is about new voices, and the EmoBox fold shares him as well; "
            "its file list is read with split_corpus(..., 'partition_file')",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            text = path.parent.parent / "text" / f"{name['prompt']}.txt"
            yield Utterance(
                path=path,
                raw_label=name["style"],
                speaker_id="stefan_roettig",
                gender="male",
                text=read_text(text).strip() if text.is_file() else None,
            )
