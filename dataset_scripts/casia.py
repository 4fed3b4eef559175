"""CASIA: four actors read the same Mandarin sentences in six emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


# Folder in lower case -> speaker and gender; the second spelling is that of the 100 sentences that are not shared.
SPEAKERS = {
    "liuchanhg": ("liuchanhg", "female"),
    "chang.liu": ("liuchanhg", "female"),
    "wangzhe": ("wangzhe", "male"),
    "zhe.wang": ("wangzhe", "male"),
    "zhaoquanyin": ("zhaoquanyin", "female"),
    "quanyin.zhao": ("zhaoquanyin", "female"),
    "zhaozuoxiang": ("zhaozuoxiang", "male"),
    "zuoxiang.zhao": ("zhaozuoxiang", "male"),
}
EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
FILE = re.compile(
    rf"/(?P<speaker>{'|'.join(map(re.escape, SPEAKERS))})/(?P<emotion>{'|'.join(EMOTIONS)}|normal)/(?P<sentence>\d+)$",
    re.IGNORECASE,
)


class Casia(EmotionCorpus):
    """CASIA. Raw labels are the folders; `normal` is what the folders of different sentences call `neutral`."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="casia",
        full_name="CASIA Mandarin emotional speech corpus",
        languages=("zh",),
        labels={
            "angry": "anger",
            "fear": "fear",
            "happy": "happiness",
            "neutral": "neutral",
            "normal": "neutral",
            "sad": "sadness",
            "surprise": "surprise",
        },
        access="commercial",
        how_to_obtain="ChineseLDC sells the whole corpus; a part of 1200 utterances circulates without a licence",
        layout="<speaker>/<emotion>/<sentence>.wav with the folders liuchanhg, wangzhe, zhaoquanyin and zhaozuoxiang",
        homepage="http://www.chineseldc.org/resource_info.php?rid=76",
        citation="Institute of Automation, Chinese Academy of Sciences: CASIA Chinese emotional corpus",
        kind="acted",
        num_utterances=1200,
        num_speakers=4,
        sampling_rate=16_000,
        label_counts=dict.fromkeys(EMOTIONS, 200),
        sets=("emoset", "emoset_plus_5", "emoset_plus_plus", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-4 in its repository",
                by="speaker_id",
                folds=tuple({"test": (name,)} for name in ("wangzhe", "zhaozuoxiang", "liuchanhg", "zhaoquanyin")),
                random_validation=0.2,
            )
        },
        pitfalls=(
            "counts are those of the free part (sentences 201-250); the whole corpus has 9600 utterances: 300 shared "
            "sentences, and 100 more whose words tell the emotion",
            "the folder liuchanhg is spelled so, and ZhaoZuoxiang with capitals in some copies",
            "genders are those that users of the corpus report; the archive does not state them",
            "all speakers read the same sentences in all emotions: parts share their texts",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, FILE):
            folder, emotion, sentence = (name[part].lower() for part in ("speaker", "emotion", "sentence"))
            speaker, gender = SPEAKERS[folder]
            utterance_id = f"{folder}-{emotion}-{sentence}"
            yield Utterance(path, emotion, utterance_id=utterance_id, speaker_id=speaker, gender=gender)
