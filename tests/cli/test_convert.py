"""`hf-emotion convert`: what it writes works in a process in which hf_emotion cannot be imported."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from hf_emotion.cli.main import app
from hf_emotion.models.loading import load_model_and_extractor
from tests.models.published import test_exhubert as exhubert
from tests.models.published import test_s3prl_head as s3prl
from tests.models.published import test_stock as stock
from tests.models.published.checkpoint_case import save_checkpoint


SCRIPT = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import numpy as np, torch
from transformers import AutoModelForAudioClassification, pipeline
torch.set_num_threads(1)
clip = np.linspace(-1, 1, 8000, dtype=np.float32) ** 3
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True)
    classify = pipeline("audio-classification", model=str(folder), trust_remote_code=True)
    scores = classify({"raw": clip, "sampling_rate": 16000}, top_k=None)
    found[folder.name] = {score["label"]: score["score"] for score in scores}
print(json.dumps(found))
"""
CLIP = np.linspace(-1, 1, 8000, dtype=np.float32) ** 3

pytestmark = pytest.mark.usefixtures("one_thread")


def _convert(*arguments):
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Folders written by the command, what it printed, and the arguments that `load_model` takes for the originals."""
    root = tmp_path_factory.mktemp("convert")
    weights = exhubert._flat_weights(exhubert._flat_encoder(), identity_gates=True)
    save_checkpoint(root / "exhubert", weights, exhubert.FLAT)
    for name in ("superb hubert-large", "whisper"):
        save_checkpoint(root / name, stock._checkpoint(name)[1], stock.CONFIGS[name])
    head = s3prl._head(s3prl._save_encoder("apc", root))
    s3prl._save_head(root / "dev-best.ckpt", head)
    sources = {
        "exhubert": ("exhubert", {}),
        "superb": ("superb hubert-large", {}),
        "whisper": ("whisper", {}),
        "apc": ("dev-best.ckpt", {"encoder": root / "encoder"}),
    }
    outputs = {}
    for name, (source, options) in sources.items():
        given = [text for option, value in options.items() for text in (f"--{option}", str(value))]
        result = _convert(root / source, root / "models" / name, *given)
        assert result.exit_code == 0, result.output
        outputs[name] = result.output
    return root, outputs, {name: (root / source, options) for name, (source, options) in sources.items()}


def test_folders_work_in_pipelines_without_the_package(converted):
    root, _, sources = converted
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / "modules")}
    command = [sys.executable, "-c", SCRIPT, str(root / "models")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    for name, (source, options) in sources.items():
        model, extractor = load_model_and_extractor(source, **options)
        inputs = extractor(CLIP, sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            expected = model(**inputs).logits[0].softmax(-1)
        scores = torch.tensor([found[name][model.config.id2label[index]] for index in range(len(expected))])
        torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


def test_layout_class_labels_and_size_are_printed(converted):
    _, outputs, _ = converted
    lines = dict(line.split(maxsplit=1) for line in outputs["superb"].splitlines())
    assert lines["Layout"] == "stock"
    assert lines["Class"] == "HubertForSequenceClassification"
    assert lines["Labels"] == "neu, hap, ang, sad"
    assert int(lines["Parameters"].replace(",", "")) > 1000
    assert "Layout      s3prl-head\nClass       SpeechEmotionForSequenceClassification" in outputs["apc"]
    assert "tie_last_hidden_states=True" in outputs["superb"]
    assert "Note        EMO-SUPERB normalises waveforms" in outputs["apc"]


def test_exhubert_can_be_written_as_published(converted, tmp_path):
    root, _, _ = converted
    result = _convert(root / "models" / "exhubert", tmp_path / "published", "--to", "published")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "published" / "config.json").read_text())["architectures"] == ["ExHuBERT"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere/at/all", "x"), "There is no folder nowhere/at/all"),
        (("{root}/dev-best.ckpt", "{new}"), "a head without its encoder"),
        (("{root}/exhubert", "{root}/whisper"), "is not empty"),
        (("{root}/exhubert", "{new}", "--labels", "a, b"), "Unknown options ['labels']"),
        (("{root}/exhubert", "{new}", "--option", "depth"), "--option is NAME=VALUE, but is 'depth'"),
        (("{root}/exhubert", "{new}", "--option", "depth=3"), "Unknown options ['depth']"),
        (("{root}/whisper", "{new}", "--to", "published"), "Only an ExHubertForSequenceClassification"),
    ],
)
def test_what_cannot_be_converted_is_said_in_one_sentence(arguments, message, converted, tmp_path):
    root, _, _ = converted
    result = _convert(*(text.format(root=root, new=tmp_path / "new") for text in arguments))
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "new").exists()
