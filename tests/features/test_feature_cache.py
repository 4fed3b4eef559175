import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from hf_emotion.features.feature_cache import FeatureCache
from tests.features.small_corpus import NUM_CLIPS, extract, write_corpus


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return extract(write_corpus(folder / "corpus"), folder / "cache", second_moments="pairs")


def test_rows_are_read_by_index_slice_list_and_mask(cache):
    means = np.asarray(cache.means)
    assert means.shape == cache.means.shape == (NUM_CLIPS, 3, 16)
    assert cache.means.nbytes == means.nbytes
    mask = np.arange(NUM_CLIPS) % 3 == 0
    for key in (3, -1, np.int64(4), slice(2, 9, 2), [7, 0, 7], [], np.array([1, 2]), mask, torch.tensor([5, 1])):
        np.testing.assert_array_equal(cache.means[key], means[key])
    with pytest.raises(IndexError):
        cache.means[NUM_CLIPS]


def test_chunks_are_mapped_and_not_loaded(cache):
    mapped = cache.means._chunks[0].mapped("means")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable


def test_a_selection_has_the_order_asked_for(cache):
    ids = ["clip7", "clip0", "clip3"]
    selected = cache.select(ids)
    assert selected.utterance_ids == ids
    np.testing.assert_array_equal(selected.means[:], cache.means[[7, 0, 3]])
    np.testing.assert_array_equal(selected.select(["clip3"]).covariances[0], cache.covariances[3])
    assert len(cache) == NUM_CLIPS


def test_a_selection_of_what_is_not_there_is_an_error(cache):
    with pytest.raises(ValueError, match=r"no features of 2 utterances: clip77, clip88."):
        cache.select(["clip1", "clip77", "clip88"])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_data_loader_takes_it_as_it_is(cache, num_workers):
    batches = list(DataLoader(cache, batch_size=4, num_workers=num_workers))
    assert [len(batch["utterance_id"]) for batch in batches] == [4, 4, 2]
    np.testing.assert_array_equal(torch.cat([batch["means"] for batch in batches]), cache.means[:])
    np.testing.assert_array_equal(torch.cat([batch["covariances"] for batch in batches]), cache.covariances[:])


def test_a_batch_of_rows_is_read_at_once(cache):
    batch = cache[[2, 5]]
    assert batch["utterance_id"] == ["clip2", "clip5"]
    np.testing.assert_array_equal(batch["means"], cache.means[[2, 5]])


def test_a_pickled_cache_holds_places_and_no_features(cache):
    content = pickle.dumps(cache)
    assert cache.means[0].tobytes() not in content
    assert cache.covariances[0].tobytes() not in content
    np.testing.assert_array_equal(pickle.loads(content).means[:], cache.means[:])


def test_it_opens_without_encoder_and_audio(cache):
    opened = FeatureCache.open(cache.folder)
    assert opened.utterance_ids == cache.utterance_ids
    assert opened.settings["encoder"]["class"] == "HubertModel"
    np.testing.assert_array_equal(opened.covariances[:], cache.covariances[:])


def test_the_folder_above_names_those_that_can_be_opened(cache):
    with pytest.raises(FileNotFoundError, match=rf"Open one of its folders: {cache.folder.name}"):
        FeatureCache.open(cache.folder.parent)


def test_sizes_are_those_of_the_arithmetic(cache):
    num_states, hidden_size = 3, 16
    assert cache.means.nbytes == NUM_CLIPS * num_states * hidden_size * 4
    assert cache.covariances.nbytes == NUM_CLIPS * num_states * (num_states + 1) // 2 * hidden_size * 4
