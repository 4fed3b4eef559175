"""Promises of the Trainer: what an optimizer step averages, what evaluation scores, which checkpoints exist."""

import json
from collections import Counter

import datasets
import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from transformers import (
    EarlyStoppingCallback,
    HubertConfig,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    WhisperConfig,
)

from hf_emotion.arguments import EmotionTrainingArguments
from hf_emotion.evaluation.training_metrics import corpus_metrics
from hf_emotion.trainer import EmotionTrainer, leaves_parameters_unused

from .tiny_training import LABELS, NO_RANDOMNESS, losses_of, tiny_collator, tiny_model, tiny_trainer, write_corpora


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return write_corpora(tmp_path_factory.mktemp("audio"))


def cross_entropy(outputs, labels, num_items_in_batch=None):
    return torch.nn.functional.cross_entropy(outputs.logits, labels)


class Gradients(TrainerCallback):
    """Keep the gradients of the first optimizer step."""

    def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
        if state.global_step == 0:
            self.values = {
                name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None
            }


def first_gradients(tmp_path, corpora, trainer_class=EmotionTrainer, **options):
    gradients = Gradients()
    trainer = tiny_trainer(
        tmp_path,
        corpora,
        tiny_model(**NO_RANDOMNESS),
        trainer_class,
        max_steps=1,
        max_grad_norm=0.0,
        callbacks=[gradients],
        **options,
    )
    trainer.train()
    return gradients.values


def assert_gradients_close(found, expected, factor=1.0):
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], factor * expected[name], rtol=1e-3, atol=1e-6)


class TestLoss:
    @pytest.mark.parametrize("compute_loss_func", [None, cross_entropy])
    def test_accumulated_gradients_equal_those_of_one_large_batch(self, tmp_path, corpora, compute_loss_func):
        large = first_gradients(tmp_path, corpora, per_device_train_batch_size=8)
        accumulated = first_gradients(
            tmp_path,
            corpora,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=4,
            compute_loss_func=compute_loss_func,
        )
        assert_gradients_close(accumulated, large)

    def test_the_stock_trainer_multiplies_them_by_the_number_of_batches(self, tmp_path, corpora):
        """Why `EmotionTrainer` switches off `model_accepts_loss_kwargs`: if this fails, that may be needless."""

        class Stock(EmotionTrainer):
            loss_is_scaled_for_ga = Trainer.loss_is_scaled_for_ga
            _get_num_items_in_batch = Trainer._get_num_items_in_batch

            def train(self):
                self.model_accepts_loss_kwargs = True  # what `Trainer` concludes from the `**kwargs` of the model
                return super().train()

        large = first_gradients(tmp_path, corpora, per_device_train_batch_size=8)
        accumulated = first_gradients(
            tmp_path, corpora, Stock, per_device_train_batch_size=2, gradient_accumulation_steps=4
        )
        assert_gradients_close(accumulated, large, factor=4.0)

    def test_soft_labels_reach_the_loss_function(self, tmp_path, corpora):
        votes = [{"label": "anger", "count": 1}, {"label": "joy", "count": 3}]
        voted = {name: dataset.add_column("votes", [votes] * len(dataset)) for name, dataset in corpora.items()}
        seen = []

        def remember(outputs, labels, num_items_in_batch=None):
            seen.append(labels)
            return cross_entropy(outputs, labels)

        model = tiny_model()
        collator = tiny_collator(model, soft_labels=True)
        tiny_trainer(tmp_path, voted, model, data_collator=collator, compute_loss_func=remember, max_steps=1).train()
        assert seen[0].tolist() == [[0.25, 0.75, 0.0]] * 4


class TestMixing:
    def corpora_of_steps(self, trainer):
        """Corpora of the batches of each optimizer step."""
        mixture = trainer.train_dataset
        batches = [
            {mixture.locate(index)[0] for index, _ in batch} for batch in trainer.get_train_dataloader().batch_sampler
        ]
        per_step = trainer.args.gradient_accumulation_steps
        return [batches[start : start + per_step] for start in range(0, len(batches), per_step)]

    def test_optimizer_steps_go_round_the_corpora(self, tmp_path, corpora):
        trainer = tiny_trainer(tmp_path, corpora, gradient_accumulation_steps=2)
        steps = self.corpora_of_steps(trainer)
        assert steps == [[{"alba"}] * 2, [{"brio"}] * 2, [{"corda"}] * 2] * 3

    def test_a_round_robin_step_passes_every_corpus_through_the_model(self, tmp_path, corpora):
        trainer = tiny_trainer(tmp_path, corpora, round_robin_unit="step", num_train_epochs=1)
        assert self.corpora_of_steps(trainer) == [[{"alba"}, {"brio"}, {"corda"}]] * 6
        assert trainer.train().global_step == 6

    def test_the_arguments_of_the_caller_stay_as_they_are(self, tmp_path, corpora):
        args = EmotionTrainingArguments(
            str(tmp_path), round_robin_unit="step", gradient_accumulation_steps=2, use_cpu=True
        )
        model = tiny_model()
        for _ in range(2):
            trainer = EmotionTrainer(model, args, tiny_collator(model), corpora)
            assert trainer.args.gradient_accumulation_steps == 6
        assert args.gradient_accumulation_steps == 2

    def test_drawn_corpora_follow_the_weights(self, tmp_path, corpora):
        trainer = tiny_trainer(
            tmp_path, corpora, mixing="weighted", corpus_weights=[1, 1, 8], stopping_strategy="all_exhausted"
        )
        counts = Counter(next(iter(corpus)) for step in self.corpora_of_steps(trainer) for corpus in step)
        assert counts["corda"] > 3 * max(counts["alba"], counts["brio"])

    def test_one_dataset_is_trained_on_as_one_corpus(self, tmp_path, corpora):
        trainer = tiny_trainer(tmp_path, corpora, train_dataset=corpora["brio"])
        assert trainer.train_dataset.names == ("brio",)

    def test_samples_per_second_count_restarted_corpora(self, tmp_path, corpora):
        trainer = tiny_trainer(tmp_path, corpora)
        assert trainer.num_examples(trainer.get_train_dataloader()) == 6 * 3 * 4  # rounds x corpora x batch size


class TestEvaluation:
    @pytest.fixture(scope="class")
    def trainer(self, corpora, tmp_path_factory):
        return tiny_trainer(
            tmp_path_factory.mktemp("evaluation"), corpora, tiny_model(**NO_RANDOMNESS), per_device_eval_batch_size=5
        )

    def test_predictions_come_in_the_order_of_the_dataset(self, trainer):
        rows = trainer.eval_dataset
        output = trainer.predict(rows)
        with torch.no_grad():
            alone = [trainer.model(**trainer.data_collator([row])).logits[0] for row in rows]
        torch.testing.assert_close(torch.from_numpy(output.predictions), torch.stack(alone), rtol=1e-4, atol=1e-5)
        assert output.label_ids.tolist() == [LABELS.index(label) for label in rows["emotion"]]

    def test_scores_are_averaged_over_corpora(self, trainer):
        metrics = trainer.evaluate()
        output = trainer.predict(trainer.eval_dataset)
        predicted, corpus = output.predictions.argmax(-1), np.array(trainer.eval_dataset["corpus"][:])
        expected = {
            name: balanced_accuracy_score(output.label_ids[corpus == name], predicted[corpus == name])
            for name in ("alba", "brio", "corda")
        }
        for name, uar in expected.items():
            assert metrics[f"eval_{name}_uar"] == pytest.approx(uar)
        assert metrics["eval_uar"] == pytest.approx(np.mean(list(expected.values())))
        assert metrics["eval_accuracy"] == pytest.approx((predicted == output.label_ids).mean())

    @pytest.mark.parametrize(
        ("labels", "corpora", "expected"),
        [
            ([0, 1, 2, 2], "aaaa", {"uar": 1.0, "accuracy": 1.0, "a_uar": 1.0}),
            ([0, 0, 2, 2], "aaaa", {"uar": 0.75, "accuracy": 0.75, "a_uar": 0.75}),  # class 1 is not in the truth
            ([0, 0, 2, 2], "aabb", {"uar": 0.75, "accuracy": 0.75, "a_uar": 0.5, "b_uar": 1.0}),
            ([0, 2, 2, 1], "abbb", {"uar": 0.625, "accuracy": 0.5, "a_uar": 1.0, "b_uar": 0.25}),
        ],
    )
    @pytest.mark.parametrize("is_soft", [False, True])
    def test_scores_leave_out_classes_that_a_corpus_lacks(self, labels, corpora, expected, is_soft):
        logits = np.eye(3)[[0, 1, 2, 2]]
        labels = np.eye(3)[labels] if is_soft else np.array(labels)
        assert corpus_metrics(logits, labels, list(corpora)) == expected

    def test_further_metrics_are_added(self, corpora, tmp_path):
        trainer = tiny_trainer(
            tmp_path, corpora, compute_metrics=lambda prediction: {"rows": len(prediction.label_ids)}
        )
        metrics = trainer.evaluate()
        assert metrics["eval_rows"] == 48
        assert "eval_uar" in metrics

    def test_prediction_works_without_labels(self, corpora, tmp_path):
        model = tiny_model()
        trainer = tiny_trainer(tmp_path, corpora, model, data_collator=tiny_collator(model, label2id=None))
        assert trainer.predict(corpora["brio"]).predictions.shape == (15, 3)

    def test_hidden_states_are_not_collected(self, corpora, tmp_path):
        trainer = tiny_trainer(tmp_path, corpora, tiny_model(use_weighted_layer_sum=True, output_hidden_states=True))
        assert trainer.predict(corpora["corda"]).predictions.shape == (9, 3)

    def test_another_dataset_is_not_confused_with_the_validation_set_of_persistent_workers(self, corpora, tmp_path):
        trainer = tiny_trainer(tmp_path, corpora, dataloader_num_workers=1)
        trainer.evaluate()
        assert trainer.get_eval_dataloader() is trainer.get_eval_dataloader()
        assert set(trainer.evaluate(corpora["brio"])) >= {"eval_uar", "eval_brio_uar"}
        assert "eval_alba_uar" not in trainer.evaluate(corpora["brio"])


class TestCheckpoints:
    def train(self, output_dir, corpora, **options):
        settings = {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 1, "save_steps": 1}
        trainer = tiny_trainer(output_dir, corpora, **{**settings, **options})
        trainer.train(resume_from_checkpoint=options.get("resume_from_checkpoint"))
        return trainer

    def steps(self, output_dir):
        return sorted(int(path.name.split("-")[1]) for path in output_dir.glob("checkpoint-*"))

    def test_the_checkpoint_with_the_best_uar_is_kept_and_loaded(self, tmp_path, corpora):
        trainer = self.train(
            tmp_path, corpora, max_steps=8, learning_rate=0.02, load_best_model_at_end=True, save_total_limit=1
        )
        uars = {entry["step"]: entry["eval_uar"] for entry in trainer.state.log_history if "eval_uar" in entry}
        best_step = max(uars, key=uars.get)
        assert len(set(uars.values())) > 1
        assert best_step < 8
        assert trainer.state.best_metric == uars[best_step]
        assert trainer.state.best_model_checkpoint == str(tmp_path / f"checkpoint-{best_step}")
        assert self.steps(tmp_path) == [best_step]
        assert trainer.evaluate()["eval_uar"] == uars[best_step]

    def test_the_saved_state_names_the_final_folder_of_the_best_checkpoint(self, tmp_path, corpora):
        self.train(tmp_path, corpora, max_steps=2, learning_rate=0.0)  # the first evaluation stays the best
        for step in (1, 2):
            state = json.loads((tmp_path / f"checkpoint-{step}" / "trainer_state.json").read_text())
            assert state["best_model_checkpoint"] == str(tmp_path / "checkpoint-1")

    def test_only_the_newest_and_the_best_checkpoints_are_left(self, tmp_path, corpora):
        self.train(tmp_path, corpora, max_steps=6, learning_rate=0.0, save_total_limit=3)
        assert self.steps(tmp_path) == [1, 5, 6]

    def test_training_again_replaces_the_checkpoints(self, tmp_path, corpora):
        first = self.train(tmp_path, corpora, max_steps=2)
        second = self.train(tmp_path, corpora, max_steps=2, seed=1)
        assert losses_of(first) != losses_of(second)
        state = json.loads((tmp_path / "checkpoint-2" / "trainer_state.json").read_text())
        assert [entry["loss"] for entry in state["log_history"] if "loss" in entry] == list(losses_of(second).values())

    def test_early_stopping_stops_when_uar_does_not_improve(self, tmp_path, corpora):
        stopping = EarlyStoppingCallback(early_stopping_patience=2)
        trainer = self.train(
            tmp_path, corpora, max_steps=9, learning_rate=0.0, load_best_model_at_end=True, callbacks=[stopping]
        )
        assert trainer.state.global_step == 3  # best at step 1, then twice not better

    def test_early_stopping_goes_on_counting_after_resuming(self, tmp_path, corpora):
        options = {"learning_rate": 0.0, "load_best_model_at_end": True}
        for max_steps, resume in ((2, None), (9, True)):
            trainer = self.train(
                tmp_path,
                corpora,
                max_steps=max_steps,
                callbacks=[EarlyStoppingCallback(early_stopping_patience=3)],
                resume_from_checkpoint=resume,
                **options,
            )
        assert trainer.state.global_step == 4

    def test_debris_of_a_killed_run_is_removed_at_the_start(self, tmp_path, corpora):
        debris = tmp_path / ".incomplete" / "checkpoint-7"
        debris.mkdir(parents=True)
        self.train(tmp_path, corpora, max_steps=1)
        assert not debris.parent.exists()
        assert self.steps(tmp_path) == [1]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (HubertConfig(layerdrop=0.1), True),
        (HubertConfig(layerdrop=0.0), False),
        (HubertConfig(layerdrop=0.0, apply_spec_augment=False), True),  # embedding exists, is never used
        (HubertConfig(layerdrop=0.0, mask_time_prob=0.0, mask_feature_prob=0.1), True),  # the same
        (HubertConfig(layerdrop=0.0, mask_time_prob=0.0), False),  # no embedding
        (WhisperConfig(encoder_layerdrop=0.1), True),
        (TrainerCallback(), None),
    ],
)
def test_unused_parameters_are_searched_for_only_where_there_may_be_some(config, expected):
    assert leaves_parameters_unused(config) is expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mixing": "random"}, "mixing='random' is not known"),
            ({"corpus_weights": [1.0, 2.0]}, "have no effect"),
            ({"temperature": -1.0, "mixing": "temperature"}, "must be positive"),
            ({"remove_unused_columns": True}, "the audio column would be lost"),
            ({"train_sampling_strategy": "group_by_length"}, "use group_by_length and mixing"),
            ({"accelerator_config": {"split_batches": True}}, "batch sizes are per device"),
            ({"accelerator_config": {"dispatch_batches": True}}, "each process loads its own batches"),
            ({"batch_eval_metrics": True}, "UAR needs all predictions"),
            ({"eval_do_concat_batches": False}, "UAR needs all predictions"),
        ],
    )
    def test_arguments_that_cannot_work_are_refused(self, options, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            EmotionTrainingArguments(str(tmp_path), use_cpu=True, **options)

    def test_stock_arguments_are_refused(self, corpora, tmp_path):
        model = tiny_model()
        with pytest.raises(TypeError, match="found TrainingArguments"):
            EmotionTrainer(model, TrainingArguments(str(tmp_path), use_cpu=True), tiny_collator(model), corpora)

    def test_a_missing_collator_is_refused(self, corpora, tmp_path):
        with pytest.raises(ValueError, match="pass an EmotionDataCollator"):
            tiny_trainer(tmp_path, corpora, data_collator=None)

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_a_corrupt_file_stops_training_with_its_name(self, corpora, tmp_path, num_workers):
        path = tmp_path / "broken.wav"
        path.write_bytes(b"RIFF")
        rows = corpora["corda"].to_list()
        rows[3]["audio"]["path"] = str(path)
        broken = {"corda": datasets.Dataset.from_list(rows)}
        trainer = tiny_trainer(tmp_path, broken, num_train_epochs=1, dataloader_num_workers=num_workers)
        with pytest.raises(ValueError, match=r"utterance corda_03 of corpus corda .*broken\.wav"):
            trainer.train()
