"""EmotiW 2014: clips of films (AFEW 4.0) in seven emotions, with music and noise."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
# Folders are called Train, Train_AFEW ...; test clips lie in one folder, such as Test/Test_vid_Distribute.
FILE = re.compile(
    rf"/(?:(?P<part>Train|Val)[^/]*/(?P<emotion>{'|'.join(LABELS)})|Test[^/]*(?:/Test[^/]*)*)/(?P<clip>\d+)$"
)


class Emotiw2014(EmotionCorpus):
    """EmotiW 2014. Raw labels are the folders; clips of the official test part have none."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emotiw2014",
        full_name="Emotion Recognition in the Wild Challenge 2014 (Acted Facial Expressions in the Wild 4.0)",
        languages=("en",),
        labels=LABELS,
        licence="end-user licence agreement of the challenge",
        access="eula",
        how_to_obtain="ask the organisers (see the homepage) for their agreement; then extract the audio of the "
        "videos beside them, for example with ffmpeg",
        layout="Train/<emotion>/<clip>.wav, Val/<emotion>/<clip>.wav and Test/<clip>.wav, the audio of the .avi with "
        "the same name",
        homepage="https://cs.anu.edu.au/few/emotiw2014.html",
        citation="Dhall, Goecke, Joshi, Sikka, Gedeon: Emotion recognition in the wild challenge 2014: Baseline, data "
        "and protocol. ICMI 2014, 461-466",
        doi="10.1145/2663204.2666275",
        kind="acted",
        num_utterances=1368,
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus"),
        published_splits={"official": PublishedSplit(source="EmotiW 2014 (Dhall et al., ICMI 2014), as distributed")},
        pitfalls=(
            "the labels of the test part were never released: its clips are kept without one, and scores come from "
            "the validation part; how EmoSet split the corpus is not published",
            "578 train, 383 validation and 407 test clips, recalled from the literature",
            "there are no speaker ids: whether an actor is in two parts cannot be checked",
            "soundtracks of films: music, noise and several voices; labels are about face and voice together",
            "later challenges distribute other versions of AFEW with more clips under the same folder names",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, FILE):
            split = {"Train": "train", "Val": "validation"}.get(name["part"], "test")
            yield Utterance(path=path, raw_label=name["emotion"], split=split)
