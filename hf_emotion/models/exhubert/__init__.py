"""ExHuBERT. Importing this package registers it with the auto classes of transformers."""

from transformers import AutoConfig, AutoModel, AutoModelForAudioClassification

from .configuration_exhubert import ExHubertConfig
from .modeling_exhubert import ExHubertForSequenceClassification, ExHubertModel


AutoConfig.register("exhubert", ExHubertConfig, exist_ok=True)
AutoModel.register(ExHubertConfig, ExHubertModel, exist_ok=True)
AutoModelForAudioClassification.register(ExHubertConfig, ExHubertForSequenceClassification, exist_ok=True)

__all__ = ["ExHubertConfig", "ExHubertForSequenceClassification", "ExHubertModel"]
