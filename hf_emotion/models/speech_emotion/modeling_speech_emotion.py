# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""A speech emotion classifier on any speech encoder of transformers.

encoder -> layer selection -> layers for each frame -> pooling over time -> conditioning (gender, text) -> projector ->
classifier, as in EMO-SUPERB (arXiv 2402.13018) and the WavLM systems for MSP-Podcast (Diatlova et al., Odyssey 2024).
The files of this folder depend on torch, transformers and each other only: they travel with every saved model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ModelOutput
from transformers.utils.generic import can_return_tuple

from .block_expansion_speech_emotion import BlockExpansionMixin, append_copies
from .conditioning_speech_emotion import Conditioning, FusionProjection
from .configuration_speech_emotion import SpeechEmotionConfig
from .encoding_speech_emotion import EncodedSpeech, build_encoder, encode, encoder_of
from .loading_speech_emotion import StrictLoadingMixin, check_loading_info, load_encoder
from .loss_speech_emotion import classification_loss, concordance_loss
from .pooling_speech_emotion import TimePooling, frame_layers, warn_of_constant_pooling


# Modules of the CNN in front, where they are not the `feature_extractor` that transformers has.
_FEATURE_ENCODERS = {
    "modified_cpc": ("gEncoder",),
    "pase_plus": ("blocks",),
    "vq_wav2vec": ("feature_extractor",),
    "wav2vec": ("feature_extractor",),
    "whisper": ("conv1", "conv2"),
}


@dataclass
class SpeechEmotionOutput(ModelOutput):
    """
    Output of [`SpeechEmotionForSequenceClassification`].

    Args:
        loss (`torch.FloatTensor` of shape `(1,)`, *optional*):
            Loss of the classes and, weighted, of the dimensions: of those whose labels are given.
        logits (`torch.FloatTensor` of shape `(batch_size, num_labels)`):
            Scores of the classes; of a regression the values, behind `config.dimension_activation`.
        dimensions (`torch.FloatTensor` of shape `(batch_size, num_dimensions)`, *optional*):
            Regressed emotion dimensions, if the model has any, behind `config.dimension_activation`.
        hidden_states (`tuple(torch.FloatTensor)`, *optional*):
            Input of the encoder's first layer, then the output of every layer, the last after the final layer norm.
        attentions (`tuple(torch.FloatTensor)`, *optional*):
            Attention weights of the encoder's layers; of an expanded one, of originals and copies in depth order.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    dimensions: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


def _projector(config: SpeechEmotionConfig, size: int) -> nn.Module:
    hidden, dropout = config.head_hidden_size, config.head_dropout
    if config.head == "linear":
        return nn.Linear(size, config.classifier_proj_size)
    if config.head == "mlp":
        first = (nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(dropout))
        return nn.Sequential(*first, nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout))
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for width in [size, *[hidden] * (config.num_head_layers - 1)]:
        layers += [nn.Linear(width, hidden), *_activation(config.head, hidden), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


def _activation(head: str, size: int) -> tuple[nn.Module, ...]:
    """What follows a dense layer of a head that repeats it."""
    if head == "layer_norm_relu":
        return nn.LayerNorm(size), nn.ReLU()
    return {"tanh": (nn.Tanh(),), "relu": (nn.ReLU(),), "dense": ()}[head]


class SpeechEmotionPreTrainedModel(StrictLoadingMixin, PreTrainedModel):
    config: SpeechEmotionConfig
    config_class = SpeechEmotionConfig
    base_model_prefix = "speech_encoder"
    main_input_name = "input_values"
    input_modalities = "audio"
    supports_gradient_checkpointing = True
    # these say what the part behind the encoder can do; the encoder decides for itself
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    # the loss is a mean over the batch, so the Trainer has to divide by the gradient accumulation steps itself
    accepts_loss_kwargs = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, FusionProjection):
            module.init_near_identity(std)
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, std=std)
            init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=1.0)
        elif isinstance(module, Conditioning) and module.text_size:
            init.zeros_(module.unknown_text)
        elif isinstance(module, SpeechEmotionForSequenceClassification) and self.config.layer_selection == "weighted":
            init.constant_(module.layer_weights, 1.0 / len(module.layer_weights))


class SpeechEmotionForSequenceClassification(BlockExpansionMixin, SpeechEmotionPreTrainedModel):
    """
    A speech encoder with layer selection, pooling, conditioning and head, see [`SpeechEmotionConfig`].

    The loss of the classes follows `config.problem_type`: `"single_label_classification"` takes class ids
    `(batch_size,)` or distributions `(batch_size, num_labels)` (soft labels, cross entropy),
    `"multi_label_classification"` 0/1 targets, `"regression"` real targets. `None` means class ids, or regression when
    there is one label.

    The result of a clip does not depend on the batch: pass the `attention_mask` of padded batches. SEW and SEW-D,
    which average frames across the end of a clip, run clips of one length at a time: equal lengths are fastest.
    """

    def __init__(self, config: SpeechEmotionConfig):
        super().__init__(config)
        self.speech_encoder = build_encoder(config.encoder_config)
        if config.num_copies_per_layer is not None:
            append_copies(self.speech_encoder, config.num_copies_per_layer)
        self.main_input_name = self.speech_encoder.main_input_name
        if config.layer_selection == "weighted":
            self.layer_weights = nn.Parameter(torch.ones(config.num_hidden_states) / config.num_hidden_states)
        self.frame_layers = frame_layers(config)
        self.pooling = TimePooling(config)
        self.conditioning = Conditioning(config)
        self.projector = _projector(config, self.conditioning.output_size)
        head_size = config.classifier_proj_size if config.head == "linear" else config.head_hidden_size
        self.classifier = nn.Linear(head_size, config.num_labels)
        self.dimension_regressor = nn.Linear(head_size, config.num_dimensions) if config.num_dimensions else None
        self.post_init()

    @classmethod
    def from_encoder(
        cls,
        encoder: str | PreTrainedModel,
        labels: Sequence[str] | None = None,
        encoder_kwargs: dict | None = None,
        **config_fields,
    ) -> "SpeechEmotionForSequenceClassification":
        """
        Put a freshly initialised head on a pretrained encoder.

        Args:
            encoder (`str` or [`~transformers.PreTrainedModel`]):
                Hub id or folder of a checkpoint, or a model. Its head and Whisper's decoder are dropped.
            labels (`Sequence[str]`, *optional*):
                Class names in the order of the outputs.
            encoder_kwargs (`dict`, *optional*):
                Loading arguments (`revision`, `token`, `dtype` ...) and config fields (`layerdrop`,
                `apply_spec_augment` ...) of the encoder, if it is given by name.
            config_fields: fields of [`SpeechEmotionConfig`].

        Returns:
            [`SpeechEmotionForSequenceClassification`]: the model, in the precision of the encoder.

        Raises:
            `ValueError`: if weights of the encoder are missing or left over, or a field is unknown.

        Example:

        ```python
        >>> from transformers import WavLMConfig, WavLMModel
        >>> from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification

        >>> wavlm = WavLMModel(WavLMConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=2))
        >>> model = SpeechEmotionForSequenceClassification.from_encoder(
        ...     wavlm, ["anger", "joy"], layer_selection="weighted", pooling="mean_std"
        ... )
        >>> model.config.id2label, model.projector.in_features
        ({0: 'anger', 1: 'joy'}, 32)

        ```
        """
        if not isinstance(encoder, PreTrainedModel):
            source, encoder = encoder, load_encoder(encoder, **(encoder_kwargs or {}))
        elif encoder_kwargs:
            raise ValueError(f"{sorted(encoder_kwargs)} apply to loading, but a loaded model was passed.")
        else:
            source = type(encoder).__name__
        if unknown := sorted(set(config_fields) - set(SpeechEmotionConfig().to_dict()) - {"num_labels"}):
            raise ValueError(
                f"SpeechEmotionConfig has no {unknown}. Fields of the encoder's config belong into `encoder_kwargs`."
            )
        if labels is not None:
            config_fields["id2label"] = dict(enumerate(labels))
            config_fields["label2id"] = {label: index for index, label in enumerate(labels)}
        encoder = encoder_of(encoder)
        config = cls.config_class(encoder_config=encoder.config.to_dict(), **config_fields)
        warn_of_constant_pooling(config)
        weights = {f"speech_encoder.{name}": value for name, value in encoder.state_dict().items()}
        model, info = cls.from_pretrained(
            None, config=config, state_dict=weights, dtype=encoder.dtype, output_loading_info=True
        )
        info["missing_keys"] = {key for key in info["missing_keys"] if key.startswith("speech_encoder.")}
        check_loading_info(cls.__name__, source, info)
        return model.to(encoder.device)

    def freeze_feature_encoder(self) -> None:
        """Stop the gradients of the CNN in front of the encoder. Encoders on filter banks have none."""
        own_modules = _FEATURE_ENCODERS.get(self.config.encoder_config.model_type, ())
        for name in own_modules:
            getattr(self.speech_encoder, name).requires_grad_(False)
        if not own_modules and hasattr(self.speech_encoder, "feature_extractor"):
            self.speech_encoder.feature_extractor._freeze_parameters()

    def freeze_encoder(self) -> None:
        """Freeze the whole encoder: only what is behind it is trained. A filter bank has nothing to freeze."""
        self.freeze_feature_encoder()
        self.speech_encoder.requires_grad_(False)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        gender: torch.Tensor | None = None,
        text_embedding: torch.Tensor | None = None,
        dimension_labels: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        **kwargs,
    ) -> tuple | SpeechEmotionOutput:
        r"""
        Args:
            input_values (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                Mono waveform at 16 kHz, normalised as the feature extractor of the checkpoint says.
            attention_mask (`torch.Tensor`, *optional*):
                1 for samples (or frames of `input_features`), 0 for padding. As in the encoders themselves only the
                number of ones counts, so the padding has to be on the right.
            labels (`torch.Tensor` of shape `(batch_size,)` or `(batch_size, num_labels)`, *optional*):
                Targets of the classes, see the class.
            gender (`torch.Tensor` of shape `(batch_size,)`, *optional*):
                Ids below `config.num_genders`; negative where unknown. All unknown if `None`.
            text_embedding (`torch.Tensor` of shape `(batch_size, text_embedding_size)`, *optional*):
                Sentence embeddings; not a number (NaN) where unknown. All unknown if `None`.
            dimension_labels (`torch.Tensor` of shape `(batch_size, num_dimensions)`, *optional*):
                Targets of the emotion dimensions; not a number (NaN) where unknown.
            input_features (`torch.Tensor`, *optional*):
                Instead of `input_values`: `(batch_size, num_bins, num_frames)` of Whisper, up to 30 s, or
                `(batch_size, num_frames, num_bins)` of Wav2Vec2-BERT.
        """
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        if output_attentions is None:
            output_attentions = self.config.output_attentions
        encoded = encode(
            self.speech_encoder,
            self._inputs(input_values, input_features),
            attention_mask,
            wants_hidden_states=bool(output_hidden_states) or self.config.layer_selection != "last",
            output_attentions=output_attentions,
            **kwargs,
        )
        frames = self._selected_layer(encoded)
        if self.frame_layers is not None:
            frames = self.frame_layers(frames)
        pooled = self.pooling(frames, encoded.valid)
        projected = self.projector(self.conditioning(pooled, gender, text_embedding))
        logits = self.classifier(projected)
        if self.config.problem_type == "regression":
            logits = self._activated(logits)
        dimensions = None
        if self.dimension_regressor is not None:
            dimensions = self._activated(self.dimension_regressor(projected))
        return SpeechEmotionOutput(
            loss=self._loss(logits, labels, dimensions, dimension_labels),
            logits=logits,
            dimensions=dimensions,
            hidden_states=encoded.hidden_states if output_hidden_states else None,
            attentions=encoded.attentions,
        )

    def _inputs(self, input_values: torch.Tensor | None, input_features: torch.Tensor | None) -> torch.Tensor:
        given = {"input_values": input_values, "input_features": input_features}
        wanted = self.main_input_name
        if given[wanted] is None or sum(value is not None for value in given.values()) != 1:
            names = [name for name, value in given.items() if value is not None]
            raise ValueError(
                f"{type(self.speech_encoder).__name__} needs `{wanted}` alone, but got {names or 'no input'}. "
                "Use the feature extractor of its checkpoint."
            )
        inputs, num_dims = given[wanted], 2 if wanted == "input_values" else 3
        if inputs.dim() != num_dims:
            raise ValueError(
                f"`{wanted}` has the shape {tuple(inputs.shape)}, but {type(self.speech_encoder).__name__} reads "
                f"{num_dims} dimensions, the first of them for the clips: add or remove one."
            )
        return inputs

    def _selected_layer(self, encoded: EncodedSpeech) -> torch.Tensor:
        selection = self.config.layer_selection
        if selection == "last":
            return encoded.last_hidden_state
        if selection != "weighted":
            return encoded.hidden_states[selection]
        states = encoded.hidden_states
        if self.config.normalize_layers:
            states = [nn.functional.layer_norm(state, state.shape[-1:]) for state in states]
        weights = nn.functional.softmax(self.layer_weights, dim=-1)
        return sum(weight * state for weight, state in zip(weights, states, strict=True))

    def _activated(self, values: torch.Tensor) -> torch.Tensor:
        """Regressed values, in the range that the config asks for."""
        return values.sigmoid() if self.config.dimension_activation == "sigmoid" else values

    def _loss(self, logits, labels, dimensions, dimension_labels) -> torch.Tensor | None:
        loss = None
        if labels is not None:
            loss = classification_loss(logits, labels, self.config.problem_type)
        if dimension_labels is not None:
            if dimensions is None:
                raise ValueError("`dimension_labels` were passed, but the model has `num_dimensions=0`.")
            concordance = self.config.dimension_loss_weight * concordance_loss(dimensions, dimension_labels)
            loss = concordance if loss is None else loss + concordance
        return loss

    def reset_classifier(self, labels: Sequence[str]) -> "SpeechEmotionForSequenceClassification":
        """
        Replace the classifier by a freshly initialised one for other classes; everything before it is kept.

        Args:
            labels (`Sequence[str]`): names of the new classes, in the order of the outputs.

        Returns:
            The model itself.
        """
        names = list(labels)
        if not names or len(set(names)) != len(names):
            raise ValueError(f"`labels` must be distinct class names, at least one, but are {names}.")
        old = self.classifier
        self.config.id2label = dict(enumerate(names))
        self.config.label2id = {name: index for index, name in enumerate(names)}
        self.classifier = nn.Linear(old.in_features, len(names), device=old.weight.device, dtype=old.weight.dtype)
        nn.init.normal_(self.classifier.weight, std=self.config.initializer_range)
        nn.init.zeros_(self.classifier.bias)
        return self


SpeechEmotionConfig.register_for_auto_class()
SpeechEmotionForSequenceClassification.register_for_auto_class("AutoModelForAudioClassification")

__all__ = ["SpeechEmotionForSequenceClassification", "SpeechEmotionOutput", "SpeechEmotionPreTrainedModel"]
