"""CaFE: neutral without intensity folders, accents that unzip programs break, three speaker-disjoint folds."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


FOLDERS = {"C": "Colère", "D": "Dégoût", "J": "Joie", "P": "Peur", "S": "Surprise", "T": "Tristesse"}
# Names written in code page 850 and read in code page 1252.
BROKEN = {"C": "Col\u0160re", "D": "D\u201ago\u2013t", "J": "Joie", "P": "Peur", "S": "Surprise", "T": "Tristesse"}
ACTORS = ("01", "02", "07", "12")


def tree(folders: dict[str, str]) -> tuple[str, ...]:
    return (
        *(f"{folders[code]}/Fort/{actor}-{code}-2-{int(actor) % 6 + 1}.wav" for code in folders for actor in ACTORS),
        *(f"{folders[code]}/Faible/{actor}-{code}-1-5.wav" for code in folders for actor in ACTORS[:2]),
        *(f"Neutre/{actor}-N-1-3.wav" for actor in ACTORS),
    )


class TestCafe(CorpusCase):
    name = "cafe"
    files = {"published": tree(FOLDERS), "broken_accents": tuple(f"CaFE_48k/{file}" for file in tree(BROKEN))}
    expected = {
        "12-P-2-1": {
            "raw_label": "P",
            "emotion": "fear",
            "arousal_valence": "high_negative",
            "speaker_id": "12",
            "gender": "female",
            "text": "Un cheval fou dans mon jardin",
            "language": "fr-CA",
        },
        "01-D-1-5": {
            "raw_label": "D",
            "emotion": "disgust",
            "speaker_id": "01",
            "gender": "male",
            "text": "Cinq pumas fiers et passionnés",
        },
        "02-C-2-3": {
            "raw_label": "C",
            "emotion": "anger",
            "gender": "female",
            "text": "Trois cygnes aveugles au bord du lac",
        },
        "07-N-1-3": {"raw_label": "N", "emotion": "neutral", "speaker_id": "07", "gender": "male"},
        "07-S-2-2": {"raw_label": "S", "emotion": "surprise", "text": "Deux ânes aigris au pelage brun"},
        "02-T-1-5": {"raw_label": "T", "emotion": "sadness"},
        "01-J-2-2": {"raw_label": "J", "emotion": "happiness"},
    }

    def test_every_actor_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("cafe").published_splits["emobox"].folds
        tested = [actor for fold in folds for actor in fold["test"]]
        assert sorted(tested) == [f"{actor:02}" for actor in range(1, 13)]
        assert [len(fold["test"]) for fold in folds] == [4, 4, 4]
