"""Train, validation and test parts of a corpus."""

from .split_info import SPLITS_VERSION, SplitInfo, describe_split, parameters_with_a_say
from .split_table import PARTS, SplitLeakError, check_leaks
from .strategies import STRATEGIES, resolve_strategy, split_corpus


__all__ = [
    "PARTS",
    "SPLITS_VERSION",
    "STRATEGIES",
    "SplitInfo",
    "SplitLeakError",
    "check_leaks",
    "describe_split",
    "parameters_with_a_say",
    "resolve_strategy",
    "split_corpus",
]
