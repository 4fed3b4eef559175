"""Low precision, masks of any type, clips that are nothing but padding, and inputs that a model has to refuse."""

import copy

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from hf_emotion.models.speech_emotion.encoding_speech_emotion import encode

from .tiny_encoders import ENCODERS, padded_batch, tiny_model


NAN = float("nan")
ALL_PARTS = {
    "layer_selection": "weighted",
    "pooling": "attentive_statistics",
    "gender_embedding_size": 3,
    "text_embedding_size": 2,
    "num_dimensions": 2,
}
TARGETS = {"labels": torch.tensor([0, 2]), "dimension_labels": torch.tensor([[0.0, 1.0], [1.0, -1.0]])}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_half_precision_predicts_what_full_precision_does(encoder, dtype):
    model = tiny_model(encoder, **ALL_PARTS, initializer_range=0.3)
    batch, _ = padded_batch(encoder)
    half = {name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()}
    with torch.no_grad():
        expected = model(**batch)
        found = copy.deepcopy(model).to(dtype)(**half)
    assert found.logits.dtype == dtype
    for name in ("logits", "dimensions"):
        torch.testing.assert_close(found[name].float(), expected[name], atol=0.1, rtol=0.1)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_autocast_trains_all_parts_with_finite_gradients(encoder):
    model = tiny_model(encoder, **ALL_PARTS).train()
    batch, _ = padded_batch(encoder)
    conditions = {"gender": torch.tensor([0, -1]), "text_embedding": torch.tensor([[1.0, 2.0], [NAN, NAN]])}
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(**batch, **conditions, **TARGETS).loss
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_type_of_the_mask_and_layout_of_the_input_do_not_matter(encoder):
    model = tiny_model(encoder, **ALL_PARTS)
    batch, alone = padded_batch(encoder)
    (name, values), mask = next(iter(batch.items())), batch["attention_mask"]
    with torch.no_grad():
        expected = model(**batch).logits
        # 1300 samples are no number in bfloat16
        for dtype in (torch.bool, torch.int32, torch.float32, torch.bfloat16):
            assert torch.equal(model(**batch | {"attention_mask": mask.to(dtype)}).logits, expected)
        assert name in alone
        strided = values.transpose(0, 1).contiguous().transpose(0, 1)
        assert not strided.is_contiguous()
        assert torch.equal(model(**batch | {name: strided}).logits, expected)


@pytest.mark.parametrize("value", [5.0, NAN])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_padding_holds_does_not_matter(encoder, value):
    model = tiny_model(encoder, **ALL_PARTS)
    batch, _ = padded_batch(encoder)
    name, mask = next(iter(batch)), batch["attention_mask"]
    if encoder == "whisper":
        mask = mask.unsqueeze(1)
    elif batch[name].dim() == 3:
        mask = mask.unsqueeze(-1)
    values = batch[name].masked_fill(mask == 0, value).requires_grad_()
    logits = model(**batch | {name: values}).logits
    assert torch.equal(logits, model(**batch).logits)
    if value == value:  # a gradient by what is not a number is none
        logits.sum().backward()
        assert not values.grad.masked_fill(mask == 1, 0.0).any()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_clip_of_padding_only_is_finite_and_leaves_the_others_as_they_are(encoder):
    model = tiny_model(encoder, **ALL_PARTS)
    batch, _ = padded_batch(encoder)
    empty = batch | {"attention_mask": batch["attention_mask"] * torch.tensor([[1], [0]])}
    with torch.no_grad():
        found, expected = model(**empty).logits, model(**batch).logits
    assert found.isfinite().all()
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=1e-5)
    model.train()(**empty, **TARGETS).loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_frames_of_whisper_counted_without_a_mask_are_mostly_those_of_the_mask_and_never_two_off():
    model = tiny_model("whisper", {"max_source_positions": 100})
    extractor = WhisperFeatureExtractor(feature_size=8, chunk_length=2)
    generator = np.random.default_rng(0)
    differences = []
    for num_samples in generator.integers(1000, 32000, size=40).tolist():
        clip = generator.standard_normal(num_samples).astype(np.float32)
        features = extractor(clip, sampling_rate=16000, return_attention_mask=True, return_tensors="pt")
        inputs, mask = features["input_features"], features["attention_mask"]
        counts = [encode(model.speech_encoder, inputs, given).valid.sum().item() for given in (mask, None)]
        differences.append(abs(counts[0] - counts[1]))
    assert max(differences) <= 1
    assert differences.count(0) >= 30


@pytest.mark.parametrize("encoder", ["wavlm-large", "sew", "wav2vec2-bert", "whisper"])
def test_mask_of_another_shape_than_the_input_is_refused(encoder):
    model = tiny_model(encoder)
    batch, _ = padded_batch(encoder)
    for mask in (batch["attention_mask"][:, :-1], batch["attention_mask"][:1]):
        with pytest.raises(ValueError, match=r"`attention_mask` has the shape .* needs \(2, "):
            model(**batch | {"attention_mask": mask})


def test_inputs_with_too_few_or_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"`input_values` has the shape \(2000,\).*2 dimensions"):
        tiny_model("wavlm-base")(torch.zeros(2000))
    with pytest.raises(ValueError, match=r"shape \(2, 1, 2000\)"):
        tiny_model("wavlm-base")(torch.zeros(2, 1, 2000))
    with pytest.raises(ValueError, match=r"`input_features` has the shape \(8, 50\).*3 dimensions"):
        tiny_model("whisper")(input_features=torch.zeros(8, 50))


def test_genders_in_floats_are_ids_and_unknown_where_not_a_number():
    model = tiny_model("wavlm-base", **ALL_PARTS)
    batch, _ = padded_batch("wavlm-base")
    expected = model(**batch, gender=torch.tensor([1, -1])).logits
    assert torch.equal(model(**batch, gender=torch.tensor([1.0, NAN])).logits, expected)
    with pytest.raises(ValueError, match=r"`gender` \[0.5, 1.0\] must hold one id"):
        model(**batch, gender=torch.tensor([0.5, 1.0]))


def test_text_embedding_that_is_partly_not_a_number_is_unknown():
    model = tiny_model("wavlm-base", **ALL_PARTS)
    batch, _ = padded_batch("wavlm-base")
    partly = model(**batch, text_embedding=torch.tensor([[1.0, NAN], [1.0, 2.0]])).logits
    whole = model(**batch, text_embedding=torch.tensor([[NAN, NAN], [1.0, 2.0]])).logits
    assert torch.equal(partly, whole)


def test_not_a_number_in_one_clip_stays_in_that_clip():
    model = tiny_model("wavlm-large", **ALL_PARTS)
    batch, alone = padded_batch("wavlm-large")
    values = batch["input_values"].clone()
    values[0, 100] = NAN
    logits = model(**batch | {"input_values": values}).logits
    assert logits[0].isnan().all()
    torch.testing.assert_close(logits[1:], model(**alone).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_label_without_problem_type_is_regression(shape):
    model = tiny_model("wavlm-base", num_labels=1)
    batch, _ = padded_batch("wavlm-base")
    targets = torch.tensor([0.5, -1.0])
    outputs = model(**batch, labels=targets.view(shape))
    assert outputs.logits.shape == (2, 1)
    torch.testing.assert_close(outputs.loss, (outputs.logits[:, 0] - targets).square().mean())


def test_compiled_model_gives_what_the_model_gives():
    model = tiny_model("hubert-base", {"num_hidden_layers": 1}, gender_embedding_size=2, layer_selection="weighted")
    batch, _ = padded_batch("hubert-base")
    compiled = torch.compile(model, backend="eager")  # the graphs are what can go wrong, not their code generation
    with torch.no_grad():
        torch.testing.assert_close(compiled(**batch).logits, model(**batch).logits, atol=1e-5, rtol=1e-5)
