"""A head behind the cache gives what it gives behind the encoder."""

import datasets
import numpy as np
import pytest
import torch
from torch import nn
from transformers import HubertConfig, HubertModel, SeamlessM4TFeatureExtractor, WhisperFeatureExtractor

from hf_emotion.data.audio import load_audio
from hf_emotion.data.data_collator import EmotionDataCollator
from hf_emotion.data.loading import load_corpus
from hf_emotion.features.clip_encoding import ClipEncoder
from hf_emotion.features.extraction import extract_features
from hf_emotion.features.layer_statistics import average_layer_means, average_layer_std
from hf_emotion.features.waveform_statistics import WaveformStatistics
from hf_emotion.models.encoders import ApcConfig, ApcModel
from tests.features.small_corpus import EXTRACTOR, extract, write_corpus
from tests.models.speech_emotion.tiny_encoders import ENCODERS, SELF_CONTAINED, tiny_model


# layer norm, group norm, a relative position bias, a convolution between frames, and frames averaged across the end
FAMILIES = ["hubert-large", "hubert-base", "wavlm-large", "data2vec-audio", "sew", "exhubert"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def learned(model, seed: int = 0):
    """Layer weights and head as training might leave them: logits around one, so that a tolerance means something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in (model.layer_weights, *model.projector.parameters(), *model.classifier.parameters()):
            scale = parameter.shape[1] ** -0.5 if parameter.dim() == 2 else 1
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model


def full_path(model, corpus, extractor=EXTRACTOR) -> torch.Tensor:
    """Logits of each clip alone, with the encoder in the loop."""
    collate = EmotionDataCollator(extractor, with_spectrogram_mask=True)
    with torch.no_grad():
        return torch.cat([model(**collate([row])).logits for row in corpus])


@pytest.mark.parametrize("encoder", FAMILIES)
def test_a_mean_pooled_head_behind_the_cache_equals_the_full_path(encoder, corpus, tmp_path):
    model = learned(tiny_model(encoder, layer_selection="weighted", pooling="mean", classifier_proj_size=256))
    cache = extract(corpus, tmp_path, model=model, batch_size=4)
    means = torch.from_numpy(cache.means[:])
    pooled = average_layer_means(means, model.layer_weights.softmax(dim=-1))
    logits = model.classifier(model.projector(pooled))
    assert isinstance(model.projector, nn.Linear)
    assert logits.abs().max() > 1
    torch.testing.assert_close(logits, full_path(model, corpus), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoder", FAMILIES)
def test_a_std_pooled_head_behind_the_cache_equals_the_full_path(encoder, corpus, tmp_path):
    model = learned(tiny_model(encoder, layer_selection="weighted", pooling="std"))
    cache = extract(corpus, tmp_path, model=model, second_moments="pairs")
    assert cache.covariances.shape == (len(corpus), 6, 16)  # 3 states have 6 pairs
    covariances = torch.from_numpy(cache.covariances[:])
    pooled = average_layer_std(covariances, model.layer_weights.softmax(dim=-1))
    logits = model.classifier(model.projector(pooled))
    torch.testing.assert_close(logits, full_path(model, corpus), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_a_std_pooled_head_on_one_layer_needs_its_variances_only(layer, corpus, tmp_path):
    model = tiny_model("hubert-base", layer_selection=layer, pooling="mean_std")
    cache = extract(corpus, tmp_path, model=model, second_moments="layers")
    means, variances = (torch.from_numpy(array[:])[:, layer] for array in (cache.means, cache.variances))
    logits = model.classifier(model.projector(torch.cat([means, variances.sqrt()], dim=-1)))
    torch.testing.assert_close(logits, full_path(model, corpus), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("encoder", "extractor"),
    [
        ("wav2vec2-bert", SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4, stride=2)),
        ("whisper", WhisperFeatureExtractor(feature_size=8, chunk_length=1)),
    ],
)
def test_encoders_on_spectrograms_have_a_cache_as_well(encoder, extractor, corpus, tmp_path):
    fields = {"max_source_positions": 50} if encoder == "whisper" else {}  # 1 s
    model = learned(tiny_model(encoder, fields, layer_selection="weighted"))
    cache = extract(corpus, tmp_path, model=model, feature_extractor=extractor, batch_size=4)
    pooled = average_layer_means(torch.from_numpy(cache.means[:]), model.layer_weights.softmax(dim=-1))
    logits = model.classifier(model.projector(pooled))
    torch.testing.assert_close(logits, full_path(model, corpus, extractor), rtol=1e-5, atol=1e-5)


def test_encoders_that_transformers_lacks_read_raw_waveforms(corpus, tmp_path):
    torch.manual_seed(0)
    apc = ApcModel(ApcConfig()).eval()
    cache = extract_features(apc, corpus, tmp_path, batch_size=4)
    with torch.no_grad():
        for row, clip in enumerate(corpus):
            waveform = torch.from_numpy(load_audio(clip["audio"]))[None]
            states = apc(waveform, output_hidden_states=True).hidden_states
            means = torch.stack([state[0].mean(dim=0) for state in states])
            torch.testing.assert_close(torch.from_numpy(cache.means[row]), means, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoder", SELF_CONTAINED)
def test_clips_that_are_too_short_for_a_frame_are_padded_with_silence_to_one(encoder, tmp_path):
    model = learned(tiny_model(encoder, layer_selection="weighted"))
    clips = torch.randn(3, 700, generator=torch.Generator().manual_seed(0))
    audio = [
        {"array": clip[:length].numpy(), "sampling_rate": 16_000}
        for clip, length in zip(clips, (5, 160, 700), strict=True)
    ]
    rows = datasets.Dataset.from_dict({"utterance_id": ["a", "b", "c"], "audio": audio})
    cache = extract_features(model, rows, tmp_path)
    pooled = average_layer_means(torch.from_numpy(cache.means[:]), model.layer_weights.softmax(dim=-1))
    with torch.no_grad():
        expected = [model(clip[None, :length]).logits for clip, length in zip(clips, (5, 160, 700), strict=True)]
        logits = model.classifier(model.projector(pooled))
    torch.testing.assert_close(logits, torch.cat(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.real_data
@pytest.mark.parametrize("encoder", ["hubert-large", "hubert-base"])
@pytest.mark.parametrize("pooling", ["mean", "std"])
def test_equality_holds_on_real_speech(encoder, pooling, real_data_dir, tmp_path):
    corpus = load_corpus("crema_d", data_dir=str(real_data_dir / "crema_d"), cache_dir=str(tmp_path / "datasets"))
    corpus = corpus["train"].select(range(0, 60, 10))
    model = learned(tiny_model(encoder, layer_selection="weighted", pooling=pooling, classifier_proj_size=256))
    cache = extract(corpus, tmp_path, model=model, second_moments="pairs", batch_size=3)
    weights = model.layer_weights.softmax(dim=-1)
    statistics = torch.from_numpy((cache.means if pooling == "mean" else cache.covariances)[:])
    pooled = (average_layer_means if pooling == "mean" else average_layer_std)(statistics, weights)
    logits = model.classifier(model.projector(pooled))
    tolerance = {"mean": 1e-5, "std": 1e-4}[pooling]
    torch.testing.assert_close(logits, full_path(model, corpus), rtol=tolerance, atol=tolerance)


def test_layers_are_normalised_as_the_model_normalises_them(corpus, tmp_path):
    model = learned(tiny_model("hubert-large", layer_selection="weighted", normalize_layers=True))
    cache = extract(corpus, tmp_path, model=model, normalize_layers=True)
    pooled = average_layer_means(torch.from_numpy(cache.means[:]), model.layer_weights.softmax(dim=-1))
    logits = model.classifier(model.projector(pooled))
    torch.testing.assert_close(logits, full_path(model, corpus), rtol=1e-5, atol=1e-5)


def test_layer_weights_are_trained_through_the_cache_with_the_same_gradient(corpus, tmp_path):
    model = learned(tiny_model("hubert-base", layer_selection="weighted", pooling="std"))
    cache = extract(corpus, tmp_path, model=model, second_moments="pairs")
    covariances = torch.from_numpy(cache.covariances[:])
    pooled = average_layer_std(covariances, model.layer_weights.softmax(dim=-1))
    model.classifier(model.projector(pooled)).sum().backward()
    through_cache = model.layer_weights.grad.clone()
    model.layer_weights.grad = None
    collate = EmotionDataCollator(EXTRACTOR)
    sum(model(**collate([row])).logits.sum() for row in corpus).backward()
    torch.testing.assert_close(through_cache, model.layer_weights.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("encoder", ["hubert-base", "hubert-large", "sew"])
def test_the_batch_that_a_clip_is_in_changes_nothing(encoder, corpus, tmp_path):
    alone = extract(corpus, tmp_path / "alone", encoder, batch_size=1)
    together = extract(corpus, tmp_path / "together", encoder, batch_size=8)
    np.testing.assert_allclose(alone.means[:], together.means[:], atol=2e-6)
    assert alone.num_frames[:].tolist() == together.num_frames[:].tolist()
    assert alone.report.padding_share == 0 < together.report.padding_share < 0.5


def test_half_precision_rounds_and_no_more(corpus, tmp_path):
    single, half = (extract(corpus, tmp_path, dtype=dtype) for dtype in ("float32", "float16"))
    assert half.means.dtype == np.float16
    assert half.means.nbytes == single.means.nbytes // 2
    np.testing.assert_allclose(half.means[:], single.means[:], rtol=2**-11, atol=1e-7)


def test_a_value_too_large_for_half_precision_is_an_error_that_names_the_clip(corpus, tmp_path):
    model = tiny_model("hubert-large")
    with torch.no_grad():
        model.speech_encoder.encoder.layer_norm.weight.mul_(1e6)
    with pytest.raises(ValueError, match=r"means of utterance clip\d hold .* float16.*pass dtype=\"float32\""):
        extract(corpus, tmp_path, model=model, dtype="float16")


def test_a_stock_model_is_padded_safely_and_left_as_it_was(corpus, tmp_path):
    torch.manual_seed(0)
    hubert = HubertModel(HubertConfig(**{k: v for k, v in ENCODERS["hubert-base"].items() if k != "model_type"}))
    hubert.train()
    classes = [type(module) for module in hubert.modules()]
    random_numbers = torch.random.get_rng_state()
    alone = extract(corpus, tmp_path / "alone", model=hubert, batch_size=1)
    together = extract(corpus, tmp_path / "together", model=hubert, batch_size=8)
    np.testing.assert_allclose(alone.means[:], together.means[:], atol=2e-6)
    assert [type(module) for module in hubert.modules()] == classes
    assert hubert.training
    assert torch.equal(torch.random.get_rng_state(), random_numbers)


def test_clips_are_cut_and_normalised_before_the_extractor(corpus, tmp_path):
    statistics = WaveformStatistics(mean=0.1, std=0.5)
    raw = type(EXTRACTOR)(do_normalize=False, return_attention_mask=True)
    options = {"max_duration_seconds": 0.1, "waveform_statistics": statistics, "feature_extractor": raw}
    cache = extract(corpus, tmp_path, **options)
    # 1600 samples, through kernels of 10, 8 and 4 with strides of 5, 4 and 4
    assert cache.num_frames[:].max() == 19
    fields = {"normalize_layers": False, "second_moments": None, "dtype": np.dtype(np.float32), "batch_size": 1}
    clip_encoder = ClipEncoder(tiny_model("hubert-large").speech_encoder, raw, 0.1, statistics, **fields)
    waveform = clip_encoder.load(corpus[1])
    assert waveform.shape == (1600,)
    uncut = ClipEncoder(clip_encoder.encoder, raw, None, None, **fields).load(corpus[1])
    np.testing.assert_allclose(waveform, (uncut[:1600] - 0.1) / (0.5 + 1e-6), rtol=1e-5)
    np.testing.assert_allclose(cache.means[1], clip_encoder.statistics([waveform], ["clip1"])["means"][0], atol=2e-6)


def test_statistics_of_a_split_are_those_of_all_its_samples(corpus):
    samples = np.concatenate([load_audio(row["audio"]) for row in corpus]).astype(np.float64)
    statistics = WaveformStatistics.of(corpus)
    assert statistics.mean == pytest.approx(samples.mean(), rel=1e-9)
    assert statistics.std == pytest.approx(samples.std(), rel=1e-9)


def test_covariances_of_another_number_of_layers_are_refused():
    with pytest.raises(ValueError, match=r"4 layer weights have 10 pairs, but `covariances` has 6"):
        average_layer_std(torch.zeros(1, 6, 2), torch.full((4,), 0.25))
