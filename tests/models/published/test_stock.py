"""Classifiers of transformers as they were published: logits of an independent forward, or refused by name."""

import json

import pytest
import torch
from torch.nn.functional import linear, pad
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from hf_emotion.models.loading import load_model, load_model_and_extractor
from hf_emotion.models.published.stock import needs_tied_states

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights, save_checkpoint


_TRANSFORMER = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3, "intermediate_size": 24}
_WAVE = _TRANSFORMER | {
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 8, 4],
    "conv_stride": [5, 4, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 6,
}
_LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
_FOUR = {"0": "neu", "1": "hap", "2": "ang", "3": "sad"}
_FIVE = dict(enumerate(["neutral", "angry", "positive", "sad", "other"]))
_SUPERB = {"use_weighted_layer_sum": True, "id2label": _FOUR, "transformers_version": "4.10.0.dev0"}
_WHISPER = {
    "model_type": "whisper",
    "architectures": ["WhisperForAudioClassification"],
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 50,
    "classifier_proj_size": 6,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "vocab_size": 8,
    "id2label": _FIVE,
    "transformers_version": "4.46.0",
}
# config.json of each checkpoint, in small
CONFIGS = {
    "superb hubert-base": {"model_type": "hubert", **_WAVE, **_SUPERB},
    "superb hubert-large": {"model_type": "hubert", **_WAVE, **_LARGE, **_SUPERB},
    "superb wav2vec2-base": {"model_type": "wav2vec2", **_WAVE, **_SUPERB},
    "superb wav2vec2-large": {"model_type": "wav2vec2", **_WAVE, **_LARGE, **_SUPERB},
    "wavlm-large": {"model_type": "wavlm", **_WAVE, **_LARGE, **_SUPERB},
    "unispeech-sat-large": {"model_type": "unispeech-sat", **_WAVE, **_LARGE, **_SUPERB},
    "conformer": {"model_type": "wav2vec2-conformer", **_WAVE, **_SUPERB, "conv_depthwise_kernel_size": 5},
    "data2vec": {"model_type": "data2vec-audio", **_WAVE, **_SUPERB, "conv_pos_kernel_size": 5},
    "xbgoose": {"model_type": "hubert", **_WAVE, **_LARGE, "id2label": _FIVE, "transformers_version": "4.30.2"},
    "whisper": _WHISPER,
    "whisper weighted": _WHISPER | {"use_weighted_layer_sum": True},
}
_HEAD = ("projector.weight", "projector.bias", "classifier.weight", "classifier.bias")

pytestmark = pytest.mark.usefixtures("one_thread")


def _encoder(config):
    torch.manual_seed(0)
    fields = {name: value for name, value in config.items() if name != "model_type"}
    model = AutoModel.from_config(AutoConfig.for_model(config["model_type"], **fields)).eval()
    return (model.encoder, "encoder.") if config["model_type"] == "whisper" else (model, f"{model.base_model_prefix}.")


def _checkpoint(name):
    """An encoder and all weights of the checkpoint."""
    config = CONFIGS[name]
    encoder, prefix = _encoder(config)
    num_labels = len(config["id2label"])
    shapes = {"projector.weight": (6, 16), "projector.bias": (6,)}
    shapes |= {"classifier.weight": (num_labels, 6), "classifier.bias": (num_labels,)}
    if config.get("use_weighted_layer_sum"):
        shapes["layer_weights"] = (config.get("num_hidden_layers", 2) + 1,)
    return encoder, encoder_weights(encoder, prefix) | random_weights(shapes)


def _inputs(config, num_samples=2000):
    generator = torch.Generator().manual_seed(1)
    if config["model_type"] == "whisper":
        return {"input_features": torch.rand((2, 8, 100), generator=generator)}
    return {"input_values": torch.randn((2, num_samples), generator=generator)}


def _reference(encoder, weights, config, inputs):
    """The head by hand. Of transformers 4 is what the last state is: that behind the final layer norm."""
    layers = encoder.layers if config["model_type"] == "whisper" else encoder.encoder.layers
    states = []
    handles = [layers[0].register_forward_pre_hook(lambda module, args: states.append(args[0]))]
    for layer in layers:
        handles.append(
            layer.register_forward_hook(
                lambda module, args, output: states.append(output[0] if isinstance(output, tuple) else output)
            )
        )
    with torch.no_grad():
        last = encoder(**inputs).last_hidden_state
    for handle in handles:
        handle.remove()
    states[-1] = last
    if "layer_weights" in weights:
        mixture = weights["layer_weights"].softmax(0)
        last = sum(weight * state for weight, state in zip(mixture, states, strict=True))
    pooled = linear(last, weights["projector.weight"], weights["projector.bias"]).mean(1)
    return linear(pooled, weights["classifier.weight"], weights["classifier.bias"])


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_an_independent_forward(name, tmp_path):
    config = CONFIGS[name]
    encoder, weights = _checkpoint(name)
    model = load_model(save_checkpoint(tmp_path / "published", weights, config))
    expected = _reference(encoder, weights, config, _inputs(config))
    assert expected.std() > 0.05  # so that 1e-5 means something
    with torch.no_grad():
        torch.testing.assert_close(model(**_inputs(config)).logits, expected, atol=1e-5, rtol=0)
    assert not model.training
    assert list(model.config.id2label.values()) == [str(label) for label in config["id2label"].values()]


def test_stock_loading_of_a_large_superb_checkpoint_gives_other_logits(tmp_path):
    config = CONFIGS["superb hubert-large"]
    encoder, weights = _checkpoint("superb hubert-large")
    folder = save_checkpoint(tmp_path / "published", weights, config)
    stock = AutoModelForAudioClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        difference = stock(**_inputs(config)).logits - _reference(encoder, weights, config, _inputs(config))
    assert difference.abs().max() > 1e-3  # if this is 0, the field is no longer needed


def test_meaning_of_the_last_state_is_saved(tmp_path):
    config = CONFIGS["superb hubert-large"]
    _, weights = _checkpoint("superb hubert-large")
    model = load_model(save_checkpoint(tmp_path / "published", weights, config))
    model.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["tie_last_hidden_states"] is True
    with torch.no_grad():
        expected = model(**_inputs(config)).logits
    for again in (
        AutoModelForAudioClassification.from_pretrained(tmp_path / "again").eval(),
        load_model(tmp_path / "again"),
    ):
        with torch.no_grad():
            torch.testing.assert_close(again(**_inputs(config)).logits, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"transformers_version": None}, True),
        ({"transformers_version": "5.23.0"}, False),
        ({"tie_last_hidden_states": False}, False),
        ({"use_weighted_layer_sum": False}, False),
        ({"do_stable_layer_norm": False}, False),
        ({"model_type": "wav2vec2-conformer", "do_stable_layer_norm": False}, True),
    ],
)
def test_last_states_are_tied_for_weighted_sums_of_transformers_4(changes, expected):
    assert needs_tied_states(CONFIGS["superb hubert-large"] | changes) is expected


@pytest.mark.parametrize("key", [*_HEAD, "layer_weights", "hubert.encoder.layers.1.attention.k_proj.weight"])
def test_misfits_of_a_superb_checkpoint_are_refused_by_name(key, tmp_path):
    _, weights = _checkpoint("superb hubert-large")
    assert_refused_by_name(key, tmp_path, weights, CONFIGS["superb hubert-large"])


@pytest.mark.parametrize("key", ["hubert.encoder.pos_conv_embed.conv.weight_g", "hubert.encoder.layer_norm.bias"])
def test_misfits_of_an_encoder_are_refused_by_their_published_names(key, tmp_path):
    _, weights = _checkpoint("xbgoose")
    assert_refused_by_name(key, tmp_path, weights, CONFIGS["xbgoose"])


@pytest.mark.parametrize("key", [*_HEAD, "encoder.conv1.weight", "encoder.layers.0.fc1.bias"])
def test_misfits_of_a_whisper_classifier_are_refused_by_name(key, tmp_path):
    _, weights = _checkpoint("whisper")
    assert_refused_by_name(key, tmp_path, weights, _WHISPER)


def test_config_that_names_a_stock_class_does_not_make_up_for_another_head(tmp_path):
    config = CONFIGS["xbgoose"] | {"architectures": ["HubertForSequenceClassification"]}
    encoder, _ = _checkpoint("xbgoose")
    other_head = random_weights({"classifier.first.weight": (16, 16), "classifier.last.weight": (5, 16)})
    folder = save_checkpoint(tmp_path / "published", encoder_weights(encoder, "hubert.") | other_head, config)
    AutoModelForAudioClassification.from_pretrained(folder)  # only warns that the head is random
    with pytest.raises(ValueError, match="the head of HubertForSequenceClassification is not there, 4 missing"):
        load_model(folder)


def test_audio_spectrogram_transformer_under_its_older_names(tmp_path):
    torch.manual_seed(0)
    config = AutoConfig.for_model("audio-spectrogram-transformer", **_TRANSFORMER, patch_size=4, max_length=16)
    config.num_mel_bins, config.id2label = 8, _FOUR
    stock = AutoModelForAudioClassification.from_config(config).eval()
    older = {}
    for name, value in stock.state_dict().items():
        for new, old in (("q_proj", "attention.query"), ("k_proj", "attention.key"), ("v_proj", "attention.value")):
            name = name.replace(f"attention.{new}", f"attention.{old}").replace(f".{new}", f".attention.{old}")
        older[name] = value
    assert "audio_spectrogram_transformer.layers.0.attention.attention.query.weight" in older
    model = load_model(save_checkpoint(tmp_path / "published", older, config.to_dict()))
    clip = {"input_values": torch.rand(2, 16, 8)}
    with torch.no_grad():
        torch.testing.assert_close(model(**clip).logits, stock(**clip).logits, atol=1e-6, rtol=0)


def test_padding_of_batches_is_left_out_where_the_checkpoint_has_a_mask(tmp_path):
    config = CONFIGS["superb hubert-large"]
    _, weights = _checkpoint("superb hubert-large")
    model = load_model(save_checkpoint(tmp_path / "published", weights, config))
    short = _inputs(config)["input_values"][:1, :1300]
    mask = (torch.arange(2000) < 1300).long()[None]
    with torch.no_grad():
        padded = model(pad(short, (0, 700)), attention_mask=mask).logits
        torch.testing.assert_close(padded, model(short).logits, atol=1e-5, rtol=0)


def test_feature_extractor_is_the_published_one(tmp_path, caplog):
    _, weights = _checkpoint("superb hubert-base")
    preprocessor = {"do_normalize": False, "return_attention_mask": True, "sampling_rate": 16000}
    folder = save_checkpoint(tmp_path / "published", weights, CONFIGS["superb hubert-base"], preprocessor)
    _, extractor = load_model_and_extractor(folder)
    assert isinstance(extractor, Wav2Vec2FeatureExtractor)
    assert (extractor.do_normalize, extractor.return_attention_mask) == (False, True)
    assert "preprocessor_config.json" not in caplog.text


@pytest.mark.parametrize(("name", "normalises"), [("superb hubert-base", False), ("superb hubert-large", True)])
def test_absent_feature_extractor_is_that_of_the_encoder_and_said(name, normalises, tmp_path, caplog):
    folder = save_checkpoint(tmp_path / "published", _checkpoint(name)[1], CONFIGS[name])
    _, extractor = load_model_and_extractor(folder)
    assert (extractor.do_normalize, extractor.return_attention_mask) == (normalises, normalises)
    assert "has no preprocessor_config.json: assumed a Wav2Vec2FeatureExtractor" in caplog.text


def test_absent_feature_extractor_of_whisper_fits_its_encoder(tmp_path):
    folder = save_checkpoint(tmp_path / "published", _checkpoint("whisper")[1], _WHISPER)
    _, extractor = load_model_and_extractor(folder)
    assert isinstance(extractor, WhisperFeatureExtractor)
    features = extractor(torch.zeros(8000).numpy(), sampling_rate=16000, return_tensors="pt")
    assert features["input_features"].shape == (1, 8, 100)
