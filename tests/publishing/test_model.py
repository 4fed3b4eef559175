"""Models go to a Hub and come back in processes that do not know hf-emotion."""

import json
import re

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from hf_emotion.publishing.model import prepare_model, push_model
from tests.cli.conftest import save_classifier
from tests.hub_double import Fault, HubDouble


PUSH = """
import json, sys
from hf_emotion.publishing import push_model
print(json.dumps(push_model(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3])).oid))
"""
FAIL = """
import json, sys
from hf_emotion.publishing import push_model
try:
    push_model(sys.argv[1], "user/shards")
except ConnectionError as error:
    print(json.dumps(str(error)))
"""
# A process that has neither the package nor anything of the one that pushed.
STRANGER = """
import json, sys
sys.modules["hf_emotion"] = None
import numpy as np, torch
from huggingface_hub import ModelCard, snapshot_download
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, pipeline
torch.set_num_threads(1)
clip = np.sin(np.arange(8000) / 7).astype(np.float32)
repo_id, options = sys.argv[1], json.loads(sys.argv[2])
def scores_of(folder, **options):
    model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=True, **options).eval()
    extractor = AutoFeatureExtractor.from_pretrained(folder, **options)
    inputs = extractor(clip, sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        scores = model(**inputs).logits.softmax(-1)[0].tolist()
    return {model.config.id2label[index]: score for index, score in enumerate(scores)}
"""
LOAD = (
    STRANGER
    + """
found = {"auto": scores_of(repo_id, **options)}
stock = pipeline("audio-classification", model=repo_id, trust_remote_code=True, **options)
found["stock"] = {row["label"]: row["score"] for row in stock(clip.copy(), top_k=None)}
ours = pipeline(model=repo_id, trust_remote_code=True, **options)
answer = ours(clip.copy())
found["ours"] = {row["label"]: row["score"] for row in answer["scores"]}
found["task"] = [ours.task, type(ours).__name__, answer["label"], answer["duration"]]
found["card"] = ModelCard.load(repo_id).data.to_dict()
print(json.dumps(found))
"""
)


@pytest.fixture(scope="module")
def pushed(hub, run_folder):
    """Commit of the run in `user/tiny`."""
    return hub.run(PUSH, run_folder, "user/tiny", "{}")


@pytest.fixture(scope="module")
def expected(hub, run_folder):
    """What the model says in its own folder."""
    code = STRANGER.replace('sys.modules["hf_emotion"] = None\n', "") + "print(json.dumps(scores_of(sys.argv[1])))"
    return hub.run(code, run_folder, "{}", home="local")


@pytest.fixture(scope="module")
def loaded(hub, pushed):
    return hub.run(LOAD, "user/tiny", "{}", token=None, home="reader")


@pytest.fixture(scope="module")
def files(hub, pushed):
    """The repository as the push has left it."""
    names = hub.repository("user/tiny", "models").commits[pushed].files
    return {name: hub.read("user/tiny", name, "models", pushed) for name in names if name != ".gitattributes"}


@pytest.mark.parametrize("way", ["auto", "stock", "ours"])
def test_strangers_get_the_same_scores(loaded, expected, way):
    assert loaded[way] == pytest.approx(expected, abs=1e-5)


def test_the_pipeline_of_the_repository_is_ours_without_the_package(loaded, expected):
    best = max(expected, key=expected.get)
    assert loaded["task"] == ["speech-emotion-recognition", "SpeechEmotionPipeline", best, 0.5]


def test_what_lies_in_the_repository_is_the_model_its_code_its_card_and_its_record(files):
    suffixes = {name.rsplit(".", 1)[-1] for name in files}
    assert suffixes == {"json", "md", "png", "py", "safetensors", "yaml"}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "README.md", "metrics.json"} <= set(files)
    assert not [name for name in files if "/" in name or "predictions" in name or name == "training_args.bin"]


def test_nothing_that_is_pushed_names_a_folder_of_this_machine(files, run_folder):
    for name, content in files.items():
        assert str(run_folder.parent).encode() not in content, name
    assert b"data_dir: path/to/synthetic_duna" in files["experiment.yaml"]


def test_the_folder_of_the_run_stays_as_it_was(run_folder, pushed):
    assert "custom_pipelines" not in json.loads((run_folder / "config.json").read_text())
    assert "user/tiny" not in (run_folder / "README.md").read_text()


def test_it_is_one_commit(hub, pushed):
    messages = [commit.message for _, commit in hub.repository("user/tiny", "models").history("main")]
    assert messages == ["Push model", "initial commit"]


def test_the_index_has_each_score_with_its_interval(loaded, run_folder):
    part = json.loads((run_folder / "metrics.json").read_text())["per_corpus"]["synthetic_duna"]
    (index,) = loaded["card"]["model-index"]
    assert index["name"] == "tiny"
    (result,) = index["results"]
    assert result["dataset"]["name"] == "synthetic_duna"
    uar = next(metric for metric in result["metrics"] if metric["type"] == "recall")
    assert uar["value"] == round(part["uar"], 4)
    assert uar["args"]["interval"] == [round(end, 4) for end in part["intervals"]["uar"]]


def test_the_metadata_is_complete(loaded):
    card = loaded["card"]
    assert card["pipeline_tag"] == "audio-classification"
    assert card["library_name"] == "transformers"
    assert card["license"] == "other"
    assert card["language"] == ["art"]
    assert {"hf-emotion", "speech-emotion-recognition", "exhubert"} <= set(card["tags"])
    assert card["co2_eq_emissions"] == {
        "emissions": 2.1,
        "source": "codecarbon 3.0",
        "training_type": "fine-tuning",
        "geographical_location": "Ile-de-France, France",
        "hardware_used": "a CPU",
    }


def test_the_text_says_all_that_is_known(files, run_folder):
    text = files["README.md"].decode()
    corpora = json.loads((run_folder / "corpora.json").read_text())
    for said in (
        "# tiny\n",
        'pipeline(model="user/tiny", trust_remote_code=True)',
        'load_recognizer("user/tiny")',
        'load_model("user/tiny")',
        "emitted 2.1 g of CO2 equivalents with 0.004 kWh",
        corpora[0]["split"]["hash"],
        "## Limitations",
        "| transformers |",
    ):
        assert said in text, said
    assert '"run"' not in text


def test_the_code_in_the_card_compiles_and_names_the_repository(files):
    blocks = re.findall(r"```python\n(.*?)```", files["README.md"].decode(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        compile(block, "README.md", "exec")
        assert '"user/tiny"' in block


def test_a_second_push_sends_and_changes_nothing(hub, pushed, run_folder):
    before = len(hub.requests("PUT", "^/lfs/"))
    assert hub.run(PUSH, run_folder, "user/tiny", "{}") == pushed
    assert len(hub.requests("PUT", "^/lfs/")) == before


def test_a_branch_and_a_private_repository(hub, run_folder, expected):
    oid = hub.run(PUSH, run_folder, "user/secret", '{"private": true, "revision": "next", "licence": "mit"}')
    repository = hub.repository("user/secret", "models")
    assert (repository.private, repository.branches["next"]) == (True, oid)
    assert list(repository.history("main")[0][1].files) == [".gitattributes"]
    code = STRANGER + "print(json.dumps(scores_of(repo_id, **options)))"
    assert hub.run(code, "user/secret", '{"revision": "next"}', home="owner") == pytest.approx(expected, abs=1e-5)
    with pytest.raises(RuntimeError, match="RepositoryNotFoundError|not a local folder"):
        hub.run(code, "user/secret", '{"revision": "next"}', token=None, home="nobody")
    assert b"\nlicense: mit\n" in hub.read("user/secret", "README.md", "models", "next")


class TestFolders:
    def test_a_model_without_a_card_gets_one_that_says_what_is_unknown(self, model_folder):
        upload = prepare_model(model_folder, "user/x")
        assert "The training data is not on record." in upload.card
        assert "This model has not been evaluated." in upload.card
        assert "from the files of the model." in upload.card
        assert {problem.split(":")[0] for problem in upload.problems} == {
            "no language", "no base_model", "no datasets", "no model-index",
        }  # fmt: skip

    def test_a_hand_written_card_stays_but_for_its_metadata(self, model_folder):
        (model_folder / "README.md").write_text('---\nlicense: mit\n---\n# model\n\nMy "model" of 2019.\n')
        upload = prepare_model(model_folder, "user/x", datasets=["me/corpus"])
        metadata = yaml.safe_load(upload.card.split("---")[1])
        assert metadata["license"] == "mit"
        assert metadata["datasets"] == ["me/corpus"]
        assert metadata["pipeline_tag"] == "audio-classification"
        assert upload.card.endswith('# model\n\nMy "model" of 2019.\n')

    def test_pickled_weights_are_refused(self, model_folder):
        (model_folder / "model.safetensors").rename(model_folder / "pytorch_model.bin")
        with pytest.raises(ValueError, match="weights in .* are pickled.*save_pretrained"):
            prepare_model(model_folder, "user/x")

    def test_a_folder_without_a_model_names_those_below_it(self, model_folder):
        with pytest.raises(FileNotFoundError, match="Did you mean .*model"):
            prepare_model(model_folder.parent, "user/x")

    def test_checkpoints_and_states_are_named_as_left_out(self, run_folder):
        upload = prepare_model(run_folder, "user/x")
        assert {"checkpoint-2/", "emissions.csv", "predictions.parquet"} <= set(upload.left_out)
        assert "predictions.parquet" in prepare_model(run_folder, "user/x", include_predictions=True).files

    def test_classes_without_names_are_a_problem(self, model_folder):
        config = json.loads((model_folder / "config.json").read_text())
        config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1"}
        (model_folder / "config.json").write_text(json.dumps(config))
        assert "classes without names (LABEL_0, LABEL_1 ...)" in " ".join(
            prepare_model(model_folder, "user/x").problems
        )


# Pushes a model with other weights, so that they must travel, to each of some repositories; says how each push ended.
PUSH_MANY = """
import json, sys
from pathlib import Path
from safetensors.numpy import load_file, save_file
from hf_emotion.publishing import push_model
folder, pushes, ends = Path(sys.argv[1]), json.loads(sys.argv[2]), {}
for name, options in pushes:
    for path in folder.glob("*.safetensors"):
        save_file(load_file(path), path, metadata={"format": "pt", "name": name})
    try:
        ends[name] = push_model(folder, "user/" + name, **options).oid
    except Exception as error:
        ends[name] = f"{type(error).__name__}: {error}"
print(json.dumps(ends))
"""
# Each thing that may go wrong, once, and how a push ends then.
PASSING = {
    "error-500": Fault("^/lfs/models/user/error-500/", status=500),
    "cut": Fault("^/lfs/models/user/cut/", cut_after=2_000),
    "slow": Fault("^/lfs/models/user/slow/", delay=0.5),
    "busy": Fault("^/user/busy.git/info/lfs/objects/batch$", method="POST", status=503),
}
AGAIN = r".* What has arrived is kept: push again to continue\."
LASTING = {
    "commit-500": (
        Fault("/models/user/commit-500/commit/main$", method="POST", status=500),
        "ConnectionError: The Hub failed to answer" + AGAIN,
    ),
    "commit-cut": (
        Fault("/models/user/commit-cut/commit/main$", method="POST", cut_after=10),
        "ConnectionError: The transfer with user/commit-cut was interrupted" + AGAIN,
    ),
    "commit-403": (
        Fault("/models/user/commit-403/commit/main$", method="POST", status=403),
        "PermissionError: Your access token may not do that with user/commit-403 .*",
    ),
    "gone-404": (
        Fault("/models/user/gone-404/preupload/", method="POST", status=404),
        "ValueError: The Hub refuses this for user/gone-404 .*",
    ),
    "checksum": (
        Fault("^/lfs/models/user/checksum/", corrupt=True, count=9),
        "ConnectionError: .* are not the object" + AGAIN,
    ),
}


class TestFaults:
    @pytest.fixture(scope="class")
    def broken(self, tmp_path_factory):
        """A Hub on which everything goes wrong once, and how the pushes end."""
        folder = save_classifier(tmp_path_factory.mktemp("broken") / "model")
        with HubDouble(tmp_path_factory.mktemp("hub")) as hub:
            hub.storage.create("models", "user/public", private=False, author="user")
            hub.faults = [*PASSING.values(), *(fault for fault, _ in LASTING.values())]
            pushes = [(name, {}) for name in (*PASSING, *LASTING)]
            pushes += [("public", {"private": True}), ("revoked", {"token": "hf_revoked"})]
            pushes += [("others", {"token": "hf_stranger"}), ("checksum", {})]
            ends = hub.run(PUSH_MANY, folder, json.dumps(pushes[:-1]))
            hub.faults.clear()
            again = hub.run(PUSH_MANY, folder, json.dumps(pushes[-1:]))
            yield hub, ends, again

    @pytest.mark.parametrize("name", PASSING)
    def test_what_passes_is_survived(self, broken, name):
        hub, ends, _ = broken
        assert PASSING[name].count == 0
        assert hub.repository(f"user/{name}", "models").branches["main"] == ends[name]
        assert name.encode() in hub.read(f"user/{name}", "model.safetensors", "models")[:200]

    @pytest.mark.parametrize("name", LASTING)
    def test_what_lasts_is_said_and_leaves_nothing_behind(self, broken, name):
        hub, ends, _ = broken
        assert re.fullmatch(LASTING[name][1], ends[name]), ends[name]
        first = hub.repository(f"user/{name}", "models").history("main")[-1][1]
        assert list(first.files) == [".gitattributes"]

    def test_a_push_that_failed_is_repeated(self, broken):
        hub, _, again = broken
        assert hub.repository("user/checksum", "models").branches["main"] == again["checksum"]

    def test_a_public_repository_takes_nothing_private(self, broken):
        hub, ends, _ = broken
        assert ends["public"].startswith("ValueError: user/public exists and is public")
        assert not hub.requests("PUT", "^/lfs/models/user/public/")

    def test_tokens_that_are_refused(self, broken):
        _, ends, _ = broken
        assert ends["revoked"].startswith("PermissionError: The Hub does not accept the access token (401")
        assert ends["others"].startswith("PermissionError: Your access token may not do that with user/others (403")

    def test_without_a_token_nothing_is_tried(self, model_folder, monkeypatch):
        monkeypatch.setattr("hf_emotion.publishing.errors.stored_token", lambda: None)
        with pytest.raises(PermissionError, match="no access token: run `hf auth login`, or set HF_TOKEN"):
            push_model(model_folder, "user/x")


def test_an_interrupted_push_sends_only_what_is_missing_and_replaces_other_weights(hub, model_folder):
    hub.run(PUSH_MANY, model_folder, '[["shards", {}]]')
    weights = load_file(model_folder / "model.safetensors")
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2]), start=1):
        save_file({name: weights[name] for name in names}, model_folder / f"model-0000{number}-of-00002.safetensors")
    (model_folder / "model.safetensors").unlink()
    before = len(hub.requests("PUT", "^/lfs/models/user/shards/"))
    hub.faults.append(Fault("^/lfs/models/user/shards/", skip=1, status=403))
    ends = [
        hub.run(PUSH, model_folder, "user/shards", "{}") if last else hub.run(FAIL, model_folder) for last in (0, 1)
    ]
    assert ends[0].endswith("What has arrived is kept: push again to continue.")
    sent = [request.num_bytes for request in hub.requests("PUT", "^/lfs/models/user/shards/")][before:]
    assert sorted(sent) == sorted(path.stat().st_size for path in model_folder.glob("*.safetensors"))  # each once
    (_, last), (_, first), _ = hub.repository("user/shards", "models").history("main")
    assert "model.safetensors" in first.files
    assert [name for name in last.files if name.endswith(".safetensors")] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]


# Several attempts of one process to load a model: the sum of its weights, or what is said instead.
DOWNLOAD = """
import json, sys
sys.modules["hf_emotion"] = None
from transformers import AutoModelForAudioClassification
found = []
for options in json.loads(sys.argv[1]):
    try:
        model = AutoModelForAudioClassification.from_pretrained("user/tiny", trust_remote_code=True, **options)
        found.append(sum(value.double().abs().sum().item() for value in model.state_dict().values()))
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
print(json.dumps(found))
"""


def test_a_download_that_breaks_is_resumed_or_said_and_repeated(hub, pushed, run_folder):
    weights = load_file(run_folder / "model.safetensors")
    faults = [
        Fault("user/tiny/resolve/.*/config.json", method="GET", status=500),
        Fault("user/tiny/resolve/.*/config.json", method="HEAD", delay=0.5),
        Fault("user/tiny/resolve/.*model.safetensors", method="GET", cut_after=5_000),
    ]
    hub.faults += faults
    failed, lost, found = hub.run(DOWNLOAD, '[{}, {"revision": "none"}, {}]', token=None, home="unlucky")
    assert "500 Internal Server Error" in failed
    assert "none is not a valid git identifier" in lost
    assert found == pytest.approx(sum(abs(value.astype(float)).sum() for value in weights.values()))
    assert [fault.count for fault in faults] == [0, 0, 0]


def test_weights_whose_header_was_damaged_on_the_way_are_refused(hub, pushed):
    hub.faults.append(Fault("user/tiny/resolve/.*model.safetensors", method="GET", corrupt=True))
    (found,) = hub.run(DOWNLOAD, "[{}]", token=None, home="damaged")
    assert found.startswith("SafetensorError: ")
