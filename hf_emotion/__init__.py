"""Speech emotion recognition for the Hugging Face ecosystem. Names are imported on first use (PEP 562)."""

from importlib import import_module
from typing import TYPE_CHECKING


__version__ = "0.1.0"

_MODULES = {
    "ExHubertConfig": "models.exhubert",
    "ExHubertForSequenceClassification": "models.exhubert",
    "ExHubertModel": "models.exhubert",
    "SpeechEmotionConfig": "models.speech_emotion",
    "SpeechEmotionForSequenceClassification": "models.speech_emotion",
    "load_model": "models.loading",
    "SpeechEmotionPipeline": "pipelines",
    "EmotionCorpus": "data.corpus",
    "corpus_facts": "data.loading",
    "list_corpora": "data.loading",
    "load_corpus": "data.loading",
    "load_corpora": "data.corpus_collection",
    "load_audio": "data.audio",
    "split_corpus": "data.splits",
    "generate_synthetic_corpora": "data.synthetic",
    "EmotionDataCollator": "data.data_collator",
    "EmotionTrainer": "trainer",
    "EmotionTrainingArguments": "arguments",
    "load_metric": "metrics",
    "evaluate_predictions": "evaluation.report",
}

__all__ = sorted(_MODULES)

if TYPE_CHECKING:
    from .arguments import EmotionTrainingArguments as EmotionTrainingArguments
    from .data.audio import load_audio as load_audio
    from .data.corpus import EmotionCorpus as EmotionCorpus
    from .data.corpus_collection import load_corpora as load_corpora
    from .data.data_collator import EmotionDataCollator as EmotionDataCollator
    from .data.loading import corpus_facts as corpus_facts
    from .data.loading import list_corpora as list_corpora
    from .data.loading import load_corpus as load_corpus
    from .data.splits import split_corpus as split_corpus
    from .data.synthetic import generate_synthetic_corpora as generate_synthetic_corpora
    from .evaluation.report import evaluate_predictions as evaluate_predictions
    from .metrics import load_metric as load_metric
    from .models.exhubert import ExHubertConfig as ExHubertConfig
    from .models.exhubert import ExHubertForSequenceClassification as ExHubertForSequenceClassification
    from .models.exhubert import ExHubertModel as ExHubertModel
    from .models.loading import load_model as load_model
    from .models.speech_emotion import SpeechEmotionConfig as SpeechEmotionConfig
    from .models.speech_emotion import SpeechEmotionForSequenceClassification as SpeechEmotionForSequenceClassification
    from .pipelines import SpeechEmotionPipeline as SpeechEmotionPipeline
    from .trainer import EmotionTrainer as EmotionTrainer


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
