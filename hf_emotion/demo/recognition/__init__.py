"""The Gradio app of `hf-emotion demo`."""
