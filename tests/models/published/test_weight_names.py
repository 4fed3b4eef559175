"""Weights fit a model one to one, or are named as the checkpoint names them."""

import pytest
import torch

from hf_emotion.models.published.layout import Checkpoint
from hf_emotion.models.published.weight_names import abbreviated, fit_renamed_weights


EXPECTED = {
    "encoder.conv.parametrizations.weight.original0": torch.empty(1, device="meta"),
    "encoder.conv.parametrizations.weight.original1": torch.empty(2, device="meta"),
    "encoder.masked_spec_embed": torch.empty(3, device="meta"),
    "classifier.weight": torch.empty(2, 2, device="meta"),
}
PUBLISHED = {
    "old.conv.weight_g": torch.ones(1),
    "old.conv.weight_v": torch.ones(2),
    "old.masked_spec_embed": torch.ones(3),
    "classifier.weight": torch.ones(2, 2),
}


def _fit(weights, unused=()):
    return fit_renamed_weights(
        Checkpoint("a checkpoint", {}, weights),
        EXPECTED,
        to_model=lambda name: name.replace("old.", "encoder.") if not name.startswith("other") else None,
        to_published=lambda name: name.replace("encoder.", "old."),
        unused=unused,
    )


def test_every_weight_gets_the_name_of_the_model():
    fitted = _fit(PUBLISHED)
    assert fitted.keys() == EXPECTED.keys()
    assert fitted["encoder.conv.parametrizations.weight.original1"] is PUBLISHED["old.conv.weight_v"]


def test_newer_names_of_weight_norm_are_taken_as_well():
    newer = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): value
        for name, value in PUBLISHED.items()
    }
    assert _fit(newer).keys() == EXPECTED.keys()


def test_absent_mask_embedding_is_zeros():
    fitted = _fit({name: value for name, value in PUBLISHED.items() if "masked" not in name})
    assert torch.equal(fitted["encoder.masked_spec_embed"], torch.zeros(3))


def test_unused_weights_are_left_out():
    assert _fit(PUBLISHED | {"decoder.weight": torch.ones(1)}, unused=("decoder.",)).keys() == EXPECTED.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"old.conv.weight_g": None}, "1 missing: old.conv.weight_g;|1 missing: old.conv.weight_g. "),
        ({"classifier.weight": torch.ones(3, 2)}, r"classifier.weight is \(3, 2\) instead of \(2, 2\)"),
        ({"other.weight": torch.ones(1)}, "1 left over: other.weight"),
        ({"old.conv.bias": torch.ones(1)}, "1 left over: old.conv.bias"),
        ({"encoder.conv.weight_g": torch.ones(1)}, "there twice: old.conv.weight_g and encoder.conv.weight_g"),
    ],
)
def test_misfits_are_named(changes, message):
    weights = {name: value for name, value in (PUBLISHED | changes).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        _fit(weights)


def test_long_lists_are_cut():
    assert abbreviated("dcba", 2) == "a, b, ... and 2 more"
