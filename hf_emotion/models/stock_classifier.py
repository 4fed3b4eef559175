"""Classifiers of this package as the classes that transformers has for their encoders.

Such a model needs neither this package nor `trust_remote_code`. Whether it computes the same is not assumed but run.
"""

import contextlib
import copy
import logging
import math
from typing import Any

import torch
from torch import nn
from transformers import HubertConfig, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING

from .exhubert import ExHubertForSequenceClassification
from .speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from .speech_emotion.encoding_speech_emotion import encoder_of, minimum_samples


logger = logging.getLogger(__name__)

_TOLERANCE = 1e-5
_KEEP = (
    "Keep the model as it is: `save_pretrained` writes its code along, so that it loads with `trust_remote_code=True` "
    "where hf-emotion is not installed."
)
_DIFFERENCES = {
    "whisper": "it also averages over the padding up to 30 s, which this model leaves out",
    **dict.fromkeys(
        ("sew", "sew-d"),
        "it also averages over the zeros that fill up the end of a clip, and its layers run at another frame rate",
    ),
}
_OUR_FIELDS = ("model_type", "architectures", "auto_map", "num_copies_per_layer", "gate_original_layers")


def to_stock_classifier(model: PreTrainedModel) -> PreTrainedModel:
    """
    The same classifier as a class of transformers, such as [`~transformers.WavLMForSequenceClassification`].

    It must have a linear head, mean pooling, the last or the weighted layers without layer norm, and neither
    conditions, dimensions, layers for each frame nor copies of layers. Logits of both are compared on short random
    clips. Alone, a clip gives the same logits; in a *padded batch*, stock classes whose CNN has a group norm
    (`feat_extract_norm="group"`) and those of Data2Vec and Wav2Vec2-Conformer let the padding in: a warning says by
    how much. Stock classes are trained on class ids alone, whatever `problem_type` says.

    Args:
        model ([`SpeechEmotionForSequenceClassification`] or [`ExHubertForSequenceClassification`]):
            A classifier on a real device; it is left as it is.

    Returns:
        `PreTrainedModel`: a copy of the weights in the stock class, in eval mode, with the model's precision, device
        and labels.

    Raises:
        `ValueError`: if the stock class lacks an option of the model, naming it, or computes something else.

    Example:

    ```python
    >>> from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
    >>> from hf_emotion.models.stock_classifier import to_stock_classifier

    >>> wavlm = {"model_type": "wavlm", "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    >>> config = SpeechEmotionConfig(encoder_config=wavlm | {"feat_extract_norm": "layer"}, layer_selection="weighted")
    >>> type(to_stock_classifier(SpeechEmotionForSequenceClassification(config))).__name__
    'WavLMForSequenceClassification'

    ```
    """
    if unsupported := _unsupported(model):
        raise ValueError(
            f"Classes of transformers know nothing of {', '.join(unsupported)}, so that this "
            f"{type(model).__name__} cannot become one of them. {_KEEP}"
        )
    reference: Any = model if model.dtype == torch.float32 else copy.deepcopy(model).float()
    stock = _build(reference)
    with _evaluating(reference), torch.no_grad():
        _check_alone(reference, stock)
        _compare_padded(reference, stock)
    return stock.to(model.dtype)


def _unsupported(model: PreTrainedModel) -> list[str]:
    """What the model has and no stock class: fields of its config with their values."""
    if not isinstance(model, SpeechEmotionForSequenceClassification | ExHubertForSequenceClassification):
        raise ValueError(
            "Only a SpeechEmotionForSequenceClassification or an ExHubertForSequenceClassification becomes a stock "
            f"class, but the model is a {type(model).__name__}. Merge an adapter into its classifier first."
        )
    if any(parameter.is_meta for name, parameter in model.named_parameters() if "classifier" in name):
        raise ValueError("The model is on the meta device: it has no weights to export. Load it first.")
    config: Any = model.config
    if not isinstance(config, SpeechEmotionConfig):
        return [f"num_copies_per_layer={config.num_copies_per_layer}"] if config.is_expanded else []
    usual = {"head": "linear", "pooling": "mean"}
    found: dict[str, Any] = {name: getattr(config, name) for name in usual if getattr(config, name) != usual[name]}
    if config.layer_selection not in ("last", "weighted", -1, config.num_hidden_layers):
        found["layer_selection"] = config.layer_selection
    if config.layer_selection == "weighted" and config.normalize_layers:
        found["normalize_layers"] = True
    if config.problem_type == "regression" and config.dimension_activation != "none":
        found["dimension_activation"] = config.dimension_activation
    sizes = ("num_frame_layers", "num_dimensions", "gender_embedding_size", "text_embedding_size")
    found |= {name: getattr(config, name) for name in sizes if getattr(config, name)}
    if config.is_expanded:
        owner: Any = config.encoder_config if config.num_copies_per_layer is None else config
        found["num_copies_per_layer"] = owner.num_copies_per_layer
    return [f"{name}={value!r}" for name, value in found.items()]


def _encoder(model: Any) -> PreTrainedModel:
    return model.speech_encoder if isinstance(model, SpeechEmotionForSequenceClassification) else encoder_of(model)


def _stock_config(model: Any) -> PreTrainedConfig:
    encoder_config = _encoder(model).config
    is_exhubert = encoder_config.model_type == "exhubert"
    config_class: Any = HubertConfig if is_exhubert else type(encoder_config)
    fields = {name: value for name, value in encoder_config.to_dict().items() if name not in _OUR_FIELDS}
    fields |= {
        "use_weighted_layer_sum": hasattr(model, "layer_weights"),
        "classifier_proj_size": model.projector.out_features,
        "id2label": dict(model.config.id2label),
        "label2id": dict(model.config.label2id),
        "problem_type": model.config.problem_type,
        # the last layer is averaged after the final layer norm
        "tie_last_hidden_states": getattr(model.config, "tie_last_hidden_states", True),
    }
    return config_class.from_dict(fields)


def _build(model: Any) -> Any:
    config = _stock_config(model)
    stock_class: Any = MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING.get(type(config), None)
    if stock_class is None:
        raise ValueError(f"transformers has no audio classifier on a {config.model_type} encoder. {_KEEP}")
    stock = stock_class(config)
    prefix = "encoder" if config.model_type == "whisper" else stock.base_model_prefix
    encoder = _encoder(model)
    weights = {f"{prefix}.{name}": value for name, value in encoder.state_dict().items()}
    inside = {id(parameter) for parameter in encoder.parameters()}
    weights |= {name: value for name, value in model.named_parameters() if id(value) not in inside}
    stock.load_state_dict(weights)
    return stock.to(model.device).eval()


@contextlib.contextmanager
def _evaluating(model: nn.Module):
    """Eval mode for a while; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _random_clip(model: Any, number: int) -> torch.Tensor:
    """One clip of about a second or less; with their number, clips end on every phase of the encoder's frames."""
    config = _encoder(model).config
    generator = torch.Generator().manual_seed(number)
    if config.model_type == "whisper":
        clip = torch.rand((1, config.num_mel_bins, 2 * config.max_source_positions), generator=generator)
        # the extractor pads spectrograms to 30 s with the floor of their range of 2
        clip[..., clip.shape[-1] // 2 + number :] = clip.max() - 2
        return clip.to(model.device)
    if config.model_type == "wav2vec2-bert":
        clip = torch.randn((1, 25 + 10 * number, config.feature_projection_input_dim), generator=generator)
    else:
        num_samples = minimum_samples(config) + (25 + number) * math.prod(config.conv_stride)
        clip = torch.randn((1, num_samples), generator=generator)
    return clip.to(model.device)


def _check_alone(model: Any, stock: Any) -> None:
    config = stock.config
    for number in range(max(2, getattr(config, "squeeze_factor", 1))):
        clip = {model.main_input_name: _random_clip(model, number)}
        try:
            difference = _difference(model(**clip).logits, stock(**clip).logits)
        except RuntimeError as error:
            raise ValueError(_refusal(stock, f"fails on a random clip ({error})")) from error
        if not difference <= _TOLERANCE:
            raise ValueError(_refusal(stock, f"gives other logits on a random clip (by {difference:.1e})"))


def _refusal(stock: Any, found: str) -> str:
    known = _DIFFERENCES.get(stock.config.model_type, "it runs this encoder in another way")
    return f"{type(stock).__name__} {found}: {known}. {_KEEP}"


def _compare_padded(model: Any, stock: Any) -> None:
    """Warn where stock classes let the padding of a batch in."""
    if stock.config.model_type == "whisper":  # whose clips are all padded
        return
    longer, shorter = _random_clip(model, 1), _random_clip(model, 0)
    clips = torch.zeros_like(longer).repeat(2, *[1] * (longer.dim() - 1))
    clips[0], clips[1, : shorter.shape[1]] = longer[0], shorter[0]
    frames = torch.arange(longer.shape[1], device=clips.device)
    mask = (frames < torch.tensor([[longer.shape[1]], [shorter.shape[1]]], device=clips.device)).long()
    batch = {model.main_input_name: clips, "attention_mask": mask}
    difference = _difference(model(**batch).logits, stock(**batch).logits)
    if not difference <= _TOLERANCE:
        logger.warning(
            "%s lets the padding of a batch into its logits (by %.1e for a random batch), which this model does not. "
            "Clips alone give the same: run it with a batch size of 1, or with clips of one length.",
            type(stock).__name__,
            difference,
        )


def _difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return (ours - theirs).abs().max().item()
