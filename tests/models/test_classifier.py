"""Classifiers for an experiment: the encoder loads completely or not at all, the head only for the same classes."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForAudioClassification,
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    Wav2Vec2ForSequenceClassification,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from hf_emotion.models.classifier import build_classifier, classifier_config, load_classifier
from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.models.published.exhubert import PUBLISHED_LABELS, save_published_exhubert


EMOTIONS = ["anger", "joy", "sadness"]
COLOURS = ["red", "green", "blue"]
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "classifier_proj_size": 12,
    "vocab_size": 5,
}
TINY_WAVE = {name: value for name, value in TINY.items() if name not in ("classifier_proj_size", "vocab_size")}
TINY_WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 50,
    "vocab_size": 10,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def classes(names):
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def saved(tmp_path):
    """Saves a model of a class with tiny sizes, and returns its folder and weights."""

    def save(model, dtype=torch.float32):
        model.to(dtype).save_pretrained(tmp_path / "checkpoint")
        return str(tmp_path / "checkpoint"), model.state_dict()

    return save


def classifier_of(model_class, names=EMOTIONS, **options):
    return model_class(model_class.config_class(**TINY, **classes(names), **options))


CLASSIFIERS = [ExHubertForSequenceClassification, HubertForSequenceClassification, Wav2Vec2ForSequenceClassification]


@pytest.mark.parametrize("model_class", CLASSIFIERS)
class TestClassifiers:
    def test_the_classifier_of_the_same_classes_is_kept(self, saved, model_class):
        source, weights = saved(classifier_of(model_class))
        loaded = load_classifier(source, EMOTIONS).state_dict()
        assert loaded.keys() == weights.keys()
        assert all(torch.equal(loaded[name], weights[name]) for name in weights)

    @pytest.mark.parametrize("names", [COLOURS, EMOTIONS[::-1], ["a", "b"]])
    def test_the_classifier_of_other_classes_is_replaced_even_if_it_has_as_many(self, saved, model_class, names):
        source, weights = saved(classifier_of(model_class))
        model = load_classifier(source, names)
        assert [model.config.id2label[index] for index in range(len(names))] == names
        assert model.config.label2id == {name: index for index, name in enumerate(names)}
        assert model.classifier.weight.shape == (len(names), 12)
        old = weights["classifier.weight"]
        assert not torch.equal(model.classifier.weight, old[: len(names)])
        assert model.classifier.weight.std() < 0.1  # freshly drawn with standard deviation 0.02
        assert not model.classifier.bias.any()
        kept = {name: value for name, value in model.state_dict().items() if not name.startswith("classifier.")}
        assert all(torch.equal(value, weights[name]) for name, value in kept.items())

    def test_a_regressor_becomes_a_classifier(self, saved, model_class):
        source, _ = saved(classifier_of(model_class, ["arousal", "valence"], problem_type="regression"))
        assert load_classifier(source, EMOTIONS).config.problem_type == "single_label_classification"

    def test_half_precision_is_trained_in_full(self, saved, model_class):
        source, _ = saved(classifier_of(model_class), torch.float16)
        assert {parameter.dtype for parameter in load_classifier(source, EMOTIONS).parameters()} == {torch.float32}

    def test_config_fields_may_be_overridden(self, saved, model_class):
        source, _ = saved(classifier_of(model_class, layerdrop=0.1))
        assert load_classifier(source, EMOTIONS, layerdrop=0.0).config.layerdrop == 0.0

    @pytest.mark.parametrize("names", [EMOTIONS, COLOURS])
    def test_missing_encoder_weights_are_refused_by_name(self, saved, model_class, names, tmp_path):
        source, _ = saved(classifier_of(model_class))
        path = tmp_path / "checkpoint" / "model.safetensors"
        weights = load_file(path)
        removed = next(name for name in weights if name.endswith("layers.1.attention.k_proj.weight"))
        del weights[removed]
        save_file(weights, path, metadata={"format": "pt"})
        with pytest.raises(ValueError, match=f"1 missing: {removed}"):
            load_classifier(source, names)

    @pytest.mark.parametrize("names", [EMOTIONS, COLOURS])
    def test_an_encoder_of_another_shape_is_refused(self, saved, model_class, names):
        source, _ = saved(classifier_of(model_class))
        # from transformers, which logs the shapes; or from us, by name
        with pytest.raises((ValueError, RuntimeError), match="mismatched_sizes|missing: .*intermediate_dense"):
            load_classifier(source, names, intermediate_size=32)


class TestSpeechEmotion:
    @pytest.mark.parametrize("model_class", CLASSIFIERS)
    def test_the_encoder_of_any_classifier_is_taken_as_it_is(self, saved, model_class):
        source, weights = saved(classifier_of(model_class))
        model = load_classifier(source, COLOURS, {"pooling": "std"}, layerdrop=0.0)
        assert (model.config.pooling, model.config.encoder_config.layerdrop) == ("std", 0.0)
        assert list(model.config.id2label.values()) == COLOURS
        prefix = model_class.base_model_prefix
        for name, value in model.speech_encoder.state_dict().items():
            assert torch.equal(value, weights[f"{prefix}.{name}"]), name

    def test_the_published_exhubert_is_read_with_its_copies(self, tmp_path):
        config = ExHubertConfig(**TINY, num_copies_per_layer=[1, 1], gate_original_layers=True)
        exhubert = ExHubertForSequenceClassification(config)
        exhubert.reset_classifier(PUBLISHED_LABELS)
        save_published_exhubert(exhubert, tmp_path / "published")
        model = load_classifier(str(tmp_path / "published"), EMOTIONS, {"pooling": "mean_std"})
        assert model.config.encoder_config.num_copies_per_layer == [1, 1]
        weights = exhubert.hubert.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in model.speech_encoder.state_dict().items())

    def test_its_own_checkpoint_keeps_its_head_for_the_same_classes(self, saved):
        config = classifier_config(
            "wavlm", EMOTIONS, {"pooling": "attention", "gender_embedding_size": 3}, **TINY_WAVE
        )
        source, weights = saved(build_classifier(config))
        same, other = (load_classifier(source, names, {"head_dropout": 0.1}) for names in (EMOTIONS, COLOURS))
        assert all(torch.equal(value, weights[name]) for name, value in same.state_dict().items())
        assert same.config.head_dropout == 0.1
        assert not torch.equal(other.classifier.weight, weights["classifier.weight"])
        assert torch.equal(other.projector.weight, weights["projector.weight"])

    def test_fields_of_the_encoder_are_changed_inside_its_own_checkpoint(self, saved):
        source, _ = saved(build_classifier(classifier_config("wavlm", EMOTIONS, {}, **TINY_WAVE)))
        assert load_classifier(source, EMOTIONS, None, layerdrop=0.3).config.encoder_config.layerdrop == 0.3

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"poling": "std"}, "Did you mean 'pooling'"),
            ({"pooling": "median"}, "must be one of mean, sum, max"),
            ({"encoder_config": {"model_type": "wavlm"}}, "Change its fields with `config_overrides`"),
        ],
    )
    def test_fields_that_cannot_work_are_refused(self, saved, fields, message):
        source, _ = saved(classifier_of(Wav2Vec2ForSequenceClassification))
        for make in (load_classifier, classifier_config):
            with pytest.raises(ValueError, match=message):
                make(source, EMOTIONS, fields)


@pytest.mark.parametrize("model_class", [HubertForCTC, Wav2Vec2ForCTC])
def test_an_encoder_gets_a_new_head(saved, model_class):
    source, weights = saved(model_class(model_class.config_class(**TINY)))
    model = load_classifier(source, EMOTIONS, classifier_proj_size=10)
    assert model.config.model_type == ("exhubert" if model_class is HubertForCTC else "wav2vec2")
    assert model.projector.weight.shape == (10, 16)
    encoder = {
        name: value for name, value in model.state_dict().items() if not name.startswith(("projector", "class"))
    }
    assert all(torch.equal(value, weights[name]) for name, value in encoder.items())
    assert encoder.keys() == {name for name in weights if not name.startswith("lm_head.")}


def test_the_encoder_of_whisper_gets_a_head_and_leaves_its_decoder(saved):
    source, weights = saved(WhisperForConditionalGeneration(WhisperConfig(**TINY_WHISPER)), torch.float16)
    model = load_classifier(source, EMOTIONS)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    loaded = model.encoder.state_dict()
    assert all(torch.equal(value.half(), weights[f"model.encoder.{name}"]) for name, value in loaded.items())
    assert model(torch.randn(1, 8, 100)).logits.shape == (1, 3)


@pytest.mark.parametrize("encoder", ["wavlm", "whisper"])
def test_new_layer_weights_are_an_even_average(saved, encoder):
    if encoder == "wavlm":
        source, _ = saved(WavLMModel(WavLMConfig(**TINY)))
    else:
        source, _ = saved(WhisperForConditionalGeneration(WhisperConfig(**TINY_WHISPER)))
    model = load_classifier(source, EMOTIONS, use_weighted_layer_sum=True)
    torch.testing.assert_close(model.layer_weights.data, torch.full((3,), 1 / 3))


def test_a_foreign_head_of_the_same_prefix_is_dropped(saved, tmp_path):
    """The layout of audeering's regressors: `classifier.dense` and `classifier.out_proj`, no projector."""
    source, _ = saved(classifier_of(Wav2Vec2ForSequenceClassification, ["arousal", "dominance", "valence"]))
    path = tmp_path / "checkpoint" / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if name.startswith("wav2vec2.")}
    weights |= {"classifier.dense.weight": torch.zeros(16, 16), "classifier.out_proj.weight": torch.zeros(3, 16)}
    save_file(weights, path, metadata={"format": "pt"})
    model = load_classifier(source, EMOTIONS, classifier_proj_size=16)
    assert model.projector.weight.shape == (16, 16)
    with pytest.raises(ValueError, match="missing: classifier.bias, classifier.weight, projector"):
        load_classifier(source, ["arousal", "dominance", "valence"])


@pytest.mark.parametrize("names", [list(PUBLISHED_LABELS), EMOTIONS])
def test_the_published_exhubert_layout_is_read(tmp_path, names):
    config = ExHubertConfig(**TINY, **classes(PUBLISHED_LABELS))
    original = ExHubertForSequenceClassification(config).expand_blocks(init="random").eval()
    save_published_exhubert(original, tmp_path)
    model = load_classifier(str(tmp_path), names).eval()
    assert model.config.num_copies_per_layer == [1, 1]
    same_head = torch.equal(model.classifier.weight, original.classifier.weight)
    assert same_head is (len(names) == 6)


class TestConfig:
    @pytest.mark.parametrize(
        ("name", "model_type"),
        [
            ("exhubert", "exhubert"),
            ("hubert", "exhubert"),
            ("facebook/hubert-base-ls960", "exhubert"),
            ("wav2vec2", "wav2vec2"),
            ("openai/whisper-medium", "whisper"),
        ],
    )
    def test_a_name_gives_an_architecture_without_the_network(self, name, model_type):
        config = classifier_config(name, EMOTIONS)
        assert (config.model_type, config.id2label) == (model_type, dict(enumerate(EMOTIONS)))
        assert config.problem_type == "single_label_classification"

    def test_a_folder_gives_its_own(self, tmp_path):
        HubertConfig(**TINY).save_pretrained(tmp_path)
        config = classifier_config(str(tmp_path), EMOTIONS, layerdrop=0.0)
        assert (config.model_type, config.hidden_size, config.layerdrop) == ("exhubert", 16, 0.0)

    def test_an_unknown_field_is_refused_with_the_nearest(self):
        with pytest.raises(
            ValueError, match=r"\['layer_drop'\], which ExHubertConfig does not have. Did you mean 'layerdrop'"
        ):
            classifier_config("exhubert", EMOTIONS, layer_drop=0.0)

    def test_an_unknown_architecture_is_refused(self):
        with pytest.raises(ValueError, match="hubbert"):
            classifier_config("hubbert", EMOTIONS)

    @pytest.mark.parametrize("model_class", [ExHubertForSequenceClassification, Wav2Vec2ForSequenceClassification])
    def test_a_config_becomes_a_model_that_saves_and_loads(self, model_class, tmp_path):
        sizes = {name: value for name, value in TINY.items() if name != "vocab_size"}
        model = build_classifier(classifier_config(model_class.config_class.model_type, EMOTIONS, **sizes))
        assert type(model) is model_class
        model.save_pretrained(tmp_path)
        again = load_classifier(str(tmp_path), EMOTIONS)
        assert torch.equal(again.classifier.weight, model.classifier.weight)

    def test_the_meta_device_allocates_nothing(self):
        model = build_classifier(classifier_config("openai/whisper-large-v3", EMOTIONS), device="meta")
        assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
        assert isinstance(model, AutoModelForAudioClassification._model_mapping[WhisperConfig])


def test_a_layout_that_transformers_does_not_know_is_to_be_converted_first(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "ser"}')
    with pytest.raises(ValueError, match=r"model_type='ser', unknown to transformers.*hf-emotion convert"):
        load_classifier(str(tmp_path), EMOTIONS)


def test_stock_configs_stay_stock():
    assert isinstance(classifier_config("wav2vec2", EMOTIONS), Wav2Vec2Config)
