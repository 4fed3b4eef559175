"""Times as people read them."""

from __future__ import annotations


_MINUTE, _HOUR = 60, 3600  # seconds


def clock(seconds: float, digits: int = 0) -> str:
    """
    A place in a recording.

    Args:
        seconds (`float`): From its start.
        digits (`int`, *optional*, defaults to 0): Decimals of the seconds.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.clock import clock
    >>> clock(4.52, digits=1), clock(64), clock(3600)
    ('0:04.5', '1:04', '1:00:00')

    ```
    """
    rounded = round(seconds, digits)
    minutes, rest = divmod(rounded, _MINUTE)
    hours, minutes = divmod(int(minutes), _MINUTE)
    width = 3 + digits if digits else 2
    text = f"{rest:0{width}.{digits}f}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def spoken_duration(seconds: float) -> str:
    """
    A duration in words.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.clock import spoken_duration
    >>> spoken_duration(4.52), spoken_duration(600), spoken_duration(95), spoken_duration(5400)
    ('4.5 seconds', '10 minutes', '1 min 35 s', '90 minutes')

    ```
    """
    if seconds < _MINUTE:
        return f"{seconds:.2g} seconds" if seconds != 1 else "1 second"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if rest:
        return f"{minutes} min {rest} s"
    return f"{minutes} minutes" if minutes != 1 else "1 minute"
