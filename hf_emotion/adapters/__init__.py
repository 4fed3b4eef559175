"""Parameter-efficient fine-tuning with peft."""

from .adaptation import (
    add_adapter,
    encoder_name,
    load_adapted_classifier,
    merge_adapter,
    train_head_only,
)


__all__ = ["add_adapter", "encoder_name", "load_adapted_classifier", "merge_adapter", "train_head_only"]
