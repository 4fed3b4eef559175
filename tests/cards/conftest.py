"""A report of two corpora, and the facts of a run that a model card is made of."""

import numpy as np
import pytest

from hf_emotion.cards.model_card import RunFacts
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES
from hf_emotion.evaluation.report import evaluate_predictions, predictions_table


@pytest.fixture(scope="package")
def report():
    """Two corpora of 24 utterances, with eight and with two speakers; women are recognised better."""
    generator = np.random.default_rng(0)
    rows, labels, logits = [], [], []
    for corpus, num_speakers in (("emodb", 8), ("ravdess", 2)):
        for index in range(24):
            speaker = index % num_speakers
            rows.append(
                {
                    "utterance_id": f"{corpus}_{index}",
                    "corpus": corpus,
                    "speaker_id": str(speaker),
                    "gender": "female" if speaker % 2 else "male",
                }
            )
            label = index % 5  # nobody is high / positive
            labels.append(label)
            logits.append(generator.normal(size=6) + (1 + 2 * (speaker % 2)) * np.eye(6)[label])
    frame = predictions_table(rows, labels=labels, classes=AROUSAL_VALENCE_CLASSES, logits=np.array(logits))
    return evaluate_predictions(frame, num_resamples=100)


@pytest.fixture
def facts(report):
    return RunFacts(
        model_id="someone/exhubert-demo",
        classes=AROUSAL_VALENCE_CLASSES,
        architecture="exhubert",
        base_model="facebook/hubert-large-ls960-ft",
        base_model_licence="apache-2.0",
        corpora=[
            {
                "name": "ravdess",
                "title": "RAVDESS",
                "languages": ["en-US"],
                "licence": "CC BY-NC-SA 4.0",
                "kind": "acted",
                "homepage": "https://zenodo.org/record/1188976",
                "citation": "Livingstone and Russo, PLoS ONE 13(5), 2018",
                "hub_id": "someone/ravdess",
                "split": {
                    "name": "speaker_independent",
                    "version": 1,
                    "hash": "0123abcd",
                    "sizes": {"train": 960, "validation": 240, "test": 24},
                    "speakers": {"train": 16, "validation": 4, "test": 2},
                },
                "fingerprint": "feed5678",
            },
            {"name": "emodb", "role": "test", "languages": ["de"], "licence": "CC0-1.0"},
        ],
        report=report,
        training={"steps": 3000, "trainable parameters": "336,682,886"},
        command="hf-emotion train --config exhubert.yaml --seed 7",
        config_yaml="learning_rate: 1.0e-05\nclasses:\n- a | b\n",
        environment={"torch": "2.13.0"},
        figures={"Confusion matrix, emodb": "figures/confusion_matrix_emodb.png"},
        limitations=["Clips longer than 3 s were cut."],
        remote_code=True,
    )
