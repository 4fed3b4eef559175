"""vq-wav2vec: the quantizer written out, strict loading, padding, parameter counts."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoModel

from hf_emotion.models.encoders import VqWav2VecConfig, VqWav2VecModel, Wav2VecModel

from .test_wav2vec import (
    MODEL_CFG,
    TINY,
    padded_batch,
    random_weights,
    reference_contexts,
    reference_features,
    save_checkpoint,
    waveforms,
)


TINY_VQ = TINY | {"codevector_dim": 6, "num_codevectors_per_group": 5}
MODEL_CFG_VQ = {
    "activation": "gelu",
    "log_compression": False,
    "vq_type": "gumbel",
    "vq_vars": 5,
    "vq_groups": 2,
    "vq_dim": 0,
    "vq_depth": 2,
    "combine_groups": False,
}


def tiny_model(**changes) -> VqWav2VecModel:
    model = VqWav2VecModel(VqWav2VecConfig(**TINY_VQ | changes)).eval()
    weights = random_weights(model)
    for name in weights:
        if name.startswith(("vector_quantizer.weight_proj", "feature_extractor")) and name.endswith("bias"):
            weights[name].zero_()  # so that frames differ and choose different entries
    model.load_state_dict(weights)
    return model


def reference_codewords(weights, z, depth: int, shared: bool) -> torch.Tensor:
    """Quantise features `(channels, num_frames)` frame by frame and group by group."""
    frames = []
    for frame in z.T:
        hidden = frame
        for index in range(depth - 1):
            name = f"vector_quantizer.weight_proj.{index}.0"
            hidden = functional.gelu(weights[f"{name}.weight"] @ hidden + weights[f"{name}.bias"])
        name = f"vector_quantizer.weight_proj.{depth - 1}" if depth > 1 else "vector_quantizer.weight_proj"
        scores = weights[f"{name}.weight"] @ hidden + weights[f"{name}.bias"]
        first, second = int(scores[:5].argmax()), int(scores[5:].argmax())
        book = weights["vector_quantizer.vars"][0]
        frames.append(torch.cat([book[first], book[second if shared else 5 + second]]))
    return torch.stack(frames, dim=1)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_hidden_states_equal_the_paper_written_out(depth, shared):
    model = tiny_model(quantizer_depth=depth, share_codevectors=shared)
    weights = model.state_dict()
    (clip,) = waveforms(1000)
    z = reference_features(weights, clip, TINY["conv_stride"], functional.gelu)
    codewords = reference_codewords(weights, z, depth, shared)
    assert len({tuple(frame) for frame in codewords.T.tolist()}) > 2
    expected = [z, *reference_contexts(weights, codewords, 3, functional.gelu)]
    outputs = model(clip[None], output_hidden_states=True)
    for state, reference in zip(outputs.hidden_states, expected, strict=True):
        torch.testing.assert_close(state[0], reference.T, rtol=1e-4, atol=1e-5)


def test_a_clip_does_not_depend_on_its_batch():
    model = tiny_model()
    clips = waveforms(1000, 403)
    batch, mask = padded_batch(clips)
    together = model(batch, mask, output_hidden_states=True)
    for row, clip in enumerate(clips):
        alone = model(clip[None], output_hidden_states=True)
        for state, expected in zip(together.hidden_states, alone.hidden_states, strict=True):
            frames = expected.shape[1]
            torch.testing.assert_close(state[row, :frames], expected[0], rtol=1e-4, atol=1e-5)


def test_training_samples_codewords_and_reaches_the_feature_extractor():
    model = tiny_model().train()
    (clip,) = waveforms(1000)
    torch.manual_seed(0)
    first, second = (model(clip[None]).last_hidden_state for _ in range(2))
    assert not first.equal(second)
    first.sum().backward()
    assert model.feature_extractor.conv_layers[0][0].weight.grad.any()


def test_s3prl_checkpoint_loads_with_nothing_missing_or_left_over(tmp_path):
    model = tiny_model()
    path = save_checkpoint(tmp_path / "vq-wav2vec.pt", model.state_dict(), **MODEL_CFG_VQ)
    loaded = VqWav2VecModel.from_s3prl(path)
    (clip,) = waveforms(1000)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)


def test_a_renamed_weight_is_refused_by_name(tmp_path):
    weights = tiny_model().state_dict()
    weights["vector_quantizer.embedding"] = weights.pop("vector_quantizer.vars")
    path = save_checkpoint(tmp_path / "vq-wav2vec.pt", weights, **MODEL_CFG_VQ)
    with pytest.raises(ValueError, match=r"missing: vector_quantizer\.vars; 1 left over: vector_quantizer\.embedding"):
        VqWav2VecModel.from_s3prl(path)


def test_the_two_models_refuse_the_checkpoint_of_each_other_and_of_kmeans(tmp_path):
    path = save_checkpoint(tmp_path / "vq.pt", tiny_model().state_dict(), **MODEL_CFG_VQ)
    with pytest.raises(ValueError, match="has the quantizer 'gumbel', but Wav2VecModel"):
        Wav2VecModel.from_s3prl(path)
    for vq_type in ("none", "kmeans"):
        path = save_checkpoint(tmp_path / "vq.pt", {}, **MODEL_CFG | MODEL_CFG_VQ | {"vq_type": vq_type})
        with pytest.raises(ValueError, match=f"has the quantizer '{vq_type}', but VqWav2VecModel"):
            VqWav2VecModel.from_s3prl(path)


def test_codevectors_that_do_not_fit_the_aggregator_are_refused():
    with pytest.raises(Exception, match="must equal `hidden_size`"):
        VqWav2VecConfig(codevector_dim=256)


def test_parameter_count_is_that_of_emo_superb_table_3():
    with torch.device("meta"):
        model = VqWav2VecModel(VqWav2VecConfig())
        shared = VqWav2VecModel(VqWav2VecConfig(share_codevectors=True))
    assert round(model.num_parameters() / 1e6) == 34
    assert model.num_parameters() - shared.num_parameters() == 320 * 256
    assert model.vector_quantizer.weight_proj[0][0].weight.shape == (1024, 512)
    assert model.vector_quantizer.vars.shape == (1, 640, 256)


def test_published_model_has_thirteen_hidden_states():
    assert VqWav2VecConfig().num_hidden_layers + 1 == 13


def test_saved_model_loads_through_auto_model(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, VqWav2VecModel)
    (clip,) = waveforms(1000)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)
