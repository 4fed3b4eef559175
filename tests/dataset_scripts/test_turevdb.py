"""TurEV-DB: a folder with a space, words in file names, a second take."""

from tests.dataset_scripts.corpus_case import CorpusCase


class TestTurevdb(CorpusCase):
    name = "turevdb"
    files = (
        *(f"Sound Source/Angry/{speaker}_kz_cene.wav" for speaker in ("1157", "1234", "1358", "1984")),
        *(f"Sound Source/Calm/{speaker}_sk_eger.wav" for speaker in ("1984", "6783", "7895")),
        *(f"Sound Source/Happy/{speaker}_mt_cekirge.wav" for speaker in ("1234", "1358", "6783")),
        *(
            "Sound Source/Sad/7895_hl_ogul.wav",
            "Sound Source/Sad/7895_hl_ogul1.wav",
            "Sound Source/Sad/1157_hl_dil.wav",
        ),
    )
    expected = {
        "1984_sk_eger": {
            "raw_label": "Calm",
            "emotion": "calm",
            "arousal_valence": "low_positive",
            "speaker_id": "1984",
            "gender": None,
            "text": "eger",
            "language": "tr",
        },
        "7895_hl_ogul1": {"raw_label": "Sad", "emotion": "sadness", "speaker_id": "7895", "text": "ogul"},
        "6783_mt_cekirge": {"raw_label": "Happy", "emotion": "happiness", "text": "cekirge"},
        "1157_kz_cene": {"raw_label": "Angry", "emotion": "anger"},
    }
