"""What README.md says is true: its code runs, its files, commands and make targets exist."""

import re
from pathlib import Path

import datasets
import pytest
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor
from typer.testing import CliRunner

from hf_emotion.benchmark.protocol import load_protocol
from hf_emotion.cli.main import app
from hf_emotion.data.loading import list_corpora, load_corpus
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.metrics import list_metrics
from tests.cli.conftest import save_classifier
from tests.data.fake_audio import write_noise


REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text(encoding="utf-8")
HUBERT = "facebook/hubert-large-ls960-ft"
WAVLM = "microsoft/wavlm-large"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def reader_dir(tmp_path, monkeypatch):
    """The folder of a reader: corpora under their published names, own recordings, a trained model, a clip."""
    for actor in range(1, 13):
        for emotion in ("01", "05"):
            write_noise(
                tmp_path / "corpora" / "ravdess" / f"Actor_{actor:02d}" / f"03-01-{emotion}-01-01-01-{actor:02d}.wav"
            )
    for speaker in ("03", "08", "09", "10", "11", "12"):
        for emotion in "WN":
            write_noise(tmp_path / "corpora" / "emodb" / "wav" / f"{speaker}a01{emotion}a.wav")
    manifest = blocks("csv")[0]
    for line in manifest.splitlines()[1:]:
        write_noise(tmp_path / "my_recordings" / line.split(",")[0])
    (tmp_path / "my_recordings" / "manifest.csv").write_text(manifest)
    write_noise(tmp_path / "speech.wav")
    save_classifier(tmp_path / "outputs" / "quickstart" / "transfer")
    config = HubertConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        intermediate_size=24,
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(5, 8),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    HubertModel(config).save_pretrained(tmp_path / "hubert")
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(tmp_path / "hubert")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[0])
def test_python_of_the_readme_runs(code, reader_dir):
    for name in (HUBERT, WAVLM):  # any tiny encoder will do
        code = code.replace(name, str(reader_dir / "hubert"))
    exec(code.replace("max_steps=3000", "max_steps=2"), {})


def test_the_manifest_of_the_readme_loads(reader_dir):
    parts = load_corpus("manifest", reader_dir / "my_recordings")
    assert {name: part["emotion"][:] for name, part in parts.items()} == {"train": ["anger"], "test": ["neutral"]}


def test_the_experiments_of_the_readme_are_valid(tmp_path):
    (tmp_path / "lora.yaml").write_text(blocks("yaml")[1])
    (step,) = load_experiment(["--config", str(tmp_path / "lora.yaml")])
    assert (step.model.adapter, step.training.loss, step.data.augmentation[2]) == ("lora", "focal", "room")
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0])
    steps = load_experiment(["--config", str(tmp_path / "mine.yaml")])
    assert [step.training.output_dir for step in steps] == ["outputs/mine/mixture", "outputs/mine/transfer"]
    assert steps[1].model.model_name_or_path == "outputs/mine/mixture"


def test_the_protocol_of_the_readme_is_valid(tmp_path):
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[-1])
    protocol = load_protocol(tmp_path / "mine.yaml")
    assert [setting.corpus for setting in protocol.settings] == ["emodb"]


def test_commands_of_the_benchmark_section_have_their_options():
    section = README.split("## Benchmarks")[1].split("##")[0].replace("\\\n", " ")
    commands = re.findall(r"^hf-emotion (benchmark [a-z]+)(.*)$", section, flags=re.MULTILINE)
    assert len({command for command, _ in commands}) >= 7
    for command, rest in commands:
        help_text = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"--[a-z_]+", rest):
            assert option in help_text, (command, option)


def test_layout_names_what_exists_and_every_module():
    tree = re.search(r"## Layout\n\n```\n(.*?)```", README, flags=re.DOTALL)[1]
    entries, folder = set(), ""
    for line in tree.splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else (name if name.endswith("/") else "")
        entries.add(folder + name if line.startswith(" ") else name)
    assert [entry for entry in entries if not (REPO / entry).exists()] == []
    assert {f"hf_emotion/{path.name}" for path in REPO.glob("hf_emotion/*.py")} <= entries
    assert {f"{path.parent.name}/" for path in REPO.glob("[a-z]*/*.py")} <= entries


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_files_and_targets_exist(name):
    text = (REPO / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    links = re.findall(r"\]\((?!http)([^)]+)\)", text)
    files = re.findall(r"(?:trainer_configs|tests|hf_emotion)/[\w/*.]+\.(?:py|yaml)\b", text)
    for path in [*links, *files]:
        assert any(REPO.glob(path)), path


def test_commands_exist():
    for command in set(re.findall(r"`hf-emotion ((?:[a-z]+ ?)+)", README)):
        words = [word for word in command.split() if word != "ravdess"]
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, command


def test_every_corpus_and_every_experiment_of_the_paper_is_named():
    assert "[more than 60](dataset_scripts/README.md)" in README
    assert len(list_corpora()) > 60
    patterns = re.findall(r"`([a-z0-9_]*\*?[a-z0-9_]*\.yaml)`", README)
    named = {path.name for pattern in patterns for path in REPO.glob(f"trainer_configs/exhubert/{pattern}")}
    assert named == {path.name for path in REPO.glob("trainer_configs/exhubert/*.yaml")}
    assert len(list_metrics()) == 9, "the table of README.md names nine metrics"
