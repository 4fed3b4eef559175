"""JL-Corpus: four speakers of New Zealand English speak fifteen sentences in ten emotions, twice."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files, read_text
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


STEM = re.compile(r"/(?P<speaker>(?P<gender>female|male)[12])_(?P<emotion>[a-z]+)_\d{1,2}[ab]_[12]$")
LABELS = {
    "angry": "anger",
    "sad": "sadness",
    "neutral": "neutral",
    "happy": "happiness",
    "excited": "excitement",
    "anxious": "anxiety",
    "apologetic": "apology",
    "assertive": "assertiveness",
    "concerned": "concern",
    "encouraging": "encouragement",
}


class JlCorpus(EmotionCorpus):
    """JL-Corpus, its five primary and five secondary emotions. `text` is the .txt file beside the audio."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="jl_corpus",
        full_name="JL-Corpus (New Zealand English)",
        languages=("en-NZ",),
        labels=LABELS,
        licence="CC0 1.0 (Kaggle; nkululeko notes ODC-By)",
        access="open",
        how_to_obtain="https://www.kaggle.com/tli725/jl-corpus, unpacked",
        layout="Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/<speaker>_<emotion>_<sentence>_<repetition>.wav",
        homepage="https://www.kaggle.com/tli725/jl-corpus",
        citation="James, Tian, Watson: An open source emotional speech corpus for human robot interaction "
        "applications. Interspeech 2018",
        doi="10.21437/Interspeech.2018-1349",
        kind="acted",
        num_utterances=2400,
        num_speakers=4,
        sampling_rate=44_100,
        label_counts=dict.fromkeys(LABELS, 240),
        sets=("exhubert_unseen", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1 to 4 of its repository",
                by="speaker_id",
                folds=tuple({"test": (speaker,)} for speaker in ("male2", "female1", "male1", "female2")),
                random_validation=0.2,
            ),
            "nkululeko": PublishedSplit(
                source="nkululeko, data/jl/jl_test.csv", by="speaker_id", folds=({"test": ("male2",)},)
            ),
        },
        pitfalls=(
            "three secondary emotions have other names in the paper than in the file names (worried is concerned)",
            "with the five primary emotions only (angry, sad, neutral, happy, excited) there are 1200 utterances",
            "the files are unchecked and unannotated, as the name of their folder says",
        ),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            text = path.with_suffix(".txt")
            yield Utterance(
                path=path,
                raw_label=name["emotion"],
                speaker_id=name["speaker"],
                gender=name["gender"],
                text=read_text(text).strip() if text.is_file() else None,
            )
