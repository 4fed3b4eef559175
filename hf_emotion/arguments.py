"""Everything that can be configured about an experiment, as dataclasses for `transformers.HfArgumentParser`."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

from transformers import TrainingArguments

from .data.augmentation import check_augmentation
from .data.columns import DIMENSIONS
from .data.mixture import MIXINGS, ROUND_ROBIN_UNITS, STOPPING_STRATEGIES, check_mixing
from .data.segmentation import check_segmentation
from .losses import list_losses


@dataclass
class EmotionTrainingArguments(TrainingArguments):
    """
    `transformers.TrainingArguments` plus how corpora are mixed, with defaults for speech emotion recognition.

    Other defaults than in `transformers`: the best model is the one with the highest `eval_uar`; the state of
    callbacks (early stopping) is restored when training resumes; data loader workers persist; all columns reach the
    collator.

    Raises:
        ValueError: A mixing option is unknown or contradicts another, or an inherited option cannot work here.

    Example:

    ```python
    >>> from hf_emotion.arguments import EmotionTrainingArguments
    >>> args = EmotionTrainingArguments("outputs/quickstart", mixing="temperature", temperature=2.0, use_cpu=True)
    >>> args.metric_for_best_model, args.greater_is_better
    ('uar', True)

    ```
    """

    mixing: str = field(
        default="round_robin",
        metadata={
            "help": "How corpora take turns: by round robin, drawn with `corpus_weights`, drawn with probabilities "
            "proportional to size ** (1 / temperature), or all utterances shuffled together.",
            "choices": list(MIXINGS),
        },
    )
    round_robin_unit: str = field(
        default="batch",
        metadata={
            "help": "With round robin, whether an optimizer step works on one corpus ('batch') or passes one batch of "
            "every corpus through the model ('step', ExHuBERT paper, section 4.1).",
            "choices": list(ROUND_ROBIN_UNITS),
        },
    )
    corpus_weights: list[float] | None = field(
        default=None, metadata={"help": "For mixing='weighted': one positive weight per corpus."}
    )
    temperature: float = field(
        default=1.0,
        metadata={"help": "For mixing='temperature': 1 keeps the corpus sizes, larger values even them out."},
    )
    stopping_strategy: str = field(
        default="all_exhausted",
        metadata={
            "help": "An epoch ends when every corpus, or when the first one, has handed out all its utterances.",
            "choices": list(STOPPING_STRATEGIES),
        },
    )
    loss: str | None = field(
        default=None,
        metadata={
            "help": "Loss of hf_emotion.losses to train with, by default the model's own: cross entropy.",
            "choices": list_losses(),
        },
    )
    loss_options: dict | str | None = field(
        default=None,
        metadata={
            "help": "Options of `loss`, as a mapping (JSON on the command line). The `weights` of "
            "class_balanced_cross_entropy are by default those of the training data."
        },
    )
    group_by_length: bool = field(
        default=True, metadata={"help": "Form training batches of utterances with similar durations to save padding."}
    )
    metric_for_best_model: str | None = field(
        default="uar",
        metadata={
            "help": "Evaluation metric that picks the best checkpoint: 'uar' (mean over the corpora), '<corpus>_uar', "
            "'accuracy', 'loss', or one of your own."
        },
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True,
        metadata={"help": "Whether callbacks such as early stopping go on counting when training resumes."},
    )
    dataloader_persistent_workers: bool = field(
        default=True, metadata={"help": "Whether data loader workers, if there are any, live on after an epoch."}
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Must be false: the collator needs columns that the model does not."}
    )

    def __post_init__(self):
        check_mixing(self.mixing, self.round_robin_unit, self.corpus_weights, self.temperature, self.stopping_strategy)
        self.loss_options = _mapping("loss_options", self.loss_options, "options")
        if self.loss_options and self.loss is None:
            raise ValueError(f"`loss_options` are {self.loss_options}, but there is no `loss` whose options they are.")
        if self.loss is not None and self.label_smoothing_factor:
            raise ValueError(
                f"`label_smoothing_factor` has no effect with `loss: {self.loss}`. Write the option `label_smoothing` "
                "into `loss_options`, where the loss has it."
            )
        if self.dataloader_num_workers == 0:
            self.dataloader_persistent_workers = False
        super().__post_init__()
        config = self.accelerator_config
        refusals = (
            (self.remove_unused_columns, "remove_unused_columns", "the audio column would be lost"),
            (self.train_sampling_strategy != "random", "train_sampling_strategy", "use group_by_length and mixing"),
            (config.split_batches, "accelerator_config.split_batches", "batch sizes are per device"),
            (config.dispatch_batches, "accelerator_config.dispatch_batches", "each process loads its own batches"),
            (not config.even_batches, "accelerator_config.even_batches", "processes would evaluate unequal counts"),
            (self.batch_eval_metrics, "batch_eval_metrics", "UAR needs all predictions of a corpus"),
            (not self.eval_do_concat_batches, "eval_do_concat_batches", "UAR needs all predictions of a corpus"),
            (
                self.deepspeed is not None and self.round_robin_unit == "step",
                "deepspeed",
                'it fixes the accumulation steps before the corpora are known, use round_robin_unit="batch"',
            ),
        )
        for is_refused, name, reason in refusals:
            if is_refused:
                raise ValueError(f"{name} cannot be changed from its default here: {reason}. Remove it.")


@dataclass
class CorpusArguments:
    """One corpus of an experiment, as an entry of `corpora` in a YAML file: a name, or a mapping of these fields.

    Args:
        name (`str`): a loader (`hf-emotion corpora list`), or `"manifest"` for a manifest.csv of your own.
        data_dir (`str`, *optional*): folder of the archive; by default `<corpora_dir>/<name>`.
        weight (`float`, *optional*, defaults to 1.0): share of the corpus with `mixing: weighted`.
        split (`str`, *optional*): strategy of this corpus; by default that of the experiment.
        fold (`int`, *optional*): fold of this corpus; by default that of the experiment.
        partition_file (`str`, *optional*): file or folder that `split: partition_file` reads.

    For a corpus set, `data_dir` is the folder with one folder per corpus, and the other fields hold for all of them.
    """

    name: str
    data_dir: str | None = None
    weight: float = 1.0
    split: str | None = None
    fold: int | None = None
    partition_file: str | None = None

    @classmethod
    def from_entry(cls, entry) -> "CorpusArguments":
        """Read an entry of `corpora`; an unknown field is refused by name."""
        if isinstance(entry, str):
            return cls(entry)
        if not isinstance(entry, dict) or "name" not in entry:
            raise ValueError(f"Each entry of `corpora` is a name or a mapping with `name`, but one is {entry!r}.")
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(entry) - known):
            raise ValueError(
                f"The corpus {entry['name']!r} has the unknown field(s) {unknown}; known ones are {sorted(known)}."
            )
        corpus = cls(**entry)
        corpus.weight = float(corpus.weight)  # YAML 1.1 reads 1e-1 as a string
        return corpus


@dataclass
class DataArguments:
    """Which corpora, labels and splits an experiment uses."""

    corpora: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Corpora or names of corpus sets (emoset, emoset_plus_plus ...); in YAML also mappings "
            "{name, data_dir, weight, split, fold, partition_file}."
        },
    )
    corpora_dir: str | None = field(
        default=None, metadata={"help": "Folder with one folder per corpus, for corpora without a data_dir."}
    )
    skip_missing_corpora: bool = field(
        default=False, metadata={"help": "Train without corpora that are not there, instead of stopping."}
    )
    label_column: str = field(
        default="arousal_valence",
        metadata={
            "help": "What to classify: the six arousal x valence classes, emotions, the corpus's own labels, or "
            "the shares of votes that emotions got (needs a `loss` for distributions; the true class of scores is the "
            "one with the most votes, of equal ones the first).",
            "choices": ["arousal_valence", "emotion", "raw_label", "votes"],
        },
    )
    dimensions: list[str] | None = field(
        default=None,
        metadata={
            "help": "Ratings to predict beside the classes, arousal, valence, dominance or some of them, on a scale "
            "from 0 to 1; those of a manifest are taken as they are (needs a `speech_emotion_config`, whose "
            "`dimension_loss_weight` weighs them).",
            "choices": list(DIMENSIONS),
        },
    )
    text_embedding_model: str | None = field(
        default=None,
        metadata={
            "help": "Sentence-Transformers model (Hub id or folder) that embeds the transcripts for a model with text "
            "(needs a `speech_emotion_config` and the extra `text`)."
        },
    )
    label_overrides: dict | str | None = field(
        default=None,
        metadata={
            "help": "Your own reading of corpus labels: a mapping of corpora to labels, or a YAML file with one (see "
            "`corpora labels`)."
        },
    )
    split: str = field(
        default="auto",
        metadata={
            "help": "Split strategy, or name of a published split that all corpora have ('emobox' ...), see "
            "hf_emotion.data.splits.split_corpus."
        },
    )
    num_folds: int = field(default=5, metadata={"help": "Number of folds for split: k_fold."})
    fold: int = field(default=0, metadata={"help": "Fold, speaker or session to test, from 0."})
    validation_size: float = field(default=0.1, metadata={"help": "Share of utterances for validation."})
    test_size: float = field(default=0.2, metadata={"help": "Share of utterances for testing."})
    split_seed: int = field(default=0, metadata={"help": "Seed of the split, independent of the training seed."})
    subsample_labels: bool = field(
        default=False,
        metadata={"help": "Subsample the training part of each corpus to as many utterances of every label."},
    )
    max_duration_seconds: float | None = field(
        default=None, metadata={"help": "Crop longer clips to this duration, see crop."}
    )
    crop: str | None = field(
        default="random",
        metadata={"help": "Where long clips are cropped: at a random place in training only, or all at the start."},
    )
    segment_seconds: float | None = field(
        default=None,
        metadata={
            "help": "Cut files into segments of this length, for long recordings; scores are those of whole files."
        },
    )
    segment_hop_seconds: float | None = field(
        default=None, metadata={"help": "Distance between the starts of segments, by default their length."}
    )
    segment_min_seconds: float | None = field(
        default=None,
        metadata={"help": "Leave out a last segment that is shorter, by default than half of `segment_seconds`."},
    )
    augmentation: list[str] | None = field(
        default=None,
        metadata={
            "help": "Random changes of training clips, in this order: names of transforms (gaussian_snr, room ...), "
            "in YAML also mappings {name, p, ...}, see hf_emotion.data.augmentation.Augmentation."
        },
    )
    cache_dir: str | None = field(default=None, metadata={"help": "Where prepared corpora are cached."})

    def __post_init__(self):
        check_segmentation(
            self.segment_seconds, self.segment_hop_seconds, self.segment_min_seconds, self.max_duration_seconds
        )
        if self.augmentation is not None:
            check_augmentation(self.augmentation)
        if self.subsample_labels and self.label_column == "votes":
            raise ValueError("`subsample_labels` needs one label for each utterance, but `label_column` is votes.")


@dataclass
class ModelArguments:
    """Which model an experiment trains, and which of its parameters."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Hub id or folder of the checkpoint to start from; none trains from scratch."}
    )
    config_name: str | None = field(
        default=None,
        metadata={
            "help": "Architecture (Hub id, folder or model type) to train from scratch or to check without weights."
        },
    )
    config_overrides: dict | str | None = field(
        default=None, metadata={"help": "Config fields to change, as a mapping (JSON on the command line)."}
    )
    speech_emotion_config: dict | str | None = field(
        default=None,
        metadata={
            "help": "Put the encoder into a SpeechEmotionForSequenceClassification with these fields of its config: "
            "layer_selection, pooling, head, gender_embedding_size, conditioning ... Then `config_overrides` are "
            "fields of the encoder's config."
        },
    )
    freeze_feature_encoder: bool = field(
        default=True, metadata={"help": "Freeze the CNN, as all experiments of the ExHuBERT paper do."}
    )
    expand_num_copies: int = field(
        default=0, metadata={"help": "Copies to append to encoder layers before training: 1 is ExHuBERT, 2 XLarge."}
    )
    expand_layers: list[int] | None = field(default=None, metadata={"help": "Layers to expand; all by default."})
    expand_init: str = field(
        default="zero", metadata={"help": "Start of the linear behind a copy.", "choices": ["zero", "random"]}
    )
    freeze_original_layers: bool = field(
        default=True, metadata={"help": "Freeze the original layers of an expanded model."}
    )

    adapter: str | None = field(
        default=None,
        metadata={
            "help": "Train an adapter instead of the encoder: lora, dora or another method of peft; head_only trains "
            "the head without one. The folder of the run gets the merged model, and the adapter beside it."
        },
    )
    adapter_options: dict | str | None = field(
        default=None, metadata={"help": "Options of the method, such as {r: 8, lora_alpha: 16}."}
    )
    adapter_target_modules: list[str] | None = field(
        default=None, metadata={"help": "Linear layers with an adapter; query, key and value by default."}
    )
    adapter_head: str = field(
        default="train",
        metadata={"help": "Train the head as it is, or adapt its linear layers too.", "choices": ["train", "adapt"]},
    )

    def __post_init__(self):
        self.config_overrides = _mapping("config_overrides", self.config_overrides, "config fields")
        self.speech_emotion_config = _mapping("speech_emotion_config", self.speech_emotion_config, "config fields")
        self.adapter_options = _mapping("adapter_options", self.adapter_options, "options")
        if self.adapter is None and (self.adapter_options or self.adapter_target_modules):
            raise ValueError("`adapter_options` and `adapter_target_modules` need an `adapter`, for example lora.")
        if self.model_name_or_path is None and self.config_name is None:
            raise ValueError(
                "The experiment names no model: set `model_name_or_path` (a checkpoint) or `config_name` (an "
                "architecture to train from scratch)."
            )

    @property
    def overrides(self) -> dict[str, Any]:
        """`config_overrides` as a dict."""
        return dict(self.config_overrides) if isinstance(self.config_overrides, dict) else {}


@dataclass
class RunArguments:
    """How a run is carried out."""

    step_name: str | None = field(default=None, metadata={"help": "Name of a step and of its folder in output_dir."})
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without a better validation UAR."}
    )
    dry_run: bool = field(
        default=False, metadata={"help": "Check the experiment without weights and data, print it, and stop."}
    )


def _mapping(name: str, value: Any, keys: str) -> dict[str, Any] | None:
    """The value of a field that is a mapping in YAML and JSON on the command line."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"`{name}` is no JSON ({error}): {value}") from error
    if not isinstance(value, dict | None):
        raise ValueError(f"`{name}` must map {keys} to values, but is {value!r}.")
    return value
