# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Configuration of a speech emotion classifier: any encoder of transformers, pooling, conditions and head."""

import copy

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig
from transformers.configuration_utils import PreTrainedConfig

from .custom_encoders_speech_emotion import CUSTOM_ENCODERS


POOLINGS = ("mean", "sum", "max", "std", "mean_std", "attention", "attentive_statistics", "first")
HEADS = ("linear", "mlp", "tanh", "relu", "dense", "layer_norm_relu")
# heads of as many equal layers as `num_head_layers` says
STACKED_HEADS = ("tanh", "relu", "dense", "layer_norm_relu")
DIMENSION_ACTIVATIONS = ("none", "sigmoid")
FUSIONS = ("product", "mean", "concat", "film")
_DEFAULT_ENCODER = "wavlm"


@strict
class SpeechEmotionConfig(PreTrainedConfig):
    r"""
    Configuration of a [`SpeechEmotionForSequenceClassification`].

    Args:
        encoder_config (`dict` or [`~transformers.PreTrainedConfig`], *optional*):
            Config of the encoder, with its `model_type`: `"hubert"`, `"exhubert"`, `"wav2vec2"`,
            `"wav2vec2-conformer"`, `"wav2vec2-bert"`, `"wavlm"`, `"data2vec-audio"`, `"unispeech"`, `"unispeech-sat"`,
            `"sew"`, `"sew-d"` or `"whisper"` (its encoder only), or an encoder that transformers does not have:
            `"apc"`, `"vq_apc"`, `"npc"`, `"mockingjay"` (also TERA), `"decoar2"`, `"wav2vec"`, `"vq_wav2vec"`,
            `"modified_cpc"`, `"pase_plus"` or `"filter_bank"`. A default WavLM if `None`.
        num_copies_per_layer (`list[int]`, *optional*):
            How many trained copies follow each encoder layer (backbone block expansion, see
            [`SpeechEmotionForSequenceClassification.expand_blocks`]): one non-negative integer per layer, or `None`
            for the encoder as it is. An ExHuBERT encoder has its own: it is set in `encoder_config` and is refused
            here.
        layer_selection (`str` or `int`, *optional*, defaults to `"last"`):
            `"last"`, the index of one hidden state (0 is the input of the first layer, -1 the last), or `"weighted"`:
            the average of all hidden states with learned softmax weights. Encoders that transformers does not have
            say in their `forward` which states they return.
        normalize_layers (`bool`, *optional*, defaults to `False`):
            Whether a layer norm without parameters is applied to each hidden state before the weighted average.
        num_frame_layers (`int`, *optional*, defaults to 0):
            Number of linear layers that each frame passes before the pooling, with ReLU and dropout between them (the
            convolutions of kernel size 1 of Vox-Profile).
        frame_layer_size (`int`, *optional*, defaults to 256):
            Their width.
        frame_layer_dropout (`float`, *optional*, defaults to 0.1):
            Dropout between them.
        pooling (`str`, *optional*, defaults to `"mean"`):
            Pooling over the valid frames: `"mean"`, `"sum"`, `"max"`, `"std"`, `"mean_std"`, `"attention"` (one
            learned weight per frame), `"attentive_statistics"` (its weighted mean and standard deviation, Okabe et
            al., 2018) or `"first"` (the first frame).
        attention_pooling_size (`int`, *optional*, defaults to 128):
            Width of the tanh layer that scores frames.
        variance_floor (`float`, *optional*, defaults to 1e-9):
            Least variance whose root the poolings with a standard deviation take; positive, since the root has no
            gradient at 0.
        head (`str`, *optional*, defaults to `"linear"`):
            `"linear"`: `projector` and `classifier` as in SUPERB. `"mlp"`: two hidden layers with ReLU and dropout
            (the fine-tuned baseline of EMO-SUPERB). `"tanh"`: dropout, dense layer, tanh, dropout. `"relu"` and
            `"dense"`: the same with ReLU or without activation. `"layer_norm_relu"`: dropout, dense layer, layer norm,
            ReLU, dropout (the baselines of the Odyssey 2024 challenge).
        num_head_layers (`int`, *optional*, defaults to 1):
            How often the heads `"tanh"`, `"relu"`, `"dense"` and `"layer_norm_relu"` repeat what is behind their first
            dropout; the others have as many layers as they have.
        classifier_proj_size (`int`, *optional*, defaults to 256):
            Width of the linear head's projection.
        head_hidden_size (`int`, *optional*, defaults to 1024):
            Width of the hidden layers of all heads but `"linear"`.
        head_dropout (`float`, *optional*, defaults to 0.5):
            Dropout of all heads but `"linear"`.
        num_dimensions (`int`, *optional*, defaults to 0):
            Number of emotion dimensions (such as arousal, valence, dominance) regressed beside the classes; follows
            from `dimension_names`, if they are given.
        dimension_names (`list[str]`, *optional*):
            Their names, in the order of the outputs.
        dimension_activation (`str`, *optional*, defaults to `"none"`):
            `"sigmoid"` keeps regressed values in (0, 1): the dimensions and, where `problem_type` is `"regression"`,
            the logits.
        dimension_loss_weight (`float`, *optional*, defaults to 1.0):
            Weight of their loss (1 - concordance correlation coefficient) in the sum with the classes' loss.
        gender_embedding_size (`int`, *optional*, defaults to 0):
            Size of the embedding of the speaker's gender; 0 for a model that does not use it.
        num_genders (`int`, *optional*, defaults to 2):
            Number of known genders; index `num_genders` is "unknown".
        text_embedding_size (`int`, *optional*, defaults to 0):
            Size of the sentence embeddings passed as `text_embedding`; 0 for a model that does not use them.
        conditioning (`str`, *optional*, defaults to `"product"`):
            How gender and text are fused with the pooled speech `x`, from their projection `c`: `"product"` x * c,
            `"mean"` (x + c) / 2, `"concat"` [x, c], `"film"` scale(c) * x + shift(c).
        condition_dropout (`float`, *optional*, defaults to 0.1):
            Share of the training clips for which a known condition is replaced by "unknown".
        initializer_range (`float`, *optional*, defaults to 0.02):
            Standard deviation of the initial weights of everything behind the encoder.

    Example:

    ```python
    >>> from hf_emotion.models.speech_emotion import SpeechEmotionConfig

    >>> config = SpeechEmotionConfig(encoder_config={"model_type": "wavlm"}, pooling="mean_std", num_labels=8)
    >>> config.encoder_config.model_type, config.hidden_size, config.pooled_size
    ('wavlm', 768, 1536)

    ```
    """

    model_type = "speech_emotion"
    sub_configs = {"encoder_config": AutoConfig}

    encoder_config: dict | PreTrainedConfig | None = None
    num_copies_per_layer: list[int] | tuple[int, ...] | None = None
    layer_selection: str | int = "last"
    normalize_layers: bool = False
    num_frame_layers: int = 0
    frame_layer_size: int = 256
    frame_layer_dropout: float | int = 0.1
    pooling: str = "mean"
    attention_pooling_size: int = 128
    variance_floor: float = 1e-9
    head: str = "linear"
    num_head_layers: int = 1
    classifier_proj_size: int = 256
    head_hidden_size: int = 1024
    head_dropout: float | int = 0.5
    num_dimensions: int = 0
    dimension_names: list[str] | None = None
    dimension_activation: str = "none"
    dimension_loss_weight: float | int = 1.0
    gender_embedding_size: int = 0
    num_genders: int = 2
    text_embedding_size: int = 0
    conditioning: str = "product"
    condition_dropout: float | int = 0.1
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs):
        self.encoder_config = _encoder_config(self.encoder_config)
        if self.num_copies_per_layer is not None:
            self.num_copies_per_layer = list(self.num_copies_per_layer)
        self.num_dimensions = self.num_dimensions or len(self.dimension_names or ())
        super().__post_init__(**kwargs)

    def validate_encoder(self):
        """Part of the `@strict` validation: encoders whose last state has another rate or width are refused."""
        if getattr(self.encoder_config, "add_adapter", False):
            raise ValueError(
                "`encoder_config.add_adapter` is set: the adapter changes the frame rate of the last hidden state "
                "only, so layers could not be averaged nor frames be counted. Set it to False."
            )

    def validate_block_expansion(self):
        """Part of the `@strict` validation: one non-negative copy count per encoder layer, in one place only."""
        copies = self.num_copies_per_layer
        if copies is None:
            return
        if hasattr(self.encoder_config, "num_copies_per_layer"):
            raise ValueError(
                f"`num_copies_per_layer` is {copies}, but a {self.encoder_config.model_type} encoder has a field of "
                "that name for its copies: set `encoder_config.num_copies_per_layer` instead."
            )
        if len(copies) != self.num_hidden_layers or any(count < 0 for count in copies):
            raise ValueError(
                f"`num_copies_per_layer` must hold one non-negative integer for each of the {self.num_hidden_layers} "
                f"encoder layers, but is {copies}."
            )

    def validate_choices(self):
        """Part of the `@strict` validation: names are known and the selected layer exists."""
        choices = {
            "pooling": POOLINGS,
            "head": HEADS,
            "conditioning": FUSIONS,
            "dimension_activation": DIMENSION_ACTIVATIONS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}, but is {getattr(self, name)!r}.")
        selected, num_states = self.layer_selection, self.num_hidden_states
        if isinstance(selected, str):
            if selected not in ("last", "weighted"):
                raise ValueError(f'`layer_selection` must be "last", "weighted" or an integer, but is {selected!r}.')
        elif isinstance(selected, bool) or not -num_states <= selected < num_states:
            first = "the input of the first layer" if num_states > self.num_hidden_layers else "the first layer"
            raise ValueError(
                f"`layer_selection` is {selected!r}, but the encoder has the hidden states 0 ({first}) to "
                f"{num_states - 1}."
            )

    def validate_dimensions(self):
        """Part of the `@strict` validation: there is a name for each dimension, or none at all."""
        names = self.dimension_names
        if names is not None and (len(names) != self.num_dimensions or len(set(names)) != len(names)):
            raise ValueError(
                f"`dimension_names` must be {self.num_dimensions} different names (`num_dimensions`), but is {names}."
            )

    def validate_ranges(self):
        """Part of the `@strict` validation: sizes and probabilities."""
        sizes = ("frame_layer_size", "attention_pooling_size", "classifier_proj_size", "head_hidden_size")
        for name in (*sizes, "num_head_layers", "num_genders"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, but is {getattr(self, name)}.")
        sizes = ("num_frame_layers", "num_dimensions", "gender_embedding_size", "text_embedding_size")
        for name in (*sizes, "dimension_loss_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative, but is {getattr(self, name)}.")
        for name in ("frame_layer_dropout", "head_dropout", "condition_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` must be in [0, 1], but is {getattr(self, name)}.")
        if not self.variance_floor > 0:
            raise ValueError(f"`variance_floor` must be positive, but is {self.variance_floor}.")
        if self.num_head_layers > 1 and self.head not in STACKED_HEADS:
            raise ValueError(
                f"`num_head_layers` is {self.num_head_layers}, but the head {self.head!r} has a fixed number of "
                f"layers: leave it at 1, or use one of the heads {', '.join(STACKED_HEADS)}."
            )

    @property
    def is_expanded(self) -> bool:
        """Whether any encoder layer has a copy, counted here or by an encoder that expands itself."""
        return any(self.num_copies_per_layer or getattr(self.encoder_config, "num_copies_per_layer", None) or [])

    @property
    def hidden_size(self) -> int:
        """Width of the encoder."""
        return self.encoder_config.hidden_size

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers of the encoder."""
        return self.encoder_config.num_hidden_layers

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states of the encoder: the input of its first layer and the output of each, unless its
        config says otherwise."""
        return getattr(self.encoder_config, "num_hidden_states", self.num_hidden_layers + 1)

    @property
    def frame_size(self) -> int:
        """Width of the frames that are pooled: the encoder's, unless there are layers for each frame."""
        return self.frame_layer_size if self.num_frame_layers else self.hidden_size

    @property
    def pooled_size(self) -> int:
        """Width after pooling: twice the frames' where mean and standard deviation are concatenated."""
        return self.frame_size * (2 if self.pooling in ("mean_std", "attentive_statistics") else 1)


def _encoder_config(value) -> PreTrainedConfig:
    if isinstance(value, PreTrainedConfig):
        return value
    fields = copy.deepcopy(value) if value else {"model_type": _DEFAULT_ENCODER}
    model_type = fields.pop("model_type", None)
    if model_type is None:
        raise ValueError(f"`encoder_config` has no `model_type`, only {sorted(fields)}: add it, such as 'wavlm'.")
    if model_type in CUSTOM_ENCODERS:
        return CUSTOM_ENCODERS[model_type][0].from_dict(fields)
    return type(AutoConfig.for_model(model_type)).from_dict(fields)


__all__ = ["SpeechEmotionConfig"]
