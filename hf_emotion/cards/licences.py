"""Licences of corpora: which one a card may state, and whether copies of a corpus may be passed on.

Corpora state their terms in free text. Terms that are a standard licence are recognised; anything else ("research
only", an end-user agreement, nothing at all) gives a model the licence `other`, since no standard licence can be
claimed on top of it, and keeps a corpus from being published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


# Terms without conditions beyond notice and attribution, in order of increasing demands.
_PERMISSIVE = ("cc0-1.0", "pddl", "mit", "odc-by", "apache-2.0")
_SPELLINGS = {
    r"pddl\b|odc[ -]pddl\b|public domain dedication and licen[cs]e": "pddl",
    r"cc0\b|creative commons zero|public domain": "cc0-1.0",
    r"mit\b": "mit",
    r"apache\b.*2": "apache-2.0",
    r"odc[ -]by\b|open data commons attribution": "odc-by",
    r"odbl\b|odc[ -]odbl\b|open database licen[cs]e": "odbl",
}
_CREATIVE_COMMONS = re.compile(r"cc[ -]by((?:[ -](?:nc|nd|sa))*)(?:[ -]v?(\d\.\d))?", re.IGNORECASE)

_URLS = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "pddl": "https://opendatacommons.org/licenses/pddl/1-0/",
    "mit": "https://opensource.org/license/mit",
    "odc-by": "https://opendatacommons.org/licenses/by/1-0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "odbl": "https://opendatacommons.org/licenses/odbl/1-0/",
}
# Versions of Creative Commons licences that have an identifier on the Hub (docs/hub/repositories-licenses, 2026).
_HUB_VERSIONS = {
    "cc-by": ("2.0", "2.5", "3.0", "4.0"),
    "cc-by-sa": ("3.0", "4.0"),
    "cc-by-nc": ("2.0", "3.0", "4.0"),
    "cc-by-nd": ("4.0",),
    "cc-by-nc-nd": ("3.0", "4.0"),
    "cc-by-nc-sa": ("2.0", "3.0", "4.0"),
}
_CONDITIONS = {
    "by": "Name the authors and the licence, and say what you changed.",
    "nc": "No commercial use.",
    "sa": "What you adapt from it carries the same licence.",
    "nd": "Pass it on unchanged only, never an adapted version.",
}
_OTHER_CONDITIONS = {
    "mit": "Keep the notice of copyright and licence.",
    "odc-by": "Name the database and its licence.",
    "apache-2.0": "Keep the licence and its notices, and say what you changed.",
    "odbl": "Name the database and its licence; a database that you derive from it carries the same licence.",
}

# Words by which terms limit a licence to something else than the recordings, or take it back.
_RESERVATIONS = re.compile(
    r"\b(annotations?|labels?|transcripts?|metadata|code|scripts?|software|only|except|but|not?|academics?|"
    r"non|research|personal|request|agreements?|eula|copyright(?:ed)?|permissions?|restricted|forbidden|prohibited)\b",
    re.IGNORECASE,
)
# Ways to a corpus on which its owners decide who holds a copy.
_HANDED_OUT = {
    "eula": "after signing an agreement",
    "on_request": "on request",
    "commercial": "for a fee",
    "not_public": "to nobody in general",
}


class Licence(NamedTuple):
    """A Hub licence identifier and why it was chosen.

    Args:
        identifier (`str`): Value of the field `license` on the Hub.
        reason (`str`): A sentence for the card.
    """

    identifier: str
    reason: str


class Redistribution(NamedTuple):
    """Whether copies of a corpus may be passed on.

    Args:
        allowed (`bool`): Only if the terms are recognised and say so.
        reason (`str`): A sentence for messages and cards.
    """

    allowed: bool
    reason: str


class HubLicence(NamedTuple):
    """The licence fields of a card's metadata; the last two for `other` only.

    Args:
        license (`str`): A licence identifier of the Hub.
        license_name, license_link (`str`, *optional*): Name and address of a licence that the Hub has none for.
    """

    license: str
    license_name: str | None = None
    license_link: str | None = None


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


def redistribution(licence: str | None, access: str | None = None) -> Redistribution:
    """Whether the terms of a corpus allow passing on unchanged copies of it.

    They do if they are a standard licence, without a reservation. That includes NoDerivatives: CC BY-ND 4.0, section
    2(a)(1)(A), lets anybody share the material "in whole or in part", section 2(a)(4) in every medium and format, and
    packing files into another container is such a technical modification, which "never produces Adapted Material".
    (3.0 says the same in section 3.) The audio must then stay what it was, to the byte.

    Unknown terms, terms that are no standard licence, and a licence that contradicts how the corpus is handed out do
    not allow it here. That is caution, not legal advice.

    Args:
        licence (`str`, *optional*): Terms as the publishers state them.
        access (`str`, *optional*): How the corpus is handed out, out of `hf_emotion.data.corpus_facts.ACCESS`.

    Returns:
        [`Redistribution`]: The answer and the reason for it.

    Example:

    ```python
    >>> [redistribution(terms).allowed for terms in ("CC BY-NC-ND 4.0", "research only", None)]
    [True, False, False]
    >>> redistribution("free for academic use").reason
    "Its terms ('free for academic use') are not known to allow passing on copies."

    ```
    """
    stated = (licence or "").strip()
    identifier = licence_identifier(stated)
    if not stated:
        return Redistribution(False, "No licence is on record.")
    if identifier is None:
        return Redistribution(False, f"Its terms ({stated!r}) are not known to allow passing on copies.")
    if reservation := _RESERVATIONS.search(stated):
        return Redistribution(False, f"Its terms ({stated!r}) hold a reservation: {reservation[0]!r}.")
    if access in _HANDED_OUT:
        return Redistribution(False, f"Its terms are {stated!r}, yet it is handed out {_HANDED_OUT[access]}.")
    return Redistribution(True, f"Its terms ({stated!r}) allow passing on unchanged copies.")


def licence_conditions(text: str | None) -> list[str]:
    """What a standard licence asks of those who pass a corpus on, one sentence each; empty for other terms.

    Example:

    ```python
    >>> licence_conditions("CC BY-ND 4.0")[1]
    'Pass it on unchanged only, never an adapted version.'

    ```
    """
    identifier = licence_identifier(text) or ""
    if identifier.startswith("cc-by"):
        return [_CONDITIONS[condition] for condition in identifier.split("-")[1:-1]]
    return [_OTHER_CONDITIONS[identifier]] if identifier in _OTHER_CONDITIONS else []


def licence_url(text: str | None) -> str | None:
    """Where the text of a standard licence is; None for other terms, and if the version is not stated.

    Example:

    ```python
    >>> licence_url("CC BY-NC-SA 4.0"), licence_url("CC BY")
    ('https://creativecommons.org/licenses/by-nc-sa/4.0/', None)

    ```
    """
    identifier = licence_identifier(text) or ""
    if not identifier.startswith("cc-by"):
        return _URLS.get(identifier)
    name, version = identifier.removeprefix("cc-").rsplit("-", 1)
    return f"https://creativecommons.org/licenses/{name}/{version}/" if version in (text or "") else None


def hub_licence(text: str | None, corpus: str, homepage: str | None = None) -> HubLicence:
    """The licence fields of a dataset card for terms as their publishers state them.

    Args:
        text (`str`, *optional*): Terms as stated.
        corpus (`str`): Name of the corpus, after which terms of its own are called.
        homepage (`str`, *optional*): Page of the corpus, where terms of its own are found.

    Returns:
        [`HubLicence`]: `unknown` if nothing is stated, `other` for terms and versions that have no identifier.

    Example:

    ```python
    >>> hub_licence("CC BY-NC-SA 4.0", "ravdess").license, hub_licence("research only", "urdu").license_name
    ('cc-by-nc-sa-4.0', 'urdu-terms')

    ```
    """
    stated = (text or "").strip()
    identifier = licence_identifier(stated)
    if not stated:
        return HubLicence("unknown")
    if identifier is None or _RESERVATIONS.search(stated):
        return HubLicence("other", re.sub(r"[^a-z0-9]+", "-", corpus.lower()).strip("-") + "-terms", homepage)
    if not identifier.startswith("cc-by"):
        return HubLicence(identifier)
    name, version = identifier.rsplit("-", 1)
    if version not in stated:
        return HubLicence("other", name, homepage)
    if version not in _HUB_VERSIONS.get(name, ()):
        return HubLicence("other", identifier, licence_url(stated))
    return HubLicence(identifier)


def _sources(found, identifier):
    return ", ".join(sorted(name for name, value in found.items() if value == identifier))


def _listing(found, identifiers):
    return "; ".join(f"{identifier} ({_sources(found, identifier)})" for identifier in identifiers)
