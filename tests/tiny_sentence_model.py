"""A tiny Sentence-Transformers model with random weights."""

from pathlib import Path

import pytest
from transformers import BertConfig, BertModel, BertTokenizerFast


EMBEDDING_SIZE = 8


def save_sentence_model(folder: Path, words: list[str]) -> str:
    """Write a model that knows `words`; skips the test where sentence-transformers is not installed."""
    package = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=EMBEDDING_SIZE,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    )
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(folder / "bert")
    package.SentenceTransformer(str(folder / "bert"), device="cpu").save(str(folder / "sentences"))
    return str(folder / "sentences")
