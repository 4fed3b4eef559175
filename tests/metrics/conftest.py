"""Published confusion matrices, and a scratch cache for `evaluate`."""

import numpy as np
import pytest


# Tables 4 to 6 of "HuBERT + LoRA" (anonymous ACL submission): percent of each true class, and the class sizes that
# turn all three into whole counts. Order: angry, calm, disgust, fear, happy, neutral, sad, surprise.
SUPPORT = (365, 39, 398, 399, 377, 318, 393, 143)
PERCENT = {
    "full": (
        (96.99, 0.00, 1.10, 1.10, 0.55, 0.27, 0.00, 0.00),
        (0.00, 89.74, 0.00, 0.00, 0.00, 10.26, 0.00, 0.00),
        (4.77, 0.00, 82.16, 2.51, 3.77, 2.01, 4.52, 0.25),
        (2.01, 0.00, 2.76, 76.94, 6.52, 2.76, 8.02, 1.00),
        (2.65, 0.27, 0.53, 1.86, 90.45, 3.71, 0.27, 0.27),
        (0.31, 0.00, 0.00, 0.00, 1.57, 98.11, 0.00, 0.00),
        (0.76, 0.00, 3.82, 9.41, 1.53, 13.23, 71.25, 0.00),
        (0.70, 0.00, 0.00, 0.00, 2.80, 0.00, 0.00, 96.50),
    ),
    "lora_qkv": (
        (92.88, 0.00, 1.64, 0.27, 1.92, 1.37, 0.00, 1.92),
        (0.00, 84.62, 0.00, 0.00, 0.00, 0.00, 15.38, 0.00),
        (9.30, 1.26, 64.57, 0.75, 2.51, 16.33, 3.27, 2.01),
        (5.01, 0.75, 2.01, 42.86, 17.54, 15.54, 13.78, 2.51),
        (11.67, 2.92, 2.12, 2.65, 59.42, 13.26, 1.59, 6.37),
        (1.57, 7.55, 0.00, 0.00, 0.94, 88.99, 0.94, 0.00),
        (1.02, 4.83, 3.05, 2.54, 1.78, 35.62, 49.87, 1.27),
        (1.40, 0.70, 0.70, 0.00, 4.90, 1.40, 0.00, 90.91),
    ),
    "lora_classifier": (
        (84.38, 0.00, 3.84, 0.82, 1.64, 8.77, 0.27, 0.27),
        (0.00, 92.31, 0.00, 0.00, 0.00, 2.56, 5.13, 0.00),
        (14.82, 2.01, 38.44, 1.26, 0.75, 23.87, 18.09, 0.75),
        (15.29, 1.25, 1.75, 20.05, 8.52, 24.56, 27.82, 0.75),
        (29.71, 4.77, 11.94, 3.98, 4.51, 33.69, 6.37, 5.04),
        (1.26, 7.23, 0.31, 0.31, 0.00, 87.11, 3.77, 0.00),
        (0.51, 5.34, 2.80, 3.31, 0.76, 46.31, 40.97, 0.00),
        (24.48, 8.39, 10.49, 2.80, 0.70, 16.08, 0.00, 37.06),
    ),
}


@pytest.fixture(scope="session")
def lora_paper_confusions():
    """Counts of shape (8, 8) by training mode."""
    return {
        mode: np.rint(np.asarray(rows) * np.asarray(SUPPORT)[:, None] / 100).astype(int)
        for mode, rows in PERCENT.items()
    }


@pytest.fixture(scope="session")
def labels_of():
    """Turn a confusion matrix into the references and predictions it counts."""

    def expand(confusion):
        confusion = np.asarray(confusion)
        rows, columns = np.indices(confusion.shape)
        return np.repeat(rows, confusion.ravel()), np.repeat(columns, confusion.ravel())

    return expand


@pytest.fixture(scope="session")
def evaluate_cache(tmp_path_factory):
    """Let `evaluate` copy modules into a folder of this session instead of the user's cache."""
    import evaluate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.loading.config, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield tmp_path_factory.mktemp("metrics")
