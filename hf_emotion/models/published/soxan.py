"""Classifiers of the soxan family: a mean, sum or maximum over time, a dense layer with tanh, an output layer.

The head of `Wav2Vec2ForSpeechClassification` and `HubertForSpeechClassification` in m3hrdadfi/soxan (`src/models.py`,
revision 1cf82aa): dropout, `classifier.dense`, tanh, dropout, `classifier.out_proj` on the pooled last states. Pooling
follows `pooling_mode` of the config; the original pools padded frames too, so it agrees with this package on clips
alone. xmj2002/hubert-base-ch-speech-emotion-recognition has the same head without `pooling_mode` (mean) and without
names for the classes, which its card lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from .config_fields import (
    encoder_config,
    encoder_prefix,
    has_weights,
    label_names,
    labelled,
    num_outputs,
)
from .feature_extractors import published_feature_extractor
from .layout import Checkpoint, ConvertedModel, Layout
from .weight_names import fit_weights


POOLING_MODES = ("mean", "sum", "max")
DENSE, OUTPUT = "classifier.dense.", "classifier.out_proj."
# of xmj2002's card, for the field `num_class` of its config
_CHINESE_CLASSES = ("angry", "fear", "happy", "neutral", "sad", "surprise")
_PADS_TO_SIX_SECONDS = (
    "The original code pads clips with silence to 6 s and pools that too: shorter clips get other scores there."
)


def convert_speech_classifier(
    checkpoint: Checkpoint,
    output: str = OUTPUT,
    head: str = "tanh",
    default_labels: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> ConvertedModel:
    """
    Convert a head of one dense layer on pooled last states.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        output (`str`, *optional*): Beginning of the names of its output layer.
        head (`str`, *optional*, defaults to `"tanh"`): The head of [`SpeechEmotionConfig`] that computes the same.
        default_labels (`Sequence[str]`, *optional*): Names of the outputs, if its config has none.
        warnings (`Sequence[str]`, *optional*): What a user should look at.

    Raises:
        `ValueError`: If a weight is missing, left over or misshapen, naming it, or the pooling is unknown.
    """
    encoder = encoder_config(checkpoint)
    field = "num_class" if "num_class" in checkpoint.config else "num_labels"
    names = label_names(checkpoint, num_outputs(checkpoint, f"{output}bias", field), default_labels)
    config = SpeechEmotionConfig(
        encoder_config=encoder.to_dict(),
        pooling=_pooling(checkpoint),
        head=head,
        head_hidden_size=encoder.hidden_size,
        head_dropout=_dropout(checkpoint),
        problem_type=_problem_type(checkpoint, len(names)),
        **labelled(names),
    )
    extractor, found = published_feature_extractor(checkpoint, encoder)
    prefixes = {encoder_prefix(encoder): "speech_encoder.", DENSE: "projector.1.", output: "classifier."}
    return ConvertedModel(
        model_class=SpeechEmotionForSequenceClassification,
        config=config,
        weights=fit_weights(checkpoint, SpeechEmotionForSequenceClassification, config, prefixes),
        feature_extractor=extractor,
        warnings=(*warnings, *found),
    )


def _pooling(checkpoint: Checkpoint) -> str:
    pooling = checkpoint.config.get("pooling_mode") or "mean"
    if pooling not in POOLING_MODES:
        raise ValueError(
            f"The config.json of {checkpoint.source} has pooling_mode={pooling!r}, but soxan knows "
            f"{', '.join(POOLING_MODES)}: set it to the one that the model was trained with."
        )
    return pooling


def _dropout(checkpoint: Checkpoint) -> float:
    values = [checkpoint.config.get(name) for name in ("classifier_dropout", "final_dropout")]
    return next((value for value in values if value is not None), 0.0)


def _problem_type(checkpoint: Checkpoint, num_labels: int) -> Any:
    """What soxan would find at the first loss: it decides by the labels' type where the config does not."""
    return checkpoint.config.get("problem_type") or (
        "regression" if num_labels == 1 else "single_label_classification"
    )


class Soxan(Layout):
    """`*ForSpeechClassification` of m3hrdadfi/soxan and its many copies."""

    name = "soxan"
    examples = (
        "harshit345/xlsr-wav2vec-speech-emotion-recognition",
        "m3hrdadfi/hubert-base-greek-speech-emotion-recognition",
        "m3hrdadfi/wav2vec2-xlsr-persian-speech-emotion-recognition",
        "Rajaram1996/Hubert_emotion",
        "xmj2002/hubert-base-ch-speech-emotion-recognition",
    )
    options = ("labels",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        return None if has_weights(checkpoint, DENSE, OUTPUT) else f"no {DENSE}* with {OUTPUT}*"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        if "num_class" not in checkpoint.config:
            return convert_speech_classifier(checkpoint)
        return convert_speech_classifier(checkpoint, default_labels=_CHINESE_CLASSES, warnings=(_PADS_TO_SIX_SECONDS,))
