"""EMOVO: six Italian actors say fourteen sentences in seven emotions."""

import re
from pathlib import Path

from hf_emotion.data.archive import named_audio_files
from hf_emotion.data.corpus import Corpus, EmotionCorpus, PublishedSplit, Utterance


LABELS = {
    "dis": "disgust",
    "gio": "joy",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
# b: short, l: long, n: nonsense, d: questions.
SENTENCES = {
    "b1": "Gli operai si alzano presto",
    "b2": "I vigili sono muniti di pistola",
    "b3": "La cascata fa molto rumore",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato",
    "l4": "Vorrei il numero telefonico del Signor Piatti",
    "n1": "La casa forte vuole col pane",
    "n2": "La forza trova il passo e l'aglio rosso",
    "n3": "Il gatto sta scorrendo nella pera",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello",
    "n5": "Uno quarantatré dieci mille cinquantasette venti",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}
STEM = re.compile(rf"/(?P<emotion>{'|'.join(LABELS)})-(?P<speaker>[fm][123])-(?P<sentence>{'|'.join(SENTENCES)})$")


class Emovo(EmotionCorpus):
    """EMOVO. Raw labels are the first part of the file name."""

    VERSION = "1.0.0"
    facts = Corpus(
        name="emovo",
        full_name="EMOVO Italian emotional speech corpus",
        languages=("it",),
        labels=LABELS,
        access="open",
        how_to_obtain="http://voice.fub.it/activities/corpora/emovo/index.html; nkululeko (data/emovo) names a mirror",
        layout="<speaker>/<emotion>-<speaker>-<sentence>.wav with the speakers f1 f2 f3 m1 m2 m3",
        homepage="http://voice.fub.it/activities/corpora/emovo/index.html",
        citation="Costantini, Iaderola, Paoloni, Todisco: EMOVO corpus: an Italian emotional speech database. "
        "LREC 2014, 3501-3504",
        kind="acted",
        num_utterances=588,
        num_speakers=6,
        sampling_rate=48_000,
        label_counts=dict.fromkeys(LABELS, 84),
        sets=("emoset_plus_plus", "emobox"),
        published_splits={
            "emobox": PublishedSplit(
                source="EmoBox (Ma et al., Interspeech 2024), folds 1-6 in its repository",
                by="speaker_id",
                folds=tuple({"test": (speaker,)} for speaker in ("f2", "m3", "m2", "f3", "f1", "m1")),
                random_validation=0.2,
            ),
            "nkululeko": PublishedSplit(
                "nkululeko, data/emovo/process_database.py", "speaker_id", ({"test": ("f3",)},)
            ),
        },
        pitfalls=("the homepage gives no licence and is often down; nkululeko says CC BY-NC-SA 4.0",),
    )

    def utterances(self, root: Path):
        for path, name in named_audio_files(root, STEM):
            gender = "female" if name["speaker"].startswith("f") else "male"
            emotion, speaker, text = name["emotion"], name["speaker"], SENTENCES[name["sentence"]]
            yield Utterance(path=path, raw_label=emotion, speaker_id=speaker, gender=gender, text=text)
