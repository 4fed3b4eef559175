"""Heads of S3PRL: the file alone says too little, with its encoder it is one classifier."""

import argparse

import pytest
import torch
from torch.nn.functional import linear
from transformers import AutoConfig, AutoModel, HubertForSequenceClassification

from hf_emotion.models import encoders as encoders  # registers the encoders that transformers does not have
from hf_emotion.models.loading import load_model, load_model_and_extractor
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification

from .checkpoint_case import random_weights


_WAVE = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "intermediate_size": 24,
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 4, 4),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
_LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
ENCODERS = {
    "hubert-large": {"model_type": "hubert", **_WAVE, **_LARGE},
    "hubert-base": {"model_type": "hubert", **_WAVE},
    "wavlm-large": {"model_type": "wavlm", **_WAVE, **_LARGE},
    "apc": {"model_type": "apc", "num_mel_bins": 8, "hidden_size": 16, "num_hidden_layers": 2, "dropout": 0.0},
    "filter_bank": {"model_type": "filter_bank", "num_mel_bins": 8, "num_deltas": 1},
}
HEAD_KEYS = (
    "Downstream.projector.weight",
    "Downstream.projector.bias",
    "Downstream.model.post_net.linear.weight",
    "Downstream.model.post_net.linear.bias",
    "Featurizer.weights",
)
EMO_SUPERB = {"corpus": "CREMA-D", "p_or_s": "Primary", "test_fold": "fold1"}
SUPERB = {"root": "IEMOCAP", "test_fold": "fold1"}

pytestmark = pytest.mark.usefixtures("one_thread")


def _save_encoder(name, folder):
    torch.manual_seed(0)
    fields = {key: value for key, value in ENCODERS[name].items() if key != "model_type"}
    encoder = AutoModel.from_config(AutoConfig.for_model(ENCODERS[name]["model_type"], **fields)).eval()
    encoder.save_pretrained(folder / "encoder")
    return encoder


def _num_states(encoder):
    return getattr(encoder.config, "num_hidden_states", encoder.config.num_hidden_layers + 1)


def _head(encoder, num_classes=6):
    """Weights by their names in the file, `part.name`."""
    width, num_states = encoder.config.hidden_size, _num_states(encoder)
    shapes = {
        "Downstream.projector.weight": (5, width),
        "Downstream.projector.bias": (5,),
        "Downstream.model.post_net.linear.weight": (num_classes, 5),
        "Downstream.model.post_net.linear.bias": (num_classes,),
        "Downstream.best_score": (1,),
    }
    return random_weights(shapes | ({"Featurizer.weights": (num_states,)} if num_states > 1 else {}))


def _save_head(path, weights, data=EMO_SUPERB, select="UtteranceLevel"):
    """As S3PRL's runner saves: parts, and beside them the optimiser, the command line and the config."""
    content = {"Optimizer": {"state": {}}, "Step": 3, "Epoch": 1, "Args": argparse.Namespace(upstream="hubert")}
    content["Config"] = {"downstream_expert": {"datarc": data, "modelrc": {"select": select, "projector_dim": 5}}}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        content.setdefault(part, {})[rest] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def _hidden_states(encoder, waveforms):
    """What S3PRL's hooks see: the input of each layer, and the output of the encoder behind its last norm."""
    if not hasattr(encoder, "encoder"):
        outputs = encoder(waveforms, output_hidden_states=True)
        return outputs.hidden_states if _num_states(encoder) > 1 else (outputs.last_hidden_state,)
    states = []
    handles = [
        layer.register_forward_pre_hook(lambda module, args: states.append(args[0]))
        for layer in encoder.encoder.layers
    ]
    last = encoder(waveforms).last_hidden_state
    for handle in handles:
        handle.remove()
    return (*states, last)


def _reference(encoder, weights, waveforms):
    with torch.no_grad():
        states = _hidden_states(encoder, waveforms)
    mixture = weights.get("Featurizer.weights", torch.zeros(1)).softmax(0)
    features = sum(weight * state for weight, state in zip(mixture, states, strict=True))
    projected = linear(features, weights["Downstream.projector.weight"], weights["Downstream.projector.bias"])
    head = "Downstream.model.post_net.linear"
    return linear(projected.mean(1), weights[f"{head}.weight"], weights[f"{head}.bias"])


@pytest.mark.parametrize("name", ENCODERS)
def test_logits_are_those_of_an_independent_forward(name, tmp_path):
    encoder = _save_encoder(name, tmp_path)
    weights = _head(encoder)
    path = _save_head(tmp_path / "dev-best.ckpt", weights)
    model = load_model(path, encoder=tmp_path / "encoder")
    waveforms = torch.randn((2, 4000), generator=torch.Generator().manual_seed(1))
    expected = _reference(encoder, weights, waveforms)
    assert expected.std() > 0.05
    with torch.no_grad():
        torch.testing.assert_close(model(waveforms).logits, expected, atol=1e-5, rtol=0)
    assert list(model.config.id2label.values()) == ["angry", "sad", "disgust", "fear", "neutral", "happy"]


def test_encoders_of_transformers_give_stock_classes_and_others_ours(tmp_path):
    kinds = {}
    for name in ("hubert-large", "apc"):
        weights = _head(_save_encoder(name, tmp_path / name))
        path = _save_head(tmp_path / name / "dev-best.ckpt", weights)
        kinds[name] = type(load_model(path, encoder=tmp_path / name / "encoder"))
    assert kinds == {
        "hubert-large": HubertForSequenceClassification,
        "apc": SpeechEmotionForSequenceClassification,
    }


@pytest.mark.parametrize("key", HEAD_KEYS)
def test_misfits_are_refused_by_name(key, tmp_path):
    weights = _head(_save_encoder("hubert-large", tmp_path))
    rest = {name: value for name, value in weights.items() if name != key}
    doubled = torch.cat([weights[key]] * 2)
    spoilt = {"removed": rest, "renamed": rest | {f"{key}_": weights[key]}, "misshapen": rest | {key: doubled}}
    for what, found in spoilt.items():
        path = _save_head(tmp_path / f"{what}.ckpt", found)
        with pytest.raises(ValueError, match=f"{key}{'_' if what == 'renamed' else ' '}|{key}[.;]"):
            load_model(path, encoder=tmp_path / "encoder")


def test_another_encoder_than_that_of_the_head_is_refused(tmp_path):
    path = _save_head(tmp_path / "dev-best.ckpt", _head(_save_encoder("hubert-large", tmp_path)))
    _save_encoder("apc", tmp_path / "other")
    with pytest.raises(ValueError, match="Featurizer.weights .* number of hidden states of 4, but that of .*apc"):
        load_model(path, encoder=tmp_path / "other" / "encoder")


def test_head_without_its_encoder_is_refused(tmp_path):
    path = _save_head(tmp_path / "dev-best.ckpt", _head(_save_encoder("hubert-base", tmp_path)))
    with pytest.raises(ValueError, match="a head without its encoder"):
        load_model(path)


def test_fine_tuned_encoder_in_the_file_is_refused(tmp_path):
    weights = _head(_save_encoder("hubert-base", tmp_path)) | {"Upstream.model.mask_emb": torch.zeros(16)}
    path = _save_head(tmp_path / "dev-best.ckpt", weights)
    with pytest.raises(ValueError, match="fine-tuned encoder .Upstream.model.mask_emb"):
        load_model(path, encoder=tmp_path / "encoder")


def test_head_of_another_kind_is_refused(tmp_path):
    weights = _head(_save_encoder("hubert-base", tmp_path))
    path = _save_head(tmp_path / "dev-best.ckpt", weights, select="DeepModel")
    with pytest.raises(ValueError, match="'DeepModel', but only"):
        load_model(path, encoder=tmp_path / "encoder")


@pytest.mark.parametrize(
    ("data", "num_classes", "labels"),
    [
        (SUPERB, 4, ["neu", "hap", "ang", "sad"]),
        ({"corpus": "IMPROV", "p_or_s": "Primary"}, 4, ["angry", "sad", "neutral", "happy"]),
        ({"corpus": "MINE", "p_or_s": "Primary"}, 2, ["LABEL_0", "LABEL_1"]),
    ],
)
def test_classes_are_those_of_the_setting(data, num_classes, labels, tmp_path, caplog):
    weights = _head(_save_encoder("hubert-base", tmp_path), num_classes)
    path = _save_head(tmp_path / "dev-best.ckpt", weights, data)
    model = load_model(path, encoder=tmp_path / "encoder")
    assert [model.config.id2label[index] for index in range(num_classes)] == labels
    assert ("does not name its 2 classes" in caplog.text) == (labels[0] == "LABEL_0")


def test_labels_can_be_given(tmp_path):
    weights = _head(_save_encoder("hubert-base", tmp_path), 2)
    path = _save_head(tmp_path / "dev-best.ckpt", weights, {"corpus": "MINE", "p_or_s": "Primary"})
    model = load_model(path, encoder=tmp_path / "encoder", labels=["calm", "tense"])
    assert model.config.label2id == {"calm": 0, "tense": 1}
    with pytest.raises(ValueError, match="2 outputs, but the option `labels` names 3"):
        load_model(path, encoder=tmp_path / "encoder", labels=["calm", "tense", "other"])


def test_normalisation_that_the_file_lacks_is_said_where_the_encoder_notices_it(tmp_path, caplog):
    for name, is_said in (("hubert-large", False), ("apc", True)):
        caplog.clear()
        path = _save_head(tmp_path / name / "dev-best.ckpt", _head(_save_encoder(name, tmp_path / name)))
        _, extractor = load_model_and_extractor(path, encoder=tmp_path / name / "encoder")
        assert ("normalises waveforms by mean" in caplog.text) is is_said
        assert extractor.do_normalize is not is_said
