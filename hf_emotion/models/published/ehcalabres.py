"""The layout of ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition: `classifier.dense`, `classifier.output`.

Its code was never published, so that nothing says what stands between the two layers. The shapes are those of soxan's
head (dropout, dense, tanh, dropout, output on the mean of the last states), and that is how some of its users rebuild
it; others copy its layers into the stock class of transformers, which has no activation. The tanh is therefore an
assumption, and the option `head_activation` replaces it.
"""

from __future__ import annotations

from .config_fields import has_weights
from .layout import Checkpoint, ConvertedModel, Layout
from .soxan import DENSE, convert_speech_classifier


OUTPUT = "classifier.output."
# option -> head of SpeechEmotionConfig
HEAD_ACTIVATIONS = {"tanh": "tanh", "relu": "relu", "none": "dense"}
_DEFAULT = "tanh"
_ASSUMED = (
    f"What stands between {DENSE}* and {OUTPUT}* was never published: {_DEFAULT} is assumed, as in soxan's head, "
    'which has the same shapes. `head_activation="relu"` or "none" gives other scores: compare them on labelled clips.'
)


class Ehcalabres(Layout):
    """A head whose activation is not documented."""

    name = "ehcalabres"
    examples = ("ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition",)
    options = ("head_activation", "labels")

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        return None if has_weights(checkpoint, DENSE, OUTPUT) else f"no {DENSE}* with {OUTPUT}*"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        activation = checkpoint.options.get("head_activation")
        if activation is not None and activation not in HEAD_ACTIVATIONS:
            raise ValueError(f"head_activation={activation!r} is none of {', '.join(HEAD_ACTIVATIONS)}.")
        warnings = () if activation else (_ASSUMED,)
        head = HEAD_ACTIVATIONS[activation or _DEFAULT]
        return convert_speech_classifier(checkpoint, OUTPUT, head, warnings=warnings)
