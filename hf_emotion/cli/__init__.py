"""The command `hf-emotion`: one file in `commands/` per verb, heavy imports inside the bodies."""
