"""Tiny configs of every encoder family, and batches of two clips in the form that each of them reads."""

import torch

from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification


_TRANSFORMER = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "layerdrop": 0.0,
}
_WAVE = _TRANSFORMER | {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 4, 4),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.2,
    "mask_time_length": 3,
}
_LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
_DATA2VEC = {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5}
_SEW_D = {"squeeze_factor": 2, "max_position_embeddings": 64, "position_buckets": 16}

ENCODERS = {
    "hubert-base": {"model_type": "hubert", **_WAVE},
    "hubert-large": {"model_type": "hubert", **_WAVE, **_LARGE},
    "exhubert": {"model_type": "exhubert", **_WAVE, **_LARGE, "num_copies_per_layer": [1, 0]},
    "wav2vec2-base": {"model_type": "wav2vec2", **_WAVE},
    "wav2vec2-large": {"model_type": "wav2vec2", **_WAVE, **_LARGE},
    "wav2vec2-conformer": {"model_type": "wav2vec2-conformer", **_WAVE, "conv_depthwise_kernel_size": 5},
    "wav2vec2-bert": {"model_type": "wav2vec2-bert", **_TRANSFORMER, "feature_projection_input_dim": 8},
    "wavlm-base": {"model_type": "wavlm", **_WAVE},
    "wavlm-large": {"model_type": "wavlm", **_WAVE, **_LARGE},
    "data2vec-audio": {"model_type": "data2vec-audio", **_WAVE, **_DATA2VEC},
    "unispeech": {"model_type": "unispeech", **_WAVE},
    "unispeech-sat": {"model_type": "unispeech-sat", **_WAVE, **_LARGE},
    "sew": {"model_type": "sew", **_WAVE, "squeeze_factor": 2},
    "sew-d": {"model_type": "sew-d", **_WAVE, **_SEW_D},
    "whisper": {
        "model_type": "whisper",
        "d_model": 16,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 24,
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 24,
        "num_mel_bins": 8,
        "max_source_positions": 30,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
        "vocab_size": 8,
    },
}
# encoders that transformers does not have, which leave padding out and return all hidden states by themselves
_FILTER_BANK = {"num_mel_bins": 8, "hidden_size": 16, "num_hidden_layers": 2, "dropout": 0.0}
_BERT = {
    "num_mel_bins": 8,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
}
_WAV2VEC = {"hidden_size": 8, "conv_kernel": (10, 8, 4), "conv_stride": (5, 4, 4), "aggregator_kernel": (2, 3)}
SELF_CONTAINED = {
    "filter_bank": {"model_type": "filter_bank", "num_mel_bins": 8, "num_deltas": 1},
    "apc": {"model_type": "apc", **_FILTER_BANK},
    "vq_apc": {"model_type": "vq_apc", **_FILTER_BANK, "codebook_sizes": (4,), "code_sizes": (16,)},
    "npc": {"model_type": "npc", **_FILTER_BANK, "codebook_sizes": (4, 4), "code_sizes": (8, 8)},
    "mockingjay": {"model_type": "mockingjay", **_BERT},
    "mockingjay-pieces": {"model_type": "mockingjay", **_BERT, "max_frames": 7},
    "decoar2": {"model_type": "decoar2", **_BERT, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
    "wav2vec": {"model_type": "wav2vec", **_WAV2VEC},
    "vq_wav2vec": {"model_type": "vq_wav2vec", **_WAV2VEC, "codevector_dim": 8, "num_codevectors_per_group": 4},
    "modified_cpc": {"model_type": "modified_cpc", "conv_channels": 16, "hidden_size": 16},
    "pase_plus": {"model_type": "pase_plus", "hidden_size": 8, "conv_channels": (4,) * 8, "recurrent_size": 8},
}
NO_RANDOMNESS = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "mask_time_prob": 0.0}


def tiny_model(encoder: str, encoder_fields: dict | None = None, **fields) -> SpeechEmotionForSequenceClassification:
    """A tiny model in eval mode with weights that do not depend on what ran before."""
    torch.manual_seed(0)
    sizes = {"classifier_proj_size": 6, "head_hidden_size": 6, "attention_pooling_size": 4, "num_labels": 3}
    sizes["initializer_range"] = 0.5  # logits around one, so that a tolerance of 1e-5 means something
    tiny = (ENCODERS | SELF_CONTAINED)[encoder]
    config = SpeechEmotionConfig(encoder_config=tiny | (encoder_fields or {}), **(sizes | fields))
    return SpeechEmotionForSequenceClassification(config).eval()


def padded_batch(encoder: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Two clips, the second shorter, with their mask; and the second clip alone."""
    generator = torch.Generator().manual_seed(1)
    family = (ENCODERS | SELF_CONTAINED)[encoder]["model_type"]
    name, shape, short = {
        "wav2vec2-bert": ("input_features", (2, 25, 8), 13),
        "whisper": ("input_features", (2, 8, 50), 21),
    }.get(family, ("input_values", (2, 2000), 1300))
    # Whisper's extractor clips to a range of 2
    inputs = (torch.rand if family == "whisper" else torch.randn)(shape, generator=generator)
    time = 1 if family != "whisper" else 2
    mask = (torch.arange(shape[time]) < torch.tensor([[shape[time]], [short]])).long()
    inputs = inputs * (mask[:, None] if family == "whisper" else mask.unsqueeze(-1) if len(shape) == 3 else mask)
    alone = inputs[1:].narrow(time, 0, short)
    if family == "whisper":  # to the floor, as its extractor pads
        inputs[1, :, short:] = max(alone.max().item() - 2, -1.5)
    return {name: inputs, "attention_mask": mask}, {name: alone}
