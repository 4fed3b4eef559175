"""How emotions look on the page: a hue each, never without their name, and a short form for narrow places."""

from __future__ import annotations

from collections.abc import Sequence


# Classes `hue-*` of the style sheet, which has a shade of each for light and for dark pages.
HUES = ("red", "blue", "gold", "grey", "purple", "green", "orange", "teal", "pink", "brown")
# By the first letters, as labels are spelled anger, angry or ang.
_USUAL_HUES = {
    "ang": "red",
    "high_neg": "red",
    "sad": "blue",
    "low_neg": "blue",
    "hap": "gold",
    "joy": "gold",
    "high_pos": "gold",
    "neu": "grey",
    "low_neu": "grey",
    "fea": "purple",
    "anx": "purple",
    "dis": "green",
    "sur": "orange",
    "high_neu": "orange",
    "cal": "teal",
    "low_pos": "teal",
    "exc": "pink",
    "bor": "brown",
    "con": "brown",
}
_SHORTEST = 3  # letters of a short form


def emotion_hues(classes: Sequence[str]) -> dict[str, str]:
    """
    A hue for each class: its usual one, or one that no other class has, as long as there are any.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.emotion_marks import emotion_hues
    >>> emotion_hues(["angry", "sad", "smug"])
    {'angry': 'red', 'sad': 'blue', 'smug': 'gold'}

    ```
    """
    hues: dict[str, str] = {}
    for name in classes:
        usual = next((hue for start, hue in _USUAL_HUES.items() if name.lower().startswith(start)), None)
        if usual is not None and usual not in hues.values():
            hues[name] = usual
    free = [hue for hue in HUES if hue not in hues.values()]
    others = [name for name in classes if name not in hues]
    for index, name in enumerate(others):
        hues[name] = free[index] if index < len(free) else HUES[index % len(HUES)]
    return {name: hues[name] for name in classes}


def short_names(classes: Sequence[str]) -> dict[str, str]:
    """
    Short forms that differ: initials of several words, the first letters of one, as many as it takes.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.emotion_marks import short_names
    >>> short_names(["contempt", "content", "low_negative"])
    {'contempt': 'contem', 'content': 'conten', 'low_negative': 'LN'}

    ```
    """
    shown = {name: display_name(name) for name in classes}
    short = {name: _initials(text) for name, text in shown.items()}
    for length in range(_SHORTEST, max(map(len, shown.values()), default=0) + 1):
        forms = list(short.values())
        repeated = {name for name, form in short.items() if forms.count(form) > 1}
        if not repeated:
            break
        short |= {name: shown[name][:length] for name in repeated}
    return short


def display_name(label: str) -> str:
    """A label as text: `"low_negative"` is read as two words."""
    return label.replace("_", " ")


def _initials(text: str) -> str:
    words = text.split()
    return "".join(word[0] for word in words).upper() if len(words) > 1 else text[:_SHORTEST]
