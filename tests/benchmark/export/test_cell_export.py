"""Exported cells: plain transformers computes what the cell did, and what cannot be exported is refused by reason."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import metadata_load
from safetensors.torch import load_file
from transformers import HubertModel, Wav2Vec2FeatureExtractor

from hf_emotion.benchmark.cells import CellResult
from hf_emotion.benchmark.export import cell_export as export_module
from hf_emotion.benchmark.export.cell_export import ExportOptions, export_cell
from hf_emotion.benchmark.frozen.runner import run_frozen_encoders
from hf_emotion.benchmark.selection import selected_cell
from hf_emotion.features.encoder_identity import load_frozen_encoder
from hf_emotion.features.waveform_statistics import WaveformStatistics
from hf_emotion.models.encoders import ApcConfig, ApcModel, FilterBankConfig, FilterBankModel
from hf_emotion.models.loading import load_model_and_extractor
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.encoding_speech_emotion import encode
from hf_emotion.models.statistics_folding import fold_statistics
from tests.benchmark.tiny_benchmark import folders_of, protocol_of, write_benchmark
from tests.benchmark.tiny_cells import CLASSES, LOGITS_FILE, write_cell, write_trained_cell
from tests.features.small_corpus import read_corpus, write_corpus
from tests.models.speech_emotion.tiny_encoders import tiny_model


# encoder -> the class of transformers, and whether its checkpoint normalises each clip
STOCK = {
    "hubert-base": ("HubertForSequenceClassification", False),
    "hubert-large": ("HubertForSequenceClassification", True),
    "wav2vec2-base": ("Wav2Vec2ForSequenceClassification", True),
    "wav2vec2-large": ("Wav2Vec2ForSequenceClassification", True),
    "wavlm-base": ("WavLMForSequenceClassification", False),
    "wavlm-large": ("WavLMForSequenceClassification", True),
    "data2vec-audio": ("Data2VecAudioForSequenceClassification", True),
    "unispeech-sat": ("UniSpeechSatForSequenceClassification", True),
}
STATISTICS = WaveformStatistics(mean=0.05, std=0.11)
# runs each clip through the saved model and through a pipeline, without hf_emotion
SCRIPT = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import soundfile, torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, pipeline
torch.set_num_threads(1)
root, corpus, found = Path(sys.argv[1]), Path(sys.argv[2]), {}
clips = {path.stem: soundfile.read(path, dtype="float32")[0] for path in sorted(corpus.glob("*.wav"))}
for folder in sorted(root.iterdir()):
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    assert type(model).__module__.startswith("transformers.models."), type(model)
    extract, classify = AutoFeatureExtractor.from_pretrained(folder), pipeline("audio-classification", str(folder))
    with torch.no_grad():
        logits = {
            name: model(**extract(clip, sampling_rate=16000, return_tensors="pt")).logits[0].double().tolist()
            for name, clip in clips.items()
        }
    answers = classify({"raw": clips["clip3"], "sampling_rate": 16000}, top_k=None)
    found[folder.name] = {
        "class": type(model).__name__,
        "logits": logits,
        "pipeline": {answer["label"]: answer["score"] for answer in answers},
    }
print(json.dumps(found))
"""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


@pytest.fixture
def known_corpus(monkeypatch, corpus_dir):
    """`load_corpus` finds the clips whatever the name; the folder says which."""
    monkeypatch.setattr(export_module, "load_corpus", lambda name, data_dir: {"test": read_corpus(corpus_dir)})
    return corpus_dir


def saved_encoder(root, name, do_normalize):
    """Checkpoint of an encoder, as the Hub has it, and its feature extractor."""
    folder, extractor = root / "encoder" / name, Wav2Vec2FeatureExtractor(do_normalize=do_normalize)
    extractor.return_attention_mask = "base" not in name
    tiny_model(name).speech_encoder.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder, extractor


def trained_cell(root, corpus_dir, name, do_normalize, **options):
    folder, extractor = saved_encoder(root, name, do_normalize)
    return write_trained_cell(
        root / "run", folder, load_frozen_encoder(str(folder)), extractor, read_corpus(corpus_dir), **options
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory, corpus_dir):
    return {
        name: trained_cell(tmp_path_factory.mktemp(name), corpus_dir, name, do_normalize)
        for name, (_, do_normalize) in STOCK.items()
    }


@pytest.fixture(scope="module")
def fresh_process(cells, tmp_path_factory, corpus_dir):
    """What a process without hf_emotion finds in the exported folders."""
    root = tmp_path_factory.mktemp("exported")
    for name, result in cells.items():
        export_cell(result, root / "models" / name)
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", SCRIPT, str(root / "models"), str(corpus_dir)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", STOCK)
def test_plain_transformers_gives_the_logits_of_the_cell(name, cells, fresh_process):
    table = cells[name].predictions()
    expected = np.load(cells[name].folder / LOGITS_FILE)
    found = np.array([fresh_process[name]["logits"][clip] for clip in table["utterance_id"]])
    assert fresh_process[name]["class"] == STOCK[name][0]
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    assert np.ptp(expected, axis=0).max() > 0.01  # clips differ, so that this says something


@pytest.mark.parametrize("name", STOCK)
def test_a_pipeline_of_plain_transformers_gives_the_probabilities(name, cells, fresh_process):
    table = cells[name].predictions().set_index("utterance_id")
    expected = {label: table.loc["clip3", f"probability_{label}"] for label in CLASSES}
    assert fresh_process[name]["pipeline"] == pytest.approx(expected, abs=1e-5)


def test_the_cell_is_compared_with_what_was_saved(tmp_path, cells, known_corpus):
    exported = export_cell(
        cells["hubert-large"], tmp_path / "model", ExportOptions(data_dir=known_corpus, num_clips=4)
    )
    assert exported.is_stock
    assert exported.num_checked == 4
    assert exported.difference < 1e-5
    assert export_cell(cells["hubert-large"], tmp_path / "blind").difference is None


def test_another_encoder_of_the_same_size_is_found_out(tmp_path, cells, known_corpus):
    other = tiny_model("hubert-large").speech_encoder
    with torch.no_grad():
        other.encoder.layers[0].feed_forward.output_dense.weight *= 1.5
    other.save_pretrained(tmp_path / "other")
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(tmp_path / "other")
    options = ExportOptions(encoder=str(tmp_path / "other"), data_dir=known_corpus)
    with pytest.raises(ValueError, match="weights of the hubert encoder are not those that the head was trained on"):
        export_cell(cells["hubert-large"], tmp_path / "model", options)
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "model.unfinished").exists()


@pytest.mark.parametrize("name", ["hubert-base", "hubert-large", "wavlm-large", "data2vec-audio"])
def test_statistics_of_waveforms_become_part_of_the_first_convolution(name, tmp_path, known_corpus):
    bias = {"conv_bias": False} if name == "wavlm-large" else {}
    model = tiny_model(name, bias).speech_encoder
    folder, extractor = tmp_path / "encoder", Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    encoder, clips = load_frozen_encoder(str(folder)), read_corpus(known_corpus)
    result = write_trained_cell(tmp_path / "run", folder, encoder, extractor, clips, statistics=STATISTICS)
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus))
    assert exported.is_stock
    assert exported.difference < 1e-5
    assert "(0.05 and 0.11). Here the first convolution does that" in (exported.folder / "README.md").read_text()
    # without them it would be another model
    raw = CellResult(result.folder, result.record | {"waveform_statistics": None})
    with pytest.raises(ValueError, match="On 8 test clips the model gives probabilities that differ"):
        export_cell(raw, tmp_path / "raw", ExportOptions(data_dir=known_corpus))
    assert not (tmp_path / "raw").exists()
    assert not (tmp_path / "raw.unfinished").exists()


def test_folding_leaves_the_encoder_as_it_is():
    encoder = tiny_model("hubert-large").speech_encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    clip = torch.randn(1, 2000, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.no_grad():
        normalised = torch.from_numpy(STATISTICS(clip.numpy()))
        expected = encode(encoder, normalised).last_hidden_state
        found = encode(fold_statistics(encoder, STATISTICS), clip).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_the_cut_of_the_protocol_is_applied_to_what_is_checked_and_told(tmp_path, known_corpus):
    result = trained_cell(tmp_path, known_corpus, "hubert-large", True, max_duration_seconds=0.1)
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus, num_clips=99))
    assert exported.num_checked == 10
    assert exported.difference < 1e-5
    assert "rest on the first 0.1 s of each clip" in (exported.folder / "README.md").read_text()


@pytest.mark.parametrize("pooling", ["std", "mean_std"])
def test_what_no_stock_class_has_is_saved_with_its_code(pooling, tmp_path, known_corpus, caplog):
    result = trained_cell(tmp_path, known_corpus, "hubert-large", True, pooling=pooling)
    with pytest.raises(ValueError, match=f"know nothing of pooling='{pooling}'"):
        export_cell(result, tmp_path / "stock", ExportOptions(stock_only=True))
    assert not (tmp_path / "stock").exists()
    with caplog.at_level(logging.INFO):
        exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus))
    assert exported.model_class == "SpeechEmotionForSequenceClassification"
    assert f"pooling='{pooling}'" in exported.reason
    assert exported.difference < 1e-5
    assert "trust_remote_code=True" in (exported.folder / "README.md").read_text()
    assert (exported.folder / "modeling_speech_emotion.py").is_file()


def test_an_encoder_that_transformers_lacks_is_saved_with_its_code(tmp_path, known_corpus):
    torch.manual_seed(0)
    encoder = ApcModel(ApcConfig(hidden_size=16, num_hidden_layers=2)).eval()
    encoder.save_pretrained(tmp_path / "apc")
    clips, extractor = read_corpus(known_corpus), Wav2Vec2FeatureExtractor(do_normalize=False)
    result = write_trained_cell(tmp_path / "run", tmp_path / "apc", encoder, extractor, clips)
    with pytest.raises(ValueError, match="transformers has no apc encoder"):
        export_cell(result, tmp_path / "stock", ExportOptions(stock_only=True))
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus))
    assert exported.model_class == "SpeechEmotionForSequenceClassification"
    assert exported.difference < 1e-5
    model, extractor = load_model_and_extractor(str(exported.folder))
    assert isinstance(model, SpeechEmotionForSequenceClassification)
    assert not extractor.do_normalize


def test_a_head_that_says_the_same_of_all_clips_proves_nothing(tmp_path, known_corpus, caplog):
    # zero mean over each clip: with mean pooling nothing is left of a filter bank
    encoder, extractor = FilterBankModel(FilterBankConfig()).eval(), Wav2Vec2FeatureExtractor(do_normalize=False)
    result = write_trained_cell(tmp_path / "run", "", encoder, extractor, read_corpus(known_corpus))
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus))
    assert exported.difference < 1e-5
    assert "they say nothing of the encoder" in caplog.text


def test_statistics_that_have_no_place_are_refused_unless_they_do_not_matter(tmp_path, known_corpus):
    torch.manual_seed(0)
    encoder = ApcModel(ApcConfig(hidden_size=16, num_hidden_layers=2)).eval()
    encoder.save_pretrained(tmp_path / "apc")
    clips, extractor = read_corpus(known_corpus), Wav2Vec2FeatureExtractor(do_normalize=False)
    result = write_trained_cell(tmp_path / "run", tmp_path / "apc", encoder, extractor, clips, statistics=STATISTICS)
    with pytest.raises(ValueError, match=r"no place for that. .* \(--data_dir\)"):
        export_cell(result, tmp_path / "model")
    # its filter bank removes the mean of each frame and normalises each bin over the clip
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus, tolerance=1e-3))
    assert exported.difference < 1e-3


def test_an_encoder_in_half_precision_becomes_a_model_in_float32(tmp_path, known_corpus):
    folder, extractor = saved_encoder(tmp_path, "hubert-large", True)
    HubertModel.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    encoder = load_frozen_encoder(str(folder))
    assert encoder.dtype == torch.bfloat16
    result = write_trained_cell(tmp_path / "run", folder, encoder, extractor, read_corpus(known_corpus))
    exported = export_cell(result, tmp_path / "model", ExportOptions(data_dir=known_corpus, tolerance=0.05))
    assert exported.is_stock
    assert load_file(exported.folder / "model.safetensors")["projector.weight"].dtype == torch.float32


def test_the_config_says_all_that_a_user_needs(tmp_path, cells):
    export_cell(cells["wavlm-base"], tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["WavLMForSequenceClassification"]
    assert config["use_weighted_layer_sum"] is True
    assert config["classifier_proj_size"] == 6
    assert config["problem_type"] == "single_label_classification"
    assert config["id2label"] == {str(index): name for index, name in enumerate(CLASSES)}
    assert config["label2id"] == {name: index for index, name in enumerate(CLASSES)}
    extractor = json.loads((tmp_path / "model" / "preprocessor_config.json").read_text())
    assert (extractor["sampling_rate"], extractor["do_normalize"]) == (16000, False)


def test_the_card_states_the_scores_and_what_they_are(tmp_path, cells):
    result = cells["hubert-base"]
    export_cell(result, tmp_path / "model", ExportOptions(model_id="someone/hubert-crema-d"))
    card = (tmp_path / "model" / "README.md").read_text()
    score = result.record["scores"]["test"]["macro_f1"]
    metadata = metadata_load(tmp_path / "model" / "README.md")
    (entry,) = metadata["model-index"][0]["results"]
    assert entry["dataset"]["name"] == "CREMA-D"
    assert entry["metrics"][0]["value"] == round(score, 4)
    arguments = entry["metrics"][0]["args"]
    low, high = arguments.pop("interval")
    assert 0 <= low <= round(score, 4) <= high <= 1
    assert arguments == {"average": "macro", "threshold": 0.25, "confidence": 0.95}
    assert metadata["pipeline_tag"] == "audio-classification"
    assert f"**{100 * score:.1f} [" in card
    assert "above chance, 1/C = 0.25" in card
    assert "| CREMA-D | `angry` |" in card
    assert "Wu, Haibin and Chou, Huang-Cheng" in card
    assert "The padding of a batch changes the results" in card
    assert "have not been compared" in card
    assert "Open Data Commons" in card or "odbl" in card.lower()
    assert yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])["pooling"] == "mean"


def test_the_folder_of_another_model_is_not_written_into(tmp_path, cells):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="is not empty"):
        export_cell(cells["hubert-base"], tmp_path / "model")
    assert (tmp_path / "model" / "config.json").read_text() == "{}"


def test_what_does_not_fit_is_refused_by_reason(tmp_path, cells, corpus_dir):
    with pytest.raises(ValueError, match=r"has no head.safetensors: this cell is no head on a frozen encoder"):
        export_cell(write_cell(tmp_path / "fine_tuned"), tmp_path / "model")
    folder, _ = saved_encoder(tmp_path, "wavlm-base", False)
    with pytest.raises(ValueError, match=r"of the type hubert with .* parameters, but this is a wavlm"):
        export_cell(cells["hubert-base"], tmp_path / "model", ExportOptions(encoder=str(folder)))
    record = cells["hubert-base"].record
    lost = record["encoder"] | {"name_or_path": None}
    with pytest.raises(ValueError, match="would be random"):
        export_cell(CellResult(cells["hubert-base"].folder, record | {"encoder": lost}), tmp_path / "model")


def test_a_corpus_without_the_test_clips_is_refused(tmp_path, cells, known_corpus, monkeypatch):
    other = read_corpus(known_corpus)
    other = other.remove_columns("utterance_id").add_column("utterance_id", [f"x{i}" for i in range(len(other))])
    other = other.remove_columns("audio").add_column(
        "audio", [{"path": f"x{i}.wav", "bytes": None} for i in range(10)]
    )
    monkeypatch.setattr(export_module, "load_corpus", lambda name, data_dir: {"test": other})
    with pytest.raises(ValueError, match="None of the 10 test utterances"):
        export_cell(cells["hubert-base"], tmp_path / "model", ExportOptions(data_dir=known_corpus))


@pytest.mark.parametrize("name", ["hubert-base", "hubert-large"])
def test_a_cell_of_a_real_run_is_exported_with_what_the_run_left_behind(name, tmp_path):
    write_benchmark(tmp_path, (name,))
    protocol = protocol_of(tmp_path, (name,), waveform_statistics="train_split", max_duration_seconds=0.2)
    summary = run_frozen_encoders(protocol.selected(seeds=(0,)), folders_of(tmp_path))
    assert not summary.failures
    result = selected_cell(tmp_path / "outputs", fold=2)
    options = ExportOptions(data_dir=tmp_path / "corpora" / "crema_d", num_clips=99, stock_only=True)
    exported = export_cell(result, tmp_path / "model", options)
    assert exported.num_checked == len(result.predictions()) > 10
    assert exported.difference < 1e-5
