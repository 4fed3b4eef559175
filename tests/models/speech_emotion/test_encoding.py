"""Hidden states mean the same for every encoder; frames are counted as the encoder counts them; nothing crashes."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_emotion.models.speech_emotion.encoding_speech_emotion import encode, encoder_layers, minimum_samples

from .tiny_encoders import ENCODERS, NO_RANDOMNESS, padded_batch, tiny_model


WAVE = [name for name in ENCODERS if name not in ("whisper", "wav2vec2-bert")]
PRE_NORM = [
    "hubert-large",
    "exhubert",
    "wav2vec2-large",
    "wav2vec2-conformer",
    "wavlm-large",
    "unispeech-sat",
    "whisper",
]


def encoded(model, batch, **kwargs):
    return encode(model.speech_encoder, next(iter(batch.values())), batch.get("attention_mask"), True, **kwargs)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_hidden_states_are_one_per_layer_and_one_before_and_end_in_the_last_hidden_state(encoder):
    model = tiny_model(encoder)
    batch, _ = padded_batch(encoder)
    states = model(**batch, output_hidden_states=True).hidden_states
    assert len(states) == 3
    assert len({state.shape for state in states}) == 1
    result = encoded(model, batch)
    assert torch.equal(states[-1], result.last_hidden_state)
    assert not torch.equal(states[-2], states[-1])


@pytest.mark.parametrize("encoder", PRE_NORM)
def test_last_hidden_state_is_the_one_after_the_final_norm(encoder):
    model = tiny_model(encoder)
    seen = []
    encoder_layers(model.speech_encoder)[-1].register_forward_hook(
        lambda module, args, output: seen.append(output[0] if isinstance(output, tuple) else output)
    )
    final_norm = (model.speech_encoder if encoder == "whisper" else model.speech_encoder.encoder).layer_norm
    torch.nn.init.constant_(final_norm.weight, 3.0)
    states = model(**padded_batch(encoder)[1], output_hidden_states=True).hidden_states
    assert torch.equal(states[-1], final_norm(seen[0]))
    assert not torch.allclose(states[-1], seen[0], atol=1e-2)


@pytest.mark.parametrize("encoder", sorted(set(ENCODERS) - {"whisper"}))
def test_encoder_gives_what_the_stock_class_gives_for_one_clip(encoder):
    model = tiny_model(encoder)
    stock = AutoModel.from_config(model.config.encoder_config).eval()
    stock.load_state_dict(model.speech_encoder.state_dict())
    _, alone = padded_batch(encoder)
    ours = encoded(model, alone)
    theirs = stock(**alone, output_hidden_states=True)
    torch.testing.assert_close(ours.last_hidden_state, theirs.last_hidden_state, atol=1e-6, rtol=1e-5)
    if not encoder.startswith("sew"):
        assert torch.equal(ours.hidden_states[1], theirs.hidden_states[1])


@pytest.mark.parametrize("encoder", ["wavlm-base", "wavlm-large"])
def test_freezing_wavlm_does_not_change_a_bit(encoder):
    model = tiny_model(encoder, layer_selection="weighted")
    batch, _ = padded_batch(encoder)
    before = model(**batch).logits
    model.freeze_encoder()
    assert torch.equal(model(**batch).logits, before)


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "sew-d"])
@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_weighted_layers_train_with_layerdrop(encoder, probability):
    field = "encoder_layerdrop" if encoder == "whisper" else "layerdrop"
    model = tiny_model(encoder, {field: probability}, layer_selection="weighted").train()
    batch, _ = padded_batch(encoder)
    for seed in range(4):
        torch.manual_seed(seed)
        outputs = model(**batch, labels=torch.tensor([0, 1]), output_hidden_states=True)
        assert len(outputs.hidden_states) == 3
        outputs.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_valid_frames_are_those_of_the_clip_alone(encoder):
    model = tiny_model(encoder)
    batch, alone = padded_batch(encoder)
    valid = encoded(model, batch).valid
    states = encoded(model, alone)
    assert valid[1].sum() == states.valid.sum()
    assert valid[0].sum() > valid[1].sum()
    if encoder == "whisper":
        assert valid[1].sum() == 11  # 21 frames through a convolution of stride 2
    elif not encoder.startswith("sew"):
        assert states.valid.all()


@pytest.mark.parametrize("encoder", WAVE)
def test_clips_shorter_than_receptive_field_and_mask_span_train_and_predict(encoder):
    model = tiny_model(encoder, {"mask_time_prob": 0.5, "mask_time_length": 10}, layer_selection="weighted")
    minimum = minimum_samples(model.config.encoder_config)
    for num_samples in (1, minimum - 1, minimum, minimum + 80):
        clip = torch.randn(2, num_samples)
        mask = torch.ones_like(clip, dtype=torch.long)
        mask[1, max(1, num_samples // 2) :] = 0
        assert model.eval()(clip, attention_mask=mask).logits.isfinite().all()
        loss = model.train()(clip, attention_mask=mask, labels=torch.tensor([0, 1])).loss
        loss.backward()
        assert loss.isfinite()


@pytest.mark.parametrize("encoder", ["wavlm-base", "wavlm-large", "exhubert", "sew", "whisper"])
def test_gradient_checkpointing_gives_the_same_gradients(encoder):
    fields = {"dropout": 0.0} if encoder == "whisper" else NO_RANDOMNESS
    model = tiny_model(encoder, fields, layer_selection="weighted").train()
    batch, _ = padded_batch(encoder)
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        model.zero_grad()
        model(**batch, labels=torch.tensor([0, 1])).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, plain in gradients[0].items():
        torch.testing.assert_close(plain, gradients[1][name], atol=1e-6, rtol=1e-4)


def test_attentions_of_clips_of_different_length_are_padded_to_one_shape():
    model = tiny_model("sew")
    model.set_attn_implementation("eager")
    batch, alone = padded_batch("sew")
    together = model(**batch, output_attentions=True).attentions
    apart = model(**alone, output_attentions=True).attentions
    frames = apart[0].shape[-1]
    assert together[0].shape[-1] > frames
    torch.testing.assert_close(together[0][1:, :, :frames, :frames], apart[0], atol=1e-6, rtol=1e-5)


def whisper_features(num_samples: int, **kwargs) -> dict[str, torch.Tensor]:
    extractor = WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    clip = np.random.default_rng(0).standard_normal(num_samples).astype(np.float32)
    return dict(extractor(clip, sampling_rate=16000, return_tensors="pt", **kwargs))


def test_short_spectrograms_of_whisper_are_padded_as_its_extractor_pads():
    model = tiny_model("whisper", {"max_source_positions": 50})
    padded = whisper_features(8000, return_attention_mask=True)
    short = whisper_features(8000, return_attention_mask=True, padding="longest")
    assert short["input_features"].shape[-1] < padded["input_features"].shape[-1] == 100
    torch.testing.assert_close(model(**short).logits, model(**padded).logits, atol=0.02, rtol=0.02)


def test_without_a_mask_silence_at_the_end_of_a_spectrogram_is_taken_for_padding():
    model = tiny_model("whisper", {"max_source_positions": 50})
    masked = whisper_features(8000, return_attention_mask=True)
    without = encode(model.speech_encoder, masked["input_features"]).valid.sum().item()
    assert encode(model.speech_encoder, masked["input_features"], masked["attention_mask"]).valid.sum() == 25
    assert without in (25, 26)
    assert isinstance(model.speech_encoder, WhisperEncoder)


def test_too_long_spectrograms_of_whisper_are_refused():
    with pytest.raises(ValueError, match="reads 60 frames.*has 61"):
        tiny_model("whisper")(input_features=torch.zeros(1, 8, 61))


def test_input_of_the_wrong_kind_is_refused():
    with pytest.raises(ValueError, match="needs `input_features` alone, but got .*input_values"):
        tiny_model("whisper")(torch.zeros(1, 2000))
    with pytest.raises(ValueError, match="needs `input_values` alone, but got no input"):
        tiny_model("wavlm-base")()
