"""Fixtures shared by the whole suite: where real speech lies, and a quiet, offline Hugging Face stack."""

import logging
import os
from pathlib import Path

import pytest


os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("HF_EMOTION_SHARED", REPO.parent / "shared"))


def _shared_folder(*parts: str) -> Path:
    folder = SHARED.joinpath(*parts)
    if not folder.is_dir():
        stop = pytest.fail if os.environ.get("HF_EMOTION_REQUIRE_REAL_DATA") else pytest.skip
        stop(f"real data absent: no folder {folder} (set HF_EMOTION_SHARED)")
    return folder


@pytest.fixture(scope="session")
def repo_dir() -> Path:
    """Root of the checkout."""
    return REPO


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """Folder with real corpora (ravdess/, crema_d/, emodb/, urdu/) under their original file stems."""
    return _shared_folder("data")


@pytest.fixture(scope="session")
def emo_superb_labels_dir() -> Path:
    """Folder with EMO-SUPERB's published label and partition files."""
    return _shared_folder("emo_superb_labels")


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Folder with reference outputs of published code."""
    return _shared_folder("fixtures")


@pytest.fixture(scope="module")
def one_thread():
    """As in the processes that a test starts: the number of threads decides in which order a CPU adds. Modules use it
    as a whole, `pytestmark = pytest.mark.usefixtures("one_thread")`, so that their fixtures do as well."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="module")
def quiet_training():
    """One thread, and the logging that was there before the training script set it up."""
    import torch

    num_threads, handlers, level = torch.get_num_threads(), logging.root.handlers[:], logging.root.level
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)
    logging.root.handlers[:], logging.root.level = handlers, level
