"""How recordings are predicted: the model and its options."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from .model_identity import model_identity


if TYPE_CHECKING:
    from ..pipelines.recognizer import SpeechEmotionRecognizer


@dataclass(frozen=True)
class PredictionSettings:
    """
    A model and how it is asked.

    Args:
        model (`str`): Folder of a model or of an ensemble, or an id on the Hub.
        revision (`str`, *optional*): Branch, tag or commit of a model on the Hub.
        labels (`tuple[str, ...]`, *optional*): Keep only these classes.
        temperature (`float`, *optional*, defaults to 1.0): Logits are divided by it.
        window_seconds (`float`, *optional*): Length of windows; by default long recordings only are cut into any.
        hop_seconds (`float`, *optional*): Distance of the windows' starts.
        channels (`str`, *optional*, defaults to `"mix"`): `"each"` for one result per channel.
        return_embeddings (`bool`, *optional*, defaults to `False`): Whether results hold embeddings.
        batch_size (`int`, *optional*, defaults to 8): Clips or windows per batch.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code of the model's repository may run.
        device (`str`, *optional*): Such as `"cpu"` or `"cuda:1"`.
        dtype (`str`, *optional*): Precision of the weights, such as `"float16"`.
        gender (`str`, *optional*): `"female"` or `"male"`, of all speakers whose gender no manifest says.
        gender_model (`str`, *optional*): Folder or id of the model that is asked for genders that are not known.
    """

    model: str
    revision: str | None = None
    labels: tuple[str, ...] | None = None
    temperature: float = 1.0
    window_seconds: float | None = None
    hop_seconds: float | None = None
    channels: str = "mix"
    return_embeddings: bool = False
    batch_size: int = 8
    trust_remote_code: bool = False
    device: str | None = None
    dtype: str | None = None
    gender: str | None = None
    gender_model: str | None = None

    def load(self) -> SpeechEmotionRecognizer:
        """Load the model. Takes seconds; nothing is drawn on the terminal."""
        import transformers

        from ..recognition import load_recognizer

        transformers.utils.logging.disable_progress_bar()
        return load_recognizer(
            self.model,
            revision=self.revision,
            trust_remote_code=self.trust_remote_code,
            device=self.device,
            dtype=self.dtype,
            gender_model=self.gender_model,
        )

    def call_options(self) -> dict[str, Any]:
        """Arguments of the recogniser, those aside that differ from recording to recording."""
        names = ("labels", "temperature", "window_seconds", "hop_seconds", "channels", "return_embeddings")
        options = {name: getattr(self, name) for name in (*names, "batch_size")}
        return options | {"labels": None if self.labels is None else list(self.labels)}

    def identity(self) -> dict[str, Any]:
        """What decides the scores: the model itself and the options that are not as usual. JSON can write it."""
        usual = {field.name: field.default for field in fields(self)}
        deciding = ("labels", "temperature", "window_seconds", "hop_seconds", "channels", "dtype", "gender")
        unusual = {name: getattr(self, name) for name in deciding if getattr(self, name) != usual[name]}
        if self.labels is not None:
            unusual["labels"] = sorted(self.labels)
        if self.gender_model is not None:
            unusual["gender_model"] = model_identity(self.gender_model)
        return {"model": model_identity(self.model, self.revision), "options": unusual}
