"""Every file in trainer_configs/: a valid experiment, short, headed by its purpose, with the figures of the paper."""

import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hf_emotion.experiment.check import check_experiment, checked_model
from hf_emotion.experiment.steps import load_experiment


REPO = Path(__file__).resolve().parents[1]
# those in benchmarks/ are grids of these, see tests/benchmark/test_benchmark_protocols.py
CONFIGS = sorted(path for path in (REPO / "trainer_configs").rglob("*.yaml") if path.parent.name != "benchmarks")
OF_THE_PAPER = [path for path in CONFIGS if path.parent.name == "exhubert"]

# Millions of trainable parameters, Table 2. Printed for the non-frozen model are 664.18, those of XLarge.
TABLE_2 = {
    "w2v2_emotion": 161.13,
    "w2v2_xls_r": 311.49,
    "hubert_large_ls960": 311.49,
    "hubert_large_es_plus_plus": 311.49,
    "exhubert_large_ls960": 336.68,
    "exhubert_large_es_plus_plus": 336.68,
    "exhubert_large_non_frozen": 638.99,
    "exhubert_xlarge": 664.18,
}


def name_of(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def header(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# ") for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")]]


def steps_of(path: Path):
    return load_experiment(["--config", str(path)])


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_an_experiment_passes_its_dry_run(path):
    for step in steps_of(path):
        report = check_experiment(step)
        assert step.name in report
        assert re.search(r"parameters +\d+\.\d\d M, \d+\.\d\d M trained", report)


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_an_experiment_fits_a_page_and_says_its_purpose_and_launch_command(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 119
    assert header(path)[0].startswith("Purpose: ")
    (launch,) = [line for line in header(path) if line.startswith("Launch: ")]
    assert re.match(r"Launch: accelerate launch .*train\.py --config (\S+)", launch)[1] == name_of(path)


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_an_experiment_is_flat(path):
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for scope in (values, *values.get("steps", [])):
        nested = {name for name, value in scope.items() if isinstance(value, dict)}
        assert nested <= {
            "config_overrides",
            "speech_emotion_config",
            "adapter_options",
            "label_overrides",
            "loss_options",
        }
    assert "${" not in str(values)


def test_experiments_write_to_folders_of_their_own():
    folders = [step.output_dir for path in CONFIGS for step in steps_of(path)]
    assert len(set(folders)) == len(folders)
    for path in OF_THE_PAPER:
        assert all(Path("outputs/exhubert", path.stem) in Path(s.output_dir, "x").parents for s in steps_of(path))


@pytest.mark.parametrize(("name", "millions"), TABLE_2.items())
def test_trainable_parameters_are_those_of_table_2(name, millions):
    (step,) = steps_of(REPO / "trainer_configs" / "exhubert" / f"{name}.yaml")
    model = checked_model(step, [f"class {number}" for number in range(6)])
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert round(trained / 1e6, 2) == millions
    assert f"{millions} M trainable" in " ".join(header(REPO / "trainer_configs" / "exhubert" / f"{name}.yaml"))


@pytest.mark.parametrize("path", OF_THE_PAPER, ids=lambda path: path.stem)
def test_the_average_in_a_header_is_that_of_its_figures(path):
    text = " ".join(header(path))
    if "no such figures" in text:
        assert path.stem.startswith("ablation_")
        return
    figures, average = re.search(
        r"Paper, UAR % on [a-z ]+: (.*?); average (?:of these eight )?(\d+\.\d+)", text
    ).groups()
    values = [float(value) for value in re.findall(r"[\w-]+ (\d+\.\d)(?:,|$)", figures)]
    assert len(values) == (6 if "section 4.2" in text else 8)
    # Table 1 prints 56.0 for HuBERT XLarge, whose exact mean is 56.025: within rounding of one decimal everywhere
    assert statistics.mean(values) == pytest.approx(float(average), abs=0.051)


def test_the_selection_states_what_the_paper_states():
    for path in OF_THE_PAPER:
        if path.stem.startswith("selection_"):
            (step,) = steps_of(path)
            args = step.training
            assert (args.max_steps, args.learning_rate) == (3000, 1e-5)
            assert (args.adam_beta1, args.adam_beta2, args.adam_epsilon) == (0.9, 0.999, 1e-8)
            assert (args.mixing, args.round_robin_unit, step.data.corpora) == ("round_robin", "step", ["emoset"])
            assert step.model.freeze_feature_encoder is ("whisper" not in path.stem)


def test_the_command_line_checks_an_experiment():
    command = [sys.executable, "train.py", "--config", "trainer_configs/exhubert/exhubert_large_es_plus_plus.yaml"]
    run = subprocess.run(
        [*command, "--dry_run", "true", "--corpora", "ravdess", "urdu"], cwd=REPO, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "643.20 M, 336.68 M trained" in run.stdout
    assert "2: ravdess, urdu" in run.stdout


@pytest.mark.parametrize(
    ("mode", "trained"),
    [
        ("full_fine_tuning", 315_703_201),  # with eight classes, 25 layer weights and the mask embedding
        ("lora_qkv", 1_179_648 + 264_456 + 25),  # r = 8 on 72 layers, and the head with its layer weights
        ("lora_classifier", 8 * (1024 + 256) + 8 * (256 + 8)),
        ("classifier_only", 264_456 + 25),
    ],
)
@pytest.mark.parametrize("split", ["random_80_20", "speaker_independent"])
def test_the_modes_of_the_lora_paper_train_what_they_say(mode, trained, split):
    (step,) = steps_of(REPO / "trainer_configs" / "lora_hubert" / f"{mode}_{split}.yaml")
    model = checked_model(step, [f"class {number}" for number in range(8)])
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    assert sum(size for size, is_trained in sizes if is_trained) == trained
    assert sum(size for size, _ in sizes) >= 315_703_201
    assert (step.data.split == "speaker_independent") is (split == "speaker_independent")
