"""What a submission says of its system: `system.json`, which others will see, and so every field is checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from ...suggestions import did_you_mean
from .untrusted_files import SubmissionError, shown


SYSTEM_FILE = "system.json"
MAX_FACTS_BYTES = 64 * 1024
_MAX_PARAMETERS = 10**14
_MAX_STATES = 200  # hidden states of an encoder
# How long texts may be, in characters.
_TEXTS = {"name": 80, "paper": 300, "code": 300, "submitted_by": 100, "notes": 2000}
FIELDS = (*_TEXTS, "encoder", "num_parameters", "layer_weights")
_MARKUP = re.compile(r"<[a-z/!?]|&#|(javascript|vbscript)\s*:|data:[a-z]+/", re.IGNORECASE)


def parse_system_facts(content: bytes, settings: Collection[str]) -> dict[str, Any]:
    """
    Read `system.json`.

    Args:
        content (`bytes`): Content of the file.
        settings (`Collection[str]`): Names of the settings of the protocol.

    Returns:
        `dict[str, Any]`: See [`check_system_facts`].

    Raises:
        SubmissionError: It is no JSON object, or a field cannot be accepted; all of them are named.
    """
    if len(content) > MAX_FACTS_BYTES:
        raise SubmissionError([f"{SYSTEM_FILE} has {len(content):,} bytes; {MAX_FACTS_BYTES:,} are allowed."])
    try:
        values = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError as error:
        raise SubmissionError([f"{SYSTEM_FILE} is nested too deeply. Its fields are {', '.join(FIELDS)}."]) from error
    except ValueError as error:
        reason = shown(str(error))
        raise SubmissionError([f"{SYSTEM_FILE} is no JSON in UTF-8: {reason}. Write it with json.dump."]) from error
    return check_system_facts(values, settings)


def check_system_facts(values: Any, settings: Collection[str]) -> dict[str, Any]:
    """
    Refuse facts that cannot be shown or cannot be true.

    Args:
        values (`Any`): An object with `name`, and where known `encoder` (Hub id), `num_parameters` (their number),
            `layer_weights` (for a setting the share of each hidden state, the input of the first layer first),
            `paper`, `code` (an https address), `submitted_by` and `notes`.
        settings (`Collection[str]`): Names of the settings of the protocol.

    Returns:
        `dict[str, Any]`: The fields that are given.

    Raises:
        SubmissionError: A field is unknown, has another type, or holds markup or control characters.

    Example:

    ```python
    >>> check_system_facts({"name": "HuBERT", "num_parameters": 317_000_000, "paper": None}, ["CREMA-D"])
    {'name': 'HuBERT', 'num_parameters': 317000000}

    ```
    """
    if not isinstance(values, Mapping):
        raise SubmissionError([f'{SYSTEM_FILE} must be an object such as {{"name": "..."}}, found {shown(values)}.'])
    problems = [
        f"{SYSTEM_FILE} has no field {shown(name)}. {did_you_mean(str(name)[:80], FIELDS)}Fields: {', '.join(FIELDS)}."
        for name in values
        if name not in FIELDS
    ]
    facts = {name: values[name] for name in FIELDS if values.get(name) is not None}
    if "name" not in facts:
        problems.append(f"{SYSTEM_FILE} lacks the field name: what the system is called in the table.")
    checks: dict[str, Callable[[Any], str | None]] = {
        **{name: lambda text, name=name: _problem_of_text(text, name) for name in _TEXTS},  # type: ignore[misc]
        "encoder": _problem_of_encoder,
        "num_parameters": _problem_of_parameters,
        "layer_weights": lambda shares: _problem_of_weights(shares, settings),
    }
    for name, value in facts.items():
        if problem := checks[name](value):
            problems.append(f"{SYSTEM_FILE}, {name}: found {shown(value)}. {problem}")
    if problems:
        raise SubmissionError(problems)
    return facts


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not allowed in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a field is given twice")
    return values


def _problem_of_text(text: Any, name: str) -> str | None:
    if not isinstance(text, str) or not text.strip():
        return "It must be text that is not empty; leave it out if there is nothing to say."
    if len(text) > _TEXTS[name]:
        return f"It has {len(text):,} characters; {_TEXTS[name]} are allowed."
    lines = text.split("\n") if name == "notes" else [text]
    if not all(line.isprintable() for line in lines):
        return "It holds control characters or others that are not seen. Remove them."
    if _MARKUP.search(text):
        return "It holds HTML or an address that runs code. Write plain text."
    if name == "code" and not re.fullmatch(r"https://[^\s()\[\]<>\"'`]+", text):
        return "It must be an address that begins with https://."
    return None


def _problem_of_encoder(encoder: Any) -> str | None:
    try:
        validate_repo_id(encoder)
    except HFValidationError:
        return "It must be the id of a model on the Hub, such as microsoft/wavlm-large, or be left out."
    return None


def _problem_of_parameters(number: Any) -> str | None:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MAX_PARAMETERS:
        return "It must be an integer: how many parameters the system has."
    if 0 < number < 1000:
        return "It counts parameters, not millions of them: write 317000000 for 317 M."
    return None


def _problem_of_weights(weights: Any, settings: Collection[str]) -> str | None:
    if not isinstance(weights, Mapping):
        return 'It must be an object such as {"CREMA-D": [0.2, 0.8]}.'
    for setting, shares in weights.items():
        if setting not in settings:
            return f"There is no setting {shown(setting)}; there are {', '.join(settings)}."
        if not _is_distribution(shares):
            return f"Those of {setting} must be up to {_MAX_STATES} numbers from 0 that sum to 1: apply the softmax."
    return None


def _is_distribution(shares: Any) -> bool:
    if not isinstance(shares, Sequence) or isinstance(shares, str) or not 0 < len(shares) <= _MAX_STATES:
        return False
    if any(isinstance(share, bool) or not isinstance(share, int | float) for share in shares):
        return False
    return all(0 <= share <= 1 for share in shares) and abs(math.fsum(shares) - 1) < 1e-3
