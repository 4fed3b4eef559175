"""audEERING's models on wav2vec 2.0: arousal, dominance and valence; age and gender.

Sources: the cards of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim and of
audeering/wav2vec2-large-robust-24-ft-age-gender (their classes, the order of the outputs), the README of
audeering/w2v2-how-to (arousal, dominance, valence), arXiv 2203.07378 and 2306.16962. Each head is dropout, `dense`,
tanh, dropout, `out_proj` on the mean of the last states. Dimensions are about 0 to 1; age is in units of 100 years.
"""

from __future__ import annotations

from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from .config_fields import encoder_config, encoder_prefix, has_weights, labelled
from .feature_extractors import published_feature_extractor
from .head_weights import fit_head, head_of, linear, linear_shapes, side_by_side
from .layout import Checkpoint, ConvertedModel, Layout
from .soxan import DENSE, OUTPUT, convert_speech_classifier


DIMENSIONS = ("arousal", "dominance", "valence")
GENDERS = ("female", "male", "child")
_AGE_NOTE = "The dimension `age` is in units of 100 years."


class AudeeringDimensions(Layout):
    """The head of the soxan family as a regressor of arousal, dominance and valence."""

    name = "audeering-dimensions"
    examples = ("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim",)
    options = ("labels",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        if not has_weights(checkpoint, DENSE, OUTPUT):
            return f"no {DENSE}* with {OUTPUT}*"
        named = set((checkpoint.config.get("id2label") or {}).values())
        is_regressor = checkpoint.config.get("problem_type") == "regression" and len(named) in (0, len(DIMENSIONS))
        return None if is_regressor or named == set(DIMENSIONS) else "no regressor of three dimensions by its config"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        converted = convert_speech_classifier(checkpoint, default_labels=DIMENSIONS)
        converted.config.problem_type = "regression"
        return converted


class AudeeringAgeGender(Layout):
    """Two heads, `age.*` and `gender.*`, as the halves of one: gender as the classes, age as a dimension."""

    name = "audeering-age-gender"
    examples = (
        "audeering/wav2vec2-large-robust-24-ft-age-gender",
        "audeering/wav2vec2-large-robust-6-ft-age-gender",
    )

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        return None if has_weights(checkpoint, "age.", "gender.") else "no heads age.* and gender.*"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        encoder = encoder_config(checkpoint)
        size = encoder.hidden_size
        config = SpeechEmotionConfig(
            encoder_config=encoder.to_dict(),
            head="tanh",
            head_hidden_size=2 * size,
            head_dropout=checkpoint.config.get("final_dropout") or 0.0,
            dimension_names=["age"],
            problem_type="single_label_classification",
            **labelled(GENDERS),
        )
        outputs = {"gender": len(GENDERS), "age": 1}
        shapes: dict[str, tuple[int, ...]] = {}
        for name, num_outputs in outputs.items():
            shapes |= linear_shapes(f"{name}.dense", size, size)
            shapes |= linear_shapes(f"{name}.out_proj", num_outputs, size)
        weights, published = fit_head(checkpoint, config, encoder_prefix(encoder), shapes)
        extractor, warnings = published_feature_extractor(checkpoint, encoder)
        heads = [(linear(published, f"{name}.dense"), linear(published, f"{name}.out_proj")) for name in outputs]
        return ConvertedModel(
            model_class=SpeechEmotionForSequenceClassification,
            config=config,
            weights=weights | head_of(*side_by_side(heads), len(GENDERS)),
            feature_extractor=extractor,
            notes=(_AGE_NOTE,),
            warnings=warnings,
        )
