"""The pipeline gives what its model gives for each clip alone, and what the stock pipeline gives."""

import itertools

import numpy as np
import pytest
import torch
import transformers
from transformers import SeamlessM4TFeatureExtractor
from transformers.pipelines import PIPELINE_REGISTRY

from hf_emotion.pipelines import SpeechEmotionPipeline
from tests.models.speech_emotion.tiny_encoders import tiny_model

from .tiny_recognizers import (
    CLASSES,
    KINDS,
    LABELS,
    MASKED,
    conformer,
    hubert_layer_norm,
    model_alone,
    noise,
    speech_emotion,
    tiny_recognizer,
)


pytestmark = pytest.mark.usefixtures("one_thread")

CLIPS = noise(2000, 9000, 400, 16_000, 5000, 2000)
IDS = {"female": 0, "male": 1}


def recognizer(kind, **options):
    return SpeechEmotionPipeline(*tiny_recognizer(kind), device="cpu", **options)


def scores(result):
    return [next(entry["score"] for entry in result["scores"] if entry["label"] == name) for name in CLASSES]


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_results_are_those_of_the_model_alone(kind, batch_size):
    recognise = recognizer(kind)
    results = recognise(CLIPS, batch_size=batch_size)
    for clip, result in zip(CLIPS, results, strict=True):
        expected = model_alone(recognise.model, recognise.feature_extractor, clip)
        assert scores(result) == pytest.approx(expected.logits.softmax(-1)[0].tolist(), abs=1e-5)
        if "dimensions" in expected:
            assert list(result["dimensions"].values()) == pytest.approx(expected.dimensions[0].tolist(), abs=1e-5)
            assert list(result["dimensions"]) == ["arousal", "valence"]


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_those_of_the_stock_pipeline(kind):
    model, extractor = tiny_recognizer(kind)
    stock = transformers.pipeline("audio-classification", model=model, feature_extractor=extractor, device="cpu")
    for clip, result in zip(CLIPS, recognizer(kind)(CLIPS, batch_size=4), strict=True):
        expected = {entry["label"]: entry["score"] for entry in stock(clip, top_k=None)}
        assert {entry["label"]: entry["score"] for entry in result["scores"]} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hubert, layer norm", True),
        ("hubert, layer norm, extractor without mask", True),
        ("hubert, group norm", False),
        ("wav2vec2-conformer", False),
        ("exhubert", True),
        ("speech_emotion on wavlm", True),
        ("whisper", True),
    ],
)
def test_only_models_that_leave_padding_out_are_given_any(kind, expected):
    assert recognizer(kind).can_pad is expected


def test_batches_of_one_length_go_without_a_mask():
    recognise, seen = recognizer("hubert, layer norm"), []
    recognise.model.register_forward_pre_hook(
        lambda model, args, inputs: seen.append((len(inputs["input_values"]), "attention_mask" in inputs)),
        with_kwargs=True,
    )
    recognise(noise(2000, 3000, 2000), batch_size=2)
    assert seen == [(2, True), (1, False)]
    seen.clear()
    recognise(noise(2000, 2000), batch_size=2)
    assert seen == [(2, False)]


def test_filter_banks_come_in_batches():
    model = tiny_model("wav2vec2-bert", **LABELS)
    extractor = SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4)
    recognise = SpeechEmotionPipeline(model, extractor, device="cpu")
    assert recognise.can_pad
    clips = [clip for clip in CLIPS if len(clip) >= recognise.minimum_samples]
    for clip, result in zip(clips, recognise(clips, batch_size=3), strict=True):
        expected = model_alone(model, extractor, clip).logits.softmax(-1)[0].tolist()
        assert scores(result) == pytest.approx(expected, abs=1e-5)
    short, padded = recognise(noise(400)[0]), recognise(np.pad(noise(400)[0], (0, 160)))
    assert scores(short) == pytest.approx(scores(padded), abs=1e-6)


class TestShortAndOddClips:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("clip", [np.zeros(3000), np.ones(3000), np.ones(1), np.zeros(1)], ids=str)
    def test_have_results(self, kind, clip):
        result = recognizer(kind)(clip.astype(np.float32))
        assert sum(scores(result)) == pytest.approx(1)

    def test_are_padded_to_one_frame(self):
        recognise = recognizer("hubert, layer norm")
        assert recognise.minimum_samples == 10 + 5 * (8 - 1) + 5 * 4 * (4 - 1)
        clip = noise(20)[0]
        expected = model_alone(
            recognise.model, recognise.feature_extractor, np.pad(clip, (0, recognise.minimum_samples - 20))
        )
        assert scores(recognise(clip)) == pytest.approx(expected.logits.softmax(-1)[0].tolist(), abs=1e-5)


class TestLongClips:
    def test_are_heard_in_windows_of_what_whisper_hears(self):
        recognise = recognizer("whisper")
        assert recognise.max_seconds == 1
        clip = noise(24_000)[0]
        result = recognise(clip, batch_size=4)
        starts = (0, 8000)
        expected = [
            model_alone(recognise.model, recognise.feature_extractor, clip[start : start + 16_000]).logits.softmax(-1)
            for start in starts
        ]
        assert scores(result) == pytest.approx(torch.cat(expected).mean(dim=0).tolist(), abs=1e-5)
        assert [cell["end"] for cell in result["timeline"]] == [0.5, 1, 1.5]
        assert "timeline" not in recognise(clip[:16_000])

    def test_are_normalised_window_by_window(self):
        recognise = recognizer("hubert, layer norm")
        clip = np.concatenate(noise(8000, 8000))
        first, second = recognise(clip, window_seconds=0.5, hop_seconds=0.5)["timeline"]
        assert scores(first) == pytest.approx(scores(recognise(clip[:8000])), abs=1e-5)
        assert scores(second) == pytest.approx(scores(recognise(clip[8000:])), abs=1e-5)


class TestOutputs:
    @pytest.mark.parametrize("kind", KINDS)
    def test_embeddings_are_the_input_of_the_last_layer(self, kind):
        recognise = recognizer(kind)
        clip = CLIPS[1]
        embedding = torch.from_numpy(recognise(clip, return_embeddings=True)["embedding"])
        with torch.no_grad():
            logits = recognise.model.classifier(embedding)
        expected = model_alone(recognise.model, recognise.feature_extractor, clip).logits[0]
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
        assert not recognise.model.classifier._forward_pre_hooks

    def test_of_regressors_are_dimensions(self):
        torch.manual_seed(0)
        names = {"id2label": {0: "arousal", 1: "dominance"}, "label2id": {"arousal": 0, "dominance": 1}}
        model = hubert_layer_norm(problem_type="regression", **names).eval()
        recognise = SpeechEmotionPipeline(model, MASKED, device="cpu")
        assert (recognise.classes, recognise.dimension_names) == ([], ["arousal", "dominance"])
        for clip, result in zip(CLIPS, recognise(CLIPS, batch_size=3), strict=True):
            expected = model_alone(model, MASKED, clip).logits[0].tolist()
            assert result["dimensions"] == pytest.approx(dict(zip(names["label2id"], expected, strict=True)), abs=1e-5)
            assert "label" not in result

    def test_of_one_label_are_a_dimension(self):
        model = hubert_layer_norm(id2label={0: "valence"}, label2id={"valence": 0})
        assert SpeechEmotionPipeline(model, MASKED, device="cpu").dimension_names == ["valence"]

    def test_of_several_labels_per_clip_are_sigmoids(self):
        torch.manual_seed(0)
        model = hubert_layer_norm(problem_type="multi_label_classification").eval()
        result = SpeechEmotionPipeline(model, MASKED, device="cpu")(CLIPS[0])
        assert scores(result) == pytest.approx(model_alone(model, MASKED, CLIPS[0]).logits.sigmoid()[0].tolist())

    def test_that_are_not_named_have_numbers(self):
        model = tiny_model("wavlm-large", num_dimensions=2)
        assert SpeechEmotionPipeline(model, MASKED, device="cpu").dimension_names == ["dimension_0", "dimension_1"]

    def test_in_half_precision_are_floats(self):
        recognise = recognizer("hubert, layer norm")
        exact = scores(recognise(CLIPS[1]))
        recognise.model.to(torch.bfloat16)
        outputs = recognise.outputs([CLIPS[1]], wants_embeddings=True)
        assert outputs.logits.dtype == outputs.embeddings.dtype == np.float32
        assert scores(recognise(CLIPS[1])) == pytest.approx(exact, abs=0.1)

    def test_of_a_broken_model_are_an_error(self):
        recognise = recognizer("hubert, layer norm")
        torch.nn.init.constant_(recognise.model.classifier.bias, float("nan"))
        with pytest.raises(ValueError, match="returns NaN or infinite values for the array. Load it in float32"):
            recognise(CLIPS[0])

    def test_of_a_model_without_last_layer_have_no_embedding(self):
        recognise = recognizer("hubert, layer norm")
        recognise.model.head = recognise.model.classifier
        del recognise.model.classifier
        with pytest.raises(ValueError, match="has no `classifier`"):
            recognise(CLIPS[0], return_embeddings=True)


class TestConstruction:
    def test_by_the_factory_of_transformers(self):
        model, extractor = tiny_recognizer("hubert, layer norm")
        recognise = transformers.pipeline(
            "speech-emotion-recognition",
            model=model,
            feature_extractor=extractor,
            device="cpu",
            batch_size=2,
            labels=["anger", "neutral"],
            top_k=1,
        )
        assert type(recognise) is SpeechEmotionPipeline
        for result in recognise(CLIPS):
            assert len(result["scores"]) == 1
            assert result["label"] in ("anger", "neutral")
        assert len(recognise(CLIPS[0], top_k=None, labels=None)["scores"]) == 3

    def test_the_task_is_registered_with_the_class_itself(self):
        assert PIPELINE_REGISTRY.check_task("speech-emotion-recognition")[1]["impl"] is SpeechEmotionPipeline

    def test_a_model_can_be_trained_after_it_was_used(self):
        # it keeps position embeddings from one call for the next
        torch.manual_seed(0)
        model = conformer(position_embeddings_type="rotary")
        SpeechEmotionPipeline(model, MASKED, device="cpu")(CLIPS[0])
        model.train()(torch.randn(1, 2000), labels=torch.tensor([0])).loss.backward()
        assert model.projector.weight.grad is not None

    def test_a_model_in_training_mode_is_put_into_evaluation_mode(self):
        model, extractor = tiny_recognizer("hubert, layer norm")
        SpeechEmotionPipeline(model.train(), extractor, device="cpu")
        assert not model.training

    def test_without_a_feature_extractor_is_refused(self):
        with pytest.raises(ValueError, match="needs a feature extractor"):
            SpeechEmotionPipeline(tiny_recognizer("exhubert")[0], device="cpu")

    @pytest.mark.parametrize("name", ["topk", "lables", "num_beams"])
    def test_unknown_options_are_refused_by_name(self, name):
        with pytest.raises(TypeError, match=f"has no option '{name}'"):
            recognizer("exhubert", **{name: 1})
        with pytest.raises(TypeError, match=f"has no option '{name}'"):
            recognizer("exhubert")(CLIPS[0], **{name: 1})

    def test_a_misspelt_option_is_proposed(self):
        with pytest.raises(TypeError, match="Did you mean 'top_k'"):
            recognizer("exhubert")(CLIPS[0], topk=1)

    def test_bad_defaults_are_refused_at_once(self):
        with pytest.raises(ValueError, match="no class 'angry'. Did you mean 'anger'"):
            recognizer("exhubert", labels=["angry"])


class TestGender:
    @staticmethod
    def conditioned():
        torch.manual_seed(0)
        model = speech_emotion(gender_embedding_size=4)
        torch.nn.init.normal_(model.conditioning.get_submodule("gender_embedding").weight, std=3)
        return SpeechEmotionPipeline(model, MASKED, device="cpu")

    @staticmethod
    def expected(recognise, clip, gender):
        inputs = MASKED(clip, sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            return recognise.model(**inputs, gender=torch.tensor([gender])).logits.softmax(-1)[0].tolist()

    def test_is_one_for_all_or_one_for_each(self):
        recognise = self.conditioned()
        for gender, number in (("female", 0), ("male", 1), (None, -1)):
            expected = [self.expected(recognise, clip, number) for clip in CLIPS]
            found = recognise(CLIPS, gender=gender, batch_size=3)
            assert np.allclose([scores(result) for result in found], expected, atol=1e-5)
        genders = ["female", None, "male", "male", "female", None]
        expected = [
            self.expected(recognise, clip, IDS.get(gender, -1)) for clip, gender in zip(CLIPS, genders, strict=True)
        ]
        for inputs in (CLIPS, iter(CLIPS)):
            found = list(recognise(inputs, gender=genders, batch_size=4))
            assert np.allclose([scores(result) for result in found], expected, atol=1e-5)

    @pytest.mark.parametrize(("inputs", "gender", "message"), [
        (CLIPS, ["male"], "gender has 1 entries for 6 inputs"),
        (CLIPS[0], ["male"], "gender is a list, but there is one input"),
        (CLIPS[0], "m", "gender='m' is not known. Choose one of female, male"),
    ])  # fmt: skip
    def test_that_does_not_fit_is_refused(self, inputs, gender, message):
        with pytest.raises(ValueError, match=message):
            self.conditioned()(inputs, gender=gender)

    def test_lists_that_end_before_a_generator_are_refused(self):
        with pytest.raises(ValueError, match="gender has 2 entries, but there are more inputs"):
            list(self.conditioned()(iter(CLIPS), gender=["male", None]))

    def test_is_refused_by_models_without_it(self):
        with pytest.raises(ValueError, match="not conditioned on the gender: leave out gender"):
            recognizer("exhubert")(CLIPS[0], gender="male")
        with pytest.raises(ValueError, match="not conditioned on the gender: leave out gender_model"):
            recognizer("exhubert", gender_model=tiny_recognizer("exhubert")[0])

    def test_is_estimated_where_it_is_unknown(self):
        torch.manual_seed(3)
        names = ["Male", "child", "Female"]
        labels = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
        gender_model = hubert_layer_norm(**labels).eval()
        recognise = SpeechEmotionPipeline(self.conditioned().model, MASKED, device="cpu", gender_model=gender_model)
        heard = [names[int(model_alone(gender_model, MASKED, clip).logits.argmax())].lower() for clip in CLIPS]
        assert len(set(heard)) > 1  # or the test would show nothing
        known = ["female", *[None] * 5]
        expected = [
            self.expected(recognise, clip, IDS.get(gender or estimate, -1))
            for clip, gender, estimate in zip(CLIPS, known, heard, strict=True)
        ]
        found = recognise(CLIPS, gender=known, batch_size=3)
        assert np.allclose([scores(result) for result in found], expected, atol=1e-5)

    def test_is_not_estimated_by_a_model_of_something_else(self):
        with pytest.raises(ValueError, match="has the classes sadness, neutral, anger, but needs female and male"):
            SpeechEmotionPipeline(self.conditioned().model, MASKED, device="cpu", gender_model=hubert_layer_norm())


def test_options_given_to_a_call_do_not_stay():
    recognise = recognizer("exhubert")
    assert len(recognise(CLIPS[0], top_k=1)["scores"]) == 1
    assert len(recognise(CLIPS[0])["scores"]) == 3


def test_real_speech_gives_what_the_stock_pipeline_gives(real_data_dir):
    paths = [str(path) for folder in ("ravdess", "emodb", "crema_d", "urdu")
             for path in itertools.islice(sorted((real_data_dir / folder).rglob("*.flac")), 3)]  # fmt: skip
    import soundfile

    model, extractor = tiny_recognizer("hubert, layer norm")
    stock = transformers.pipeline("audio-classification", model=model, feature_extractor=extractor, device="cpu")
    results = SpeechEmotionPipeline(model, extractor, device="cpu")(paths, batch_size=8)
    assert len(paths) == 12
    num_compared = 0
    for path, result in zip(paths, results, strict=True):
        samples, rate = soundfile.read(path, dtype="float32")
        assert result["duration"] == pytest.approx(len(samples) / rate, abs=1e-3)
        if rate == 16_000 and samples.ndim == 1:
            expected = {entry["label"]: entry["score"] for entry in stock(samples, top_k=None)}
            found = {entry["label"]: entry["score"] for entry in result["scores"]}
            assert found == pytest.approx(expected, abs=1e-5)
            num_compared += 1
    assert num_compared
