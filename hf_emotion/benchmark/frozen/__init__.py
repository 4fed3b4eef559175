"""Heads on frozen encoders: every fold and seed from features that are extracted once."""
