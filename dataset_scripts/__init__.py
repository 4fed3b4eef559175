"""Corpora: one declarative file each; the file name is the name of the corpus."""
