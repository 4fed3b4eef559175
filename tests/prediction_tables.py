"""Predictions of models that do not exist, for tests of everything that scores them."""

import numpy as np
import pandas as pd

from hf_emotion.evaluation.predictions import predictions_table


CLASSES = ["anger", "happiness", "neutral", "sadness"]


def random_predictions(
    corpora, *, skill=1.0, seed=0, classes=CLASSES, sharpness=1.0, dimensions=(), unrated=(), languages=None
) -> pd.DataFrame:
    """Table of `{corpus: (number of speakers, number of utterances)}`; women and men alternate.

    Labels depend on the corpus alone, so that tables of different seeds are those of different models on the same
    utterances. Logits are normal with the true class raised by `skill`, then multiplied by `sharpness`. Ratings of
    `dimensions` lie around 3, unknown in the corpora `unrated`; predictions are nearer the higher `skill`.
    `languages` is `{corpus: language}`.
    """
    generator, tables = np.random.default_rng(seed), []
    for corpus, (num_speakers, num_utterances) in corpora.items():
        rows = [
            {
                "utterance_id": f"{corpus}_{index}",
                "corpus": corpus,
                "speaker_id": f"s{index % num_speakers}",
                "gender": "female" if index % num_speakers % 2 else "male",
                "language": (languages or {}).get(corpus),
            }
            for index in range(num_utterances)
        ]
        labels = np.random.default_rng(num_utterances).integers(len(classes), size=num_utterances)
        logits = generator.normal(size=(num_utterances, len(classes))) + skill * np.eye(len(classes))[labels]
        truth = 3 + np.random.default_rng(num_utterances + 1).normal(size=(len(dimensions), num_utterances))
        guesses = 3 + (skill * (truth - 3) + generator.normal(size=truth.shape)) / (1 + skill)
        if corpus in unrated:
            truth[:] = np.nan
        tables.append(
            predictions_table(
                rows,
                labels=labels.tolist(),
                classes=classes,
                logits=sharpness * logits,
                ratings=dict(zip(dimensions, truth, strict=True)),
                predicted_ratings=dict(zip(dimensions, guesses, strict=True)),
            )
        )
    return pd.concat(tables, ignore_index=True)
