"""One door for models of this package, of transformers and of all published layouts."""

import logging

import pytest
import torch
from transformers import AutoModelForAudioClassification, HubertConfig, HubertForSequenceClassification
from transformers import Wav2Vec2FeatureExtractor as Extractor

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.models.loading import convert_checkpoint, load_model, load_model_and_extractor
from hf_emotion.models.published import LAYOUTS
from hf_emotion.models.published.exhubert import save_published_exhubert

from .published.checkpoint_case import save_checkpoint
from .speech_emotion.tiny_encoders import tiny_model


TINY = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "initializer_range": 0.5,
}
CLIP = torch.randn((1, 4000), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def stock(tmp_path):
    """A stock classifier and its folder."""
    torch.manual_seed(0)
    model = HubertForSequenceClassification(HubertConfig(**TINY)).eval()
    model.save_pretrained(tmp_path / "stock")
    Extractor(do_normalize=True, return_attention_mask=True).save_pretrained(tmp_path / "stock")
    return model, tmp_path / "stock"


@pytest.fixture
def exhubert(tmp_path):
    """An expanded model of six classes and its folder."""
    torch.manual_seed(0)
    model = ExHubertForSequenceClassification(ExHubertConfig(**TINY, num_labels=6)).expand_blocks(init="random").eval()
    model.save_pretrained(tmp_path / "exhubert")
    Extractor().save_pretrained(tmp_path / "exhubert")
    return model, tmp_path / "exhubert"


def _with_preprocessor(folder):
    Extractor(do_normalize=False).save_pretrained(folder)
    return folder


def _logits(model):
    with torch.no_grad():
        return model(CLIP).logits


def test_names_of_layouts_are_distinct():
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names)


def test_models_of_the_package_load_with_their_class(exhubert, tmp_path):
    expected, folder = exhubert
    model, extractor = load_model_and_extractor(folder)
    assert isinstance(model, ExHubertForSequenceClassification)
    assert not model.training
    torch.testing.assert_close(_logits(model), _logits(expected), atol=1e-5, rtol=1e-5)
    assert extractor.return_attention_mask  # as this class needs it, also where the file says otherwise
    ours = tiny_model("apc")
    ours.save_pretrained(tmp_path / "apc")
    loaded = load_model(_with_preprocessor(tmp_path / "apc"))
    torch.testing.assert_close(_logits(loaded), _logits(ours), atol=1e-5, rtol=1e-5)


def test_stock_models_load_as_they_were_saved(stock):
    expected, folder = stock
    model = load_model(str(folder))
    assert type(model) is HubertForSequenceClassification
    assert model.name_or_path == str(folder)
    torch.testing.assert_close(_logits(model), _logits(expected), atol=1e-5, rtol=1e-5)


def test_precision_is_that_of_the_checkpoint_unless_asked(stock, tmp_path):
    model, folder = stock
    assert load_model(folder, dtype=torch.bfloat16).dtype == torch.bfloat16
    model.to(torch.float16).save_pretrained(tmp_path / "half")
    assert load_model(tmp_path / "half").dtype == torch.float16
    assert load_model(tmp_path / "half", dtype="float32").dtype == torch.float32


def test_unknown_layout_is_refused_with_the_reasons_of_each(tmp_path):
    weights = {f"body.layers.{index}.weight": torch.zeros(1) for index in range(30)} | {"head.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match="is in no layout that is known") as raised:
        load_model(save_checkpoint(tmp_path / "x", weights, {"model_type": "wav2vec2"}))
    text = str(raised.value)
    assert all(f"\n  {layout.name}: " in text for layout in LAYOUTS)
    assert "no layer has a `gate_bb_linear`" in text
    assert "Its 31 weights: body.layers (30), head.weight" in text
    assert "trust_remote_code" not in text


def test_bare_encoder_is_no_classifier(stock, tmp_path):
    stock[0].hubert.save_pretrained(tmp_path / "encoder")
    with pytest.raises(ValueError, match=r"the head of .* is not there, 4 missing: classifier.bias, "):
        load_model(tmp_path / "encoder")


def test_code_in_a_repository_runs_only_where_it_is_trusted(tmp_path):
    folder = save_checkpoint(
        tmp_path / "x",
        {"weight": torch.zeros(1)},
        {"model_type": "own", "auto_map": {"AutoModelForAudioClassification": "modeling_own.Own"}},
    )
    (folder / "modeling_own.py").write_text("raise SystemExit('code of the repository ran')")
    with pytest.raises(ValueError, match="read it, and pass `trust_remote_code=True`"):
        load_model(folder)


def test_unknown_options_are_refused_by_name(stock, exhubert):
    with pytest.raises(ValueError, match=r"\['encoder'\]: the layout of this checkpoint \(stock\) takes none"):
        load_model(stock[1], encoder="facebook/hubert-base-ls960")
    with pytest.raises(ValueError, match=r"\['revison'\].*\(exhubert\)"):
        load_model(exhubert[1], revison="main")


def test_notes_are_logged(exhubert, tmp_path, caplog):
    save_published_exhubert(exhubert[0], tmp_path / "published")
    with caplog.at_level(logging.INFO, logger="hf_emotion.models.loading"):
        load_model(tmp_path / "published")
    assert "(exhubert): Gates of original layers are exactly the identity" in caplog.text


def test_published_exhubert_is_converted_and_back(exhubert, tmp_path):
    expected, folder = exhubert
    convert_checkpoint(folder, tmp_path / "published", to="published")
    loaded = convert_checkpoint(tmp_path / "published", tmp_path / "again")
    assert loaded.layout == "exhubert"
    for place in ("published", "again"):
        found = load_model(tmp_path / place).state_dict()
        assert found.keys() == expected.state_dict().keys()
        assert all(torch.equal(found[name], value) for name, value in expected.state_dict().items())
    assert (tmp_path / "published" / "preprocessor_config.json").is_file()


def test_conversion_that_cannot_work_writes_nothing(stock, exhubert, tmp_path):
    with pytest.raises(ValueError, match="is not empty"):
        convert_checkpoint(stock[1], exhubert[1])
    with pytest.raises(ValueError, match="a HubertForSequenceClassification"):
        convert_checkpoint(stock[1], tmp_path / "new", to="published")
    with pytest.raises(ValueError, match="no layout 'onnx'"):
        convert_checkpoint(stock[1], tmp_path / "new", to="onnx")
    assert not (tmp_path / "new").exists()


def test_old_names_of_transformers_are_no_obstacle_to_a_second_save(stock, tmp_path):
    expected, _ = stock
    older = {
        name.replace("parametrizations.weight.original0", "weight_g"): value.clone()
        for name, value in expected.state_dict().items()
    }
    older = {name.replace("parametrizations.weight.original1", "weight_v"): value for name, value in older.items()}
    save_checkpoint(tmp_path / "older", older, expected.config.to_dict(), {"do_normalize": True})
    convert_checkpoint(tmp_path / "older", tmp_path / "new")
    again = AutoModelForAudioClassification.from_pretrained(tmp_path / "new").eval()
    torch.testing.assert_close(_logits(again), _logits(expected), atol=1e-5, rtol=1e-5)
