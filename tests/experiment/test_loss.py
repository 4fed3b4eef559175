"""Promises about the loss of an experiment: the one that the arguments name, for labels that it takes."""

import datasets
import numpy as np
import pytest
import torch
import yaml
from transformers.modeling_outputs import SequenceClassifierOutput

from hf_emotion.arguments import DataArguments, EmotionTrainingArguments
from hf_emotion.data.soft_labels import effective_number_weights
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.corpora import ExperimentCorpus
from hf_emotion.experiment.loss import check_loss, set_class_weights, trainer_loss
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.losses import label_kinds, list_losses, load_loss
from tests.test_trainer import assert_gradients_close, cross_entropy, first_gradients
from tests.tiny_training import NO_RANDOMNESS, tiny_collator, tiny_model, tiny_trainer, write_corpora


OPTIONS = {"class_balanced_cross_entropy": {"weights": [0.5, 1.0, 1.5]}}
OF_CLASS_IDS = [name for name in list_losses() if "class_ids" in label_kinds(name)]
OF_VOTES = [name for name in list_losses() if "distributions" in label_kinds(name)]


pytestmark = pytest.mark.usefixtures("one_thread")


def ballot(**counts):
    return [{"label": label, "count": count} for label, count in counts.items()]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Tiny corpora whose column `votes` differs from utterance to utterance."""
    written = write_corpora(tmp_path_factory.mktemp("audio"))
    return {
        name: rows.add_column("votes", [ballot(anger=1 + n % 3, joy=n % 2, sadness=n % 5) for n in range(len(rows))])
        for name, rows in written.items()
    }


def arguments(**options):
    return EmotionTrainingArguments("outputs", use_cpu=True, report_to="none", **options)


class TestTraining:
    def gradients(self, folder, corpora, loss, label_column, **options):
        model = tiny_model(**NO_RANDOMNESS)
        settings = {"loss": loss, "loss_options": OPTIONS.get(loss), **options}
        return first_gradients(
            folder, corpora, data_collator=tiny_collator(model, label_column=label_column), **settings
        )

    @pytest.mark.parametrize(
        ("loss", "label_column"),
        [*((name, "emotion") for name in OF_CLASS_IDS), *((name, "votes") for name in OF_VOTES)],
    )
    def test_accumulated_gradients_equal_those_of_one_large_batch(self, tmp_path, corpora, loss, label_column):
        large = self.gradients(tmp_path, corpora, loss, label_column, per_device_train_batch_size=8)
        accumulated = self.gradients(
            tmp_path, corpora, loss, label_column, per_device_train_batch_size=2, gradient_accumulation_steps=4
        )
        assert_gradients_close(accumulated, large)

    def test_cross_entropy_is_what_the_model_computes_itself(self, tmp_path, corpora):
        own = self.gradients(tmp_path, corpora, None, "emotion")
        assert_gradients_close(self.gradients(tmp_path, corpora, "cross_entropy", "emotion"), own)

    def test_options_change_the_gradients(self, tmp_path, corpora):
        plain = self.gradients(tmp_path, corpora, "cross_entropy", "emotion")
        options = {"label_smoothing": 0.5}
        smoothed = self.gradients(tmp_path, corpora, "cross_entropy", "emotion", loss_options=options)
        assert not torch.allclose(smoothed["classifier.weight"], plain["classifier.weight"], rtol=1e-2)

    def test_evaluation_reports_this_loss(self, tmp_path, corpora):
        model = tiny_model(**NO_RANDOMNESS)
        collator = tiny_collator(model, label_column="votes")
        trainer = tiny_trainer(tmp_path, corpora, model, data_collator=collator, loss="kl_divergence")
        output = trainer.predict(trainer.eval_dataset)
        expected = load_loss("kl_divergence")(torch.tensor(output.predictions), torch.tensor(output.label_ids))
        assert output.metrics["test_loss"] == pytest.approx(expected.item(), rel=1e-4)
        assert output.label_ids.shape == (48, 3)

    def test_labels_that_do_not_fit_stop_the_first_step(self, tmp_path, corpora):
        trainer = tiny_trainer(tmp_path, corpora, loss="concordance_correlation_coefficient", max_steps=1)
        with pytest.raises(ValueError, match=r"This loss takes .* found \(4, 3\) float32 and \(4,\) int64"):
            trainer.train()

    def test_training_without_labels_is_refused(self, tmp_path, corpora):
        model = tiny_model()
        collator = tiny_collator(model, label2id=None)
        trainer = tiny_trainer(tmp_path, corpora, model, data_collator=collator, loss="focal", max_steps=1)
        with pytest.raises(ValueError, match="loss='focal' needs labels, but the batch has none"):
            trainer.train()

    def test_two_losses_are_refused(self, tmp_path, corpora):
        with pytest.raises(ValueError, match="There are two losses, loss='focal' and compute_loss_func"):
            tiny_trainer(tmp_path, corpora, loss="focal", compute_loss_func=cross_entropy)

    def test_what_the_model_computes_for_other_targets_is_added(self):
        compute_loss = trainer_loss(arguments(loss="cross_entropy"))
        logits, labels, of_dimensions = torch.zeros(1, 2), torch.tensor([0]), torch.tensor(0.5)
        alone = compute_loss(SequenceClassifierOutput(logits=logits), labels)
        both = compute_loss(SequenceClassifierOutput(logits=logits, loss=of_dimensions), labels)
        assert (both - alone).item() == pytest.approx(0.5)

    def test_without_a_name_the_function_of_the_caller_stays(self):
        assert trainer_loss(arguments()) is None
        assert trainer_loss(arguments(), cross_entropy) is cross_entropy


class TestChecks:
    @pytest.mark.parametrize(
        ("label_column", "loss", "message"),
        [
            ("votes", None, "`label_column: votes` gives distributions, which the loss of the model does not take"),
            (
                "votes",
                "cross_entropy",
                "the loss 'cross_entropy' does not take. Set `loss` to class_balanced_.* or soft",
            ),
            ("emotion", "kl_divergence", "gives class ids, .* cross_entropy or focal, or leave it out"),
            ("emotion", "multi_task", "gives class ids, which the loss 'multi_task' does not take"),
            ("votes", "multi_label_binary_cross_entropy", "gives distributions, which the loss"),
            ("emotion", "concordance_correlation_coefficient", "gives class ids, which the loss"),
        ],
    )
    def test_a_loss_that_does_not_take_the_labels_is_refused(self, label_column, loss, message):
        with pytest.raises(ValueError, match=message):
            check_loss(DataArguments(label_column=label_column), arguments(loss=loss), 3)

    @pytest.mark.parametrize("label_column", ["arousal_valence", "emotion", "raw_label", "votes"])
    def test_losses_that_take_the_labels_pass(self, label_column):
        for loss in OF_VOTES if label_column == "votes" else [*OF_CLASS_IDS, None]:
            for num_classes in (None, 4):
                check_loss(DataArguments(label_column=label_column), arguments(loss=loss), num_classes)

    @pytest.mark.parametrize(
        ("loss", "options", "message"),
        [
            ("focal", {"gama": 1}, "no option 'gama'. Did you mean 'gamma'"),
            ("focal", {"weights": [1, 1]}, "2 class weights for 3 classes"),
            ("class_balanced_cross_entropy", {"weighting": "x"}, "Choose one of sample, class"),
        ],
    )
    def test_options_that_do_not_fit_are_refused(self, loss, options, message):
        with pytest.raises(ValueError, match=message):
            check_loss(DataArguments(), arguments(loss=loss, loss_options=options), 3)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"loss_options": {"gamma": 1}}, "there is no `loss` whose options they are"),
            ({"loss": "focal", "loss_options": "{gamma: 1}"}, "`loss_options` is no JSON"),
            ({"loss": "focal", "loss_options": [1]}, r"`loss_options` must map options to values, but is \[1\]"),
            ({"loss": "focal", "label_smoothing_factor": 0.1}, "Write the option `label_smoothing` into"),
        ],
    )
    def test_arguments_that_contradict_each_other_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            arguments(**options)

    def test_subsampling_needs_one_label(self):
        with pytest.raises(ValueError, match="`subsample_labels` needs one label for each utterance"):
            DataArguments(label_column="votes", subsample_labels=True)


class TestExperimentFile:
    def check(self, tmp_path, *flags, **values):
        base = {"config_name": "exhubert", "config_overrides": {"num_hidden_layers": 1}, "corpora": ["crema_d"]}
        path = tmp_path / "x.yaml"
        path.write_text(yaml.safe_dump({**base, "output_dir": "outputs", "use_cpu": True, **values}))
        (step,) = load_experiment(["--config", str(path), *flags])
        return step, check_experiment(step)

    def test_options_are_a_mapping_in_yaml_and_json_on_the_command_line(self, tmp_path):
        step, _ = self.check(tmp_path, loss="focal", loss_options={"gamma": 3.0})
        assert step.training.loss_options == {"gamma": 3.0}
        step, _ = self.check(tmp_path, "--loss_options", '{"gamma": 1.5}', loss="focal")
        assert step.training.loss_options == {"gamma": 1.5}
        assert yaml.safe_load(step.resolved_yaml())["loss_options"] in ({"gamma": 1.5}, '{"gamma": 1.5}')

    def test_an_unknown_loss_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="`loss` is 'focus', but must be one of class_balanced_cross_entropy"):
            self.check(tmp_path, loss="focus")

    def test_a_dry_run_refuses_a_loss_without_its_labels(self, tmp_path):
        with pytest.raises(ValueError, match="`label_column: votes` gives distributions"):
            self.check(tmp_path, label_column="votes")
        with pytest.raises(ValueError, match="2 class weights for 6 classes"):
            self.check(tmp_path, loss="focal", loss_options={"weights": [1.0, 2.0]})

    def test_a_dry_run_passes_soft_labels(self, tmp_path):
        _, report = self.check(tmp_path, label_column="votes", loss="class_balanced_cross_entropy")
        assert "votes, 6 classes" in report


class TestClassWeights:
    def corpus(self, **columns):
        parts = datasets.DatasetDict(train=datasets.Dataset.from_dict(columns))
        return ExperimentCorpus("c", "manifest", parts, None, 1.0)  # the split plays no part

    def weights(self, label_column, corpora, classes, **options):
        args = arguments(loss="class_balanced_cross_entropy", loss_options=options or None)
        set_class_weights(DataArguments(label_column=label_column), args, corpora, classes)
        return args.loss_options

    def test_utterances_of_all_training_parts_are_counted(self):
        corpora = [self.corpus(emotion=["joy", "anger", "joy"]), self.corpus(emotion=["joy"])]
        found = self.weights("emotion", corpora, ["anger", "joy"], weighting="class")
        assert found == {
            "weighting": "class",
            "weights": effective_number_weights([1, 3], num_utterances=4).tolist(),
        }

    def test_votes_count_for_the_classes_above_chance(self):
        votes = [ballot(anger=3, joy=1), ballot(anger=1, joy=1), ballot(joy=1), ballot(fear=1, joy=5)]
        found = self.weights("votes", [self.corpus(votes=votes)], ["anger", "joy", "fear"][:2])
        present = np.array([[1, 0], [0, 0], [0, 1], [0, 1]])  # a half is not above a half
        assert found["weights"] == effective_number_weights(present).tolist()

    def test_weights_of_the_user_stay(self):
        assert self.weights("emotion", [], ["anger", "joy"], weights=[1.0, 2.0]) == {"weights": [1.0, 2.0]}

    def test_other_losses_get_none(self):
        args = arguments(loss="focal")
        set_class_weights(DataArguments(), args, [], ["anger", "joy"])
        assert args.loss_options is None

    def test_a_class_without_training_utterances_is_refused(self):
        with pytest.raises(ValueError, match="Class 1 has 0 of 2 utterances"):
            self.weights("emotion", [self.corpus(emotion=["joy", "joy"])], ["joy", "fear"])
