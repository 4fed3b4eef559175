"""A saved folder works in a fresh process in which hf_emotion cannot be imported."""

import json
import subprocess
import sys

import torch
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


SCRIPT = """
import json, sys
import numpy as np
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline
folder = sys.argv[1]
encoder = AutoModel.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True)
model.save_pretrained(folder + "/again")
AutoFeatureExtractor.from_pretrained(folder).save_pretrained(folder + "/again")
classify = pipeline("audio-classification", model=folder + "/again", trust_remote_code=True)
clips = [np.linspace(-1, 1, n, dtype=np.float32) ** 3 for n in (16000, 50)]
scores = classify([{"raw": clip, "sampling_rate": 16000} for clip in clips], batch_size=2, top_k=None)
print(json.dumps([type(encoder).__name__, type(model).__name__, scores]))
"""


def test_saved_folder_carries_its_code(tmp_path):
    config = ExHubertConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=24,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        id2label={0: "anger", 1: "joy"},
        label2id={"anger": 0, "joy": 1},
    )
    model = ExHubertForSequenceClassification(config).expand_blocks().eval()
    model.save_pretrained(tmp_path)
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    extractor.save_pretrained(tmp_path)
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / "modules")}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert result.returncode == 0, result.stderr
    encoder, classifier, scores = json.loads(result.stdout.splitlines()[-1])
    assert (encoder, classifier) == ("ExHubertModel", "ExHubertForSequenceClassification")
    inputs = extractor(torch.linspace(-1, 1, 16000).numpy() ** 3, sampling_rate=16000, return_tensors="pt")
    expected = model(**inputs).logits.softmax(-1)[0]
    found = {score["label"]: score["score"] for score in scores[0]}
    torch.testing.assert_close(torch.tensor([found["anger"], found["joy"]]), expected, atol=1e-5, rtol=1e-4)
    assert abs(sum(score["score"] for score in scores[1]) - 1) < 1e-5
