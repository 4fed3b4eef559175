"""ESD: ten speakers of Mandarin and ten of English say the same 350 sentences each in five emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {"Neutral": "neutral", "Angry": "anger", "Happy": "happiness", "Sad": "sadness", "Surprise": "surprise"}
FILE = re.compile(
    rf"/(?P<speaker>00(?:0[1-9]|1\d|20))/(?P<emotion>{'|'.join(LABELS)})/(?:(?P<part>train|evaluation|test)/)?"
    r"(?P=speaker)_(?P<index>\d{6})$"
)
# Rows are <utterance> TAB <text> TAB <emotion>; some have a space for the first TAB.
ROW = re.compile(r"^(\d{4}_\d{6})[ \t] *(\S[^\t\r\n]*?)[ \r]*(?:\t|$)", re.MULTILINE)
MALE = ("0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020")
EMOBOX_TESTS = ("0005 0011 0016 0018", "0012 0014 0015 0019", "0003 0004 0006 0009", "0007 0008 0013 0020")


class Esd(EmotionCorpus):
    """ESD. Raw labels are the folders; texts come from the table of each speaker, in four encodings."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="esd",
        full_name="Emotional Speech Database (ESD)",
        languages=("en", "zh"),
        labels=LABELS,
        licence="research only, by a form to sign",
        access="registration",
        how_to_obtain="fill in the form and follow the link at https://github.com/HLTSingapore/Emotional-Speech-Data",
        layout="<speaker>/<emotion>/[<train|evaluation|test>/]<speaker>_<index>.wav and <speaker>/<speaker>.txt",
        homepage="https://hltsingapore.github.io/ESD/",
        citation="Zhou, Sisman, Liu, Li: Seen and unseen emotional style transfer for voice conversion with a new "
        "emotional speech dataset. ICASSP 2021, 920-924",
        doi="10.1109/ICASSP39728.2021.9413391",
        kind="acted",
        num_utterances=35_000,
        num_speakers=20,
        sampling_rate=16_000,
        label_counts=dict.fromkeys(LABELS, 7000),
        sets=("emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "official": PublishedSplit("ESD (Zhou et al., ICASSP 2021)", leak="all 20 speakers are in every part"),
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-5 in its repository",
                by="speaker_id",
                folds=tuple({"test": tuple(test.split())} for test in (*EMOBOX_TESTS, "0001 0002 0010 0017")),
                random_validation=0.2,
            ),
        },
        pitfalls=(
            "official parts share speakers, not sentences (300, 20 and 30); speaker-independent ones share sentences",
            "some zips lack the folders of the official parts; the index tells them: of the 350 clips of a speaker "
            "and emotion the first 20 are evaluation (here validation), the next 30 test",
            "fold 3 of EmoBox tests Mandarin only",
            "texts are in UTF-16, GB 2312 (also two English speakers) and UTF-8; wording differs a little by speaker",
        ),
    )

    def utterances(self, root: Path):
        texts: dict[Path, dict[str, str]] = {}
        for path, name in named_audio_files(root, FILE):
            speaker = name["speaker"]
            table = path.parents[2 if name["part"] else 1] / f"{speaker}.txt"
            if table not in texts:
                texts[table] = dict(ROW.findall(read_text(table))) if table.is_file() else {}
            position = (int(name["index"]) - 1) % 350
            part = name["part"] or ("evaluation" if position < 20 else "test" if position < 50 else "train")
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=speaker,
                gender="male" if speaker in MALE else "female",
                language="zh" if speaker <= "0010" else "en",
                text=texts[table].get(path.stem),
                split="validation" if part == "evaluation" else part,
            )
