"""Cells of frozen encoders as models of their own."""
