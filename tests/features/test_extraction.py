"""What is on disk: kills, damage, changed audio, unreadable clips, several processes."""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections import Counter

import filelock
import numpy as np
import pytest
import torch
from transformers import HubertModel

from hf_emotion.data.audio import load_audio
from hf_emotion.features import clip_encoding
from hf_emotion.features.chunk_files import list_chunks
from hf_emotion.features.extraction import extract_features
from hf_emotion.features.feature_cache import FeatureCache
from hf_emotion.models.encoders.filter_bank import FilterBankConfig, FilterBankModel
from hf_emotion.models.speech_emotion.encoding_speech_emotion import encode
from tests.features.small_corpus import EXTRACTOR, NUM_CLIPS, extract, read_corpus, write_clip, write_corpus
from tests.models.speech_emotion.tiny_encoders import tiny_model


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


def folder_of(cache_dir):
    (folder,) = cache_dir.iterdir()
    return folder


def stored_clips(folder) -> Counter:
    """How often each clip is in the chunks."""
    return Counter(clip for chunk in list_chunks(folder) for clip in chunk.clips)


def start_script(repo_dir, tmp_path, *arguments, **environment) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.features.small_corpus", str(tmp_path / "corpus"), str(tmp_path / "cache")]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=repo_dir,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_call_finds_everything_on_disk(corpus, cache_dir):
    first, second = extract(corpus, cache_dir), extract(corpus, cache_dir)
    assert (first.report.num_cached, first.report.num_extracted) == (0, NUM_CLIPS)
    assert (second.report.num_cached, second.report.num_extracted) == (NUM_CLIPS, 0)
    assert second.utterance_ids == corpus["utterance_id"][:]
    np.testing.assert_array_equal(first.means[:], second.means[:])


@pytest.mark.parametrize(("moment", "complete"), [("die_before", 2), ("die_after", 3)])
def test_a_killed_extraction_is_continued_without_lost_or_doubled_rows(
    moment, complete, corpus, cache_dir, repo_dir, tmp_path
):
    killed = start_script(repo_dir, tmp_path, moment, "3")
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    folder = folder_of(cache_dir)
    assert len(list_chunks(folder)) == complete
    assert len(list(folder.glob("*.unfinished"))) == 3 - complete
    with pytest.raises(FileNotFoundError, match=r"has not come to its end.*again.*it continues"):
        FeatureCache.open(folder)
    written = {path: path.stat().st_mtime_ns for path in folder.glob("chunk-*.safetensors")}

    cache = extract(corpus, cache_dir)
    assert (cache.report.num_cached, cache.report.num_extracted) == (2 * complete, NUM_CLIPS - 2 * complete)
    assert set(stored_clips(folder).values()) == {1}
    assert len(stored_clips(folder)) == NUM_CLIPS
    assert not list(folder.glob("*.unfinished"))
    assert {path: path.stat().st_mtime_ns for path in written} == written  # nothing finished was written again
    whole = extract(corpus, tmp_path / "whole")
    np.testing.assert_array_equal(cache.means[:], whole.means[:])


def test_two_processes_share_the_clips_and_both_see_all_of_them(corpus, cache_dir, repo_dir, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    processes = [start_script(repo_dir, tmp_path, RANK=rank, LOCAL_RANK=rank, **place) for rank in ("0", "1")]
    try:
        results = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (output, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors
        assert output.split()[-3:] == [str(NUM_CLIPS), "0", str(NUM_CLIPS)]
    assert len(list_chunks(folder_of(cache_dir))) == 6  # five clips each, two per chunk
    assert set(stored_clips(folder_of(cache_dir)).values()) == {1}
    cache = extract(corpus, cache_dir)
    assert cache.report.num_extracted == 0
    np.testing.assert_allclose(cache.means[:], extract(corpus, tmp_path / "alone").means[:], atol=2e-6)


@pytest.mark.parametrize("place", [3, 40, -1])  # the size of the header, the header, a number
def test_a_flipped_byte_is_an_error_that_names_the_chunk_and_the_way_out(place, corpus, cache_dir):
    cache = extract(corpus, cache_dir)
    before = cache.means[:]
    damaged = sorted(cache.folder.glob("chunk-*"))[2]
    content = bytearray(damaged.read_bytes())
    content[place] ^= 0x10
    damaged.write_bytes(content)
    message = rf"{damaged.name} is damaged: .*Delete this file and run `extract_features` again"
    with pytest.raises(ValueError, match=message):
        FeatureCache.open(cache.folder)
    with pytest.raises(ValueError, match=message):
        extract(corpus, cache_dir)
    damaged.unlink()
    repaired = extract(corpus, cache_dir)
    assert repaired.report.num_extracted == 2
    np.testing.assert_array_equal(repaired.means[:], before)


def test_a_truncated_chunk_is_an_error(corpus, cache_dir):
    cache = extract(corpus, cache_dir)
    damaged = sorted(cache.folder.glob("chunk-*"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-8])
    with pytest.raises(ValueError, match=rf"{damaged.name} is damaged"):
        FeatureCache.open(cache.folder)


def test_a_deleted_chunk_is_an_error_that_names_its_utterances(corpus, cache_dir):
    cache = extract(corpus, cache_dir)
    sorted(cache.folder.glob("chunk-*"))[0].unlink()
    with pytest.raises(ValueError, match=r"lack the features of 2 of 10 utterances: clip\d, clip\d. A file has been"):
        FeatureCache.open(cache.folder)


def test_changed_audio_is_computed_again_and_nothing_else(corpus, cache_dir, tmp_path):
    before = extract(corpus, cache_dir)
    write_clip(tmp_path / "corpus" / "clip4.wav", 99, 0.1)
    after = extract(corpus, cache_dir)
    assert (after.report.num_cached, after.report.num_extracted) == (NUM_CLIPS - 1, 1)
    changed = [not np.array_equal(before.means[row], after.means[row]) for row in range(NUM_CLIPS)]
    assert [row for row in range(NUM_CLIPS) if changed[row]] == [4]
    np.testing.assert_array_equal(FeatureCache.open(after.folder).select(["clip4"]).means[0], after.means[4])


def test_a_renamed_clip_and_a_copy_are_not_computed_again(corpus, cache_dir, tmp_path):
    before = extract(corpus, cache_dir)
    folder = tmp_path / "corpus"
    (folder / "clip0.wav").rename(folder / "renamed.wav")
    (folder / "twin.wav").write_bytes((folder / "clip1.wav").read_bytes())
    after = extract(read_corpus(folder), cache_dir)
    assert after.report.num_extracted == 0
    np.testing.assert_array_equal(after.select(["renamed", "twin"]).means[:], before.means[:2])


def test_parts_of_a_corpus_share_a_folder(corpus, cache_dir):
    extract(corpus.select(range(4)), cache_dir)
    part = extract(corpus.select(range(3, 8)), cache_dir)
    assert (part.report.num_cached, part.report.num_extracted) == (1, 4)
    assert part.utterance_ids == [f"clip{number}" for number in range(3, 8)]
    assert sorted(FeatureCache.open(part.folder).utterance_ids) == [f"clip{number}" for number in range(8)]


def test_unreadable_clips_are_left_out_by_name(corpus, cache_dir, tmp_path, caplog):
    (tmp_path / "corpus" / "clip2.wav").write_bytes(b"no audio")
    (tmp_path / "corpus" / "clip5.wav").unlink()
    with caplog.at_level(logging.WARNING):
        cache = extract(corpus, cache_dir)
    assert sorted(cache.unreadable) == ["clip2", "clip5"]
    assert "libsndfile cannot read" in cache.unreadable["clip2"]
    assert "No such file" in cache.unreadable["clip5"]
    assert "2 of 10 clips are unreadable and left out:" in caplog.text
    assert len(cache) == NUM_CLIPS - 2
    assert FeatureCache.open(cache.folder).unreadable == cache.unreadable
    with pytest.raises(ValueError, match=r"no features of 1 utterances: clip2. Of these, 1 have unreadable audio"):
        cache.select(["clip1", "clip2"])

    write_clip(tmp_path / "corpus" / "clip2.wav", 2, 0.1)
    repaired = extract(corpus, cache_dir)
    assert (list(repaired.unreadable), repaired.report.num_extracted) == (["clip5"], 1)
    assert "clip2" in FeatureCache.open(cache.folder).utterance_ids


def test_a_dataset_without_readable_clips_is_an_error(corpus, cache_dir, tmp_path):
    for path in (tmp_path / "corpus").iterdir():
        path.write_bytes(b"no audio")
    with pytest.raises(ValueError, match=r"No clip of the dataset can be read. First: clip\d: libsndfile"):
        extract(corpus, cache_dir)


def test_a_dataset_without_rows_is_an_error(corpus, cache_dir):
    with pytest.raises(ValueError, match="The dataset has no rows"):
        extract(corpus.select([]), cache_dir)


def test_other_weights_preprocessing_or_precision_have_a_folder_of_their_own(corpus, cache_dir):
    corpus = corpus.select(range(2))
    other = tiny_model("hubert-large")
    with torch.no_grad():
        other.speech_encoder.encoder.layer_norm.bias[0] += 1e-3
    variants = [
        {},
        {"model": other},
        {"feature_extractor": type(EXTRACTOR)(do_normalize=False)},
        {"max_duration_seconds": 0.1},
        {"normalize_layers": True},
        {"second_moments": "layers"},
        {"second_moments": "pairs"},
        {"dtype": "float16"},
    ]
    folders = {extract(corpus, cache_dir, **options).folder for options in variants}
    assert len(folders) == len(variants)
    assert extract(corpus, cache_dir, batch_size=1).folder in folders


def test_on_a_cpu_waveform_encoders_run_clip_by_clip_by_default_and_others_do_not(corpus, cache_dir):
    assert extract(corpus, cache_dir, device="cpu").report.padding_share == 0
    options = {"feature_extractor": None, "device": "cpu"}
    assert extract(corpus, cache_dir, model=FilterBankModel(FilterBankConfig()), **options).report.padding_share > 0
    assert extract(corpus, cache_dir / "batched", device="cpu", batch_size=2).report.padding_share > 0


@pytest.mark.parametrize("encoder", ["hubert-base", "hubert-large", "sew", "data2vec-audio"])
def test_clips_of_one_length_go_to_the_encoder_without_a_mask_and_have_the_same_features(
    encoder, corpus, cache_dir, monkeypatch
):
    rows = corpus.filter(lambda row: len(load_audio(row["audio"])) >= 1600)
    cut = {"max_duration_seconds": 0.1, "batch_size": 2}
    without = extract(rows, cache_dir / "without", encoder, **cut).means[:]
    masks = []

    def with_mask(model, inputs, attention_mask, **kwargs):
        masks.append(attention_mask)
        return encode(model, inputs, torch.ones_like(inputs).long(), **kwargs)

    monkeypatch.setattr(clip_encoding, "encode", with_mask)
    np.testing.assert_allclose(extract(rows, cache_dir / "with", encoder, **cut).means[:], without, atol=1e-6)
    assert masks
    assert all(mask is None for mask in masks)


def test_a_checkpoint_and_the_model_in_memory_have_the_same_features(corpus, cache_dir, tmp_path):
    torch.manual_seed(0)
    config = tiny_model("hubert-large").config.encoder_config
    hubert = HubertModel(config)
    hubert.config._commit_hash = "c0ffee"  # as if loaded from the Hub
    hubert.save_pretrained(tmp_path / "checkpoint")
    EXTRACTOR.save_pretrained(tmp_path / "checkpoint")
    from_disk = extract_features(str(tmp_path / "checkpoint"), corpus, cache_dir)
    assert from_disk.settings["origin"] == {"name_or_path": str(tmp_path / "checkpoint"), "commit": None}
    in_memory = extract(corpus, cache_dir, model=hubert)
    assert in_memory.folder == from_disk.folder
    assert in_memory.report.num_extracted == 0
    assert in_memory.settings["origin"]["commit"] == "c0ffee"


def test_one_folder_is_extracted_into_by_one_run_at_a_time(corpus, cache_dir):
    folder = extract(corpus, cache_dir).folder
    with (
        filelock.FileLock(folder / "extraction.lock"),
        pytest.raises(RuntimeError, match=r"Another process is extracting features into .*accelerate launch"),
    ):
        extract(corpus, cache_dir)


def test_segments_of_a_file_are_clips_of_their_own(corpus, cache_dir):
    spans = {"segment_start": [0.0, 0.05], "segment_end": [0.05, 0.1], "utterance_id": ["a#0", "a#1"]}
    segments = corpus.select([1, 1]).remove_columns("utterance_id")
    for name, values in spans.items():
        segments = segments.add_column(name, values)
    cache = extract(segments, cache_dir)
    assert cache.report.num_extracted == 2
    assert not np.array_equal(cache.means[0], cache.means[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bfloat16"}, "dtype must be one of 'float32', 'float16', but is 'bfloat16'"),
        ({"second_moments": "all"}, "second_moments must be one of None, 'layers', 'pairs', but is 'all'"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"max_duration_seconds": 0}, "max_duration_seconds=0 must be positive"),
        ({"revision": "main"}, "applies to loading"),
    ],
)
def test_arguments_that_cannot_work_are_refused(options, message, corpus, cache_dir):
    with pytest.raises(ValueError, match=message):
        extract(corpus, cache_dir, **options)


def test_a_model_needs_a_feature_extractor(corpus, cache_dir):
    with pytest.raises(ValueError, match="pass the `feature_extractor` of its checkpoint"):
        extract_features(tiny_model("hubert-large"), corpus, cache_dir)


def test_repeated_utterance_ids_are_refused(corpus, cache_dir):
    with pytest.raises(ValueError, match=r"1 utterance ids are not unique \(first: 'clip3'\)"):
        extract(corpus.select([1, 3, 3]), cache_dir)
