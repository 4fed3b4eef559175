"""Every file of a corpus decoded once, and what is wrong with files, labels and parts."""

from .corpus_audit import CorpusAudit, PartSummary, audit_corpus


__all__ = ["CorpusAudit", "PartSummary", "audit_corpus"]
