"""Synthetic corpora of parametric emotional speech."""

from .corpora import SYNTHETIC_CORPORA, SyntheticCorpus, generate_synthetic_corpora


__all__ = ["SYNTHETIC_CORPORA", "SyntheticCorpus", "generate_synthetic_corpora"]
