"""Many corpora in one folder, each in a subfolder of its name: which of them are there, and loading those."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from ..suggestions import did_you_mean
from .corpus import EmotionCorpus
from .corpus_sets import CORPUS_SETS
from .label_overrides import LabelOverrides, load_label_overrides
from .loading import corpora_of_set, corpus_builder, corpus_facts, list_corpora


logger = logging.getLogger(__name__)

STATES = ("present", "incomplete", "missing", "unreadable")


@dataclass(frozen=True)
class FoundCorpus:
    """
    What was found of a corpus.

    Args:
        name (`str`):
            Name of the corpus.
        state (`str`):
            One of `STATES`: `"present"` (as many utterances as published, or more, or the number is not known),
            `"incomplete"` (fewer), `"missing"` (none), `"unreadable"` (the archive contradicts itself).
        data_dir (`str`):
            Where it was looked for.
        num_utterances (`int`):
            Utterances that the archive lists, broken files included.
        num_published (`int`, *optional*):
            Utterances as published.
        how_to_obtain (`str`):
            Where to get the archive.
        licence, access (`str`, *optional*):
            Terms, see [`~hf_emotion.data.corpus_facts.Corpus`].
        problem (`str`, *optional*):
            Why the corpus is missing or unreadable.
    """

    name: str
    state: str
    data_dir: str
    num_utterances: int
    num_published: int | None
    how_to_obtain: str
    licence: str | None
    access: str | None
    problem: str | None = None

    @property
    def size(self) -> str:
        """Utterances found, of those published where that is known."""
        return f"{self.num_utterances:,}" + (f" of {self.num_published:,}" if self.num_published else "")

    @property
    def where_to_get_it(self) -> str:
        """How to obtain the archive, and under which terms."""
        terms = f"access: {self.access or 'unknown'}, licence: {self.licence or 'unknown'}"
        return f"{self.how_to_obtain or 'unknown'} ({terms})"


def corpora_named(names: str | Iterable[str]) -> list[str]:
    """
    Names of corpora, with sets resolved, each once, in the order given.

    Args:
        names (`str` or `Iterable[str]`):
            A corpus, a set (a key of `hf_emotion.data.corpus_sets.CORPUS_SETS`), or several of either.

    Raises:
        `ValueError`: If there is no such corpus or set; the message proposes close names.

    Example:

    ```python
    >>> from hf_emotion.data.corpus_collection import corpora_named
    >>> corpora_named(["urdu", "lora_paper"])
    ['urdu', 'crema_d', 'ravdess', 'savee', 'tess']

    ```
    """
    known = list_corpora()
    resolved: list[str] = []
    for name in [names] if isinstance(names, str) else names:
        if name in CORPUS_SETS:
            resolved += corpora_of_set(name)
        elif name in known:
            resolved.append(name)
        else:
            raise ValueError(
                f"There is no corpus or set {name!r}. {did_you_mean(name, [*known, *CORPUS_SETS])}Corpora: "
                f"{', '.join(known)}. Sets: {', '.join(sorted(CORPUS_SETS))}."
            )
    return list(dict.fromkeys(resolved))


def find_corpora(names: str | Iterable[str], corpora_dir: str | os.PathLike[str]) -> list[FoundCorpus]:
    """
    Look for corpora in a folder. Archives are listed, no audio file is opened, nothing is prepared.

    Args:
        names (`str` or `Iterable[str]`):
            A corpus, a set of corpora, or several of either.
        corpora_dir (`str` or `os.PathLike`):
            Folder that holds the archive of each corpus in a subfolder of its name.

    Returns:
        `list[FoundCorpus]`: One per corpus, in the order of `names`.

    Raises:
        `ValueError`: If there is no such corpus or set.
        `NotADirectoryError`: If `corpora_dir` is not a folder.

    Example:

    ```python
    >>> from hf_emotion.data.corpus_collection import find_corpora
    >>> [(found.name, found.state) for found in find_corpora(["ravdess", "tess"], ".")]
    [('ravdess', 'missing'), ('tess', 'missing')]

    ```
    """
    return [found for found, _ in _open_corpora(names, corpora_dir)]


def load_corpora(
    names: str | Iterable[str],
    corpora_dir: str | os.PathLike[str],
    *,
    strict: bool = False,
    streaming: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    label_overrides: str | os.PathLike[str] | LabelOverrides | None = None,
    num_threads: int | None = None,
) -> dict[str, datasets.DatasetDict] | dict[str, datasets.IterableDatasetDict]:
    """
    Load those of several corpora that are there; a warning lists the others and says where to get them.

    Args:
        names (`str` or `Iterable[str]`):
            A corpus, a set of corpora such as `"emoset_plus_plus"`, or several of either.
        corpora_dir (`str` or `os.PathLike`):
            Folder that holds the archive of each corpus in a subfolder of its name.
        strict (`bool`, *optional*, defaults to `False`):
            Whether a missing corpus is an error instead of a warning.
        streaming, cache_dir, label_overrides, num_threads:
            As for [`~hf_emotion.data.loading.load_corpus`].

    Returns:
        `dict[str, DatasetDict]`: What [`~hf_emotion.data.loading.load_corpus`] returns, by the name of the corpus.

    Raises:
        `ValueError`: If there is no such corpus or set, or an archive contradicts itself.
        `FileNotFoundError`: If none of the corpora is there, or one is not and `strict` is set.
        `NotADirectoryError`: If `corpora_dir` is not a folder.

    Example:

    ```python
    >>> from hf_emotion.data.corpus_collection import load_corpora
    >>> corpora = load_corpora("emoset_plus_plus", "corpora")  # doctest: +SKIP
    >>> {name: sum(parts.num_rows.values()) for name, parts in corpora.items()}  # doctest: +SKIP
    {'crema_d': 7442, 'ravdess': 1440}

    ```
    """
    if label_overrides is not None and not isinstance(label_overrides, Mapping):
        label_overrides = load_label_overrides(label_overrides)
    opened = _open_corpora(
        names, corpora_dir, cache_dir=cache_dir, label_overrides=label_overrides, num_threads=num_threads
    )
    unreadable = [found for found, _ in opened if found.state == "unreadable"]
    if unreadable:
        raise ValueError("\n".join(f"{found.problem}" for found in unreadable))
    missing = [found for found, _ in opened if found.state == "missing"]
    if missing:
        message = missing_message(missing, len(opened))
        if strict or len(missing) == len(opened):
            raise FileNotFoundError(message)
        logger.warning(message)
    return {found.name: builder.load(streaming=streaming) for found, builder in opened if builder is not None}


def _open_corpora(
    names: str | Iterable[str], corpora_dir: str | os.PathLike[str], **options: Any
) -> list[tuple[FoundCorpus, EmotionCorpus | None]]:
    folder = Path(corpora_dir).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(
            f"corpora_dir={os.fspath(corpora_dir)!r} is not a folder. It must be the folder that holds the archive of "
            f"each corpus in a subfolder of its name, such as {folder / 'ravdess'}."
        )
    return [open_corpus(name, folder / name, **options) for name in corpora_named(names)]


def open_corpus(
    name: str, data_dir: str | os.PathLike[str], **options: Any
) -> tuple[FoundCorpus, EmotionCorpus | None]:
    """
    Look for one corpus.

    Args:
        name (`str`):
            Name of the corpus.
        data_dir (`str` or `os.PathLike`):
            Folder of its archive.
        options:
            `cache_dir`, `label_overrides` and `num_threads` of [`~hf_emotion.data.loading.corpus_builder`].

    Returns:
        `tuple`: What was found, and the builder that loads it; `None` if it is missing or unreadable.
    """
    facts = corpus_facts(name)
    builder, problem, state = None, None, "present"
    try:
        builder = corpus_builder(name, data_dir, **options)
    except FileNotFoundError as error:  # its other lines say where to get the corpus
        state, problem = "missing", str(error).splitlines()[0]
    except ValueError as error:
        state, problem = "unreadable", str(error)
    num_utterances = builder.num_utterances if builder else 0
    if builder and num_utterances < (facts.num_utterances or 0):
        state = "incomplete"
    found = FoundCorpus(
        name=name,
        state=state,
        data_dir=os.fspath(data_dir),
        num_utterances=num_utterances,
        num_published=facts.num_utterances,
        how_to_obtain=facts.how_to_obtain,
        licence=facts.licence,
        access=facts.access,
        problem=problem,
    )
    return found, builder


def missing_message(missing: Sequence[FoundCorpus], num_wanted: int) -> str:
    """What to tell a user who lacks corpora: which, where they were looked for, and where to get them."""
    listing = "\n".join(f"{found.problem}\n  get it: {found.where_to_get_it}" for found in missing)
    return f"{len(missing)} of {num_wanted} corpora not found:\n{listing}"
