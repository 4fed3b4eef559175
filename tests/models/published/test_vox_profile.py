"""Vox-Profile's emotion models against the formulas of its code."""

import pytest
import torch
from transformers import WhisperConfig, WhisperModel

from hf_emotion.adapters import add_adapter
from hf_emotion.models.published.layout import Checkpoint
from hf_emotion.models.published.vox_profile import VoxProfileWavLM, VoxProfileWhisper, merged_lora
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights
from .tiny_heads import (
    assert_batch_equals_clips,
    assert_reloads_bit_equal,
    assert_trains,
    clips,
    converted,
    encoder_fields,
    encoder_of,
)


WIDTH, RANK, NUM_POSITIONS = 8, 4, 50
EMOTIONS = ["Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise", "Other"]
DIMENSIONS = ["arousal", "valence", "dominance"]
PARTS = {
    "full": {"emotion_layer": 9, "detailed_out_layer": 17, **{f"{name}_layer": 1 for name in DIMENSIONS}},
    "dim": {f"{name}_layer": 1 for name in DIMENSIONS},
    "dim_with_gender": {**{f"{name}_layer": 1 for name in DIMENSIONS}, "gender_layer": 2},
    "classes_only": {"emotion_layer": 9, "detailed_out_layer": 17},
}
# of a 64-unit head each, which no weight shows
WHISPER = {
    "d_model": 128,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 32,
    "num_mel_bins": 8,
    "max_source_positions": NUM_POSITIONS,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "vocab_size": 8,
}


def head_shapes(parts, size, num_states):
    shapes = {"weights": (num_states,)}
    for index in (0, 3, 6):
        inputs = WIDTH if index else size
        shapes |= {f"model_seq.{index}.weight": (WIDTH, inputs, 1), f"model_seq.{index}.bias": (WIDTH,)}
    for name, num_outputs in PARTS[parts].items():
        shapes |= {f"{name}.0.weight": (WIDTH, WIDTH), f"{name}.0.bias": (WIDTH,)}
        shapes |= {f"{name}.2.weight": (num_outputs, WIDTH), f"{name}.2.bias": (num_outputs,)}
    return shapes


def mixin_config(parts, pretrain_model, finetune_method):
    """What PyTorchModelHubMixin writes: the arguments of the class."""
    config = {"pretrain_model": pretrain_model, "hidden_dim": WIDTH, "finetune_method": finetune_method}
    config |= {"lora_rank": RANK, "freeze_params": True, "use_conv_output": True}
    classes = {"output_class_num": 9, "detailed_class_num": 17} if "emotion_layer" in PARTS[parts] else {}
    return config | classes


def published_wavlm(parts="full", is_large=True):
    """Encoder, weights and config.json of a checkpoint on WavLM."""
    encoder = encoder_of(encoder_fields("wavlm", is_large))
    head = random_weights(head_shapes(parts, 16, 3), std=0.5)
    config = mixin_config(parts, "wavlm_large" if is_large else "wavlm", "finetune")
    return encoder, encoder_weights(encoder, "backbone_model.") | head, config


def published_whisper(parts="full", finetune_method="lora", drop=()):
    """Encoder that evaluates the merged weights, and weights and config.json of a checkpoint on Whisper."""
    torch.manual_seed(0)
    model = WhisperModel(WhisperConfig(**WHISPER)).eval()
    weights = encoder_weights(model, "backbone_model.") | random_weights(head_shapes(parts, 128, 3), std=0.5)
    # a copy that the code uses in place of the encoder's own
    weights["embed_positions"] = weights["backbone_model.encoder.embed_positions.weight"] + 0.1
    model.encoder.embed_positions.weight.data += 0.1
    if finetune_method == "lora":
        for name, outputs, inputs in (("fc1", 32, 128), ("fc2", 128, 32)):
            stem = f"backbone_model.encoder.layers.1.{name}"
            adapter = random_weights({f"{stem}.lora_A": (RANK, inputs), f"{stem}.lora_B": (outputs, RANK)})
            weights |= adapter
            product = adapter[f"{stem}.lora_B"] @ adapter[f"{stem}.lora_A"]
            model.encoder.layers[1].get_submodule(name).weight.data += product / RANK
    config = mixin_config(parts, "whisper_large", finetune_method)
    return model.encoder, {name: value for name, value in weights.items() if name not in drop}, config


def reference(states, weights, parts, num_frames):
    """Convolutions of kernel size 1, the mean over the frames of each clip, a small network for each question."""
    frames = states.transpose(1, 2)
    for index in (0, 3, 6):
        frames = torch.nn.functional.conv1d(
            frames, weights[f"model_seq.{index}.weight"], weights[f"model_seq.{index}.bias"]
        )
        frames = frames if index == 6 else torch.relu(frames)
    pooled = torch.stack([clip[:, :length].mean(dim=1) for clip, length in zip(frames, num_frames, strict=True)])
    outputs = {}
    for name in PARTS[parts]:
        hidden = torch.relu(pooled @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"])
        outputs[name] = hidden @ weights[f"{name}.2.weight"].T + weights[f"{name}.2.bias"]
    return outputs


def wavlm_reference(encoder, weights, parts, waveforms, mask=None):
    """The softmax average of all hidden states, the last behind the final norm."""
    outputs = encoder(waveforms, attention_mask=mask, output_hidden_states=True)
    shares = weights["weights"].softmax(dim=-1)
    states = sum(share * state for share, state in zip(shares, outputs.hidden_states, strict=True))
    lengths = torch.tensor([waveforms.shape[1]] * len(waveforms)) if mask is None else mask.sum(dim=-1)
    num_frames = encoder._get_feat_extract_output_lengths(lengths).tolist()
    return reference(states, weights, parts, num_frames)


def assert_as_in(expected, outputs, parts):
    """Classes and dimensions, or dimensions in the place of the classes."""
    dimensions = [expected[f"{name}_layer"].sigmoid() for name in DIMENSIONS if f"{name}_layer" in expected]
    has_classes = "emotion_layer" in PARTS[parts]
    logits = expected["emotion_layer"] if has_classes else torch.cat(dimensions, dim=-1)
    torch.testing.assert_close(outputs.logits, logits, atol=1e-5, rtol=0)
    if has_classes and dimensions:
        torch.testing.assert_close(outputs.dimensions, torch.cat(dimensions, dim=-1), atol=1e-5, rtol=0)
    else:
        assert outputs.dimensions is None


@torch.no_grad()
@pytest.mark.parametrize("is_large", [True, False], ids=["large", "base"])
@pytest.mark.parametrize("parts", PARTS)
def test_wavlm_computes_the_published_formula(parts, is_large, tmp_path):
    encoder, weights, config = published_wavlm(parts, is_large)
    model, found = converted(VoxProfileWavLM(), weights, config)
    assert_as_in(wavlm_reference(encoder, weights, parts, clips()), model(clips()), parts)
    assert_batch_equals_clips(model, clips())
    assert_reloads_bit_equal(model, {"input_values": clips()}, tmp_path)
    assert found.feature_extractor.do_normalize == is_large
    assert any("detailed_out_layer.*" in note for note in found.notes) == ("detailed_out_layer" in PARTS[parts])
    assert any("gender_layer.*" in note for note in found.notes) == ("gender_layer" in PARTS[parts])


@torch.no_grad()
def test_padded_batch_of_wavlm_is_that_of_the_published_formula():
    encoder, weights, config = published_wavlm()
    model, _ = converted(VoxProfileWavLM(), weights, config)
    mask = (torch.arange(1200) < torch.tensor([[1200], [801]])).long()
    batch = clips() * mask
    assert_as_in(wavlm_reference(encoder, weights, "full", batch, mask), model(batch, attention_mask=mask), "full")


@torch.no_grad()
@pytest.mark.parametrize("finetune_method", ["lora", "finetune"])
@pytest.mark.parametrize("parts", ["full", "dim"])
def test_whisper_computes_the_published_formula(parts, finetune_method, tmp_path):
    encoder, weights, config = published_whisper(parts, finetune_method)
    model, found = converted(VoxProfileWhisper(), weights, config)
    extractor = found.feature_extractor
    assert (extractor.feature_size, extractor.chunk_length) == (8, 1)
    # of an odd number of spectrogram frames the end that is heard is that which the code counts
    for num_samples, more_frames in ((77 * 160, 0), (51 * 160, 0), (60 * 160, 1), (16000, 0)):
        clip = clips(num_samples, 1)[0].numpy()
        spectrogram = extractor(clip, sampling_rate=16000, return_tensors="pt").input_features
        num_frames = (num_samples // 160 - 1) // 2 + 1 + more_frames
        expected = reference(encoder(spectrogram).last_hidden_state, weights, parts, [num_frames])
        assert_as_in(expected, model(input_features=spectrogram), parts)
    assert_reloads_bit_equal(model, {"input_features": spectrogram}, tmp_path)


def test_positions_may_be_stored_once():
    for drop in ("embed_positions", "backbone_model.encoder.embed_positions.weight"):
        _, weights, config = published_whisper(drop=(drop,))
        _, found = converted(VoxProfileWhisper(), weights, config)
        expected = next(
            value for name, value in weights.items() if "embed_positions" in name and "decoder" not in name
        )
        assert torch.equal(found.weights["speech_encoder.embed_positions.weight"], expected)


def test_labels_are_those_of_the_published_example():
    for parts, names in (("full", EMOTIONS), ("dim", DIMENSIONS)):
        _, weights, config = published_wavlm(parts)
        model, _ = converted(VoxProfileWavLM(), weights, config)
        assert list(model.config.id2label.values()) == names
    assert model.config.problem_type == "regression"
    assert converted(VoxProfileWavLM(), *published_wavlm()[1:])[0].config.dimension_names == DIMENSIONS


def test_lora_is_added_with_one_over_its_rank_and_incomplete_adapters_are_refused():
    weights = {"a.weight": torch.eye(2), "a.lora_A": torch.tensor([[1.0, 2.0], [0.0, 4.0]]), "b.bias": torch.ones(1)}
    weights["a.lora_B"] = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    merged = merged_lora(Checkpoint("tiny", {}, weights)).weights
    assert merged.keys() == {"a.weight", "b.bias"}
    assert torch.equal(merged["a.weight"], torch.tensor([[2.0, 2.0], [0.0, 3.0]]))
    for name in ("a.weight", "a.lora_A", "a.lora_B"):
        rest = {key: value for key, value in weights.items() if key != name}
        with pytest.raises(ValueError, match=f"1 missing: {name}"):
            merged_lora(Checkpoint("tiny", {}, rest))
    with pytest.raises(ValueError, match=r"1 misshapen: .*a.lora_A \(2, 1\)"):
        merged_lora(Checkpoint("tiny", {}, weights | {"a.lora_A": torch.ones(2, 1)}))


def test_every_part_learns_and_an_adapter_can_be_put_on(tmp_path):
    _, weights, config = published_wavlm()
    model, _ = converted(VoxProfileWavLM(), weights, config)
    targets = {"labels": torch.tensor([0, 8]), "dimension_labels": torch.tensor([[0.2, 0.4, 0.6], [0.7, 0.5, 0.3]])}
    inputs = {"input_values": clips(), **targets}
    assert_trains(model, inputs, lambda name: not name.startswith("speech_encoder."))
    model.save_pretrained(tmp_path)  # an adapter is saved without its encoder, which must have come from somewhere
    adapted = add_adapter(SpeechEmotionForSequenceClassification.from_pretrained(tmp_path), "lora", r=2)
    before = {name: value.detach().clone() for name, value in adapted.named_parameters() if value.requires_grad}
    assert any("lora_B" in name for name in before)
    assert any("frame_layers.3" in name for name in before)
    optimizer = torch.optim.Adam([value for value in adapted.parameters() if value.requires_grad], lr=1e-2)
    adapted.train()
    adapted(**inputs).loss.backward()
    optimizer.step()
    after = dict(adapted.named_parameters())
    still = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert not {name for name in still if "lora_A" not in name}  # whose gradient is zero while lora_B is


def test_models_of_other_questions_are_other_layouts():
    _, weights, config = published_wavlm("dim_with_gender")
    other = {name: value for name, value in weights.items() if not name.startswith(tuple(DIMENSIONS))}
    assert "no emotion_layer." in VoxProfileWavLM().mismatch(Checkpoint("tiny", config, other))
    assert VoxProfileWhisper().mismatch(Checkpoint("tiny", config, weights)) == "no backbone_model.encoder.conv1.*"


def inference_keys(parts, num_states):
    left_out = ("detailed_out_layer", "gender_layer")
    return [name for name in head_shapes(parts, 16, num_states) if not name.startswith(left_out)]


@pytest.mark.parametrize("key", inference_keys("full", 3))
def test_spoilt_weights_of_wavlm_are_refused_by_name(key, tmp_path):
    _, weights, config = published_wavlm()
    assert_refused_by_name(key, tmp_path, weights, config)


@pytest.mark.parametrize("key", inference_keys("dim", 3))
def test_spoilt_weights_of_a_regressor_are_refused_by_name(key, tmp_path):
    _, weights, config = published_wavlm("dim")
    assert_refused_by_name(key, tmp_path, weights, config)


@pytest.mark.parametrize(
    "key", [*inference_keys("full", 3)[1:], *(f"backbone_model.encoder.layers.1.fc1.lora_{part}" for part in "AB")]
)
def test_spoilt_weights_of_whisper_are_refused_by_name(key, tmp_path):
    _, weights, config = published_whisper()
    assert_refused_by_name(key, tmp_path, weights, config)
