# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""ExHuBERT: HuBERT with backbone block expansion.

An expanded block keeps the original encoder layer and appends copies of it, each behind a zero-initialised linear
layer and a skip connection (Amiriparian et al., "ExHuBERT: Enhancing HuBERT Through Block Extension and Fine-Tuning on
37 Emotion Datasets", Interspeech 2024, section 3.2):

    h = original(h)
    h = zero_linear(copy(h)) + h        # once per copy

Parameter names of the original layers are those of HuBERT, so stock checkpoints load as they are. The file depends on
torch, transformers and its sibling only: it travels with every saved model (`trust_remote_code=True`).
"""

import inspect
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from transformers import HubertConfig, HubertForSequenceClassification, HubertModel, PreTrainedModel
from transformers import __version__ as transformers_version
from transformers import initialization as init
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.integrations.fsdp import is_fsdp_managed_module
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput
from transformers.models.hubert.modeling_hubert import (
    HubertAttention,
    HubertEncoderLayer,
    HubertEncoderLayerStableLayerNorm,
    HubertFeatureEncoder,
    HubertFeatureProjection,
    HubertGroupNormConvLayer,
    HubertPositionalConvEmbedding,
    HubertPreTrainedModel,
    _compute_mask_indices,
)
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .block_expansion_exhubert import HEAD_KEYS, BlockExpansionMixin
from .configuration_exhubert import ExHubertConfig
from .loading_exhubert import StrictLoadingMixin, check_loading_info, last_state_of


class ExHubertCopiedLayer(HubertEncoderLayer):
    pass


class ExHubertCopiedLayerStableLayerNorm(HubertEncoderLayerStableLayerNorm):
    pass


# A copy is checkpointed together with its whole block, never a second time inside it.
ExHubertCopiedLayer.forward = inspect.unwrap(HubertEncoderLayer.forward)
ExHubertCopiedLayerStableLayerNorm.forward = inspect.unwrap(HubertEncoderLayerStableLayerNorm.forward)


# Classes of their own: transformers 5.23 initialises modules of custom code only if they hold parameters themselves.
class ZeroLinear(nn.Linear):
    """The linear layer behind a copy, which starts at zero."""


class GateLinear(nn.Linear):
    """The linear layer behind an original layer of the published model, which starts as the identity."""


class ExHubertCopy(nn.Module):
    """A trained copy of an encoder layer, a linear layer that starts at zero, and a skip connection around both."""

    def __init__(self, config: ExHubertConfig):
        super().__init__()
        copied = ExHubertCopiedLayerStableLayerNorm if config.do_stable_layer_norm else ExHubertCopiedLayer
        self.layer = copied(config)
        self.zero_linear = ZeroLinear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs):
        return self.zero_linear(self.layer(hidden_states, attention_mask=attention_mask, **kwargs)) + hidden_states


class _ExpandedLayer:
    """Mixin for HuBERT's two encoder layers: the original layer itself, an optional gate on it, then its copies."""

    def __init__(self, config: ExHubertConfig, num_copies: int = 0):
        super().__init__(config)
        self.config = config
        self.copies = nn.ModuleList([ExHubertCopy(config) for _ in range(num_copies)])
        has_gate = config.gate_original_layers and num_copies > 0
        self.original_gate = GateLinear(config.hidden_size, config.hidden_size) if has_gate else None

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        skip: bool = False,
        **kwargs,
    ) -> torch.Tensor:
        if skip:
            return hidden_states
        hidden_states = super().forward(hidden_states, attention_mask=attention_mask, **kwargs)
        if self.original_gate is not None:
            hidden_states = self.original_gate(hidden_states)
        for copy in self.copies:
            hidden_states = copy(hidden_states, attention_mask=attention_mask, **kwargs)
        return hidden_states

    def append_copies(self, num_copies: int, zero_linear_init: str) -> None:
        """Append exact copies of the original layer; see [`BlockExpansionMixin.expand_blocks`]."""
        reference = self.attention.q_proj.weight
        if self.config.gate_original_layers and self.original_gate is None:
            size = self.config.hidden_size
            self.original_gate = GateLinear(size, size, device=reference.device, dtype=reference.dtype)
            nn.init.eye_(self.original_gate.weight)
            nn.init.zeros_(self.original_gate.bias)
        expansion = ("copies.", "original_gate.")
        original = {name: value for name, value in self.state_dict().items() if not name.startswith(expansion)}
        for _ in range(num_copies):
            with torch.device(reference.device):
                copy = ExHubertCopy(self.config).to(reference.dtype)
            copy.layer.load_state_dict(original)
            nn.init.zeros_(copy.zero_linear.bias)
            if zero_linear_init == "zero":
                nn.init.zeros_(copy.zero_linear.weight)
            else:
                nn.init.normal_(copy.zero_linear.weight, std=self.config.initializer_range)
            self.copies.append(copy.train(self.training))

    def original_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the original layer and its gate, without the copies'."""
        return (parameter for name, parameter in self.named_parameters() if not name.startswith("copies."))


class ExHubertEncoderLayer(_ExpandedLayer, HubertEncoderLayer):
    pass


class ExHubertEncoderLayerStableLayerNorm(_ExpandedLayer, HubertEncoderLayerStableLayerNorm):
    pass


class ExHubertEncoder(nn.Module):
    """Transformer encoder in both norm orders: post-norm (HuBERT base), pre-norm with a final norm (large, xlarge).

    LayerDrop skips *inside* the layer: the layer is always called and returns its input, so that there are always
    `num_hidden_layers + 1` hidden states and a weighted layer sum works in training, which crashes in the stock class.
    """

    def __init__(self, config: ExHubertConfig):
        super().__init__()
        self.config = config
        self.pos_conv_embed = HubertPositionalConvEmbedding(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)
        layer_class = ExHubertEncoderLayerStableLayerNorm if config.do_stable_layer_norm else ExHubertEncoderLayer
        copies = config.num_copies_per_layer or [0] * config.num_hidden_layers
        self.layers = nn.ModuleList([layer_class(config, num_copies) for num_copies in copies])

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs):
        if attention_mask is not None:
            hidden_states = hidden_states.masked_fill(~attention_mask.unsqueeze(-1), 0.0)
        attention_mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask
        )
        hidden_states = hidden_states + self.pos_conv_embed(hidden_states)
        if not self.config.do_stable_layer_norm:
            hidden_states = self.layer_norm(hidden_states)
        hidden_states = self.dropout(hidden_states)
        # under DeepSpeed ZeRO-3 and FSDP every rank must run every layer
        must_run = is_deepspeed_zero3_enabled() or is_fsdp_managed_module(self)
        may_skip = self.training and self.config.layerdrop > 0 and not must_run
        for layer in self.layers:
            skip = may_skip and bool(torch.rand([]) < self.config.layerdrop)
            hidden_states = layer(hidden_states, attention_mask=attention_mask, skip=skip, **kwargs)
        if self.config.do_stable_layer_norm:
            hidden_states = self.layer_norm(hidden_states)
        return BaseModelOutput(last_hidden_state=hidden_states)


class ExHubertGroupNormConvLayer(HubertGroupNormConvLayer):
    """First convolution of HuBERT base, whose group norm leaves padding out of its statistics.

    The norm has one channel per group, so it averages over time. Stock HuBERT averages over the padding as well, which
    makes the result of a clip depend on the longest clip of its batch.
    """

    def forward(self, hidden_states: torch.Tensor, num_samples: torch.Tensor | None = None) -> torch.Tensor:
        if num_samples is None:
            return super().forward(hidden_states)
        hidden_states = self.conv(hidden_states)
        num_frames = (num_samples - self.conv.kernel_size[0]) // self.conv.stride[0] + 1
        frames = torch.arange(hidden_states.shape[-1], device=hidden_states.device)
        valid = (frames < num_frames[:, None])[:, None, :]
        return self.activation(self._masked_norm(hidden_states, valid))

    def _masked_norm(self, hidden_states: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        values = hidden_states.float()
        count = valid.sum(dim=-1, keepdim=True)
        mean = values.masked_fill(~valid, 0.0).sum(dim=-1, keepdim=True) / count
        centred = values - mean
        variance = centred.masked_fill(~valid, 0.0).square().sum(dim=-1, keepdim=True) / count
        normed = centred * torch.rsqrt(variance + self.layer_norm.eps)
        normed = normed * self.layer_norm.weight[:, None].float() + self.layer_norm.bias[:, None].float()
        return normed.to(hidden_states.dtype)


class ExHubertFeatureEncoder(HubertFeatureEncoder):
    """CNN on the waveform whose output for a padded clip equals that of the clip alone."""

    def __init__(self, config: ExHubertConfig):
        super().__init__(config)
        if config.feat_extract_norm == "group":
            self.conv_layers[0] = ExHubertGroupNormConvLayer(config, layer_id=0)

    def forward(self, input_values: torch.Tensor, num_samples: torch.Tensor | None = None) -> torch.Tensor:
        if num_samples is not None and self._may_split(input_values):
            return self._clip_by_clip(input_values, num_samples)
        return self._together(input_values, num_samples)

    def _may_split(self, input_values: torch.Tensor) -> bool:
        # only in training: in eval mode, freezing the CNN must not change the last bit of the logits
        if not self.training or input_values.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        trains = self._requires_grad or any(parameter.requires_grad for parameter in self.parameters())
        return not (trains or input_values.requires_grad)

    def _clip_by_clip(self, input_values: torch.Tensor, num_samples: torch.Tensor) -> torch.Tensor:
        # A clip fits into the caches of a CPU where a batch does not (512 channels at 3.2 kHz), and has no padding.
        num_frames = input_values.shape[1]
        for conv_layer in self.conv_layers:
            num_frames = (num_frames - conv_layer.conv.kernel_size[0]) // conv_layer.conv.stride[0] + 1
        channels = self.conv_layers[-1].out_conv_dim
        features = input_values.new_zeros(len(input_values), num_frames, channels)
        for frames, clip, length in zip(features, input_values, num_samples.tolist(), strict=True):
            clip_frames = self._together(clip[None, :length])[0].T
            frames[: len(clip_frames)] = clip_frames
        return features.transpose(1, 2)

    def _together(self, input_values: torch.Tensor, num_samples: torch.Tensor | None = None) -> torch.Tensor:
        hidden_states = input_values[:, None]
        if self._requires_grad and self.training:
            # reentrant gradient checkpointing needs an input that requires grad
            hidden_states.requires_grad = True
        first, *others = self.conv_layers
        if isinstance(first, ExHubertGroupNormConvLayer):
            hidden_states = first(hidden_states, num_samples=num_samples)
        else:
            hidden_states = first(hidden_states)
        for conv_layer in others:
            hidden_states = conv_layer(hidden_states)
        return hidden_states


class ExHubertPreTrainedModel(BlockExpansionMixin, StrictLoadingMixin, HubertPreTrainedModel):
    config: ExHubertConfig
    config_class = ExHubertConfig
    base_model_prefix = "hubert"
    _no_split_modules = ["ExHubertEncoderLayer", "ExHubertEncoderLayerStableLayerNorm", "ParametrizedConv1d"]
    # one hidden state per expanded block, one attention per attention layer (originals and copies, in depth order)
    _can_record_outputs = {
        "hidden_states": [ExHubertEncoderLayer, ExHubertEncoderLayerStableLayerNorm],
        "attentions": OutputRecorder(HubertAttention, index=1, layer_name="encoder"),
    }
    # the loss is a mean over the batch, so the Trainer has to divide by the gradient accumulation steps itself
    accepts_loss_kwargs = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ZeroLinear):
            init.zeros_(module.weight)
        elif isinstance(module, GateLinear):
            init.eye_(module.weight)
        elif isinstance(module, ExHubertModel) and module.masked_spec_embed is not None:
            init.uniform_(module.masked_spec_embed)
        elif isinstance(module, ExHubertForSequenceClassification) and self.config.use_weighted_layer_sum:
            init.constant_(module.layer_weights, 1.0 / len(module.layer_weights))

    def _get_feature_vector_attention_mask(self, feature_vector_length: int, attention_mask: torch.Tensor):
        num_frames = self._get_feat_extract_output_lengths(attention_mask.sum(-1)).clamp(min=1)
        frames = torch.arange(feature_vector_length, device=attention_mask.device)
        return frames < num_frames[:, None]


class ExHubertModel(ExHubertPreTrainedModel):
    """
    The bare ExHuBERT encoder.

    Differences from [`~transformers.HubertModel`], all of which leave the result for a single clip unchanged: padding
    never enters the group norm of base models, clips shorter than the receptive field are zero-padded to it,
    SpecAugment ignores padding and spans longer than the clip, and `hidden_states[-1]` is `last_hidden_state`, as it
    was before transformers 5 (set `config.tie_last_hidden_states=False` for the state before the final layer norm).
    """

    # the heads of classifiers and CTC models are no part of the encoder
    _foreign_heads = (*HEAD_KEYS, "lm_head.")

    def __init__(self, config: ExHubertConfig):
        super().__init__(config)
        self.feature_extractor = ExHubertFeatureEncoder(config)
        self.feature_projection = HubertFeatureProjection(config)
        self.masked_spec_embed = None
        if config.mask_time_prob > 0 or config.mask_feature_prob > 0:
            self.masked_spec_embed = nn.Parameter(torch.empty(config.hidden_size).uniform_())
        self.encoder = ExHubertEncoder(config)
        self.post_init()

    def _mask_hidden_states(
        self,
        hidden_states: torch.Tensor,
        mask_time_indices: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if not self.config.apply_spec_augment:
            return hidden_states
        batch_size, num_frames, hidden_size = hidden_states.shape
        masks_time = self.training and self.config.mask_time_prob > 0 and num_frames >= self.config.mask_time_length
        if mask_time_indices is None and masks_time:
            mask_time_indices = _compute_mask_indices(
                (batch_size, num_frames),
                mask_prob=self.config.mask_time_prob,
                mask_length=self.config.mask_time_length,
                attention_mask=attention_mask,
                min_masks=self.config.mask_time_min_masks,
            )
        if mask_time_indices is not None:
            mask = torch.as_tensor(mask_time_indices, device=hidden_states.device, dtype=torch.bool)
            embedding = self.masked_spec_embed.to(hidden_states.dtype)
            hidden_states = torch.where(mask.unsqueeze(-1), embedding, hidden_states)
        if self.training and self.config.mask_feature_prob > 0:
            mask = _compute_mask_indices(
                (batch_size, hidden_size),
                mask_prob=self.config.mask_feature_prob,
                mask_length=self.config.mask_feature_length,
                min_masks=self.config.mask_feature_min_masks,
            )
            mask = torch.as_tensor(mask, device=hidden_states.device, dtype=torch.bool)
            hidden_states = hidden_states.masked_fill(mask[:, None], 0.0)
        return hidden_states

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_values: torch.Tensor | None,
        attention_mask: torch.Tensor | None = None,
        mask_time_indices: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs,
    ) -> tuple | BaseModelOutput:
        r"""
        Args:
            input_values (`torch.Tensor` of shape `(batch_size, num_samples)`):
                Mono waveform at 16 kHz, normalised as the feature extractor of the checkpoint says.
            attention_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                1 for samples, 0 for padding (on the right). Pass it for padded batches of every kind of encoder.
            mask_time_indices (`torch.BoolTensor` of shape `(batch_size, num_frames)`, *optional*):
                Frames to replace by the mask embedding, instead of drawing them at random in training.

        Returns:
            [`~transformers.modeling_outputs.BaseModelOutput`] with `last_hidden_state` of shape
            `(batch_size, num_frames, hidden_size)`; `hidden_states` has `num_hidden_layers + 1` entries (one per
            block), `attentions` one per attention layer, originals and copies in depth order.
        """
        shortfall = self.config.receptive_field - input_values.shape[1]
        if shortfall > 0:
            input_values = nn.functional.pad(input_values, (0, shortfall))
        num_samples = None
        if attention_mask is not None:
            num_samples = attention_mask.sum(-1).clamp(min=self.config.receptive_field)
        features = self.feature_extractor(input_values, num_samples).transpose(1, 2)
        if attention_mask is not None:
            attention_mask = self._get_feature_vector_attention_mask(features.shape[1], attention_mask)
        hidden_states = self.feature_projection(features)
        hidden_states = self._mask_hidden_states(hidden_states, mask_time_indices, attention_mask)
        return self.encoder(hidden_states, attention_mask=attention_mask, output_attentions=output_attentions)


def _load_stock_hubert(source: str, **kwargs) -> PreTrainedModel:
    config_dict, _ = HubertConfig.get_config_dict(source, **kwargs)
    is_classifier = "HubertForSequenceClassification" in (config_dict.get("architectures") or [])
    stock_class = HubertForSequenceClassification if is_classifier else HubertModel
    if config_dict.get("model_type") != HubertConfig.model_type:
        raise ValueError(f"{source} is a {config_dict.get('model_type')!r} checkpoint, but a HuBERT one is needed.")
    model, info = stock_class.from_pretrained(source, output_loading_info=True, **kwargs)
    # heads other than the classifier (CTC) may be left over; the mask embedding is absent from some encoders
    info["unexpected_keys"] = set()
    info["missing_keys"] = {key for key in info["missing_keys"] if not key.endswith("masked_spec_embed")}
    check_loading_info(stock_class.__name__, source, info)
    return model


class ExHubertForSequenceClassification(ExHubertPreTrainedModel):
    """
    ExHuBERT with the SUPERB head: (weighted layer sum) -> linear `projector` -> mean over frames -> `classifier`.

    The loss follows `config.problem_type`: `"single_label_classification"` takes class ids `(batch_size,)` or
    distributions `(batch_size, num_labels)` (soft labels, cross entropy), `"multi_label_classification"` 0/1 targets,
    `"regression"` real targets. `None` means class ids, or regression when there is one label.
    """

    def __init__(self, config: ExHubertConfig):
        super().__init__(config)
        self.hubert = ExHubertModel(config)
        if config.use_weighted_layer_sum:
            num_states = config.num_hidden_layers + 1
            self.layer_weights = nn.Parameter(torch.ones(num_states) / num_states)
        self.projector = nn.Linear(config.hidden_size, config.classifier_proj_size)
        self.classifier = nn.Linear(config.classifier_proj_size, config.num_labels)
        self.post_init()

    @classmethod
    def from_hubert(cls, hubert: str | PreTrainedModel, labels: Sequence[str] | None = None, **kwargs):
        """
        Build an (unexpanded) ExHuBERT classifier from a HuBERT encoder or classifier; chain `.expand_blocks()` to it.

        Args:
            hubert (`str` or [`~transformers.PreTrainedModel`]):
                Hub id or folder of a HuBERT checkpoint (encoder, CTC model or classifier), or such a model.
            labels (`Sequence[str]`, *optional*):
                Class names for a freshly initialised classifier. `None` keeps the classifier of the source, which must
                then have one.
            kwargs:
                Loading arguments such as `revision` or `token` if `hubert` is a name; otherwise none are accepted.

        Raises:
            `ValueError`: if the source is no HuBERT, lacks encoder weights, or has no classifier and `labels` is None.

        Example:

        ```python
        >>> from transformers import HubertConfig, HubertModel
        >>> from hf_emotion import ExHubertForSequenceClassification

        >>> hubert = HubertModel(HubertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=2))
        >>> model = ExHubertForSequenceClassification.from_hubert(hubert, labels=["anger", "joy"])
        >>> model.config.id2label
        {0: 'anger', 1: 'joy'}

        ```
        """
        if isinstance(hubert, PreTrainedModel):
            if kwargs:
                raise ValueError(f"{sorted(kwargs)} apply to loading, but a loaded model was passed.")
            made_with = hubert.config.transformers_version or transformers_version
        else:
            hubert = _load_stock_hubert(hubert, **kwargs)
            made_with = hubert.config.transformers_version
        if hubert.config.model_type != HubertConfig.model_type:
            raise ValueError(f"Expected a HuBERT model, but {type(hubert).__name__} is a {hubert.config.model_type}.")
        has_classifier = isinstance(hubert, HubertForSequenceClassification)
        if labels is None and not has_classifier:
            raise ValueError(f"{type(hubert).__name__} has no classifier to keep: pass `labels`, the class names.")
        config_dict = hubert.config.to_dict() | {"architectures": [cls.__name__]}
        del config_dict["model_type"]  # it would hide the one of our class
        config_dict |= last_state_of(config_dict | {"transformers_version": made_with})
        config = cls.config_class.from_dict(config_dict)
        # a CTC head is dropped; a bare encoder's keys get the prefix that they have in a classifier
        source = hubert if has_classifier else hubert.base_model
        prefix = "" if has_classifier else f"{cls.base_model_prefix}."
        weights = {prefix + name: value for name, value in source.state_dict().items()}
        model, info = cls.from_pretrained(
            None, config=config, state_dict=weights, dtype=hubert.dtype, output_loading_info=True
        )
        if not has_classifier:
            info["missing_keys"] = {key for key in info["missing_keys"] if not key.startswith(HEAD_KEYS)}
        check_loading_info(cls.__name__, type(hubert).__name__, info)
        model.to(hubert.device)
        model.name_or_path = hubert.name_or_path
        return model if labels is None else model.reset_classifier(labels)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor | None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | SequenceClassifierOutput:
        r"""
        Args:
            input_values (`torch.Tensor` of shape `(batch_size, num_samples)`):
                Mono waveform at 16 kHz, normalised as the feature extractor of the checkpoint says.
            attention_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                1 for samples, 0 for padding (on the right).
            labels (`torch.Tensor` of shape `(batch_size,)` or `(batch_size, num_labels)`, *optional*):
                Targets, see the class.
        """
        wants_hidden_states = kwargs.pop("output_hidden_states", None)
        if wants_hidden_states is None:
            wants_hidden_states = self.config.output_hidden_states
        capture = True if self.config.use_weighted_layer_sum else wants_hidden_states
        outputs = self.hubert(input_values, attention_mask=attention_mask, output_hidden_states=capture, **kwargs)
        hidden_states = self.projector(self._summed_layers(outputs))
        logits = self.classifier(self._mean_over_time(hidden_states, attention_mask))
        return SequenceClassifierOutput(
            loss=None if labels is None else self._loss(logits, labels),
            logits=logits,
            hidden_states=outputs.hidden_states if wants_hidden_states else None,
            attentions=outputs.attentions,
        )

    def _summed_layers(self, outputs: BaseModelOutput) -> torch.Tensor:
        if not self.config.use_weighted_layer_sum:
            return outputs.last_hidden_state
        weights = nn.functional.softmax(self.layer_weights, dim=-1)
        return sum(weight * state for weight, state in zip(weights, outputs.hidden_states, strict=True))

    def _mean_over_time(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        if attention_mask is None:
            return hidden_states.mean(dim=1)
        valid = self._get_feature_vector_attention_mask(hidden_states.shape[1], attention_mask)
        total = hidden_states.masked_fill(~valid.unsqueeze(-1), 0.0).sum(dim=1)
        return total / valid.sum(dim=1, keepdim=True)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        problem_type = self.config.problem_type
        if problem_type is None:
            problem_type = "regression" if self.config.num_labels == 1 else "single_label_classification"
            if problem_type == "single_label_classification" and labels.is_floating_point():
                raise ValueError(
                    f"Labels of type {labels.dtype} and shape {tuple(labels.shape)} may be distributions over the "
                    f"{self.config.num_labels} classes, multi-label or regression targets: set `config.problem_type` "
                    'to "single_label_classification", "multi_label_classification" or "regression".'
                )
        if problem_type == "regression":
            return nn.functional.mse_loss(logits, labels.to(logits.dtype).view_as(logits))
        if problem_type == "multi_label_classification":
            return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        if labels.is_floating_point():
            return nn.functional.cross_entropy(logits, labels.to(logits.dtype))
        return nn.functional.cross_entropy(logits, labels.view(-1))

    def reset_classifier(self, labels: Sequence[str]) -> "ExHubertForSequenceClassification":
        """
        Replace the classifier by a freshly initialised one for other classes; encoder and projector are kept.

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


ExHubertConfig.register_for_auto_class()
ExHubertModel.register_for_auto_class("AutoModel")
ExHubertForSequenceClassification.register_for_auto_class("AutoModelForAudioClassification")

__all__ = ["ExHubertForSequenceClassification", "ExHubertModel", "ExHubertPreTrainedModel"]
