# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Encoders that travel with a saved model because transformers does not have them.

Empty in the package, where such encoders are registered with the auto classes. `save_pretrained` replaces this file in
the saved folder by imports of the encoder's own files, so that they are found where the package is not installed.
"""

# model type -> (config class, model class)
CUSTOM_ENCODERS: dict[str, tuple[type, type]] = {}
