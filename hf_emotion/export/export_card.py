"""The card of an exported model: what is in the folder, how it was checked, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from ..cards.model_card import TAGS
from ..cards.model_card_text import is_hub_id
from .export_record import INT8_FILE, MODEL_FILE


# What an export has in common with its original.
_SHARED_METADATA = ("license", "license_name", "license_link", "language", "datasets")


def export_card(record: Mapping[str, Any], original: ModelCard | None = None) -> str:
    """
    Write the card of an exported model, in Markdown with a YAML header.

    Args:
        record (`Mapping`): The content of its `export.json`.
        original (`ModelCard`, *optional*): Card of the model that was exported, whose licence, languages and training
            data hold for the export as well.

    Returns:
        `str`: The text of `README.md`.
    """
    parts = [_header(record, original), _summary(record), _files(record)]
    if "int8" in record:
        parts.append(_int8(record["int8"]))
    parts += [_usage(record), _details(record)]
    return "\n\n".join(parts) + "\n"


def _header(record: Mapping[str, Any], original: ModelCard | None) -> str:
    shared = {} if original is None else {name: original.data.get(name) for name in _SHARED_METADATA}
    if is_hub_id(record["source"]):
        shared |= {"base_model": record["source"], "base_model_relation": "quantized" if "int8" in record else None}
    data = ModelCardData(library_name="onnx", pipeline_tag="audio-classification", tags=[*TAGS, "onnx"], **shared)
    return f"---\n{data.to_yaml()}\n---"


def _summary(record: Mapping[str, Any]) -> str:
    name = record["source"] or f"a {record['model_class']}"
    facts = record["recognizer"]
    says = []
    if facts["classes"]:
        says.append(f"the classes {', '.join(facts['classes'])}")
    if facts["dimension_names"]:
        says.append(f"the dimensions {', '.join(facts['dimension_names'])}")
    return (
        f"# {name} for ONNX Runtime\n\n"
        f"A `{record['model_class']}` with {record['num_parameters']:,} parameters, exported with opset "
        f"{record['opset']}. It gives {' and '.join(says)} for speech at {facts['sampling_rate']} Hz. Licence, "
        "training data and limits are those of the original model."
    )


def _files(record: Mapping[str, Any]) -> str:
    parity = record["parity"]
    rows = [f"| `{name}` | {facts['bytes'] / 1e6:,.1f} MB |" for name, facts in record["files"].items()]
    return "\n".join(
        [
            "| file | size |",
            "|:--|--:|",
            *rows,
            "",
            f"`{MODEL_FILE}` was compared with the original on {len(parity['cases'])} batches of short and long "
            f"clips: results differ by at most {parity['max_difference']:.1e}.",
        ]
    )


def _int8(report: Mapping[str, Any]) -> str:
    clips = f"{report['num_clips']} clips" + (" of generated noise" if report["generated"] else "")
    effects = []
    if report["top_class_agreement"] is not None:
        effects.append(
            f"the best class is the same for {100 * report['top_class_agreement']:.1f} %, scores differ by at most "
            f"{report['max_score_difference']:.2g}"
        )
    if report["max_dimension_difference"] is not None:
        effects.append(f"dimensions differ by at most {report['max_dimension_difference']:.2g}")
    return (
        f"`{INT8_FILE}` has the weights of {report['num_quantized']} linear layers in 8 bits. On {clips}, "
        f"{'; '.join(effects)}. Measure it on your own data before you rely on it."
    )


def _usage(record: Mapping[str, Any]) -> str:
    shapes = {name: f"`{name}` ({', '.join(map(str, shape))})" for name, shape in record["inputs"].items()}
    gender = shapes.pop("gender", None)
    inputs = ", ".join(shapes.values())
    if gender:
        inputs += f", and on the ids of the speakers' genders, {gender}: 0 female, 1 male, -1 unknown"
    return f"""## Use

```python
from hf_emotion.recognition import load_recognizer  # pip install "hf-emotion[export]"

recognizer = load_recognizer("path/to/this/folder")
print(recognizer("speech.wav"))
```

Without hf-emotion, run `{MODEL_FILE}` on what the feature extractor in `preprocessor_config.json` returns: {inputs}.
Outputs: {", ".join(f"`{name}`" for name in record["outputs"])}."""


def _details(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in record["versions"].items())
    return f"Written with {versions}. `export.json` has hashes and the differences on each batch."
