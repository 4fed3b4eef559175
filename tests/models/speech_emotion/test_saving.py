"""Ways of saving and loading: shards, precisions, copies, and saving again where the package is not installed."""

import copy
import shutil
import subprocess
import sys

import pytest
import torch

from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification

from .tiny_encoders import ENCODERS, padded_batch, tiny_model


ENCODERS_IN_SHORT = ["wavlm-large", "exhubert", "whisper"]
# loads each folder of the first argument, checks it and saves it below the second
SAVE_AGAIN = """
import sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import torch
from transformers import AutoConfig, AutoModelForAudioClassification
torch.set_num_threads(1)
for folder in sorted(Path(sys.argv[1]).iterdir()):
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert config.pooled_size == 2 * config.encoder_config.hidden_size
    model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True).eval()
    assert type(config.encoder_config).__name__ == type(model.speech_encoder.config).__name__
    saved = torch.load(folder / "saved.pt")
    with torch.no_grad():
        assert torch.equal(model(**saved["batch"]).logits, saved["logits"]), folder
    model.save_pretrained(Path(sys.argv[2]) / folder.name, max_shard_size="5KB")
    torch.save(saved, Path(sys.argv[2]) / folder.name / "saved.pt")
"""


pytestmark = pytest.mark.usefixtures("one_thread")


def logits_of(model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(**batch).logits


def test_code_and_shards_travel_when_a_process_without_the_package_saves_again(tmp_path):
    for encoder in ENCODERS_IN_SHORT:
        model = tiny_model(encoder, pooling="mean_std", gender_embedding_size=3)
        batch, _ = padded_batch(encoder)
        folder = tmp_path / "0" / encoder
        model.save_pretrained(folder, max_shard_size="5KB")
        assert len(list(folder.glob("*.safetensors"))) > 1
        torch.save({"batch": batch, "logits": logits_of(model, batch)}, folder / "saved.pt")
    for generation in (0, 1):
        source, target = tmp_path / str(generation), tmp_path / str(generation + 1)
        environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / f"modules_{generation}")}
        command = [sys.executable, "-I", "-c", SAVE_AGAIN, str(source), str(target)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert result.returncode == 0, result.stderr
        shutil.rmtree(source)  # nothing refers back to it
    assert sorted(folder.name for folder in target.iterdir()) == sorted(ENCODERS_IN_SHORT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_loading_in_half_precision_is_casting_the_model(encoder, dtype, tmp_path):
    model = tiny_model(encoder, layer_selection="weighted", pooling="attention", text_embedding_size=2)
    model.save_pretrained(tmp_path)
    loaded = SpeechEmotionForSequenceClassification.from_pretrained(tmp_path, dtype=dtype)
    expected = model.to(dtype).state_dict()
    found = loaded.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert {value.dtype for value in found.values() if value.is_floating_point()} == {dtype}
    assert loaded.config.dtype == loaded.config.encoder_config.dtype == dtype


@pytest.mark.parametrize(
    "kwargs", [{"low_cpu_mem_usage": True}, {"device_map": "cpu"}, {"use_safetensors": True}], ids=str
)
@pytest.mark.parametrize("encoder", ENCODERS_IN_SHORT)
def test_ways_of_loading_give_the_same_model(encoder, kwargs, tmp_path):
    model = tiny_model(encoder, layer_selection="weighted")
    batch, _ = padded_batch(encoder)
    model.save_pretrained(tmp_path)
    loaded = SpeechEmotionForSequenceClassification.from_pretrained(tmp_path, **kwargs).eval()
    assert torch.equal(logits_of(loaded, batch), logits_of(model, batch))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_copy_of_a_model_predicts_the_same_and_is_trained_apart(encoder):
    model = tiny_model(encoder, layer_selection="weighted")
    batch, _ = padded_batch(encoder)
    before = logits_of(model, batch)
    duplicate = copy.deepcopy(model)
    assert torch.equal(logits_of(duplicate, batch), before)
    with torch.no_grad():
        for parameter in duplicate.parameters():
            parameter.mul_(1.5)
    assert not torch.allclose(logits_of(duplicate, batch), before)
    assert torch.equal(logits_of(model, batch), before)
