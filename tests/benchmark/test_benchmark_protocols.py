"""Every file in trainer_configs/benchmarks/: a page with its purpose, and trainings that pass their dry run."""

import pytest
import yaml

from hf_emotion.benchmark.protocol import load_protocol, protocol_files
from hf_emotion.benchmark.reported import reported_table
from hf_emotion.benchmark.training.protocol import TrainingProtocol
from hf_emotion.benchmark.training.runs import parse_overrides, planned_runs
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.corpora import requested_corpora
from hf_emotion.experiment.steps import load_experiment
from tests.benchmark.training.toy_grid import write_protocol


FILES = protocol_files()
TRAININGS = {name: path for name, path in FILES.items() if isinstance(load_protocol(path), TrainingProtocol)}
RUNS = [run for path in TRAININGS.values() for run in planned_runs(load_protocol(path))]
SYSTEM = {"name": "a", "config": "quickstart.yaml"}


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_a_protocol_fits_a_page_and_says_its_purpose_and_launch_command(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 119
    header = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    assert header[0].startswith("Purpose: ")
    assert any(line.startswith("Paper: ") for line in header)
    (launch,) = [line for line in header if line.startswith("Launch: ")]
    assert launch.split()[:5] == ["Launch:", "hf-emotion", "benchmark", "run", path.stem]
    assert load_protocol(path).name == path.stem


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_reported_figures_belong_to_rows_and_columns_of_their_protocol(path):
    protocol = load_protocol(path)
    table = reported_table(protocol.reported).drop(columns="num_parameters", errors="ignore")
    rows = {getattr(system, "reported_as", None) or system.name for system in protocol.systems}
    columns = {setting.name for setting in protocol.settings}
    if path.stem in TRAININGS:
        assert set(table.index) <= rows
        assert set(table.columns) <= columns
    assert rows & set(table.index)
    assert columns & set(table.columns)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_every_training_passes_its_dry_run(run, tmp_path):
    steps = load_experiment(["--config", str(run.write_experiment({"corpora_dir": "corpora"}, tmp_path))])
    for step in steps:
        check_experiment(step)
        tested = {corpus.name for corpus in requested_corpora(step.data)}
        assert {setting.corpus for setting in run.settings} - {None} <= tested
        assert step.data.corpora_dir == "corpora"
        assert step.training.seed == run.seed


def test_each_paper_has_as_many_trainings_as_it_trained():
    protocols = {name: load_protocol(path) for name, path in TRAININGS.items()}
    found = {name: (len(planned_runs(protocol)), len(protocol.settings)) for name, protocol in protocols.items()}
    assert found == {
        "exhubert_table_1": (8, 8),  # one model for eight corpora
        "exhubert_table_2": (48, 6),  # one for each corpus
        "lora_table_3": (8, 6),  # one for each way to split
        "wavlm_msp_podcast": (14, 1),
    }


def test_folds_become_fields_of_the_experiment(tmp_path):
    settings = [{"name": "x", "num_folds": 3, "overrides": {"split": "k_fold"}}, {"name": "y"}]
    protocol = load_protocol(write_protocol(tmp_path / "p.yaml", settings=settings, systems=[SYSTEM], seeds=[7]))
    experiments = [run.experiment({}) for run in planned_runs(protocol)]
    assert [(values.get("fold"), values.get("num_folds")) for values in experiments] == [
        (0, 3),
        (1, 3),
        (2, 3),
        (None, None),
    ]
    assert {values["seed"] for values in experiments} == {7}


def test_the_setting_overrides_the_system_which_overrides_the_file_and_the_command_line_all(tmp_path):
    (tmp_path / "e.yaml").write_text(
        yaml.safe_dump({"output_dir": "o", "max_steps": 1, "optim": "x", "loss": "focal"})
    )
    system = {
        "name": "a",
        "config": str(tmp_path / "e.yaml"),
        "overrides": {"max_steps": 2, "optim": "y", "bf16": True},
    }
    settings = [{"name": "x", "overrides": {"max_steps": 3}}]
    protocol = load_protocol(write_protocol(tmp_path / "p.yaml", settings=settings, systems=[system]))
    (run,) = planned_runs(protocol)
    assert run.experiment({"bf16": False}) == {"max_steps": 3, "optim": "y", "bf16": False, "loss": "focal", "seed": 0}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "wer"}, "metric must be one of uar.*'wer'"),
        ({"settings": [{"name": "x", "overrides": {"seed": 1}}]}, "x: seed cannot be overridden"),
        ({"settings": [{"name": "x", "overrides": ["seed"]}]}, "x: overrides must map fields"),
        ({"settings": [{"name": "x", "num_folds": 0}]}, "num_folds must be a positive number"),
        ({"settings": [{"name": "x", "corpora": ["tess"]}]}, r"no field 'corpora'. Did you mean 'corpus'\?"),
        (
            {"settings": [{"name": "x", "training": "t"}, {"name": "y", "training": "t", "num_folds": 2}]},
            "'x' and 'y' share the training 't', but differ in `overrides` or `num_folds`",
        ),
    ],
)
def test_a_protocol_that_cannot_work_is_refused(fields, message, tmp_path):
    values = {"settings": [{"name": "x"}], "systems": [SYSTEM], **fields}
    with pytest.raises(ValueError, match=message):
        load_protocol(write_protocol(tmp_path / "p.yaml", **values))


def test_names_that_would_share_a_folder_are_refused(tmp_path):
    path = write_protocol(tmp_path / "p.yaml", settings=[{"name": "A-B"}, {"name": "a b"}], systems=[SYSTEM])
    with pytest.raises(ValueError, match="settings 'A-B' and 'a b' would share a folder"):
        planned_runs(load_protocol(path))


def test_an_unknown_experiment_is_named_with_where_it_was_looked_for(tmp_path):
    system = {"name": "a", "config": "nothing.yaml"}
    (run,) = planned_runs(
        load_protocol(write_protocol(tmp_path / "p.yaml", settings=[{"name": "x"}], systems=[system]))
    )
    with pytest.raises(
        FileNotFoundError, match=r"a: there is no experiment nothing.yaml, neither in .* nor in .*configs"
    ):
        run.experiment({})


def test_what_only_one_step_has_cannot_be_overridden_for_all(tmp_path):
    system = {"name": "a", "config": "quickstart.yaml", "overrides": {"expand_num_copies": 2}}
    (run,) = planned_runs(
        load_protocol(write_protocol(tmp_path / "p.yaml", settings=[{"name": "x"}], systems=[system]))
    )
    with pytest.raises(ValueError, match="quickstart.yaml has several steps, and expand_num_copies of one of them"):
        run.experiment({})
    assert [step["max_steps"] for step in planned_runs_of("quickstart.yaml", tmp_path).experiment({})["steps"]] == [
        900,
        300,
    ]
    changed = planned_runs_of("quickstart.yaml", tmp_path).experiment({"max_steps": 5})
    assert changed["max_steps"] == 5
    assert not any("max_steps" in step for step in changed["steps"])


def planned_runs_of(config, folder):
    systems = [{"name": "a", "config": config}]
    return planned_runs(load_protocol(write_protocol(folder / "q.yaml", settings=[{"name": "x"}], systems=systems)))[0]


def test_overrides_are_typed_as_in_yaml():
    assert parse_overrides(["bf16=true", "corpora=[a, b]", "text=a=b"]) == {
        "bf16": True,
        "corpora": ["a", "b"],
        "text": "a=b",
    }
    with pytest.raises(ValueError, match="'bf16' is no override. Write field=value"):
        parse_overrides(["bf16"])
    with pytest.raises(ValueError, match="cannot be read"):
        parse_overrides(["corpora=[a"])
