"""Program for a fresh process: what saved cells of the matrix compute where hf_emotion cannot be imported.

`python reload_cells.py FOLDER` prints one JSON object: for each folder below it what [`facts_of`] finds.
"""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, pipeline
from transformers.utils.logging import disable_progress_bar


NUM_SAMPLES = (16000, 2400)


def facts_of(folder: Path) -> dict:
    """
    Facts about one saved cell.

    Args:
        folder (`Path`): a saved model, its feature extractor and `cell.pt` (inputs, conditions, outputs when saved).

    Returns:
        `dict`: `is_bit_equal`, `batch_difference` (largest one between outputs of a clip in a batch and alone, over
        all conditions), `pipeline_difference` (likewise between the pipeline and the softmax of the logits).
    """
    model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True).eval()
    cell = torch.load(folder / "cell.pt")
    differences, is_bit_equal = [], True
    for conditions, saved in zip(cell["conditions"], cell["outputs"], strict=True):
        together = outputs_of(model, cell["batch"] | conditions)
        is_bit_equal &= torch.equal(together, saved)
        for row, clip in enumerate(cell["alone"]):
            alone = outputs_of(model, clip | {name: value[row : row + 1] for name, value in conditions.items()})
            differences.append((together[row] - alone[0]).abs().max().item())
    return {
        "is_bit_equal": is_bit_equal,
        "batch_difference": largest(differences),
        "pipeline_difference": pipeline_difference(model, AutoFeatureExtractor.from_pretrained(folder)),
    }


def outputs_of(model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits and, behind them, emotion dimensions of each clip."""
    with torch.no_grad():
        outputs = model(**inputs)
    return outputs.logits if outputs.dimensions is None else torch.cat([outputs.logits, outputs.dimensions], dim=-1)


def pipeline_difference(model, extractor) -> float:
    """Largest difference between probabilities of a pipeline that batches clips and those of one clip at a time."""
    clips = [np.sin(np.linspace(0, 300, num_samples, dtype=np.float32) ** 1.3) for num_samples in NUM_SAMPLES]
    classify = pipeline("audio-classification", model=model, feature_extractor=extractor)
    rate = extractor.sampling_rate
    found = classify([{"raw": clip, "sampling_rate": rate} for clip in clips], batch_size=len(clips), top_k=None)
    differences = []
    for clip, scores in zip(clips, found, strict=True):
        logits = outputs_of(model, extractor(clip, sampling_rate=rate, return_tensors="pt"))[
            0, : model.config.num_labels
        ]
        probabilities = {model.config.id2label[index]: p for index, p in enumerate(logits.softmax(-1).tolist())}
        differences += [abs(score["score"] - probabilities[score["label"]]) for score in scores]
    return largest(differences)


def largest(differences: list[float]) -> float:
    """Not a number if any of them is, other than `max`."""
    return torch.tensor(differences).max().item()


def main() -> None:
    sys.modules["hf_emotion"] = None  # any import of it raises ImportError
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    disable_progress_bar()
    found = {}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        try:
            found[folder.name] = facts_of(folder)
        except Exception as error:  # whatever it is, it is a failed cell of the table and not the end of the others
            found[folder.name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
