"""Heads that S3PRL trains on a frozen encoder, such as EMO-SUPERB's: `dev-best.ckpt` with the encoder beside it.

Sources: `downstream/emotion/expert.py`, `downstream/model.py` and `upstream/interfaces.py` of s3prl/s3prl (0.4.18),
`emo-superb/expert.py` and the `config.json` of each setting in EMOsuperb/EMO-SUPERB-submission. The head is the
softmax average of the encoder's hidden states (`Featurizer.weights`), a linear `projector` on frames, the mean over
time, and a linear layer. The last hidden state is behind the encoder's final layer norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from ..encoders.s3prl_checkpoint import part_of
from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from ..speech_emotion.encoding_speech_emotion import encoder_of, is_self_contained
from ..speech_emotion.loading_speech_emotion import load_encoder
from ..stock_classifier import to_stock_classifier
from .config_fields import label_names, labelled
from .feature_extractors import default_feature_extractor
from .layout import Checkpoint, ConvertedModel, Layout
from .weight_names import fit_weights


_PROJECTOR, _CLASSIFIER = "Downstream.projector.", "Downstream.model.post_net.linear."
_LAYER_WEIGHTS = "Featurizer.weights"
_ENCODER = "speech_encoder."
_PREFIXES = {
    _ENCODER: _ENCODER,
    _PROJECTOR: "projector.",
    _CLASSIFIER: "classifier.",
    _LAYER_WEIGHTS: "layer_weights",
}
# the best score so far, which decides what is saved
_UNUSED = ("Downstream.best_score",)
# Classes of EMO-SUPERB in the order of the outputs, by corpus and part, from `config.json` of each.
_PODCAST = {
    "Primary": "angry sad disgust contempt fear neutral surprise happy",
    "Secondary": "angry frustrated annoyed disappointed sad disgust depressed contempt confused concerned fear "
    "neutral surprise amused excited happy",
}
EMO_SUPERB_CLASSES: dict[str, dict[str, str]] = {
    "IMPROV": {
        "Primary": "angry sad neutral happy",
        "Secondary": "depressed frustrated angry sad disgust excited fear neutral surprise happy",
    },
    "CREMA-D": {"Primary": "angry sad disgust fear neutral happy"},
    "IEMOCAP": {"Secondary": "frustrated angry sad disgust excited fear neutral surprise happy"},
    "NNIME": {
        "Secondary": "angry frustrated disappointed sad fear neutral surprise excited happy relax joy",
    },
    "PODCAST": _PODCAST,
    "BIIC_PODCAST": _PODCAST,
}
# of S3PRL's own task on IEMOCAP
_SUPERB_CLASSES = ("neu", "hap", "ang", "sad")


class S3prlHead(Layout):
    """
    A head of S3PRL's emotion tasks and the encoder it was trained on -> the stock class of the encoder; for encoders
    that transformers does not have, [`SpeechEmotionForSequenceClassification`].
    """

    name = "s3prl-head"
    examples = ("dev-best.ckpt of EMO-SUPERB",)
    options = ("encoder", "encoder_revision", "labels")

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        if any(name.startswith("Downstream.") for name in checkpoint.weights):
            return None
        return "no part `Downstream`, which files of S3PRL have"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        _check_head(checkpoint)
        encoder = _load_encoder(checkpoint)
        _check_encoder(checkpoint, encoder)
        names, warnings = _labels(checkpoint)
        config = _config(checkpoint, encoder, names)
        of_encoder = {f"{_ENCODER}{name}": value for name, value in encoder.state_dict().items()}
        whole = Checkpoint(checkpoint.source, {}, {**checkpoint.weights, **of_encoder})
        weights = fit_weights(whole, SpeechEmotionForSequenceClassification, config, _PREFIXES, _UNUSED)
        extractor = default_feature_extractor(encoder.config)
        warnings += _waveform_warnings(checkpoint, encoder)
        notes = ("EMO-SUPERB cuts clips to their first 10 s.",) if _setting(checkpoint.config) else ()
        if is_self_contained(encoder.config):
            return ConvertedModel(SpeechEmotionForSequenceClassification, config, weights, extractor, notes, warnings)
        ours: Any = SpeechEmotionForSequenceClassification.from_pretrained(None, config=config, state_dict=weights)
        stock: Any = to_stock_classifier(ours.eval())
        return ConvertedModel(type(stock), stock.config, stock.state_dict(), extractor, notes, warnings)


def _config(checkpoint: Checkpoint, encoder: PreTrainedModel, names: Sequence[str]) -> SpeechEmotionConfig:
    return SpeechEmotionConfig(
        encoder_config=encoder.config.to_dict(),
        layer_selection="weighted" if _num_states(encoder) > 1 else "last",
        classifier_proj_size=_size(checkpoint.weights, f"{_CLASSIFIER}weight", 1),
        # softmax over the classes, in pipelines too
        problem_type="single_label_classification",
        **labelled(names),
    )


def _check_head(checkpoint: Checkpoint) -> None:
    """Refuse what the layout cannot hold before the encoder is loaded."""
    tuned = sorted(name for name in checkpoint.weights if name.startswith("Upstream."))
    if tuned:
        raise ValueError(
            f"{checkpoint.source} has weights of a fine-tuned encoder ({tuned[0]}, ...), in S3PRL's own names, which "
            "cannot be read: only heads on frozen encoders can."
        )
    if not checkpoint.options.get("encoder"):
        raise ValueError(
            f"{checkpoint.source} is a head without its encoder. Name the checkpoint that it was trained on: "
            "`encoder=`, or `--encoder`, such as microsoft/wavlm-large."
        )
    select = _model_fields(checkpoint.config).get("select")
    if select not in (None, "UtteranceLevel"):
        raise ValueError(
            f"{checkpoint.source} has a head of the kind {select!r}, but only S3PRL's UtteranceLevel (the mean over "
            "time and a linear layer) can be converted."
        )


def _load_encoder(checkpoint: Checkpoint) -> PreTrainedModel:
    options = checkpoint.options
    revision = {"revision": options["encoder_revision"]} if options.get("encoder_revision") else {}
    encoder = encoder_of(load_encoder(str(options["encoder"]), **revision)).float()  # type: ignore[operator]
    return encoder.eval()


def _num_states(encoder: PreTrainedModel) -> int:
    config: Any = encoder.config
    return getattr(config, "num_hidden_states", config.num_hidden_layers + 1)


def _check_encoder(checkpoint: Checkpoint, encoder: PreTrainedModel) -> None:
    """Tell an encoder of another size from a head that is damaged."""
    config: Any = encoder.config
    weights, states = checkpoint.weights, _num_states(encoder)
    found = {
        f"{_PROJECTOR}weight": (_size(weights, f"{_PROJECTOR}weight", 1), config.hidden_size, "width"),
        _LAYER_WEIGHTS: (_size(weights, _LAYER_WEIGHTS, 0), states if states > 1 else 0, "number of hidden states"),
    }
    for name, (head, of_encoder, what) in found.items():
        if name in weights and head != of_encoder:
            raise ValueError(
                f"{name} of {checkpoint.source} was trained on an encoder with a {what} of {head}, but that of "
                f"{checkpoint.options['encoder']} ({config.model_type}) is {of_encoder}. Name the encoder of the head."
            )


def _size(weights: Mapping[str, torch.Tensor], name: str, dim: int) -> int:
    """Size of a weight; 1 if it is missing, which is said where all weights are checked."""
    value = weights.get(name)
    return value.shape[dim] if value is not None and value.dim() > dim else 1


def _labels(checkpoint: Checkpoint) -> tuple[list[str], tuple[str, ...]]:
    """Names of the classes: of the option `labels`, of EMO-SUPERB's setting, or of S3PRL's own task."""
    known = _setting_classes(checkpoint)
    sizes = [_size(checkpoint.weights, f"{_CLASSIFIER}{part}", 0) for part in ("bias", "weight")]
    wanted = len(checkpoint.options.get("labels") or known)
    num_labels = wanted if wanted in sizes else sizes[0]
    names = label_names(checkpoint, num_labels, known)
    if names[0] != "LABEL_0":
        return names, ()
    unnamed = f"The file does not name its {num_labels} classes: give their names in the order of outputs, `labels=`."
    return names, (unnamed,)


def _setting_classes(checkpoint: Checkpoint) -> Sequence[str]:
    setting = _setting(checkpoint.config)
    if setting is not None:
        corpus, part = setting
        return EMO_SUPERB_CLASSES.get(corpus, {}).get(part, "").split()
    return _SUPERB_CLASSES if _data_fields(checkpoint.config) else ()


def _setting(config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Corpus and part of EMO-SUPERB that a head was trained on."""
    data = _data_fields(config)
    return (str(data["corpus"]), str(data["p_or_s"])) if {"corpus", "p_or_s"} <= set(data) else None


def _data_fields(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return _part(config, "datarc")


def _model_fields(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return _part(config, "modelrc")


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    try:
        return part_of(config, "downstream_expert", name)
    except KeyError:  # files without their config
        return {}


def _waveform_warnings(checkpoint: Checkpoint, encoder: PreTrainedModel) -> tuple[str, ...]:
    """EMO-SUPERB normalises waveforms by its training part. Encoders that normalise them themselves, by the clip or by
    a group norm behind the first convolution, do not notice."""
    if _setting(checkpoint.config) is None or not is_self_contained(encoder.config):
        return ()
    return (
        "EMO-SUPERB normalises waveforms by mean and standard deviation of its training part, which the file does not "
        "hold: scores differ where this encoder notices the loudness of a clip.",
    )
