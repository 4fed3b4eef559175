"""Label files in the format of EMO-SUPERB for two tiny settings, and predictions of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, FrozenSetting, FrozenSystem
from hf_emotion.benchmark.setting_data import SettingData, labelled_setting
from hf_emotion.data.soft_labels import smooth_labels


CLASSES = {
    "CREMA-D/Primary": ("angry", "sad", "disgust", "fear", "neutral", "happy"),
    "IMPROV/Primary": ("angry", "sad", "neutral", "happy"),
}
PROTOCOL = FrozenEncoderProtocol(
    name="tiny",
    settings=(
        FrozenSetting("CREMA-D", "crema_d", epochs=1, label_folder="CREMA-D/Primary"),
        FrozenSetting("IMPROV (P)", "msp_improv", epochs=1, label_folder="IMPROV/Primary"),
    ),
    systems=(FrozenSystem("FBANK", model_type="filter_bank"),),
)
NUM_FOLDS = 3


def write_tiny_labels(root: Path, seed: int = 0) -> Path:
    """Write the folder `data`: six speakers with five utterances each, in three folds. Some ids hold spaces."""
    for name, classes in CLASSES.items():
        write_label_folder(root / name, classes, np.random.default_rng(seed))
    return root


def write_label_folder(folder: Path, classes: Sequence[str], generator: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    config = {"categorical": {"emo_type": list(classes)}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    speakers = np.repeat(np.arange(6), 5)
    votes = generator.multinomial(6, np.full(len(classes), 1 / len(classes)), size=len(speakers))
    labels = smooth_labels(votes / 6).round(6)
    frame = pd.DataFrame(labels, columns=list(classes))
    frame.insert(0, "FileName", [f"{speaker:02d}_clip {number}.wav" for number, speaker in enumerate(speakers)])
    frame["SpkrID"] = [f"{speaker:02d}" for speaker in speakers]
    frame["Gender"] = np.where(speakers % 2, "Male", "Female")
    for fold in range(1, NUM_FOLDS + 1):
        session = (speakers // 2 + fold) % NUM_FOLDS
        frame["Split_Set"] = np.array(["Test", "Development", "Train"])[session]
        frame.to_csv(folder / f"labels_consensus_{fold}.csv", index=False)


def tiny_setting(label_dir: Path, name: str = "CREMA-D") -> SettingData:
    return labelled_setting(PROTOCOL.setting(name), label_dir)


def tiny_predictions(data: SettingData, seeds: Sequence[int] | None = None, spread: float = 0.3) -> pd.DataFrame:
    """What somebody would submit: probabilities near the labels, for the test part of every fold."""
    parts = []
    for fold in data.folds:
        for seed in seeds or [0]:
            noise = np.random.default_rng([seed, fold.number]).random((len(fold.test), len(data.classes)))
            values = data.labels[fold.test] + spread * noise
            frame = pd.DataFrame(values / values.sum(axis=1, keepdims=True), columns=list(data.classes))
            frame = frame.add_prefix("probability_")
            frame.insert(0, "utterance_id", data.utterances["utterance_id"].iloc[fold.test].to_list())
            frame.insert(1, "fold", fold.number)
            if seeds is not None:
                frame.insert(2, "seed", seed)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def write_submission(folder: Path, label_dir: Path, **facts: object) -> Path:
    """A submission with probabilities for CREMA-D and decisions for IMPROV (P)."""
    folder.mkdir()
    (folder / "system.json").write_text(json.dumps({"name": "Tiny", **facts}), encoding="utf-8")
    tiny_predictions(tiny_setting(label_dir)).to_parquet(folder / "crema_d.parquet")
    write_text_files(folder / "improv_p", tiny_setting(label_dir, "IMPROV (P)"))
    return folder


def write_text_files(folder: Path, data: SettingData, truth: bool = True) -> None:
    """What EMO-SUPERB's code dumps; every second utterance is right, the others have no class."""
    folder.mkdir()
    for fold in data.folds:
        for kind in ("predict", "truth") if truth else ("predict",):
            lines = []
            for number, row in enumerate(fold.test):
                names = ";".join(np.array(data.classes)[data.truth[row]])
                is_empty = kind == "predict" and number % 2 == 1
                lines.append(f"{data.utterances['utterance_id'].iloc[row]} {'' if is_empty else names}\n")
            (folder / f"test_fold{fold.number}_{kind}.txt").write_text("".join(lines), encoding="utf-8")
