"""Corpora, audio decoding, splits and mixtures."""
