"""Any speech encoder with any head. Importing this package registers it with the auto classes of transformers."""

from transformers import AutoConfig, AutoModelForAudioClassification

from .. import encoders as encoders  # these two register the encoders that transformers does not have
from .. import exhubert as exhubert
from .configuration_speech_emotion import SpeechEmotionConfig
from .modeling_speech_emotion import SpeechEmotionForSequenceClassification, SpeechEmotionOutput


AutoConfig.register("speech_emotion", SpeechEmotionConfig, exist_ok=True)
AutoModelForAudioClassification.register(SpeechEmotionConfig, SpeechEmotionForSequenceClassification, exist_ok=True)

__all__ = ["SpeechEmotionConfig", "SpeechEmotionForSequenceClassification", "SpeechEmotionOutput"]
