"""Models and the layouts of published checkpoints. Remote-code safe: torch, transformers and siblings only."""
