"""Tiny classifiers of every kind that adapters are put on, each over a checkpoint in a folder; inputs; training."""

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    HubertConfig,
    HubertForSequenceClassification,
    HubertModel,
    PreTrainedModel,
    WavLMConfig,
    WavLMForSequenceClassification,
    WavLMModel,
    WhisperConfig,
    WhisperForAudioClassification,
    WhisperModel,
    set_seed,
)

from hf_emotion import ExHubertForSequenceClassification
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification


LABELS = list("abcde")
SPEECH = {
    "hidden_size": 24,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "use_weighted_layer_sum": True,
    "classifier_proj_size": 8,
    "layerdrop": 0.0,
    "mask_time_length": 4,
}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 20,
    "vocab_size": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "use_weighted_layer_sum": True,
    "classifier_proj_size": 8,
}
# Every part that a head can have, in one model or another; `unknown_text` is a parameter that stands alone.
CONDITIONS = {"gender_embedding_size": 3, "text_embedding_size": 5, "num_dimensions": 2, "initializer_range": 0.1}
HEADS = {
    "wavlm": {"layer_selection": "weighted", "pooling": "attention", "head": "mlp", "head_hidden_size": 6},
    "whisper": {"layer_selection": -1, "pooling": "attentive_statistics", "conditioning": "film"},
    "exhubert": {"layer_selection": "weighted", "normalize_layers": True, "pooling": "mean_std", "head": "tanh",
                 "head_hidden_size": 6, "conditioning": "concat"},
}  # fmt: skip


def encoder_checkpoint(family: str, folder: Path) -> str:
    """Folder of an encoder: its checkpoint has no head that fits, as published ones."""
    path = folder / f"{family}_checkpoint"
    if not path.exists():
        torch.manual_seed(0)
        if family == "whisper":
            WhisperModel(WhisperConfig(**WHISPER)).save_pretrained(path)
        elif family == "wavlm":
            WavLMModel(WavLMConfig(**SPEECH)).save_pretrained(path)
        elif family == "exhubert":
            source = encoder_checkpoint("hubert", folder)
            model = ExHubertForSequenceClassification.from_hubert(source, labels=LABELS)
            model.expand_blocks()
            move_copies(model)
            model.save_pretrained(path)
        else:
            HubertModel(HubertConfig(**SPEECH)).save_pretrained(path)
    return str(path)


def move_copies(model: PreTrainedModel) -> None:
    """Let the copies of layers have an effect, as trained ones have."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "zero_linear" in name:
                weight.normal_(std=0.1)


def stock(classifier: type[PreTrainedModel], family: str) -> Callable[[Path], PreTrainedModel]:
    def load(folder: Path) -> PreTrainedModel:
        model = classifier.from_pretrained(encoder_checkpoint(family, folder), num_labels=len(LABELS))
        # transformers leaves the layer weights of a new WavLM or Whisper head as the memory was
        with torch.no_grad():
            model.layer_weights.fill_(1 / len(model.layer_weights))
        return model

    return load


def speech_emotion(family: str) -> Callable[[Path], PreTrainedModel]:
    def load(folder: Path) -> PreTrainedModel:
        source = encoder_checkpoint(family, folder)
        return SpeechEmotionForSequenceClassification.from_encoder(source, LABELS, **CONDITIONS, **HEADS[family])

    return load


def expanded_speech_emotion(folder: Path) -> PreTrainedModel:
    path = folder / "expanded"
    if not path.exists():
        model = speech_emotion("wavlm")(folder)
        model.expand_blocks()
        move_copies(model)
        model.save_pretrained(path)
    return SpeechEmotionForSequenceClassification.from_pretrained(path)


def expanded_exhubert(folder: Path) -> PreTrainedModel:
    return ExHubertForSequenceClassification.from_pretrained(encoder_checkpoint("exhubert", folder))


CLASSIFIERS: dict[str, Callable[[Path], PreTrainedModel]] = {
    "hubert": stock(HubertForSequenceClassification, "hubert"),
    "exhubert": expanded_exhubert,
    "wavlm": stock(WavLMForSequenceClassification, "wavlm"),
    "whisper": stock(WhisperForAudioClassification, "whisper"),
    "speech_emotion-wavlm": speech_emotion("wavlm"),
    "speech_emotion-whisper": speech_emotion("whisper"),
    "speech_emotion-exhubert": speech_emotion("exhubert"),
    "speech_emotion-expanded": expanded_speech_emotion,
}


def make_classifier(kind: str, folder: Path) -> PreTrainedModel:
    """A classifier with a new head that does not depend on what ran before."""
    CLASSIFIERS[kind](folder)  # writes the checkpoint, if there is none
    set_seed(0)
    return CLASSIFIERS[kind](folder)


def inputs(kind: str, num_clips: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    if "whisper" in kind:
        batch = {"input_features": normal(num_clips, 8, 40)}
    else:
        batch = {"input_values": normal(num_clips, 3000)}
    if kind.startswith("speech_emotion"):
        text = normal(num_clips, 5)
        text[0] = float("nan")
        batch |= {"gender": torch.arange(num_clips) % 3 - 1, "text_embedding": text}
    return batch


def targets(kind: str, num_clips: int = 4) -> dict[str, torch.Tensor]:
    labels = {"labels": torch.arange(num_clips)}
    if kind.startswith("speech_emotion"):
        labels["dimension_labels"] = torch.arange(2.0 * num_clips).reshape(num_clips, 2).cos()
    return labels


def train(model, kind: str, num_steps: int = 2) -> torch.Tensor:
    """Steps that move every parameter that is trained; returns the logits."""
    set_seed(2)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.02)
    model.train()
    for _ in range(num_steps):
        model(**inputs(kind, 4), **targets(kind)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return logits(model.eval(), kind)


def logits(model, kind: str) -> torch.Tensor:
    """Logits, and what is regressed beside them."""
    with torch.no_grad():
        outputs = model(**inputs(kind))
    dimensions = getattr(outputs, "dimensions", None)
    return outputs.logits if dimensions is None else torch.cat([outputs.logits, dimensions], dim=-1)
