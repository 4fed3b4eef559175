"""Classifiers and ensembles of them as callables on audio."""

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from transformers import AutoFeatureExtractor, HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor

from hf_emotion.clip_classifier import EnsembleClassifier, _takes_batches, load_clip_classifier
from hf_emotion.models.exhubert import ExHubertForSequenceClassification
from tests.cli.conftest import CLASSES, save_classifier


STOCK = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.5,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three models with the same classes: two in the same order, a stock one without mask in another."""
    folder = tmp_path_factory.mktemp("models")
    save_classifier(folder / "first")
    torch.manual_seed(1)
    model = ExHubertForSequenceClassification.from_pretrained(folder / "first")
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder / "second")
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder / "second")
    names = sorted(CLASSES)
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    HubertForSequenceClassification(HubertConfig(**STOCK, **labels)).save_pretrained(folder / "stock")
    Wav2Vec2FeatureExtractor().save_pretrained(folder / "stock")
    return folder


MINIMUM = 45  # samples that give these encoders one frame


def clips():
    """Noise of several lengths, the first too short for the convolutions."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal(size).astype(np.float32) for size in (30, 3000, 9000, 16_000, 2000)]


def alone(path, clip):
    """What a model says of one clip, without a pipeline."""
    kind = HubertForSequenceClassification if path.name == "stock" else ExHubertForSequenceClassification
    model, extractor = kind.from_pretrained(path).eval(), AutoFeatureExtractor.from_pretrained(path)
    padded = np.pad(clip, (0, max(0, MINIMUM - len(clip))))
    inputs = extractor(padded, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        scores = model(**inputs).logits.softmax(-1)[0].tolist()
    return {model.config.id2label[index]: score for index, score in enumerate(scores)}


def write_ensemble(path, models, weights, method="weighted"):
    path.mkdir()
    entries = [
        {"name": name, "path": os.path.relpath(models / name, path), "weight": weight}
        for name, weight in weights.items()
    ]
    (path / "ensemble.json").write_text(json.dumps({"members": entries, "method": method}))
    return path


def as_dict(answer):
    return {score["label"]: score["score"] for score in answer}


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_an_ensemble_is_the_weighted_sum_of_its_members_alone(batch_size, models, tmp_path):
    weights = {"first": 0.5, "second": 0.3, "stock": 0.2}
    classifier = load_clip_classifier(write_ensemble(tmp_path / "sum", models, weights))
    for clip, answer in zip(clips(), classifier(clips(), batch_size=batch_size, top_k=None), strict=True):
        scores = {name: alone(models / name, clip) for name in weights}
        expected = {label: sum(weights[name] * scores[name][label] for name in weights) for label in CLASSES}
        assert as_dict(answer) == pytest.approx(expected, abs=1e-5)
        assert [score["label"] for score in answer] == sorted(expected, key=expected.__getitem__, reverse=True)


def test_a_vote_counts_heads(models, tmp_path):
    weights = dict.fromkeys(("first", "second", "stock"), 1 / 3)
    classifier = load_clip_classifier(write_ensemble(tmp_path / "vote", models, weights, "vote"))
    for clip, answer in zip(clips(), classifier(clips(), top_k=None), strict=True):
        votes = [max(scores, key=scores.__getitem__) for scores in (alone(models / name, clip) for name in weights)]
        for label, score in as_dict(answer).items():
            assert score == pytest.approx(votes.count(label) / 3, abs=1e-3)


def test_one_model_answers_as_alone(models):
    classifier = load_clip_classifier(models / "first")
    for clip, answer in zip(clips(), classifier(clips(), batch_size=3, top_k=None), strict=True):
        assert as_dict(answer) == pytest.approx(alone(models / "first", clip), abs=1e-5)


class TestCalling:
    """The convention of pipelines."""

    @pytest.fixture
    def classifier(self, models, tmp_path):
        return load_clip_classifier(write_ensemble(tmp_path / "sum", models, {"first": 0.5, "second": 0.5}))

    def test_one_clip_gives_one_answer_and_a_list_a_list(self, classifier):
        clip = clips()[1]
        (answer,) = classifier([clip], top_k=2)
        assert classifier(clip, top_k=2) == answer
        assert len(answer) == 2
        assert [sorted(score) for score in answer] == [["label", "score"]] * 2
        assert classifier([]) == []

    def test_files_of_any_rate_are_read(self, classifier, tmp_path):
        wave = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
        soundfile.write(tmp_path / "speech.wav", wave, 8000, subtype="FLOAT")
        by_path = as_dict(classifier(str(tmp_path / "speech.wav"), top_k=None))
        by_array = as_dict(classifier({"raw": wave.astype(np.float32), "sampling_rate": 8000}, top_k=None))
        assert by_path == pytest.approx(by_array, abs=1e-5)
        assert set(by_path) == set(CLASSES)

    def test_a_generator_is_read_as_far_as_needed(self, classifier):
        seen = []

        def stream():
            for number in range(100):
                seen.append(number)
                yield clips()[1]

        answers = classifier(stream(), batch_size=2)
        next(answers)
        assert len(seen) < 10


class TestLoading:
    def test_a_member_without_weight_is_not_loaded(self, models, tmp_path):
        path = write_ensemble(tmp_path / "sum", models, {"first": 1.0, "absent": 0.0})
        assert len(load_clip_classifier(path).members) == 1

    def test_a_member_that_has_moved_is_named(self, models, tmp_path):
        path = write_ensemble(tmp_path / "sum", models, {"first": 0.5, "absent": 0.5})
        with pytest.raises(FileNotFoundError, match="Member 'absent' of .* is not at"):
            load_clip_classifier(path)

    def test_an_ensemble_moves_with_its_members(self, models, tmp_path):
        shutil.copytree(models, tmp_path / "here" / "models")
        write_ensemble(tmp_path / "here" / "sum", tmp_path / "here" / "models", {"first": 0.5, "second": 0.5})
        (tmp_path / "here").rename(tmp_path / "there")
        assert load_clip_classifier(tmp_path / "there" / "sum").classes == list(CLASSES)

    def test_an_ensemble_may_have_an_ensemble_as_member(self, models, tmp_path):
        inner = write_ensemble(tmp_path / "inner", models, {"first": 0.5, "second": 0.5})
        outer = write_ensemble(tmp_path / "outer", tmp_path, {"inner": 1.0})
        clip = clips()[1]
        assert load_clip_classifier(outer)(clip) == load_clip_classifier(inner)(clip)

    def test_members_with_other_classes_are_refused(self, models, tmp_path):
        save_classifier(tmp_path / "other", ("anger", "joy"))
        members = [load_clip_classifier(path) for path in (models / "first", tmp_path / "other")]
        with pytest.raises(ValueError, match="must agree on classes and sampling rate.*joy"):
            EnsembleClassifier(members, [0.5, 0.5])

    @pytest.mark.parametrize("weights", [[], [0.5, 0.5]])
    def test_each_member_has_a_weight(self, weights, models):
        with pytest.raises(ValueError, match="a weight for each member"):
            EnsembleClassifier([load_clip_classifier(models / "first")], weights)


@pytest.mark.parametrize(
    ("config", "mask", "expected"),
    [
        (SimpleNamespace(model_type="whisper"), False, True),
        (SimpleNamespace(model_type="wav2vec2", conv_kernel=(10,), feat_extract_norm="layer"), True, True),
        (SimpleNamespace(model_type="wav2vec2", conv_kernel=(10,), feat_extract_norm="layer"), False, False),
        (SimpleNamespace(model_type="hubert", conv_kernel=(10,), feat_extract_norm="group"), True, False),
        (SimpleNamespace(model_type="exhubert", conv_kernel=(10,), feat_extract_norm="group"), True, True),
    ],
)
def test_clips_come_in_batches_where_padding_changes_nothing(config, mask, expected):
    extractor = SimpleNamespace(return_attention_mask=mask)
    assert _takes_batches(config, extractor) is expected
    nested = SimpleNamespace(model_type="speech", encoder_config=config)
    assert _takes_batches(nested, extractor) is expected
