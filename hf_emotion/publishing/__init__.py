"""
Pushing models, adapters, ensembles, metrics and results to the Hub. Corpora are pushed by `hf_emotion.hub`.

Names are imported on first use (PEP 562): the leaderboard needs the errors of this package, but no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING


_MODULES = {
    "detect_kind": "detection",
    "push_adapter": "adapter",
    "push_ensemble": "ensemble",
    "push_metric": "metric",
    "push_model": "model",
    "push_results": "results",
}

__all__ = sorted(_MODULES)

if TYPE_CHECKING:
    from .adapter import push_adapter as push_adapter
    from .detection import detect_kind as detect_kind
    from .ensemble import push_ensemble as push_ensemble
    from .metric import push_metric as push_metric
    from .model import push_model as push_model
    from .results import push_results as push_results


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value
