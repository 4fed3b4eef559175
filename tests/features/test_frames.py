"""Frames in the cache: what heads that are not linear learn from them is what they learn behind the encoder."""

import copy
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import SeamlessM4TFeatureExtractor, WhisperFeatureExtractor

from hf_emotion.data.data_collator import EmotionDataCollator, minimum_input_samples
from hf_emotion.data.loading import load_corpus
from hf_emotion.features import extraction
from hf_emotion.features.chunk_files import list_chunks
from hf_emotion.features.feature_cache import FeatureCache
from hf_emotion.models.speech_emotion.encoding_speech_emotion import encode
from tests.features.small_corpus import EXTRACTOR, NUM_CLIPS, extract, write_corpus
from tests.models.speech_emotion.tiny_encoders import ENCODERS, NO_RANDOMNESS, SELF_CONTAINED, tiny_model


pytestmark = pytest.mark.usefixtures("one_thread")

# layer norm, group norm, a relative position bias, a convolution between frames, and frames averaged across the end
FAMILIES = ["hubert-large", "hubert-base", "wavlm-large", "data2vec-audio", "sew"]
LABELS = torch.arange(NUM_CLIPS) % 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def extractor_of(encoder: str):
    """Self-contained encoders read raw waveforms."""
    if encoder == "whisper":
        return WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    if encoder == "wav2vec2-bert":
        return SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4, stride=2)
    return type(EXTRACTOR)(do_normalize=encoder in ENCODERS, return_attention_mask=True)


def batch_of(model, corpus, extractor=EXTRACTOR) -> dict[str, torch.Tensor]:
    minimum = minimum_input_samples(model.config).clip
    return EmotionDataCollator(extractor, with_spectrogram_mask=True, min_num_samples=minimum)(list(corpus))


def behind_cache(model, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits of the head of a model on cached frames of all layers."""
    average = torch.einsum("l,blth->bth", model.layer_weights.softmax(dim=-1), frames.float())
    return model.classifier(model.projector(model.pooling(average, mask)))


def one_step(model, logits_of) -> dict[str, torch.Tensor]:
    """What a step of gradient descent makes of the head."""
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.5)
    nn.functional.cross_entropy(logits_of(model), LABELS).backward()
    optimizer.step()
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


def assert_trains_equally(model, corpus, cache, extractor=EXTRACTOR):
    """One step through the cache and one with the frozen encoder in the loop leave the same head."""
    model.freeze_encoder()
    batch, (frames, mask) = batch_of(model, corpus, extractor), cache.padded_frames(slice(None))
    start = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    full = one_step(copy.deepcopy(model).train(), lambda copied: copied(**batch).logits)
    cached = one_step(copy.deepcopy(model).train(), lambda copied: behind_cache(copied, frames, mask))
    assert cached.keys() == full.keys() == start.keys()
    for name, value in cached.items():
        torch.testing.assert_close(value, full[name], rtol=1e-5, atol=1e-5)
    moved = {name for name in start if (full[name] - start[name]).abs().max() > 1e-4}
    assert {"layer_weights", "pooling.score.0.weight", "projector.weight", "classifier.weight"} <= moved


@pytest.mark.parametrize("encoder", FAMILIES)
def test_an_attention_pooled_head_trained_from_the_cache_equals_the_full_path(encoder, corpus, tmp_path):
    fields = {"layer_selection": "weighted", "pooling": "attention", "classifier_proj_size": 16}
    model = tiny_model(encoder, NO_RANDOMNESS, **fields)
    assert_trains_equally(model, corpus, extract(corpus, tmp_path, model=model, frames="all", batch_size=4))


@pytest.mark.parametrize("encoder", [*SELF_CONTAINED, "wav2vec2-bert", "whisper"])
def test_an_attention_pooled_head_behind_the_cache_equals_the_full_path(encoder, corpus, tmp_path):
    fields = {"max_source_positions": 50} if encoder == "whisper" else {}  # 1 s
    model = tiny_model(encoder, fields, layer_selection="weighted", pooling="attention")
    extractor = extractor_of(encoder)
    cache = extract(corpus, tmp_path, model=model, frames="all", feature_extractor=extractor, batch_size=4)
    with torch.no_grad():
        found = behind_cache(model, *cache.padded_frames(slice(None)))
        torch.testing.assert_close(found, model(**batch_of(model, corpus, extractor)).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoder", ["hubert-large", "hubert-base"])
def test_a_head_that_is_not_linear_frame_by_frame_equals_the_full_path(encoder, corpus, tmp_path):
    model = tiny_model(encoder)
    torch.manual_seed(0)
    hidden, output = nn.Linear(16, 256), nn.Linear(256, 3)

    def logits_of(states, mask):
        """Linear, ReLU, mean over time."""
        projected = hidden(states).relu().masked_fill(~mask[..., None], 0.0)
        return output(projected.sum(dim=1) / mask.sum(dim=1, keepdim=True))

    cache = extract(corpus, tmp_path, model=model, frames=[-1])
    assert cache.frame_layers == (2,)
    frames, mask = cache.padded_frames(slice(None))
    with torch.no_grad():
        encoded = encode(model.speech_encoder, *batch_of(model, corpus).values())
        expected = logits_of(encoded.last_hidden_state, encoded.valid)
        torch.testing.assert_close(logits_of(frames[:, 0], mask), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.real_data
@pytest.mark.parametrize("encoder", ["hubert-large", "hubert-base"])
def test_equality_holds_on_real_speech(encoder, real_data_dir, tmp_path):
    corpus = load_corpus("crema_d", data_dir=str(real_data_dir / "crema_d"), cache_dir=str(tmp_path / "datasets"))
    corpus = corpus["train"].select(range(0, 10 * NUM_CLIPS, 10))
    model = tiny_model(encoder, NO_RANDOMNESS, layer_selection="weighted", pooling="attention")
    assert_trains_equally(model, corpus, extract(corpus, tmp_path, model=model, frames="all", batch_size=3))


def test_frames_of_a_clip_have_its_means(corpus, tmp_path):
    cache = extract(corpus, tmp_path, frames="all")
    assert len(cache.frames) == NUM_CLIPS
    for row in (0, 3, -1):
        frames = cache.frames[row]
        assert frames.shape == (3, cache.num_frames[row], 16)
        np.testing.assert_allclose(frames.mean(axis=1), cache.means[row], atol=1e-5)
    with pytest.raises(IndexError):
        cache.frames[NUM_CLIPS]
    with pytest.raises(TypeError):
        cache.frames[2:4]


def test_layers_have_one_order_and_one_key_however_they_are_named(corpus, tmp_path):
    whole, part = extract(corpus, tmp_path, frames="all"), extract(corpus, tmp_path, frames=[-1, 0])
    assert (whole.frame_layers, part.frame_layers) == ((0, 1, 2), (0, 2))
    np.testing.assert_array_equal(part.frames[4], whole.frames[4][[0, 2]])
    assert extract(corpus, tmp_path, frames=(0, np.int64(2), 2)).folder == part.folder
    assert extract(corpus, tmp_path, frames=range(3)).report.num_extracted == 0


def test_frames_are_stored_only_where_they_are_asked_for(corpus, tmp_path):
    without, with_frames = extract(corpus, tmp_path), extract(corpus, tmp_path, frames=[1])
    assert without.folder != with_frames.folder
    assert "frames" not in without.settings
    assert without.frames is None
    assert all("frames" not in chunk.layouts for chunk in list_chunks(without.folder))
    with pytest.raises(ValueError, match=r"holds no frames. Extract them with `extract_features\(..., frames=...\)`"):
        without.padded_frames([0])
    np.testing.assert_array_equal(with_frames.means[:], without.means[:])
    stored = sum(chunk.layouts["frames"][1][0] for chunk in list_chunks(with_frames.folder))
    assert stored == with_frames.num_frames[:].sum()


def test_a_batch_is_padded_with_zeros_behind_a_mask(corpus, tmp_path):
    cache = extract(corpus, tmp_path, frames="all")
    for rows in ([7, 0, 3], slice(2, 8, 3), np.arange(NUM_CLIPS) % 4 == 0, torch.tensor([5, 1])):
        frames, mask = cache.padded_frames(rows)
        numbers = np.arange(NUM_CLIPS)[rows]
        assert frames.shape == (len(numbers), 3, cache.num_frames[:][rows].max(), 16)
        assert mask.sum(dim=1).tolist() == cache.num_frames[:][rows].tolist()
        assert not frames.transpose(1, 2)[~mask].any()
        for clip, valid, row in zip(frames, mask, numbers, strict=True):
            np.testing.assert_array_equal(clip[:, valid], cache.frames[row])
    frames, mask = cache.padded_frames([])
    assert (frames.shape, mask.shape) == ((0, 3, 0, 16), (0, 0))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_data_loader_batches_them(num_workers, corpus, tmp_path):
    cache = extract(corpus, tmp_path, frames=[0, 1])
    loader = DataLoader(range(len(cache)), batch_size=4, collate_fn=cache.padded_frames, num_workers=num_workers)
    batches = list(loader)
    assert [len(frames) for frames, _ in batches] == [4, 4, 2]
    np.testing.assert_array_equal(batches[1][0][2][:, batches[1][1][2]], cache.frames[6])
    assert len(list(DataLoader(cache, batch_size=4))) == 3  # the statistics, as ever


def test_half_precision_takes_half_the_space(corpus, tmp_path):
    single, half = (extract(corpus, tmp_path, frames="all", dtype=dtype) for dtype in ("float32", "float16"))
    assert half.frames.dtype == np.float16
    assert half.padded_frames([0, 1])[0].dtype == torch.float16
    np.testing.assert_allclose(half.frames[2], single.frames[2], rtol=2**-10, atol=1e-6)
    sizes = [sum(path.stat().st_size for path in cache.folder.glob("chunk-*")) for cache in (single, half)]
    assert sizes[1] < 0.6 * sizes[0]


def test_a_selection_opens_again_and_is_pickled_without_frames(corpus, tmp_path):
    cache = extract(corpus, tmp_path, frames="all")
    opened = FeatureCache.open(cache.folder)
    selected = pickle.loads(pickle.dumps(opened.select(["clip7", "clip0"])))
    np.testing.assert_array_equal(selected.frames[0], cache.frames[7])
    np.testing.assert_array_equal(selected.padded_frames([1])[0][0], cache.frames[0])
    assert cache.frames[0].tobytes() not in pickle.dumps(opened)


def test_lost_chunks_are_computed_again_and_damage_is_found(corpus, tmp_path):
    cache = extract(corpus, tmp_path, frames="all")
    before = [cache.frames[row] for row in range(NUM_CLIPS)]
    lost, damaged = sorted(cache.folder.glob("chunk-*"))[:2]
    lost.unlink()
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1  # in the last array
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{damaged.name} is damaged"):
        extract(corpus, tmp_path, frames="all")
    damaged.unlink()
    repaired = extract(corpus, tmp_path, frames="all")
    assert repaired.report.num_extracted == 4
    assert all(np.array_equal(repaired.frames[row], frames) for row, frames in enumerate(before))


def test_a_killed_extraction_of_frames_is_continued(repo_dir, tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    folders = [str(tmp_path / "corpus"), str(tmp_path / "cache")]
    command = [sys.executable, "-m", "tests.features.small_corpus", *folders, "die_before", "3", "all"]
    killed = subprocess.run(command, cwd=repo_dir, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    cache = extract(corpus, tmp_path / "cache", frames="all")
    assert (cache.report.num_cached, cache.report.num_extracted) == (4, NUM_CLIPS - 4)
    whole = extract(corpus, tmp_path / "whole", frames="all")
    assert all(np.array_equal(cache.frames[row], whole.frames[row]) for row in range(NUM_CLIPS))


def test_files_stay_small_where_clips_have_many_frames(corpus, tmp_path, monkeypatch):
    whole = extract(corpus, tmp_path / "whole", frames="all")
    assert len(list_chunks(whole.folder)) == NUM_CLIPS / 2
    monkeypatch.setattr(extraction, "_MAX_FRAME_BYTES", 1)
    split = extract(corpus, tmp_path / "split", frames="all", batch_size=1)
    assert len(list_chunks(split.folder)) == NUM_CLIPS
    np.testing.assert_allclose(split.frames[5], whole.frames[5], atol=1e-5)


@pytest.mark.parametrize("frames", ["last", [], [3], [-4], [1.0], [True]])
def test_layers_that_do_not_exist_are_refused(frames, corpus, tmp_path):
    with pytest.raises(ValueError, match=r'frames must be "all" or numbers of hidden states, of which .* has 0 to 2'):
        extract(corpus, tmp_path, frames=frames)
