"""A finished training run, and a Hub on this machine for each module of tests."""

import json
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.ensembles.ensemble import EnsembleMember, build_ensemble
from hf_emotion.scripts import train
from tests.cli.conftest import CLASSES, save_classifier
from tests.hub_double import HubDouble
from tests.prediction_tables import random_predictions
from tests.small_corpora import write_manifest


# A SpeechEmotion model would do as well; ExHuBERT is the one whose code every layer of the stack has to carry.
EXPERIMENT = """
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0}
max_duration_seconds: 0.5
per_device_train_batch_size: 2
learning_rate: 1e-3
max_steps: 2
save_strategy: steps
save_steps: 2
use_cpu: true
disable_tqdm: true
label_column: emotion
"""


def experiment(folder: Path, **fields) -> Path:
    """An experiment on a corpus of four synthetic speakers, as a file."""
    data_dir = generate_synthetic_corpora(
        folder / "corpora", speakers_per_corpus=4, utterances_per_emotion=1, corpora=["synthetic_duna"]
    )["synthetic_duna"]
    values = yaml.safe_load(EXPERIMENT) | {
        "output_dir": str(folder / "run"),
        "cache_dir": str(folder / "cache"),
        "corpora": [{"name": "manifest", "data_dir": str(data_dir)}],
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(values | fields))
    return path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """What `hf-emotion train` leaves, with what codecarbon would have."""
    folder = tmp_path_factory.mktemp("training")
    train.main(["--config", str(experiment(folder))])
    row = "2026-01-01T00:00:00,p,r1,e,12.5,0.0021,0.004,France,FRA,Ile-de-France,3.0,a CPU,,"
    head = "timestamp,project_name,run_id,experiment_id,duration,emissions,energy_consumed,country_name,"
    head += "country_iso_code,region,codecarbon_version,cpu_model,gpu_model,gpu_count"
    (folder / "run" / "emissions.csv").write_text(f"{head}\n{row}\n")
    return folder / "run"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A Hub that the tests of a module share."""
    with HubDouble(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture
def empty_hub(tmp_path):
    """A Hub that a test may break."""
    with HubDouble(tmp_path / "hub") as double:
        yield double


@pytest.fixture
def model_folder(tmp_path) -> Path:
    """A classifier that was saved, and nothing more."""
    return save_classifier(tmp_path / "model")


# Everything but a model, in one process: an adapter on an encoder that is on the Hub, another on one that is not, an
# ensemble whose members lie elsewhere, a metric, scores, and a corpus.
_PUSH_ALL = """
import json, sys, torch
from pathlib import Path
from transformers import Wav2Vec2FeatureExtractor
from hf_emotion.adapters import add_adapter, merge_adapter
from hf_emotion.hub import push_corpus
from hf_emotion.export.onnx_export import export_onnx
from hf_emotion.publishing import push_adapter, push_ensemble, push_metric, push_model, push_results
from tests.adapters.tiny_classifiers import *
torch.set_num_threads(1)
folder, run, said = Path(sys.argv[1]), Path(sys.argv[2]), {}
checkpoint = encoder_checkpoint("hubert", folder)
HubertModel.from_pretrained(checkpoint).push_to_hub("user/hubert")
for name, encoder in (("adapter", "user/hubert"), ("local", checkpoint)):
    torch.manual_seed(0)
    adapted = add_adapter(HubertForSequenceClassification.from_pretrained(encoder, num_labels=5), "lora", r=4)
    torch.save(train(adapted, "hubert"), folder / f"{name}.pt")
    (folder / name).mkdir()
    merge_adapter(adapted, folder / name / "adapter").save_pretrained(folder / name)
    Wav2Vec2FeatureExtractor().save_pretrained(folder / name)
    (folder / name / "README.md").write_text((run / "README.md").read_text())
push_adapter(folder / "adapter" / "adapter", "user/adapter")
try:
    push_adapter(folder / "local" / "adapter", "user/local")
except ValueError as error:
    said["local"] = str(error)
push_adapter(folder / "local" / "adapter", "user/local", base_model="user/hubert", private=True)
push_ensemble(folder / "ensemble", "user/ensemble")
export_onnx(run, folder / "export")
push_model(folder / "export", "user/export", revision="onnx")
push_metric("unweighted_average_recall", "user/uar")
push_results(run, "user/scores")
push_corpus("manifest", "user/corpus", data_dir=sys.argv[3], private=True)
print(json.dumps(said))
"""


def write_ensemble(folder: Path) -> Path:
    """An ensemble of three classifiers that lie beside its folder; one of them has no weight."""
    members = []
    for number, skill in enumerate((2.0, 1.5, 0.0)):
        place = save_classifier(folder / "elsewhere" / f"member_{number}")
        weights = load_file(place / "model.safetensors")
        save_file({name: value * (1 + number / 4) for name, value in weights.items()}, place / "model.safetensors")
        tables = [
            random_predictions({name: (4, size)}, skill=skill, seed=number, classes=list(CLASSES))
            for name, size in (("toy_a", 40), ("toy_b", 50))
        ]
        members.append(EnsembleMember(f"runs/member_{number}", *tables, folder=place))
    build_ensemble(members, folder / "ensemble", num_restarts=0)
    record = json.loads((folder / "ensemble" / "ensemble.json").read_text())
    for member, weight in zip(record["members"], (0.75, 0.25, 0.0), strict=True):
        member["weight"] = weight
    (folder / "ensemble" / "ensemble.json").write_text(json.dumps(record))
    return folder / "ensemble"


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Path:
    """Folder of what is pushed to `everything`."""
    folder = tmp_path_factory.mktemp("work")
    write_ensemble(folder)
    write_manifest(folder / "recordings")
    return folder


@pytest.fixture(scope="session")
def everything(tmp_path_factory, work, run_folder):
    """A Hub that holds one of each kind, and what the pushes have said."""
    with HubDouble(tmp_path_factory.mktemp("hub")) as double:
        yield double, double.run(_PUSH_ALL, work, run_folder, work / "recordings")
