"""Saved folders work in a fresh process in which hf_emotion cannot be imported, for every encoder family."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from .tiny_encoders import ENCODERS, padded_batch, tiny_model


SCRIPT = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import numpy as np, torch
from transformers import AutoModelForAudioClassification, AutoFeatureExtractor, pipeline
torch.set_num_threads(1)
logits, scores = {}, {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True).eval()
    with torch.no_grad():
        logits[folder.name] = model(**torch.load(folder / "batch.pt")).logits.tolist()
    if (folder / "preprocessor_config.json").exists():
        again = str(folder / "again")
        model.save_pretrained(again)
        AutoFeatureExtractor.from_pretrained(folder).save_pretrained(again)
        classify = pipeline("audio-classification", model=again, trust_remote_code=True)
        clips = [np.linspace(-1, 1, n, dtype=np.float32) ** 3 for n in (16000, 800)]
        found = classify([{"raw": clip, "sampling_rate": 16000} for clip in clips], batch_size=2, top_k=None)
        scores[folder.name] = [{score["label"]: score["score"] for score in clip} for clip in found]
print(json.dumps([logits, scores]))
"""
EXTRACTORS = {
    "wavlm-base": Wav2Vec2FeatureExtractor(return_attention_mask=True),
    "exhubert": Wav2Vec2FeatureExtractor(return_attention_mask=True),
    "wav2vec2-bert": SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4),
    "whisper": WhisperFeatureExtractor(feature_size=8, chunk_length=1),
}


EXPANDED = ("wavlm-large", "wav2vec2-bert", "whisper", "sew-d")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def models():
    """A model of every family, all its parts in use."""
    fields = {"layer_selection": "weighted", "pooling": "attentive_statistics", "gender_embedding_size": 3}
    one_second = {"max_source_positions": 50}
    return {
        name: tiny_model(name, one_second if name == "whisper" else None, **fields, text_embedding_size=2)
        for name in ENCODERS
    }


@pytest.fixture(scope="module")
def expanded_models():
    """Models with copies behind their layers, none of which is silent."""
    models = {name: tiny_model(name, layer_selection="weighted").expand_blocks(init="random") for name in EXPANDED}
    assert all(model.config.num_copies_per_layer == [1, 1] for model in models.values())
    return models


@pytest.fixture(scope="module")
def fresh_process(models, expanded_models, tmp_path_factory):
    """Logits of a batch, and scores of two clips through the pipeline, both from a fresh process."""
    root = tmp_path_factory.mktemp("fresh_process")
    for name, model in expanded_models.items():
        folder = root / "models" / f"expanded-{name}"
        model.save_pretrained(folder)
        torch.save(padded_batch(name)[0], folder / "batch.pt")
    for name, model in models.items():
        folder = root / "models" / name
        model.save_pretrained(folder)
        torch.save(padded_batch(name)[0], folder / "batch.pt")
        if name in EXTRACTORS:
            EXTRACTORS[name].save_pretrained(folder)
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / "modules")}
    command = [sys.executable, "-c", SCRIPT, str(root / "models")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_reloads_bit_equal_without_the_package(encoder, models, fresh_process):
    with torch.no_grad():
        expected = models[encoder](**padded_batch(encoder)[0]).logits
    assert torch.equal(torch.tensor(fresh_process[0][encoder]), expected)


@pytest.mark.parametrize("encoder", EXPANDED)
def test_expanded_models_reload_bit_equal_without_the_package(encoder, expanded_models, fresh_process):
    with torch.no_grad():
        expected = expanded_models[encoder](**padded_batch(encoder)[0]).logits
    assert torch.equal(torch.tensor(fresh_process[0][f"expanded-{encoder}"]), expected)


@pytest.mark.parametrize("encoder", EXTRACTORS)
def test_pipeline_in_a_batch_gives_what_the_model_gives_for_one_clip(encoder, models, fresh_process):
    for num_samples, scores in zip((16000, 800), fresh_process[1][encoder], strict=True):
        clip = np.linspace(-1, 1, num_samples, dtype=np.float32) ** 3
        inputs = EXTRACTORS[encoder](clip, sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            expected = models[encoder](**inputs).logits.softmax(-1)[0]
        found = torch.tensor([scores[f"LABEL_{index}"] for index in range(3)])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
