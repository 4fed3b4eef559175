"""Encoders that transformers lacks inside a SpeechEmotion model: pooling, padding, training, saving."""

import copy
import json
import shutil
import subprocess
import sys

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoModel
from transformers.testing_utils import CaptureLogger
from transformers.utils import logging

from hf_emotion.data.data_collator import minimum_input_samples
from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.configuration_speech_emotion import POOLINGS
from hf_emotion.models.speech_emotion.encoding_speech_emotion import build_encoder

from .tiny_encoders import SELF_CONTAINED, padded_batch, tiny_model


# as in the fresh process: the number of threads decides in which order a CPU adds
pytestmark = pytest.mark.usefixtures("one_thread")

ALL_PARTS = {"layer_selection": "weighted", "pooling": "attentive_statistics", "gender_embedding_size": 3}
WITH_CNN = {"wav2vec": "feature_extractor", "vq_wav2vec": "feature_extractor", "modified_cpc": "gEncoder"} | {
    "pase_plus": "blocks"
}
TRAINED = [name for name in SELF_CONTAINED if name != "filter_bank"]
# loads each folder of the first argument, checks it and saves it below the second
RELOAD = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import torch
from transformers import AutoModelForAudioClassification
torch.set_num_threads(1)
logits = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True).eval()
    with torch.no_grad():
        logits[folder.name] = model(**torch.load(folder / "batch.pt")).logits.tolist()
    model.save_pretrained(Path(sys.argv[2]) / folder.name)
print(json.dumps(logits))
"""


def logits_of(model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_a_clip_has_the_same_result_alone_and_in_a_batch(encoder, pooling):
    model = tiny_model(encoder, layer_selection="weighted", pooling=pooling)
    batch, alone = padded_batch(encoder)
    together = logits_of(model, batch)
    torch.testing.assert_close(together[1:], logits_of(model, alone), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(together[1:], logits_of(model, {"input_values": batch["input_values"][1:] + 1}))


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_any_hidden_state_can_be_selected(encoder):
    num_states = tiny_model(encoder).config.num_hidden_states
    batch, alone = padded_batch(encoder)
    for selection in ("last", "weighted", *range(-num_states, num_states)):
        model = tiny_model(encoder, layer_selection=selection, pooling="attention")
        outputs = model(**batch, output_hidden_states=True)
        assert len(outputs.hidden_states) == num_states
        assert len({state.shape for state in outputs.hidden_states}) == 1
        torch.testing.assert_close(outputs.logits[1:], logits_of(model, alone), atol=1e-5, rtol=1e-5)
    with pytest.raises(StrictDataclassError, match=rf"has the hidden states 0 \(the .*layer\) to {num_states - 1}"):
        tiny_model(encoder, layer_selection=num_states)


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_hidden_states_are_those_of_the_encoder_on_its_own(encoder):
    model = tiny_model(encoder)
    _, alone = padded_batch(encoder)
    expected = model.speech_encoder(**alone, output_hidden_states=True)
    found = model(**alone, output_hidden_states=True).hidden_states
    assert len(found) == len(expected.hidden_states)
    assert all(torch.equal(*pair) for pair in zip(found, expected.hidden_states, strict=True))
    assert torch.equal(found[-1], expected.last_hidden_state)


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_clips_of_any_length_are_predicted_as_they_are_alone(encoder):
    model = tiny_model(encoder, layer_selection="weighted", pooling="attentive_statistics")
    minimum = model.config.encoder_config.minimum_samples
    assert minimum_input_samples(model.config) == (minimum, minimum)
    lengths = [1, max(1, minimum - 1), minimum, minimum + 200]
    clips = torch.randn(len(lengths), lengths[-1], generator=torch.Generator().manual_seed(0))
    mask = torch.arange(lengths[-1]) < torch.tensor(lengths)[:, None]
    together = logits_of(model, {"input_values": clips * mask, "attention_mask": mask})
    for row, length in enumerate(lengths):
        alone = logits_of(model, {"input_values": clips[row : row + 1, :length]})
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [5.0, float("nan")])
@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_what_padding_holds_does_not_matter(encoder, value):
    model = tiny_model(encoder, **ALL_PARTS)
    batch, _ = padded_batch(encoder)
    padded = batch["input_values"].masked_fill(batch["attention_mask"] == 0, value)
    assert torch.equal(logits_of(model, batch | {"input_values": padded}), logits_of(model, batch))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_half_precision_predicts_what_full_precision_does(encoder, dtype):
    model = tiny_model(encoder, **ALL_PARTS, initializer_range=0.3)
    batch, _ = padded_batch(encoder)
    half = batch | {"input_values": batch["input_values"].to(dtype)}
    found = logits_of(copy.deepcopy(model).to(dtype), half)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), logits_of(model, batch), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("encoder", TRAINED)
def test_gradients_reach_an_encoder_that_is_not_frozen_and_no_other(encoder):
    model = tiny_model(encoder, **ALL_PARTS).train()
    batch, _ = padded_batch(encoder)
    labels = torch.tensor([0, 2])
    model(**batch, labels=labels).loss.backward()
    reached = {
        name for name, parameter in model.named_parameters() if parameter.grad is not None and parameter.grad.any()
    }
    in_encoder = {name for name in reached if name.startswith("speech_encoder.")}
    assert in_encoder
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    model.zero_grad()
    model.freeze_encoder()
    model(**batch, labels=labels).loss.backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert trained >= reached - in_encoder
    assert not any(name.startswith("speech_encoder.") for name in trained)


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_a_frozen_encoder_keeps_all_of_its_state_in_training(encoder):
    model = tiny_model(encoder, **ALL_PARTS).train()
    before = copy.deepcopy(model.speech_encoder.state_dict())
    model.freeze_encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(**padded_batch(encoder)[0], labels=torch.tensor([0, 2])).loss.backward()
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.speech_encoder.state_dict().items())


def test_a_filter_bank_leaves_the_optimizer_the_head_alone():
    model = tiny_model("filter_bank", pooling="attention").train()
    assert model.speech_encoder.num_parameters() == 0
    model.freeze_feature_encoder()
    model.freeze_encoder()
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {name.split(".")[0] for name in names} == {"pooling", "projector", "classifier"}
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(**padded_batch("filter_bank")[0], labels=torch.tensor([0, 2])).loss.backward()
    optimizer.step()
    still = {name for name, value in model.state_dict().items() if torch.equal(before[name], value)}
    # the softmax over frames does not depend on it
    assert still == {"pooling.score.2.bias", "speech_encoder.placement"}


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_the_feature_encoder_is_the_cnn_on_the_waveform(encoder):
    model = tiny_model(encoder)
    model.freeze_feature_encoder()
    frozen = {name.split(".")[1] for name, value in model.named_parameters() if not value.requires_grad}
    assert frozen == {WITH_CNN[encoder]} if encoder in WITH_CNN else not frozen


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """Models of all encoders, trained for a step, below one folder."""
    root = tmp_path_factory.mktemp("models")
    models = {}
    for encoder in SELF_CONTAINED:
        model = models[encoder] = tiny_model(encoder, **ALL_PARTS).train()
        batch, _ = padded_batch(encoder)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        model(**batch, labels=torch.tensor([0, 2])).loss.backward()
        optimizer.step()
        model.eval().save_pretrained(root / "saved" / encoder)
        torch.save(batch, root / "saved" / encoder / "batch.pt")
    return root, models


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_reloads_bit_equal(encoder, saved_models):
    root, models = saved_models
    loaded = SpeechEmotionForSequenceClassification.from_pretrained(root / "saved" / encoder)
    batch, _ = padded_batch(encoder)
    assert torch.equal(logits_of(loaded, batch), logits_of(models[encoder], batch))
    assert type(loaded.speech_encoder) is type(models[encoder].speech_encoder)


def test_reloads_bit_equal_without_the_package_and_is_saved_again_from_there(saved_models):
    root, models = saved_models
    for generation, source in enumerate((root / "saved", root / "again")):
        target = root / ("again" if generation == 0 else "third")
        environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / f"modules_{generation}")}
        command = [sys.executable, "-I", "-c", RELOAD, str(source), str(target)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout.splitlines()[-1])
        for encoder, model in models.items():
            assert torch.equal(torch.tensor(found[encoder]), logits_of(model, padded_batch(encoder)[0])), encoder
            shutil.copy(source / encoder / "batch.pt", target / encoder)


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_a_head_is_put_on_a_saved_encoder(encoder, tmp_path):
    torch.manual_seed(0)
    saved = build_encoder(tiny_model(encoder).config.encoder_config).eval()
    saved.save_pretrained(tmp_path)
    model = SpeechEmotionForSequenceClassification.from_encoder(str(tmp_path), ["anger", "joy"], pooling="max").eval()
    _, alone = padded_batch(encoder)
    with torch.no_grad():
        expected = saved(**alone).last_hidden_state
        assert torch.equal(model(**alone, output_hidden_states=True).hidden_states[-1], expected)
    assert AutoModel.from_pretrained(tmp_path).base_model.config.model_type == SELF_CONTAINED[encoder]["model_type"]


def test_a_saved_encoder_that_lacks_weights_is_refused(tmp_path):
    encoder = build_encoder(tiny_model("apc").config.encoder_config)
    weights = {name: value for name, value in encoder.state_dict().items() if "rnn_layers.1" not in name}
    encoder.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(ValueError, match=r"do not fit ApcModel: 4 missing: rnn_layers.1.bias_hh_l0"):
        SpeechEmotionForSequenceClassification.from_encoder(str(tmp_path), ["anger", "joy"])


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_loading_in_half_precision_is_casting_the_model(encoder, tmp_path):
    model = tiny_model(encoder, **ALL_PARTS)
    model.save_pretrained(tmp_path)
    loaded = SpeechEmotionForSequenceClassification.from_pretrained(tmp_path, dtype=torch.bfloat16)
    batch, _ = padded_batch(encoder)
    half = batch | {"input_values": batch["input_values"].to(torch.bfloat16)}
    assert torch.equal(logits_of(loaded, half), logits_of(model.to(torch.bfloat16), half))


def test_what_these_encoders_do_not_have_is_refused():
    model = tiny_model("apc", layer_selection="weighted")
    with pytest.raises(ValueError, match="ApcModel returns no attention weights: leave out `output_attentions`"):
        model(**padded_batch("apc")[0], output_attentions=True)
    with pytest.raises(ValueError, match="ApcModel has no layers .* can neither be read nor expanded"):
        model.expand_blocks()


@pytest.mark.parametrize(
    ("encoder_fields", "fields", "warns"),
    [
        ({}, {"pooling": "mean"}, True),
        ({}, {"pooling": "mean_std", "layer_selection": "weighted"}, True),
        ({}, {"pooling": "mean", "layer_selection": "weighted", "normalize_layers": True}, False),
        ({}, {"pooling": "attention"}, False),
        ({"normalize": False}, {"pooling": "mean"}, False),
    ],
)
def test_a_head_on_a_filter_bank_that_pooling_empties_is_warned_of_once(encoder_fields, fields, warns):
    encoder = build_encoder(SpeechEmotionConfig(encoder_config=SELF_CONTAINED["filter_bank"]).encoder_config)
    for name, value in encoder_fields.items():
        setattr(encoder.config, name, value)
    logging.warning_once.cache_clear()
    with CaptureLogger(logging.get_logger("hf_emotion.models.speech_emotion.pooling_speech_emotion")) as captured:
        for _ in range(2):
            model = SpeechEmotionForSequenceClassification.from_encoder(encoder, ["anger", "joy"], **fields).eval()
    assert captured.out.count("gives the head the same numbers for every clip") == warns
    clips = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    first, second = (logits_of(model, {"input_values": clip}) for clip in clips)
    assert torch.allclose(first, second, atol=1e-5) == warns


def test_the_config_says_how_many_states_there_are():
    sizes = {encoder: tiny_model(encoder).config.num_hidden_states for encoder in SELF_CONTAINED}
    assert sizes["filter_bank"] == 1
    assert sizes["apc"] == sizes["vq_apc"] == sizes["modified_cpc"] == 2
    assert sizes["npc"] == 5
    assert tiny_model("wavlm-base").config.num_hidden_states == 3
