"""The recipes: train and evaluate, each one straight `main`."""
