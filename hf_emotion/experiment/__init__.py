"""An experiment in YAML, and what it is made of: corpora, model, loss, collator, predictions."""
