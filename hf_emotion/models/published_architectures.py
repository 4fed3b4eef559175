"""Architectures of published encoders, so that an experiment can be checked without the network.

The figures are those of the checkpoints' config.json; `tests/models/test_published_architectures.py` checks the ones
that a paper prints as parameter counts.
"""

_LARGE_WAVE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
}
_XLARGE_WAVE = _LARGE_WAVE | {"hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120}

PUBLISHED_ARCHITECTURES: dict[str, dict] = {
    "facebook/hubert-base-ls960": {"model_type": "hubert"},
    "facebook/hubert-large-ls960-ft": {"model_type": "hubert", **_LARGE_WAVE},
    "facebook/hubert-large-ll60k": {"model_type": "hubert", **_LARGE_WAVE},
    "superb/hubert-large-superb-er": {"model_type": "hubert", **_LARGE_WAVE, "use_weighted_layer_sum": True},
    "facebook/hubert-xlarge-ls960-ft": {"model_type": "hubert", **_XLARGE_WAVE},
    "facebook/wav2vec2-xls-r-300m": {"model_type": "wav2vec2", **_LARGE_WAVE},
    "facebook/wav2vec2-xls-r-1b": {"model_type": "wav2vec2", **_XLARGE_WAVE},
    "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim": {
        "model_type": "wav2vec2",
        **_LARGE_WAVE,
        "num_hidden_layers": 12,
    },
    "amiriparian/ExHuBERT": {
        "model_type": "exhubert",
        **_LARGE_WAVE,
        "num_copies_per_layer": [1] * 24,
        "gate_original_layers": True,
    },
    "microsoft/wavlm-base-plus": {"model_type": "wavlm"},
    "microsoft/wavlm-large": {"model_type": "wavlm", **_LARGE_WAVE, "conv_bias": False},
    "openai/whisper-medium": {
        "model_type": "whisper",
        "d_model": 1024,
        "encoder_layers": 24,
        "encoder_attention_heads": 16,
        "encoder_ffn_dim": 4096,
        "num_mel_bins": 80,
        "decoder_layers": 24,
        "decoder_attention_heads": 16,
        "decoder_ffn_dim": 4096,
    },
    "openai/whisper-large-v3": {
        "model_type": "whisper",
        "d_model": 1280,
        "encoder_layers": 32,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120,
        "num_mel_bins": 128,
        "decoder_layers": 32,
        "decoder_attention_heads": 20,
        "decoder_ffn_dim": 5120,
    },
}
