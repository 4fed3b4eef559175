"""What a model takes, from its config and its feature extractor."""

from types import SimpleNamespace

import numpy as np
import pytest
from transformers import ASTFeatureExtractor, AutoConfig, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from hf_emotion.pipelines.model_inputs import batch_features, is_padding_free, max_seconds, minimum_samples
from tests.models.speech_emotion.tiny_encoders import ENCODERS, SELF_CONTAINED, tiny_model


@pytest.mark.parametrize("encoder", [*ENCODERS, *SELF_CONTAINED])
def test_the_shortest_clip_is_that_of_the_encoder_inside(encoder):
    config = tiny_model(encoder).config
    assert minimum_samples(config) == minimum_samples(config.encoder_config) > 0


@pytest.mark.parametrize(
    ("model_type", "expected"),
    # 25 ms; two frames of 25 ms that are 10 ms apart; any number of samples, which become 30 s
    [("hubert", 400), ("wavlm", 400), ("wav2vec2-bert", 560), ("whisper", 1)],
)
def test_the_shortest_clip_gives_one_frame(model_type, expected):
    assert minimum_samples(AutoConfig.for_model(model_type)) == expected


@pytest.mark.parametrize(
    ("extractor", "expected"),
    [(WhisperFeatureExtractor(), 30), (ASTFeatureExtractor(), 10.24), (Wav2Vec2FeatureExtractor(), None)],
)
def test_the_longest_clip_is_what_the_extractor_keeps(extractor, expected):
    assert max_seconds(extractor) == expected


@pytest.mark.parametrize(
    ("model_type", "fields", "expected"),
    [
        ("wav2vec2", {"feat_extract_norm": "layer"}, True),
        ("wav2vec2", {"feat_extract_norm": "layer", "add_adapter": True}, False),
        ("wav2vec2", {"feat_extract_norm": "group"}, False),
        ("hubert", {"feat_extract_norm": "group"}, False),
        ("wavlm", {"feat_extract_norm": "layer"}, True),
        ("data2vec-audio", {}, False),
        ("sew", {"feat_extract_norm": "layer"}, False),
        ("wav2vec2-bert", {}, False),
    ],
)
def test_padding_is_given_to_models_that_leave_it_out(model_type, fields, expected):
    assert is_padding_free(AutoConfig.for_model(model_type, **fields)) is expected


@pytest.mark.parametrize("model_type", ["exhubert", "speech_emotion"])
def test_padding_is_given_to_all_models_of_ours(model_type):
    assert is_padding_free(SimpleNamespace(model_type=model_type, feat_extract_norm="group"))


def clip(length, value=1.0, mask=None):
    features = {"input_values": np.full(length, value, dtype=np.float32)}
    return features if mask is None else features | {"attention_mask": np.array(mask)}


def test_longer_and_shorter_clips_get_zeros_and_a_mask():
    batch = batch_features([clip(3), clip(1)], drops_full_masks=True)
    assert batch["input_values"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(("drops", "mask", "expected"), [(True, None, False), (True, [1, 1], False),
                                                         (False, [1, 1], True), (True, [1, 0], True)])  # fmt: skip
def test_a_mask_that_masks_nothing_is_left_out_where_that_is_the_same(drops, mask, expected):
    assert ("attention_mask" in batch_features([clip(2, mask=mask)] * 2, drops_full_masks=drops)) is expected


def test_frames_of_filter_banks_are_padded_in_time():
    clips = [
        {"input_features": np.ones((length, 2), dtype=np.float32), "attention_mask": np.ones(length)}
        for length in (3, 2)
    ]
    batch = batch_features(clips, drops_full_masks=True)
    assert batch["input_features"].shape == (2, 3, 2)
    assert batch["input_features"][1, 2].tolist() == [0, 0]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
