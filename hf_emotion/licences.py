"""Which licence a model card states, given the licences of what the model was trained on.

Corpora state their terms in free text. Terms that are a standard licence are recognised; anything else ("research
only", an end-user agreement, nothing at all) makes the result `other`, since no standard licence can be claimed on top
of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


# Terms without conditions beyond notice and attribution, in order of increasing demands.
_PERMISSIVE = ("cc0-1.0", "mit", "apache-2.0")
_SPELLINGS = {
    r"cc0\b|creative commons zero|public domain": "cc0-1.0",
    r"mit\b": "mit",
    r"apache\b.*2": "apache-2.0",
    r"odbl\b|open database licen[cs]e": "odbl",
}
_CREATIVE_COMMONS = re.compile(r"cc[ -]by((?:[ -](?:nc|nd|sa))*)(?:[ -]v?(\d\.\d))?", re.IGNORECASE)


class Licence(NamedTuple):
    """A Hub licence identifier and why it was chosen.

    Args:
        identifier (`str`): Value of the field `license` on the Hub.
        reason (`str`): A sentence for the card.
    """

    identifier: str
    reason: str


def licence_identifier(text: str | None) -> str | None:
    """Hub identifier of a licence written as free text; None if it is no standard licence.

    Example:

    ```python
    >>> [licence_identifier(text) for text in ("CC BY-NC-SA 4.0", "Open Database License 1.0", "EULA")]
    ['cc-by-nc-sa-4.0', 'odbl', None]

    ```
    """
    text = (text or "").strip()
    match = _CREATIVE_COMMONS.match(text)
    if match:
        conditions = re.findall("nc|nd|sa", match[1].lower())
        return "-".join(["cc-by", *conditions, match[2] or "4.0"])
    return next((name for pattern, name in _SPELLINGS.items() if re.match(pattern, text, re.IGNORECASE)), None)


def strictest_licence(licences: Mapping[str, str | None]) -> Licence:
    """Combine the licences of training corpora and base model into one that violates none of them.

    Creative Commons conditions add up (NC and SA give BY-NC-SA; ND forbids sharing changes, so SA falls away). Terms
    that cannot be combined or recognised give `other`.

    Args:
        licences (`Mapping[str, str | None]`): Licence as stated, by corpus or model name.

    Returns:
        [`Licence`]: Identifier and reason.

    Example:

    ```python
    >>> strictest_licence({"ravdess": "CC BY-NC-SA 4.0", "mesd": "CC BY 4.0"}).identifier
    'cc-by-nc-sa-4.0'

    ```
    """
    if not licences:
        return Licence("other", "No licence of the training material is on record.")
    found = {name: identifier for name, text in licences.items() if (identifier := licence_identifier(text))}
    unknown = sorted(set(licences) - set(found))
    if unknown:
        stated = "; ".join(f"{name}: {licences[name] or 'not stated'}" for name in unknown)
        return Licence("other", f"Some training material is not under a standard licence ({stated}); its terms apply.")
    identifiers = sorted(set(found.values()))
    bound = [name for name in identifiers if name not in _PERMISSIVE]
    if not bound:
        return Licence(max(identifiers, key=_PERMISSIVE.index), "All training material is under permissive licences.")
    conditions = sorted({condition for name in bound for condition in re.findall("nc|nd|sa", name)})
    if "odbl" in bound:
        if conditions:
            reason = f"The share-alike or other conditions of {' and '.join(bound)} cannot be met by one licence."
            return Licence("other", reason)
        return Licence("odbl", f"The strictest terms among the training material, from {_sources(found, 'odbl')}.")
    if "nd" in conditions:
        conditions = [condition for condition in conditions if condition != "sa"]
    version = max(name.rsplit("-", 1)[1] for name in bound)
    identifier = "-".join(["cc-by", *conditions, version])
    return Licence(identifier, f"The conditions of the training material added up: {_listing(found, bound)}.")


def _sources(found, identifier):
    return ", ".join(sorted(name for name, value in found.items() if value == identifier))


def _listing(found, identifiers):
    return "; ".join(f"{identifier} ({_sources(found, identifier)})" for identifier in identifiers)
