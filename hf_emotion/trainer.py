"""[`EmotionTrainer`]: training on a mixture of corpora, evaluation per corpus, checkpoints that survive a crash."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import EvalPrediction, PreTrainedConfig, PreTrainedModel, Trainer
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import (
    PREFIX_CHECKPOINT_DIR,
    EvalLoopOutput,
    TrainOutput,
    seed_worker,
)

from .arguments import EmotionTrainingArguments
from .checkpoint_folders import (
    INCOMPLETE_DIR,
    delete_incomplete_checkpoints,
    delete_old_checkpoints,
    last_checkpoint,
    publish_checkpoint,
)
from .data.mixture import CorpusMixture, MultiCorpusBatchSampler, evaluation_order
from .evaluation.training_metrics import corpus_metrics, dimension_metrics
from .experiment.loss import trainer_loss
from .experiment.segments import FilesOfRows


logger = logging.getLogger(__name__)


class EmotionTrainer(Trainer):
    """
    `transformers.Trainer` for speech emotion recognition.

    * Trains on a mixture of corpora ([`MultiCorpusBatchSampler`]).
    * Evaluates from the longest clip to the shortest, and reports `eval_uar` (unweighted average recall, mean over
      the corpora), `eval_accuracy` (over all utterances) and `eval_<corpus>_uar`; of a model with emotion dimensions
      also `eval_<dimension>_ccc` and `eval_ccc`. The predictions of such a model are logits and dimensions. Where rows
      are segments of files, these scores are those of the files.
    * A folder `checkpoint-<step>` is complete whenever it exists. Resuming continues with the same batches and the
      same random numbers, so that the losses are those of the uninterrupted run.
    * Averages the loss over gradient accumulation steps. The stock Trainer leaves that to the model if its `forward`
      accepts `**kwargs` or if there is a `compute_loss_func`; audio classifiers do not do it, and their gradients come
      out multiplied by the number of steps.

    Args:
        model (`PreTrainedModel`, *optional*):
            Model to train.
        args ([`EmotionTrainingArguments`]):
            Training arguments. The Trainer works on a copy: with `round_robin_unit="step"` its
            `gradient_accumulation_steps` are multiplied by the number of corpora.
        data_collator ([`EmotionDataCollator`]):
            Turns rows into batches.
        train_dataset ([`CorpusMixture`], `Mapping[str, datasets.Dataset]` or `datasets.Dataset`, *optional*):
            The mixture, the training datasets by corpus, or one dataset that is treated as one corpus.
        eval_dataset (`datasets.Dataset` or `Mapping[str, datasets.Dataset]`, *optional*):
            Validation utterances of all corpora; their column `corpus` says where each belongs.
        compute_metrics (`Callable[[EvalPrediction], dict]`, *optional*):
            Further metrics, from logits and labels in the order of the dataset.
        **kwargs:
            Further arguments of `transformers.Trainer`, such as `processing_class`, `callbacks` and
            `compute_loss_func` (of outputs and labels, the mean loss of a batch), unless `args` name a `loss`.

    Raises:
        TypeError: `args` are not [`EmotionTrainingArguments`].
        ValueError: There is no collator, or a corpus is empty.
    """

    # For `compute_loss_func` as well: our losses are means over a batch.
    loss_is_scaled_for_ga = False

    args: EmotionTrainingArguments
    model: PreTrainedModel
    train_dataset: CorpusMixture | None
    compute_metrics: Any

    def __init__(
        self,
        model=None,
        args: EmotionTrainingArguments | None = None,
        data_collator=None,
        train_dataset: CorpusMixture | Mapping[str, datasets.Dataset] | datasets.Dataset | None = None,
        eval_dataset: Mapping[str, datasets.Dataset] | datasets.Dataset | None = None,
        *,
        compute_metrics=None,
        **kwargs,
    ):
        if not isinstance(args, EmotionTrainingArguments):
            raise TypeError(
                f"args must be EmotionTrainingArguments, found {type(args).__name__}: they say how corpora are mixed."
            )
        if data_collator is None:
            raise ValueError("Rows hold undecoded audio: pass an EmotionDataCollator as data_collator.")
        args = copy.copy(args)
        args.label_names = args.label_names or ["labels"]  # of all inputs; other targets may be missing
        train_dataset = _as_mixture(train_dataset)
        self._batches_per_turn = args.gradient_accumulation_steps
        if train_dataset is not None and args.round_robin_unit == "step":
            args.gradient_accumulation_steps *= len(train_dataset.names)
        if args.ddp_find_unused_parameters is None and model is not None:
            args.ddp_find_unused_parameters = leaves_parameters_unused(model.config)
        if isinstance(eval_dataset, Mapping):
            eval_dataset = datasets.concatenate_datasets(list(eval_dataset.values()))
        self._is_saving = False
        self._eval_dataloader: DataLoader | None = None
        kwargs["compute_loss_func"] = trainer_loss(args, kwargs.get("compute_loss_func"))
        super().__init__(
            model,
            args,
            data_collator,
            train_dataset,
            eval_dataset,
            compute_metrics=compute_metrics or _no_further_metrics,
            **kwargs,
        )
        self.model_accepts_loss_kwargs = False

    # ---- Data ----

    def get_train_dataloader(self) -> DataLoader:
        """Data loader over the mixture, as the arguments say."""
        args = self.args
        if self.train_dataset is None:
            raise ValueError("There is nothing to train on: pass train_dataset.")
        sampler = MultiCorpusBatchSampler(
            self.train_dataset,
            self._train_batch_size,
            num_processes=self.accelerator.num_processes,
            gradient_accumulation_steps=self._batches_per_turn,
            mixing=args.mixing,
            round_robin_unit=args.round_robin_unit,
            corpus_weights=args.corpus_weights,
            temperature=args.temperature,
            stopping_strategy=args.stopping_strategy,
            group_by_length=args.group_by_length,
            seed=args.seed if args.data_seed is None else args.data_seed,
        )
        return self._dataloader(self.train_dataset, args.dataloader_persistent_workers, batch_sampler=sampler)

    def get_eval_dataloader(self, eval_dataset: datasets.Dataset | None = None) -> DataLoader:
        """Data loader from the longest utterance to the shortest.

        Args:
            eval_dataset (`datasets.Dataset`, *optional*): Utterances, by default the `eval_dataset` of the Trainer.
        """
        if eval_dataset is not None and eval_dataset is not self.eval_dataset:
            return self.get_test_dataloader(eval_dataset)
        if self.eval_dataset is None:
            raise ValueError("There is nothing to evaluate: pass eval_dataset.")
        if self._eval_dataloader is None or not self.args.dataloader_persistent_workers:
            self._eval_dataloader = self._evaluation_dataloader(
                self.eval_dataset, self.args.dataloader_persistent_workers
            )
        return self._eval_dataloader

    def get_test_dataloader(self, test_dataset: datasets.Dataset) -> DataLoader:
        """Data loader from the longest utterance to the shortest; its workers end with the pass."""
        return self._evaluation_dataloader(test_dataset, persistent_workers=False)

    def _evaluation_dataloader(self, dataset: datasets.Dataset, persistent_workers: bool) -> DataLoader:
        return self._dataloader(
            dataset, persistent_workers, batch_size=self.args.eval_batch_size, sampler=evaluation_order(dataset)
        )

    def _dataloader(self, dataset, persistent_workers: bool, **sampling) -> DataLoader:
        args = self.args
        loader = DataLoader(
            dataset,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory and torch.accelerator.is_available(),  # or torch warns each time
            persistent_workers=persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            multiprocessing_context=args.dataloader_multiprocessing_context,
            worker_init_fn=partial(seed_worker, num_workers=args.dataloader_num_workers, rank=args.process_index),
            # Without a generator of its own, a loader draws from the global one whenever an iteration starts, and a
            # run that resumes iterates at other times than one that was not interrupted.
            generator=torch.Generator().manual_seed(args.seed),
            **sampling,
        )
        return self.accelerator.prepare(loader)

    def num_examples(self, dataloader: DataLoader) -> int:
        """Utterances in one pass of a data loader; restarted corpora count as often as they are passed."""
        if isinstance(dataloader.dataset, CorpusMixture):
            return len(dataloader) * self._train_batch_size * self.accelerator.num_processes
        return super().num_examples(dataloader)

    # ---- Loss ----

    def _get_num_items_in_batch(self, batch_samples: list, device: torch.device) -> None:
        # A count would make the Trainer multiply the loss of `compute_loss_func` by the number of processes.
        return None

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Zero: the generic estimate takes audio samples for tokens, and walks through all modules in every step."""
        return 0

    # ---- Evaluation ----

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Predict and score; logits and labels are returned in the order of the dataset."""
        if ignore_keys is None:
            # Models that weight their layers return all of them, which would be gathered for the whole dataset.
            keys = getattr(self.model.config, "keys_to_ignore_at_inference", [])
            ignore_keys = [*keys, "hidden_states", "attentions"]
        further_metrics, self.compute_metrics = self.compute_metrics, None
        try:
            output = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
        finally:
            self.compute_metrics = further_metrics
        if output.predictions is None:
            return output
        dataset: Any = dataloader.dataset
        order = np.asarray(evaluation_order(dataset))
        found = output.predictions if isinstance(output.predictions, tuple) else (output.predictions,)
        outputs = tuple(_restore_order(values, order) for values in found)
        predictions: Any = outputs if len(outputs) > 1 else outputs[0]
        if output.label_ids is None:
            return output._replace(predictions=predictions)
        labels = _restore_order(output.label_ids, order)
        metrics = dict(further_metrics(EvalPrediction(predictions=outputs[0], label_ids=labels)))
        files = FilesOfRows(dataset)
        if getattr(self.model.config, "problem_type", None) != "regression":
            scores, true, corpora = files.class_scores(outputs[0]), files.first(labels), files.first(_corpora(dataset))
            metrics = {**corpus_metrics(scores, true, corpora.tolist()), **metrics}
        names = getattr(self.model.config, "dimension_names", None) or ()
        if names and len(outputs) > 1 and set(names) <= set(dataset.column_names):
            rated = {name: files.first(np.asarray(dataset[name][:], dtype=np.float64)) for name in names}
            metrics |= dimension_metrics(dict(zip(names, files.mean(outputs[1]).T, strict=True)), rated)
        prefixed = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        return output._replace(
            predictions=predictions, label_ids=labels, metrics={**(output.metrics or {}), **prefixed}
        )

    # ---- Checkpoints ----

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial=None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """Train, from scratch or from a checkpoint.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*):
                A checkpoint folder, or `True` for the last complete one in `output_dir`; if there is none, training
                starts from scratch with a warning.
            trial (*optional*):
                Hyperparameter search trial.
            ignore_keys_for_eval (`list[str]`, *optional*):
                Outputs of the model that evaluation does not collect.

        Returns:
            `TrainOutput`: Number of steps, mean training loss and metrics.
        """
        output_dir = str(self.args.output_dir)
        if self.args.should_save:
            delete_incomplete_checkpoints(output_dir)
        self.accelerator.wait_for_everyone()
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_checkpoint(output_dir)
            if resume_from_checkpoint is None:
                logger.warning("No complete checkpoint in %s: training starts from scratch.", output_dir)
        return super().train(resume_from_checkpoint, trial, ignore_keys_for_eval)

    def _get_output_dir(self, trial) -> str:
        run_dir = super()._get_output_dir(trial)
        return os.path.join(run_dir, INCOMPLETE_DIR) if self._is_saving else run_dir

    def _save_checkpoint(self, model, trial) -> None:
        run_dir = Path(self._get_output_dir(trial))
        checkpoint = run_dir / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        staged = run_dir / INCOMPLETE_DIR / checkpoint.name
        self._is_saving = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._is_saving = False
        if self.state.best_global_step == self.state.global_step:
            self.state.best_model_checkpoint = str(checkpoint)
            if self.args.should_save:
                self.state.save_to_json(str(staged / TRAINER_STATE_NAME))
        self.accelerator.wait_for_everyone()  # each process writes its random state
        if self.args.should_save:
            publish_checkpoint(staged, checkpoint)
        self.accelerator.wait_for_everyone()
        if self.is_local_process_zero() and staged.exists():  # a node that does not share the disk
            publish_checkpoint(staged, checkpoint)
        if self.args.push_to_hub:
            self._push_from_checkpoint(str(checkpoint))
        if self.args.should_save:
            delete_old_checkpoints(run_dir, self.args.save_total_limit, (checkpoint, self.state.best_model_checkpoint))

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        # While saving, the folder is about to be renamed under the hands of the upload.
        if not self._is_saving:
            super()._push_from_checkpoint(checkpoint_folder)

    def _finalize_training(self, trial, num_train_samples, start_time) -> TrainOutput:
        if self.args.should_save:
            run_dir = self._get_output_dir(trial)
            best = self.state.best_model_checkpoint
            if self.args.save_total_limit == 1 and best is not None:
                # Otherwise the Trainer deletes the same folders, one file after the other.
                delete_old_checkpoints(run_dir, 1, (best,))
            delete_incomplete_checkpoints(run_dir)
        return super()._finalize_training(trial, num_train_samples, start_time)


def leaves_parameters_unused(config: PreTrainedConfig) -> bool | None:
    """Whether training steps may leave trainable parameters without gradient, which data-parallel training must know.

    Searching for such parameters costs a walk over the graph in each step. It is needed with LayerDrop, which skips
    layers, and if the SpecAugment embedding exists but is not used; frozen parameters do no harm.

    Args:
        config (`PreTrainedConfig`): Configuration of the model; nested ones are looked at, too.

    Returns:
        `bool` or `None`: `None` if the configuration has no such options; the Trainer then decides.
    """
    configs = [config, *(value for value in vars(config).values() if isinstance(value, PreTrainedConfig))]
    rates = [getattr(part, name, None) for part in configs for name in ("layerdrop", "encoder_layerdrop")]
    if all(rate is None for rate in rates):
        return None
    for part in configs:
        time_prob, feature_prob = getattr(part, "mask_time_prob", 0.0), getattr(part, "mask_feature_prob", 0.0)
        has_embedding = time_prob > 0 or feature_prob > 0
        if has_embedding and not (getattr(part, "apply_spec_augment", True) and time_prob > 0):
            return True
    return any(rate for rate in rates)


def _as_mixture(train_dataset: Any) -> CorpusMixture | None:
    if train_dataset is None or isinstance(train_dataset, CorpusMixture):
        return train_dataset
    if isinstance(train_dataset, Mapping):
        return CorpusMixture(train_dataset)
    name = train_dataset[0]["corpus"] if len(train_dataset) and "corpus" in train_dataset.column_names else "train"
    return CorpusMixture({name: train_dataset})


def _corpora(dataset: datasets.Dataset) -> list[str]:
    return dataset["corpus"][:] if "corpus" in dataset.column_names else ["dataset"] * len(dataset)


def _no_further_metrics(prediction: EvalPrediction) -> dict[str, float]:
    return {}


def _restore_order(values: Any, order: np.ndarray) -> np.ndarray:
    restored = np.empty_like(values)
    restored[order] = values
    return restored
