# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Puts the code of this folder beside a saved model, so that its pipeline loads where hf-emotion is not installed."""

import json
import os
import shutil
from pathlib import Path

from transformers.dynamic_module_utils import get_relative_import_files


TASK = "speech-emotion-recognition"
_CONFIG_FILE = "config.json"
_PIPELINE_FILE = "pipeline_speech_emotion.py"
_ENTRY = {
    "impl": "pipeline_speech_emotion.SpeechEmotionPipeline",
    "pt": ["AutoModelForAudioClassification"],
    "type": "audio",
}


def add_pipeline_code(folder: str | os.PathLike) -> list[Path]:
    """
    Make a saved model load as a [`SpeechEmotionPipeline`] by `pipeline(model=folder, trust_remote_code=True)`, in
    processes without hf-emotion too. `pipeline("audio-classification", model=folder)` still works as before.

    Args:
        folder (`str` or `os.PathLike`):
            Folder with the `config.json` of a model. Pipelines that are named there stay; the task is then no longer
            inferred, since there are several.

    Returns:
        `list[Path]`: The files of code, which are overwritten if they exist.

    Raises:
        `FileNotFoundError`: If the folder holds no `config.json`.
    """
    folder = Path(folder)
    config_file = folder / _CONFIG_FILE
    if not config_file.is_file():
        raise FileNotFoundError(f"{folder} holds no model (no {_CONFIG_FILE}). Save the model there first.")
    main_file = Path(__file__).with_name(_PIPELINE_FILE)
    sources = [main_file, *map(Path, get_relative_import_files(main_file))]
    written = [folder / source.name for source in dict.fromkeys(sources)]
    for source, target in zip(dict.fromkeys(sources), written, strict=True):
        shutil.copyfile(source, target)
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["custom_pipelines"] = {**config.get("custom_pipelines", {}), TASK: _ENTRY}
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    # a crash in between leaves the old file
    unfinished = folder / f"{_CONFIG_FILE}.tmp"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(config_file)
    return written
