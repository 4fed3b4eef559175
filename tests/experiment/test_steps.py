"""Promises of an experiment file: defaults that the command line overrides, no silent typo, steps that follow on."""

import pytest
import yaml

from hf_emotion.experiment.check import check_experiment, checked_model
from hf_emotion.experiment.steps import load_experiment


TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
}
BASE = {"output_dir": "outputs/x", "config_name": "exhubert", "corpora": ["ravdess"], "use_cpu": True}


@pytest.fixture
def load(tmp_path):
    """Loads an experiment from fields and flags; the file is `experiment.yaml`."""

    def load_fields(*flags, text=None, without=(), **values):
        path = tmp_path / "experiment.yaml"
        merged = {name: value for name, value in {**BASE, **values}.items() if name not in without}
        path.write_text(yaml.safe_dump(merged, sort_keys=False) if text is None else text)
        return load_experiment(["--config", str(path), *flags])

    return load_fields


class TestOneStep:
    def test_the_file_gives_defaults_and_the_command_line_overrides_them(self, load):
        (step,) = load("--learning_rate", "3e-4", "--seed=7", learning_rate=1e-3, max_steps=20)
        assert (step.training.learning_rate, step.training.seed, step.training.max_steps) == (3e-4, 7, 20)

    def test_no_file_is_needed(self):
        (step,) = load_experiment(["--config_name", "exhubert", "--corpora", "ravdess", "urdu", "--use_cpu"])
        assert step.data.corpora == ["ravdess", "urdu"]

    def test_numbers_that_yaml_reads_as_strings_are_cast(self, load):
        text = "config_name: exhubert\ncorpora: [{name: ravdess, weight: 1e-1}]\nlearning_rate: 1e-4\nuse_cpu: true\n"
        assert isinstance(yaml.safe_load(text)["learning_rate"], str)
        (step,) = load(text=text + "mixing: weighted\nfreeze_feature_encoder: 'false'\n")
        assert step.training.learning_rate == 1e-4
        assert step.model.freeze_feature_encoder is False

    def test_one_value_is_a_list_of_one(self, load):
        (step,) = load(corpora="ravdess", expand_layers=3)
        assert (step.data.corpora, step.model.expand_layers) == (["ravdess"], [3])

    @pytest.mark.parametrize(
        "flag", ['{"layerdrop": 0.0, "conv_dim": [8, 8]}', "{layerdrop: 0.0, conv_dim: [8, 8]}"], ids=["json", "yaml"]
    )
    def test_config_overrides_are_json_on_the_command_line(self, load, flag):
        if flag.startswith("{l"):
            with pytest.raises(ValueError, match="`config_overrides` is no JSON"):
                load("--config_overrides", flag)
        else:
            (step,) = load("--config_overrides", flag)
            assert step.model.config_overrides == {"layerdrop": 0.0, "conv_dim": [8, 8]}

    def test_what_was_given_is_recorded_and_repeats_the_step(self, load, tmp_path):
        (step,) = load(
            "--max_steps", "5", "--resume_from_checkpoint", "true", "--dry_run", "true", weight_decay="1e-2"
        )
        assert yaml.safe_load(step.resolved_yaml()) == BASE | {"weight_decay": 0.01, "max_steps": 5}
        (repeated,) = load(text=step.resolved_yaml())
        assert repeated.resolved_yaml() == step.resolved_yaml()


@pytest.mark.parametrize(
    ("values", "flags", "message"),
    [
        ({"learning_rat": 1}, (), "unknown field 'learning_rat'. Did you mean 'learning_rate'"),
        ({"steps": [{"step_name": "a", "max_step": 1}]}, (), "unknown field 'max_step'. Did you mean 'max_steps'"),
        ({"steps": [{"step_name": "a", "steps": []}]}, (), "unknown field 'steps'"),
        ({"steps": []}, (), "`steps` in .* must be a list of mappings"),
        ({}, ("--learning_rat", "1"), "Unknown argument '--learning_rat'. Did you mean '--learning_rate'"),
        ({}, ("--max_steps", "many"), "Argument --max_steps.*invalid int value: 'many'"),
        ({"max_steps": "many"}, (), "Argument --max_steps.*invalid int value: 'many'"),
        (
            {"label_column": "emotions"},
            (),
            "`label_column` is 'emotions', but must be one of arousal_valence, emotion",
        ),
        ({"config_overrides": [1]}, (), r"must map config fields to values, but is \[1\]"),
        ({"corpora": [{"name": "ravdess", "dir": "x"}]}, (), r"'ravdess' has the unknown field\(s\) \['dir'\]"),
        ({"corpora": [{"data_dir": "x"}]}, (), "a mapping with `name`"),
        ({"corpora": [{"name": "ravdess", "weight": 2}]}, (), "`weight` of ravdess has no effect with mixing='round_"),
        ({"mixing": "weighted", "round_robin_unit": "step"}, (), 'round_robin_unit="step" visits every corpus'),
    ],
)
def test_what_cannot_work_is_refused_by_name(load, values, flags, message):
    with pytest.raises(ValueError, match=message):
        load(*flags, **values)


def test_an_experiment_without_model_is_refused(load):
    with pytest.raises(ValueError, match="names no model"):
        load(without=("config_name",))


@pytest.mark.parametrize("text", ["- 1\n", ""])
def test_a_file_that_is_no_mapping_is_refused(load, text):
    with pytest.raises(ValueError, match="must be a mapping of fields to values"):
        load(text=text)


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no experiment file .*gone.yaml"):
        load_experiment(["--config", str(tmp_path / "gone.yaml")])


class TestSteps:
    STEPS = [{"step_name": "mixture", "max_steps": 5}, {"step_name": "transfer", "corpora": ["urdu"]}]

    def test_each_changes_some_fields_and_has_a_folder(self, load):
        first, second = load(steps=self.STEPS, learning_rate=1e-3)
        assert (first.output_dir, second.output_dir) == ("outputs/x/mixture", "outputs/x/transfer")
        assert (first.training.max_steps, second.training.max_steps) == (5, -1)
        assert (first.data.corpora, second.data.corpora) == (["ravdess"], ["urdu"])
        assert first.training.learning_rate == second.training.learning_rate == 1e-3

    def test_a_later_one_starts_from_the_model_of_the_one_before(self, load):
        first, second = load(steps=self.STEPS, config_overrides=TINY, expand_num_copies=1)
        assert (first.model.model_name_or_path, second.model.model_name_or_path) == (None, "outputs/x/mixture")
        assert second.start is first
        assert (second.model.config_name, second.model.config_overrides, second.model.expand_num_copies) == (
            None,
        ) * 2 + (0,)

    @pytest.mark.parametrize("own", [{"model_name_or_path": "me/model"}, {"config_name": "wav2vec2"}])
    def test_a_later_one_may_name_a_model_of_its_own(self, load, own):
        _, second = load(steps=[self.STEPS[0], self.STEPS[1] | own])
        assert second.start is None
        assert (second.model.model_name_or_path, second.model.config_name) == (
            own.get("model_name_or_path"),
            own.get("config_name"),
        )

    def test_the_command_line_overrides_every_step_but_names_only_the_first_model(self, load):
        flags = ("--max_steps", "2", "--output_dir", "y", "--model_name_or_path", "facebook/hubert-base-ls960")
        first, second = load(*flags, steps=self.STEPS)
        assert (first.training.max_steps, second.training.max_steps) == (2, 2)
        assert (first.output_dir, second.output_dir) == ("y/mixture", "y/transfer")
        assert first.model.model_name_or_path == "facebook/hubert-base-ls960"
        assert second.model.model_name_or_path == "y/mixture"
        assert yaml.safe_load(second.resolved_yaml())["model_name_or_path"] == "y/mixture"

    def test_an_expansion_belongs_into_the_step_that_does_it(self, load):
        with pytest.raises(ValueError, match="--expand_num_copies would expand the model of every step"):
            load("--expand_num_copies", "1", steps=self.STEPS)

    def test_each_needs_a_name(self, load):
        with pytest.raises(ValueError, match="needs a `step_name`"):
            load(steps=[{"max_steps": 1}, {"step_name": "b"}])

    def test_no_two_write_to_the_same_folder(self, load):
        with pytest.raises(ValueError, match="would write to the same folder.*a'"):
            load(steps=[{"step_name": "a"}, {"step_name": "a"}])


class TestCheck:
    def test_it_describes_the_model_after_the_steps_before(self, load):
        steps = [
            {"step_name": "expand", "expand_num_copies": 1},
            {"step_name": "again", "config_overrides": {"layerdrop": 0.0}},
        ]
        first, second = load(steps=steps, config_overrides=TINY)
        model = checked_model(second, ["anger", "joy", "sadness"])
        assert model.config.num_copies_per_layer == [1, 1]
        assert (model.config.layerdrop, model.config.num_labels) == (0.0, 3)
        assert all(parameter.requires_grad for parameter in model.hubert.encoder.layers.parameters())
        assert "starts from outputs/x/expand" in check_experiment(second)
        assert "from scratch" in check_experiment(first)

    def test_it_finds_a_second_expansion(self, load):
        steps = [{"step_name": "a", "expand_num_copies": 1}, {"step_name": "b", "expand_num_copies": 1}]
        _, second = load(steps=steps, config_overrides=TINY)
        with pytest.raises(ValueError, match="have copies already"):
            check_experiment(second)

    def test_a_split_must_be_a_strategy_or_published_for_the_corpus(self, load):
        (step,) = load(corpora=["ravdess"], split="emosuperb_code", config_overrides=TINY)
        with pytest.raises(ValueError, match="ravdess has no split 'emosuperb_code'; choose one of auto, .*emobox"):
            check_experiment(step)
        (step,) = load(corpora=["ravdess"], split="emobox", config_overrides=TINY)
        assert "emobox" in check_experiment(step)

    def test_batches_of_a_round_robin_step_are_counted(self, load):
        fields = {"round_robin_unit": "step", "gradient_accumulation_steps": 2, "max_steps": 3000}
        (step,) = load(
            corpora=["ravdess", "urdu", "savee"], per_device_train_batch_size=4, config_overrides=TINY, **fields
        )
        assert "3,000 steps of 4 clips x 6 batches per device, round_robin by step" in check_experiment(step)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"config_overrides": {"hiden_size": 8}}, "'hiden_size'.*Did you mean 'hidden_size'"),
            ({"corpora": ["ravdes"]}, "Unknown corpora.*Did you mean 'ravdess'"),
            ({"split": "speaker"}, "ravdess has no split 'speaker'"),
            (
                {"config_name": "wav2vec2", "config_overrides": TINY, "expand_num_copies": 1},
                "needs a HuBERT or ExHuBERT",
            ),
            ({"config_name": "whisper"}, "has no CNN on the waveform: set `freeze_feature_encoder: false`"),
            ({"config_overrides": TINY, "expand_num_copies": 1, "expand_layers": [2]}, "layers 0 to 1"),
        ],
    )
    def test_it_refuses_what_would_fail_later(self, load, values, message):
        (step,) = load(**values)
        with pytest.raises(ValueError, match=message):
            check_experiment(step)
