"""What a misspelt name probably stands for (stdlib only)."""

import difflib
import re
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """
    A sentence for an error that proposes known names close to a wrong one, with a space behind it; empty if none is
    close. Case and punctuation do not count.

    Args:
        name (`str`): the wrong name.
        known (`Iterable[str]`): the right ones.
        cutoff (`float`, *optional*, defaults to 0.6): how similar a name must be, from 0 to 1.

    Example:

    ```python
    >>> from hf_emotion.suggestions import did_you_mean
    >>> did_you_mean("CREMA-D", ["crema_d", "tess"])
    "Did you mean 'crema_d'? "
    >>> did_you_mean("xyz", ["crema_d", "tess"])
    ''

    ```
    """
    plain = {_plain(word): word for word in sorted(known)}  # a_b, not a-b, if both are known
    wanted = _plain(name)
    close = [wanted] if wanted in plain else difflib.get_close_matches(wanted, plain, n=3, cutoff=cutoff)
    return f"Did you mean {' or '.join(repr(plain[match]) for match in close)}? " if close else ""


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())
