"""`hf-emotion version`: what a bug report should say."""

import platform

from hf_emotion import __version__


_PACKAGES = ("torch", "transformers", "datasets", "accelerate", "huggingface-hub", "evaluate", "soundfile", "soxr")


def version() -> None:
    """Print the versions of hf-emotion, Python and the packages it rests on."""
    from importlib import metadata

    found = {"hf-emotion": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    width = max(map(len, found))
    for name, number in found.items():
        print(f"{name:<{width}}  {number}")
