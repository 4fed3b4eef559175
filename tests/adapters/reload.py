"""Loads what the matrix saved in a process of its own: `python -m tests.adapters.reload FOLDER '[KINDS, METHODS]'`."""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForAudioClassification

from hf_emotion.adapters import load_adapted_classifier

from .tiny_classifiers import logits


def outputs_of(folder: Path, kind: str) -> list[torch.Tensor]:
    """What a saved model says, loaded and merged."""
    if folder.name == "head_only":
        return [logits(AutoModelForAudioClassification.from_pretrained(folder).eval(), kind)] * 2
    model = load_adapted_classifier(folder)
    return [logits(model, kind), logits(model.merge_and_unload(), kind)]


def main() -> None:
    torch.set_num_threads(1)
    folder, (kinds, methods) = Path(sys.argv[1]), json.loads(sys.argv[2])
    outputs = {f"{kind}:{method}": outputs_of(folder / kind / method, kind) for kind in kinds for method in methods}
    torch.save(outputs, folder / "outputs.pt")


if __name__ == "__main__":
    main()
