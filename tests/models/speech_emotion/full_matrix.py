"""Every encoder family x pooling x conditioning, from a tiny config to the pipeline in a process without the package.

`python -m tests.models.speech_emotion.full_matrix` runs the whole product and prints its table; names of encoders
behind it run those only. `test_matrix.py` runs a part of it in which every pair of two values occurs.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor, set_seed
from transformers.utils.logging import disable_progress_bar

from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.configuration_speech_emotion import FUSIONS, HEADS, POOLINGS, STACKED_HEADS

from . import reload_cells
from .tiny_encoders import ENCODERS, padded_batch, tiny_model


EXPANDED = ("wavlm-base", "wav2vec2-large", "whisper")  # one with post-norm layers and two with pre-norm ones
# row of the table -> entry of ENCODERS, what differs from it, and fields of the model
ROWS: dict[str, tuple[str, dict, dict]] = {
    **{name: (name, {}, {}) for name in ENCODERS},
    "exhubert-unexpanded": ("exhubert", {"num_copies_per_layer": None}, {}),
    **{f"{name}-expanded": (name, {}, {"num_copies_per_layer": [1, 0]}) for name in EXPANDED},
}
CONDITIONS = {"gender": ("gender",), "text": ("text_embedding",), "gender+text": ("gender", "text_embedding")}
CONDITIONINGS = ("none", *(f"{known} {fusion}" for known in CONDITIONS for fusion in FUSIONS))
LAYERS = {
    "last": {"layer_selection": "last"},
    "input": {"layer_selection": 0},
    "middle": {"layer_selection": -2},
    "weighted": {"layer_selection": "weighted"},
    "normalized": {"layer_selection": "weighted", "normalize_layers": True},
}
# units and weights with which no layer of a head falls silent, so that two steps can change every part
HEAD_SIZES = {"head_hidden_size": 16, "frame_layer_size": 16, "head_dropout": 0.1, "initializer_range": 0.3}
# of layers for each frame; where there are any, heads that may repeat their layer do
DEPTHS = (0, 2)
TOLERANCE = 1e-5
GENDER_SIZE, TEXT_SIZE, NUM_DIMENSIONS = 5, 7, 2
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Cell:
    """One model of the matrix. What is not a dimension of the table goes round with the other values."""

    row: str
    pooling: str
    conditioning: str

    @property
    def _turn(self) -> tuple[int, int, int]:
        return list(ROWS).index(self.row), POOLINGS.index(self.pooling), CONDITIONINGS.index(self.conditioning)

    @property
    def layer(self) -> str:
        return list(LAYERS)[sum(self._turn) % len(LAYERS)]

    @property
    def head(self) -> str:
        row, pooling, conditioning = self._turn
        return HEADS[(row + 2 * pooling + conditioning // 3) % len(HEADS)]

    @property
    def num_dimensions(self) -> int:
        row, pooling, conditioning = self._turn
        return NUM_DIMENSIONS * ((row + pooling // 2 + conditioning // 3) % 2)

    @property
    def num_frame_layers(self) -> int:
        row, pooling, conditioning = self._turn
        return DEPTHS[(row + pooling // 3 + conditioning) % len(DEPTHS)]

    @property
    def known(self) -> tuple[str, ...]:
        """Conditions that the model uses."""
        return CONDITIONS.get(self.conditioning.split()[0], ())

    def model(self) -> SpeechEmotionForSequenceClassification:
        """Built from its tiny config."""
        fields = {"pooling": self.pooling, "head": self.head, "num_dimensions": self.num_dimensions}
        fields["num_frame_layers"] = self.num_frame_layers
        if self.pooling == "sum":  # of dozens of frames: outputs around one all the same
            fields["initializer_range"] = 0.1
        if self.num_frame_layers and self.head in STACKED_HEADS:
            fields["num_head_layers"] = 2
        if self.num_dimensions and self.num_frame_layers:
            fields["dimension_activation"] = "sigmoid"
        if self.known:
            fields["conditioning"] = self.conditioning.split()[1]
        if "gender" in self.known:
            fields["gender_embedding_size"] = GENDER_SIZE
        if "text_embedding" in self.known:
            fields["text_embedding_size"] = TEXT_SIZE
        encoder, encoder_fields, row_fields = ROWS[self.row]
        if encoder == "whisper":
            encoder_fields = encoder_fields | {"max_source_positions": 50}  # the second of its extractor
        return tiny_model(encoder, encoder_fields, **(HEAD_SIZES | row_fields | fields | LAYERS[self.layer]))

    def conditions(self) -> list[dict[str, torch.Tensor]]:
        """Known, absent, and known of one clip each (of two conditions: of one clip the one, of one the other)."""
        text = torch.linspace(-1, 1, 2 * TEXT_SIZE).view(2, TEXT_SIZE)
        known = {"gender": torch.tensor([0, 1]), "text_embedding": text}
        partly = {
            "gender": torch.tensor([1, -1]),
            "text_embedding": text.masked_fill(torch.tensor([[True], [False]]), UNKNOWN),
        }
        everywhere = [{name: values[name] for name in self.known} for values in (known, partly)]
        return [everywhere[0], {}, everywhere[1]] if self.known else [{}]


def all_cells(rows=tuple(ROWS)) -> list[Cell]:
    """The whole product."""
    return [Cell(row, pooling, conditioning) for row in rows for pooling in POOLINGS for conditioning in CONDITIONINGS]


def pairwise_cells() -> list[Cell]:
    """The least part of the product in which every row meets every pooling and conditioning, and these each other."""
    return [
        Cell(row, POOLINGS[(turn + shift) % len(POOLINGS)], conditioning)
        for shift, row in enumerate(ROWS)
        for turn, conditioning in enumerate(CONDITIONINGS)
    ]


def feature_extractor(encoder: str):
    """The extractor whose output the tiny encoder reads."""
    if encoder == "whisper":
        return WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    if encoder == "wav2vec2-bert":
        return SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4)
    return Wav2Vec2FeatureExtractor(return_attention_mask=True)


def train_two_steps(model, inputs: dict[str, torch.Tensor]) -> None:
    """
    Two steps of Adam.

    Raises:
        `AssertionError`: if a loss is not finite, or a part of the model that the output depends on stays as it was.
    """
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-3)
    model.train()
    for _ in range(2):
        loss = model(**inputs).loss
        assert loss.isfinite(), f"the loss is {loss.item()}"
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    still = {part_of(name) for name in before} - {part_of(name) for name in moved} - unused_parts(model)
    assert not still, f"two steps did not change {sorted(still)}"


def part_of(parameter: str) -> str:
    """The part of a model that has to learn as one: all layers, the CNN, a fusion, an embedding, the projector ..."""
    depth = 3 if parameter.startswith("speech_encoder.encoder.") else 2
    return ".".join(parameter.removesuffix(".weight").removesuffix(".bias").split(".")[:depth])


def unused_parts(model) -> set[str]:
    """Parts without influence on the output or, as positions of sine and cosine, not trained."""
    # SpecAugment's embedding is learned only where a span is masked
    unused = {"speech_encoder.masked_spec_embed", "speech_encoder.embed_positions"}
    if model.config.encoder_config.model_type == "wav2vec2-conformer":  # has it and never runs it
        unused.add("speech_encoder.encoder.pos_conv_embed")
    selected = model.config.layer_selection
    if selected in (0, -2):  # the final norm of pre-norm encoders, and what is behind the layers of SEW
        unused |= {f"speech_encoder.{name}" for name in ("layer_norm", "encoder.layer_norm", "encoder.upsample")}
    if selected == 0:
        unused |= {"speech_encoder.layers", "speech_encoder.encoder.layers", "speech_encoder.encoder.encoder"}
    return unused


def write_cell(cell: Cell, folder: Path) -> None:
    """Build and train a model; save it with its feature extractor, a batch, and its outputs of the batch."""
    model = cell.model()
    encoder = ROWS[cell.row][0]
    batch, alone = padded_batch(encoder)
    first = {name: values[:1] for name, values in batch.items() if name in alone}
    conditions = cell.conditions()
    targets = {"labels": torch.tensor([0, 2])}
    if cell.num_dimensions:
        targets["dimension_labels"] = torch.tensor([[0.0, 1.0], [1.0, -1.0]])
    set_seed(0)  # SpecAugment draws from numpy
    train_two_steps(model, batch | conditions[-1] | targets)
    model.save_pretrained(folder)
    feature_extractor(encoder).save_pretrained(folder)
    outputs = [reload_cells.outputs_of(model, batch | known) for known in conditions]
    saved = {"batch": batch, "alone": [first, alone], "conditions": conditions, "outputs": outputs}
    torch.save(saved, folder / "cell.pt")


def run_cells(cells: list[Cell], root: Path) -> dict[Cell, dict]:
    """
    Train and save cells, and load all of them in one fresh process.

    Args:
        cells (`list[Cell]`): models to build.
        root (`Path`): an empty folder for them.

    Returns:
        `dict`: for each cell what `reload_cells.facts_of` found, or `error` where a step before failed.
    """
    errors = {}
    for index, cell in enumerate(cells):
        try:
            write_cell(cell, root / "cells" / f"cell_{index:04d}")
        except (AssertionError, RuntimeError, ValueError) as error:
            errors[cell] = {"error": f"{type(error).__name__}: {error}"}
    found = facts_of_saved(root)
    return {cell: errors.get(cell) or found[f"cell_{index:04d}"] for index, cell in enumerate(cells)}


def facts_of_saved(root: Path) -> dict[str, dict]:
    """What one fresh process finds out about each saved cell, by the name of its folder in `root / "cells"`."""
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / "modules")}
    command = [sys.executable, "-I", reload_cells.__file__, str(root / "cells")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    if result.returncode:
        raise RuntimeError(f"the fresh process failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def problem_of(facts: dict) -> str | None:
    """What is wrong with a cell, if anything is."""
    if "error" in facts:
        return facts["error"]
    if not facts["is_bit_equal"]:
        return "the reloaded model gives other outputs"
    for name in ("batch_difference", "pipeline_difference"):
        if not facts[name] <= TOLERANCE:  # not a number is a problem too
            return f"{name} {facts[name]:.1e}"
    return None


def table_row(row: str, facts: dict[Cell, dict], seconds: float) -> str:
    """One mark per conditioning for each pooling; then the worst differences and the time."""
    marks = (
        "".join("x" if problem_of(facts[Cell(row, pooling, name)]) else "+" for name in CONDITIONINGS)
        for pooling in POOLINGS
    )
    worst = (
        reload_cells.largest([of.get(f"{name}_difference", UNKNOWN) for of in facts.values()])
        for name in ("batch", "pipeline")
    )
    numbers = " ".join(f"{difference:>8.1e}" for difference in worst)
    return f"{row:24}" + " ".join(f"{mark:18}" for mark in marks) + f" {numbers} {seconds:6.1f}"


def main(rows: list[str]) -> int:
    """Run the product encoder by encoder and print the table.

    Returns:
        `int`: number of cells with a problem.
    """
    torch.set_num_threads(1)
    disable_progress_bar()
    problems, num_cells, start = [], 0, time.perf_counter()
    print(f"one mark per conditioning ({', '.join(CONDITIONINGS)}): + passed, x failed\n")
    print(f"{'encoder':24}" + " ".join(f"{name:18}" for name in POOLINGS) + "  batch    pipeline  seconds")
    for row in rows or ROWS:
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as root:
            facts = run_cells(all_cells([row]), Path(root))
        print(table_row(row, facts, time.perf_counter() - begin), flush=True)
        num_cells += len(facts)
        problems += [f"{cell}: {problem}" for cell, of in facts.items() if (problem := problem_of(of))]
    print(
        f"\n{num_cells} cells, {len(problems)} with a problem, {time.perf_counter() - start:.0f} s",
        *problems,
        sep="\n",
    )
    return len(problems)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
