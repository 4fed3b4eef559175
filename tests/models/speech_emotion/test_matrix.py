"""Every encoder family with every pooling, and every conditioning: builds, trains, reloads, and ignores padding."""

import pytest
import torch

from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.configuration_speech_emotion import FUSIONS, POOLINGS

from .tiny_encoders import ENCODERS, padded_batch, tiny_model


def train_two_steps(model, inputs) -> list[float]:
    """Losses before, between and after two steps, without dropout so that only the weights change them."""
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-3)
    losses = []
    for _ in range(2):
        model.train()
        model(**inputs).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            losses.append(model(**inputs).loss.item())
    return losses


def check_life_of(model, encoder, folder, conditions=None):
    """Train, save and reload; compare a batch with its second clip alone."""
    conditions = conditions or {}
    batch, alone = padded_batch(encoder)
    batch |= conditions
    alone |= {name: value[1:] for name, value in conditions.items()}
    first, second = train_two_steps(model, batch | {"labels": torch.tensor([0, 2])})
    assert torch.tensor([first, second]).isfinite().all()
    assert first != second
    model.save_pretrained(folder)
    again = SpeechEmotionForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        together = model(**batch).logits
        assert torch.equal(again(**batch).logits, together)
        torch.testing.assert_close(together[1:], model(**alone).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_trains_reloads_and_ignores_padding_with_every_pooling(encoder, pooling, tmp_path):
    model = tiny_model(encoder, pooling=pooling, layer_selection="weighted")
    check_life_of(model, encoder, tmp_path)


@pytest.mark.parametrize("head", ["linear", "mlp", "tanh"])
@pytest.mark.parametrize("layer", ["last", 0, -2])
def test_every_head_and_layer_trains_reloads_and_ignores_padding(head, layer, tmp_path):
    check_life_of(tiny_model("wavlm-base", head=head, layer_selection=layer), "wavlm-base", tmp_path)


@pytest.mark.parametrize("known", [("gender",), ("text_embedding",), ("gender", "text_embedding")], ids="+".join)
@pytest.mark.parametrize("conditioning", FUSIONS)
def test_every_conditioning_trains_reloads_and_ignores_padding(conditioning, known, tmp_path):
    sizes = {"gender": {"gender_embedding_size": 5}, "text_embedding": {"text_embedding_size": 7}}
    values = {"gender": torch.tensor([0, 1]), "text_embedding": torch.ones(2, 7)}
    fields = {name: size for condition in known for name, size in sizes[condition].items()}
    model = tiny_model("wavlm-large", conditioning=conditioning, pooling="mean_std", **fields)
    check_life_of(model, "wavlm-large", tmp_path, {condition: values[condition] for condition in known})
