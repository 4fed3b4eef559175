"""Recognizers and ensembles of them, loaded from folders."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile
import torch
from transformers import AutoFeatureExtractor, HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor

from hf_emotion.adapters import add_adapter
from hf_emotion.models.exhubert import ExHubertForSequenceClassification
from hf_emotion.pipelines import SpeechEmotionPipeline
from hf_emotion.recognition import EnsembleRecognizer, load_recognizer
from tests.cli.conftest import CLASSES, save_classifier
from tests.conditioned_models import save_conditioned, save_gender_model
from tests.models.speech_emotion.tiny_encoders import tiny_model


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


def labels(names):
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


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
    HubertForSequenceClassification(HubertConfig(**STOCK, **labels(sorted(CLASSES)))).save_pretrained(folder / "stock")
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


def as_dict(result):
    return {score["label"]: score["score"] for score in result["scores"]}


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_an_ensemble_is_the_weighted_sum_of_its_members_alone(batch_size, models, tmp_path):
    weights = {"first": 0.5, "second": 0.3, "stock": 0.2}
    recognise = load_recognizer(write_ensemble(tmp_path / "sum", models, weights))
    for clip, result in zip(clips(), recognise(clips(), batch_size=batch_size), strict=True):
        scores = {name: alone(models / name, clip) for name in weights}
        expected = {label: sum(weights[name] * scores[name][label] for name in weights) for label in CLASSES}
        assert as_dict(result) == pytest.approx(expected, abs=1e-5)
        assert list(as_dict(result)) == sorted(expected, key=expected.__getitem__, reverse=True)


def test_a_vote_counts_heads(models, tmp_path):
    weights = dict.fromkeys(("first", "second", "stock"), 1 / 3)
    recognise = load_recognizer(write_ensemble(tmp_path / "vote", models, weights, "vote"))
    for clip, result in zip(clips(), recognise(clips()), strict=True):
        votes = [max(scores, key=scores.__getitem__) for scores in (alone(models / name, clip) for name in weights)]
        for label, score in as_dict(result).items():
            assert score == pytest.approx(votes.count(label) / 3, abs=1e-3)


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_an_adapter_answers_as_the_model_that_it_is_merged_into(dtype, models, tmp_path):
    adapted = add_adapter(ExHubertForSequenceClassification.from_pretrained(models / "first"), "lora", r=2)
    torch.nn.init.normal_(next(value for name, value in adapted.named_parameters() if "lora_B" in name))
    adapted.save_pretrained(tmp_path / "adapter")  # without an extractor: that of the encoder counts
    adapted.merge_and_unload().save_pretrained(tmp_path / "merged")
    AutoFeatureExtractor.from_pretrained(models / "first").save_pretrained(tmp_path / "merged")
    recognise = load_recognizer(tmp_path / "adapter", dtype=dtype)
    assert recognise.model.dtype == getattr(torch, dtype or "float32")
    found = as_dict(recognise(clips()[1]))
    assert found == pytest.approx(alone(tmp_path / "merged", clips()[1]), abs=1e-5 if dtype is None else 0.1)
    assert found != pytest.approx(alone(models / "first", clips()[1]), abs=1e-3)


def test_one_model_answers_as_alone(models):
    recognise = load_recognizer(models / "first")
    assert isinstance(recognise, SpeechEmotionPipeline)
    for clip, result in zip(clips(), recognise(clips(), batch_size=5), strict=True):
        assert as_dict(result) == pytest.approx(alone(models / "first", clip), abs=1e-5)


class TestEnsembles:
    @pytest.fixture
    def recognise(self, models, tmp_path):
        return load_recognizer(write_ensemble(tmp_path / "sum", models, {"first": 0.5, "second": 0.5}))

    def test_take_what_single_models_take(self, recognise, tmp_path):
        wave = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
        soundfile.write(tmp_path / "speech.wav", wave, 8000, subtype="FLOAT")
        by_path = recognise(str(tmp_path / "speech.wav"), top_k=2)
        by_array = recognise([{"raw": wave.astype(np.float32), "sampling_rate": 8000}], top_k=2)[0]
        assert as_dict(by_path) == pytest.approx(as_dict(by_array), abs=1e-5)
        assert len(by_path["scores"]) == 2
        assert recognise([]) == []

    def test_hear_long_audio_in_windows(self, recognise):
        clip = np.concatenate(clips())
        result = recognise(clip, window_seconds=1, hop_seconds=0.5, batch_size=2)
        windows = [as_dict(recognise(clip[start : start + 16_000])) for start in (0, 8000, len(clip) - 16_000)]
        expected = {label: np.mean([scores[label] for scores in windows]) for label in CLASSES}
        assert as_dict(result) == pytest.approx(expected, abs=1e-5)

    def test_give_probabilities_in_the_order_of_their_classes(self, recognise):
        for row, result in zip(recognise.probabilities(iter(clips()), 2), recognise(clips()), strict=True):
            assert dict(zip(recognise.classes, row.tolist(), strict=True)) == pytest.approx(as_dict(result), abs=1e-6)

    def test_have_no_embedding(self, recognise):
        with pytest.raises(ValueError, match="An ensemble has no embedding"):
            recognise(clips()[1], return_embeddings=True)

    def test_average_the_dimensions_that_all_members_have(self):
        names = (["arousal", "valence"], ["valence", "dominance"])
        extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
        members = [
            SpeechEmotionPipeline(tiny_model("wavlm-large", dimension_names=dimensions), extractor, device="cpu")
            for dimensions in names
        ]
        ensemble = EnsembleRecognizer(members, [0.75, 0.25])
        for clip in clips()[1:]:
            single = [member(clip)["dimensions"]["valence"] for member in members]
            found = ensemble(clip)["dimensions"]
            assert found == pytest.approx({"valence": 0.75 * single[0] + 0.25 * single[1]}, abs=1e-6)

    def test_hear_no_more_at_once_than_each_member(self, models):
        members = [load_recognizer(models / "first"), load_recognizer(models / "second")]
        members[1].max_seconds = 12
        assert EnsembleRecognizer(members, [0.5, 0.5]).max_seconds == 12

    def test_combine_softmax_probabilities_whatever_members_were_trained_with(self, models):
        members = [load_recognizer(models / "first"), load_recognizer(models / "second")]
        before = as_dict(EnsembleRecognizer(members, [0.5, 0.5])(clips()[1]))
        members[1].activation = "sigmoid"
        assert as_dict(EnsembleRecognizer(members, [0.5, 0.5])(clips()[1])) == before


class TestGender:
    GENDERS = ("female", None, "male", "male", None)

    @pytest.fixture(scope="class")
    def conditioned(self, models):
        """A conditioned member, what tells the gender, and an ensemble of the former with one that does not use it."""
        save_conditioned(models / "conditioned", CLASSES)
        save_gender_model(models / "gender")
        write_ensemble(models / "both", models, {"first": 0.5, "conditioned": 0.5})
        return models

    @staticmethod
    def of_both(folder, gender):
        """Mean of what the members say by themselves, of which one alone is told the gender."""
        first = map(as_dict, load_recognizer(folder / "first")(clips()))
        second = map(as_dict, load_recognizer(folder / "conditioned")(clips(), gender=gender))
        return [{name: (a[name] + b[name]) / 2 for name in a} for a, b in zip(first, second, strict=True)]

    @pytest.mark.parametrize("gender", [None, "female", GENDERS])
    def test_reaches_the_members_that_use_it(self, gender, conditioned):
        recognise = load_recognizer(conditioned / "both")
        assert recognise.conditioned_on == ("gender",)
        found = recognise(clips(), gender=gender, batch_size=3)
        for result, expected in zip(found, self.of_both(conditioned, gender), strict=True):
            assert as_dict(result) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("name", ["both", "conditioned"])
    def test_is_estimated_by_a_model_that_is_named_or_passed(self, name, conditioned):
        gender_model = load_recognizer(conditioned / "gender", device="cpu")
        heard = [result["label"] for result in gender_model(clips())]
        known = [gender or estimate for gender, estimate in zip(self.GENDERS, heard, strict=True)]
        assert (known[1], known[4]) == ("female", "male")  # or the test would show less
        expected = load_recognizer(conditioned / name)(clips(), gender=known)
        for given in (conditioned / "gender", str(conditioned / "gender"), gender_model):
            recognise = load_recognizer(conditioned / name, device="cpu", gender_model=given)
            assert recognise.gender_model.device == torch.device("cpu")
            for result, other in zip(recognise(clips(), gender=self.GENDERS), expected, strict=True):
                assert as_dict(result) == pytest.approx(as_dict(other), abs=1e-5)

    @pytest.mark.parametrize("name", ["first", "neither"])
    def test_is_not_estimated_for_those_who_do_not_use_it(self, name, conditioned):
        if name == "neither" and not (conditioned / name).exists():
            write_ensemble(conditioned / name, conditioned, {"first": 0.5, "second": 0.5})
        for gender_model in ("/no/such/folder", load_recognizer(conditioned / "gender")):  # which is not looked for
            with pytest.raises(ValueError, match="The model is not conditioned on the gender: leave out gender_model"):
                load_recognizer(conditioned / name, gender_model=gender_model)
        with pytest.raises(ValueError, match="not conditioned on the gender: leave out gender"):
            load_recognizer(conditioned / name)(clips(), gender="male")


class TestLoading:
    def test_a_member_without_weight_is_not_loaded(self, models, tmp_path):
        path = write_ensemble(tmp_path / "sum", models, {"first": 1.0, "absent": 0.0})
        assert len(load_recognizer(path).members) == 1

    def test_a_member_that_has_moved_is_named(self, models, tmp_path):
        path = write_ensemble(tmp_path / "sum", models, {"first": 0.5, "absent": 0.5})
        with pytest.raises(FileNotFoundError, match="Member 'absent' of .* is not at"):
            load_recognizer(path)

    def test_an_ensemble_moves_with_its_members(self, models, tmp_path):
        shutil.copytree(models, tmp_path / "here" / "models")
        write_ensemble(tmp_path / "here" / "sum", tmp_path / "here" / "models", {"first": 0.5, "second": 0.5})
        (tmp_path / "here").rename(tmp_path / "there")
        assert load_recognizer(tmp_path / "there" / "sum").classes == list(CLASSES)

    def test_an_ensemble_may_have_an_ensemble_as_member(self, models, tmp_path):
        inner = write_ensemble(tmp_path / "inner", models, {"first": 0.5, "second": 0.5})
        outer = write_ensemble(tmp_path / "outer", tmp_path, {"inner": 1.0})
        clip = clips()[1]
        assert as_dict(load_recognizer(outer)(clip)) == pytest.approx(as_dict(load_recognizer(inner)(clip)))

    def test_members_with_other_classes_are_refused(self, models, tmp_path):
        save_classifier(tmp_path / "other", ("anger", "joy"))
        members = [load_recognizer(path) for path in (models / "first", tmp_path / "other")]
        with pytest.raises(ValueError, match="must agree on classes and sampling rate.*joy"):
            EnsembleRecognizer(members, [0.5, 0.5])

    @pytest.mark.parametrize("weights", [[], [0.5, 0.5]])
    def test_each_member_has_a_weight(self, weights, models):
        with pytest.raises(ValueError, match="a weight for each member"):
            EnsembleRecognizer([load_recognizer(models / "first")], weights)

    @pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
    def test_models_run_on_the_device_and_in_the_precision_asked_for(self, dtype, models, tmp_path):
        path = write_ensemble(tmp_path / "sum", models, {"first": 1.0})
        for recognise in (load_recognizer(models / "first", device="cpu", dtype=dtype),
                          load_recognizer(path, device="cpu", dtype=dtype).members[0]):  # fmt: skip
            assert recognise.model.dtype == torch.bfloat16
            assert recognise.device == torch.device("cpu")
            assert as_dict(recognise(clips()[1])) == pytest.approx(alone(models / "first", clips()[1]), abs=0.1)

    @pytest.mark.parametrize("dtype", ["bf17", "int8", "nn"])
    def test_a_precision_that_does_not_exist_is_refused(self, dtype, models):
        with pytest.raises(ValueError, match=f"dtype='{dtype}' is no precision of models"):
            load_recognizer(models / "first", dtype=dtype)

    def test_an_export_has_its_precision_already(self, tmp_path):
        (tmp_path / "model_int8.onnx").touch()
        with pytest.raises(ValueError, match="is an export, whose precision is fixed"):
            load_recognizer(tmp_path, dtype="bfloat16")

    def test_a_folder_without_a_model_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no model"):
            load_recognizer(tmp_path)
