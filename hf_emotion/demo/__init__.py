"""Gradio apps; they need the extra `demo`."""
