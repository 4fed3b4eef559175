"""Pushing corpora to the Hub, so that plain `datasets.load_dataset("owner/corpus")` works."""

from __future__ import annotations

import io
import logging
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import datasets
import soundfile
from datasets.utils.py_utils import convert_file_size_to_int
from huggingface_hub import CommitInfo, DatasetCard

from .cards.dataset_card import AudioSummary, CorpusCopy, build_dataset_card
from .cards.licences import Redistribution, licence_identifier, redistribution, strictest_licence
from .data.columns import COLUMNS
from .data.corpus_facts import Corpus
from .data.loading import corpus_facts, list_corpora, load_corpus
from .data.splits import resolve_strategy, split_corpus
from .data.splits.split_info import SplitInfo, describe_split, parameters_with_a_say
from .publishing.errors import explained_failures, require_token
from .publishing.upload import (
    CARD_FILE,
    GATE_METADATA,
    card_to_push,
    check_repo_id,
    hub_api,
    open_repository,
)


logger = logging.getLogger(__name__)

_REPO_TYPE = "dataset"
_SPLIT_DEFAULTS: dict[str, Any] = {"num_folds": 5, "validation_size": 0.1, "test_size": 0.2, "seed": 0}
# Metadata of a card that is not ours: what datasets needs to find the files, and what a gate asks of users.
_KEPT_METADATA = re.compile(rf"dataset_info|configs|{GATE_METADATA.pattern}")


def push_corpus(
    corpus: str | datasets.Dataset | datasets.DatasetDict,
    repo_id: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str | SplitInfo | None = None,
    fold: int = 0,
    licence: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    max_shard_size: int | str = "500MB",
) -> CommitInfo:
    """
    Push a corpus to the Hub: its audio files, unchanged, and all columns as Parquet, its parts as splits, and a card.

    A push that was interrupted is repeated with the same call: files that have arrived are not sent again, and a push
    of what is there already changes nothing.

    Args:
        corpus (`str`, `Dataset` or `DatasetDict`):
            Name of a corpus (with `data_dir`), or what `load_corpus` or `split_corpus` returned. The audio must be as
            it was loaded: a NoDerivatives licence lets you pass on nothing else.
        repo_id (`str`):
            Repository `owner/name`. It is created if need be. Its card is replaced.
        data_dir (`str` or `os.PathLike`, *optional*):
            Folder of the unpacked archive, for a corpus given by name.
        split (`str` or [`SplitInfo`], *optional*):
            Strategy of `split_corpus`, or the description of the parts that `corpus` has. By default, the parts that
            there are.
        fold (`int`, *optional*, defaults to 0):
            Fold of the strategy, if it has folds.
        licence (`str`, *optional*):
            Licence, where none is on record: of recordings of your own, for example `"cc-by-4.0"`.
        private (`bool`, *optional*):
            Whether a new repository is private. `True` is required for a corpus whose licence does not allow
            redistribution, and refused if the repository exists and is public.
        token (`str`, *optional*):
            Access token, by default that of `hf auth login` or `HF_TOKEN`.
        revision (`str`, *optional*):
            Branch to push to, created if need be; `main` by default.
        max_shard_size (`int` or `str`, *optional*, defaults to `"500MB"`):
            About how large a Parquet file gets, at most. Every file holds at least one utterance.

    Returns:
        `huggingface_hub.CommitInfo`: The last commit. `oid` is its id, `commit_url` its address.

    Raises:
        `ValueError`: If the terms of the corpus do not allow it, the repository is public although `private=True`, or
            the rows would publish folders of this machine.
        `FileNotFoundError`: If audio files are missing.
        `PermissionError`: If there is no token.
        `ConnectionError`: If the connection fails, or the Hub does; call again to continue.

    Example:

    ```python
    >>> from hf_emotion.hub import push_corpus
    >>> push_corpus("ravdess", "me/ravdess", data_dir="corpora/ravdess")  # doctest: +SKIP

    ```
    """
    push = prepare_push(corpus, repo_id, data_dir=data_dir, split=split, fold=fold, licence=licence, private=private)
    return push.upload(token=token, revision=revision, max_shard_size=max_shard_size)


def prepare_push(
    corpus: str | datasets.Dataset | datasets.DatasetDict,
    repo_id: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str | SplitInfo | None = None,
    fold: int = 0,
    licence: str | None = None,
    private: bool | None = None,
) -> CorpusPush:
    """
    Everything that [`push_corpus`] does before it uploads: load, split, check, describe. Needs no network.

    Args and raised errors: as [`push_corpus`].

    Returns:
        [`CorpusPush`]: Shows what would be pushed, and pushes it.
    """
    check_repo_id(repo_id)
    if isinstance(corpus, str) and corpus in list_corpora():  # before an archive is read in vain
        _check_visibility(*_licensed(corpus_facts(corpus), [], licence), private)
    parts, facts = _loaded(corpus, data_dir, title=repo_id.split("/")[1])
    facts, terms = _licensed(facts, _corpus_names(parts), licence)
    parts, split_info = _split(parts, split, fold, is_loaded=isinstance(corpus, str))
    audio = _audio_summary(parts)
    if terms.allowed and _is_altered(facts, audio):
        found = ", ".join(map(str, sorted(audio.sampling_rates)))
        text = f"Its licence {facts.licence!r} allows passing on unchanged copies only; these files have {found} Hz"
        terms = Redistribution(False, f"{text} instead of {facts.sampling_rate}.")
    _check_visibility(facts, terms, private)
    _check_for_local_paths(parts)
    is_published = facts.name in list_corpora()
    return CorpusPush(CorpusCopy(repo_id, facts, parts, split_info, audio, terms, is_published), private)


@dataclass(frozen=True)
class CorpusPush:
    """
    A corpus that is ready to be pushed, see [`prepare_push`].

    Args:
        copy ([`~hf_emotion.cards.dataset_card.CorpusCopy`]):
            The corpus: rows, facts, split and audio files.
        private (`bool`, *optional*):
            Whether a new repository is private.
    """

    copy: CorpusCopy
    private: bool | None = None

    def card(self) -> DatasetCard:
        """The card of the corpus; datasets adds where the files are when it pushes."""
        return build_dataset_card(self.copy)

    def upload(
        self, *, token: str | None = None, revision: str | None = None, max_shard_size: int | str = "500MB"
    ) -> CommitInfo:
        """Create the repository, push the card, then the rows. Arguments and errors: as [`push_corpus`]."""
        num_shards = self._num_shards(convert_file_size_to_int(max_shard_size))
        require_token(token)
        repo_id = self.copy.repo_id
        api = hub_api(token)
        with explained_failures(repo_id):
            open_repository(api, repo_id, _REPO_TYPE, private=self.private, revision=revision)
            card = card_to_push(api, self.card(), repo_id, _REPO_TYPE, revision, _KEPT_METADATA)
            # The card goes first: no recording is ever on the Hub without its licence.
            api.upload_file(
                path_or_fileobj=str(card).encode(),
                path_in_repo=CARD_FILE,
                repo_id=repo_id,
                repo_type=_REPO_TYPE,
                revision=revision,
                commit_message=f"Describe {self.copy.facts.name}",
            )
            return self._embeddable_parts().push_to_hub(
                repo_id,
                token=token,
                revision=revision,
                num_shards=num_shards,
                commit_message=f"Push {self.copy.facts.name}",
            )

    def _num_shards(self, max_bytes: int) -> dict[str, int]:
        """Parquet files per part. datasets estimates them from the first rows, and may want more files than rows."""
        num_bytes = self.copy.audio.num_bytes
        return {part: min(len(rows), 1 + num_bytes[part] // max_bytes) for part, rows in self.copy.parts.items()}

    def _embeddable_parts(self) -> datasets.DatasetDict:
        """The parts with a plain `Audio` column, whose files `push_to_hub` embeds under their names."""
        return self.copy.parts.cast_column("audio", datasets.Audio(sampling_rate=self.copy.audio.sampling_rate))


def _loaded(
    corpus: str | datasets.Dataset | datasets.DatasetDict, data_dir: str | os.PathLike[str] | None, title: str
) -> tuple[datasets.DatasetDict, Corpus]:
    """The rows and facts of a corpus; empty parts are left out, as there is no file for them."""
    loaded: Any = load_corpus(corpus, data_dir) if isinstance(corpus, str) else corpus
    if isinstance(loaded, datasets.Dataset):
        loaded = datasets.DatasetDict({"train": loaded})
    if not isinstance(loaded, datasets.DatasetDict):
        raise ValueError(f"A corpus is a name, a Dataset or a DatasetDict, not a {type(corpus).__name__}.")
    parts = datasets.DatasetDict({name: rows for name, rows in loaded.items() if len(rows)})
    missing = sorted(set(COLUMNS).difference(*(rows.column_names for rows in parts.values())))
    if missing or not parts:
        what = f"it lacks the columns {', '.join(missing)}" if parts else "it has no rows"
        raise ValueError(f"This is no corpus as load_corpus returns it: {what}.")
    names = _corpus_names(parts)
    name = corpus if corpus in list_corpora() else names[0] if len(names) == 1 else title
    facts = corpus_facts(name) if name in list_corpora() else Corpus(name, full_name=name, languages=(), labels={})
    return parts.with_format(None).cast_column("audio", datasets.Audio(decode=False)), facts


def _corpus_names(parts: datasets.DatasetDict) -> list[str]:
    return sorted({name for rows in parts.values() for name in rows.unique("corpus") if name is not None})


def _licensed(facts: Corpus, corpora: list[str], licence: str | None) -> tuple[Corpus, Redistribution]:
    """
    The facts with their licence, and whether that allows redistribution. A manifest that says that rows come from a
    published corpus is bound by the terms of that corpus too.
    """
    if licence is not None and facts.licence is not None and licence != facts.licence:
        raise ValueError(
            f"{facts.name} is under {facts.licence!r}, as its publishers state. licence={licence!r} is for recordings "
            f"whose licence is not on record; leave it out."
        )
    facts = replace(facts, licence=facts.licence or licence)
    others = {name: corpus_facts(name) for name in corpora if name in list_corpora() and name != facts.name}
    for name, other in others.items():
        terms = redistribution(other.licence, other.access)
        if not terms.allowed:
            return facts, Redistribution(False, f"It holds rows of {name}: {terms.reason}")
    terms = redistribution(facts.licence, facts.access)
    together = strictest_licence({facts.name: facts.licence} | {name: other.licence for name, other in others.items()})
    if others and terms.allowed and together.identifier != licence_identifier(facts.licence):
        reason = (
            f"It holds rows of {', '.join(others)}; with {facts.licence!r} their terms make {together.identifier!r}."
        )
        return facts, Redistribution(False, reason)
    return facts, terms


def _check_visibility(facts: Corpus, terms: Redistribution, private: bool | None) -> None:
    if terms.allowed or private:
        return
    hint = "" if facts.licence else " If you hold the rights or know the licence, state it (licence='cc-by-4.0')."
    raise ValueError(
        f"{facts.name} cannot be pushed to a public repository. {terms.reason}{hint} Push it to a private one "
        f"(private=True), and give nobody access who has not obtained the corpus from its owners."
    )


def _is_altered(facts: Corpus, audio: AudioSummary) -> bool:
    """Whether files under a NoDerivatives licence cannot be the published ones: none has the published rate."""
    is_bound = "-nd-" in f"{licence_identifier(facts.licence)}-"
    return is_bound and facts.sampling_rate is not None and facts.sampling_rate not in audio.sampling_rates


def _split(
    parts: datasets.DatasetDict, split: str | SplitInfo | None, fold: int, is_loaded: bool
) -> tuple[datasets.DatasetDict, SplitInfo]:
    if isinstance(split, SplitInfo):
        described = describe_split(parts, split.name)
        if described.hash != split.hash:
            raise ValueError(f"The parts are not those of the split {split.name!r}: their hash is {described.hash}.")
        return parts, split
    if split is None:
        name = "unsplit" if len(parts) == 1 else "official" if is_loaded else "given"
        return parts, describe_split(parts, name)
    strategy = resolve_strategy(parts) if split == "auto" else split
    settings = _SPLIT_DEFAULTS | {"fold": fold}
    made = split_corpus(parts, split, **settings)
    if split == "auto" and strategy == "random":
        settings["test_size"] = None  # `split_corpus` follows the rule of EmoSet++ then
    described = describe_split(made, strategy, **parameters_with_a_say(parts, strategy, settings))
    return datasets.DatasetDict({name: rows for name, rows in made.items() if len(rows)}), described


def _audio_summary(parts: datasets.DatasetDict) -> AudioSummary:
    """
    Sizes, sampling rates and formats of the audio files, from their headers.

    Raises:
        `FileNotFoundError`: If files are missing; names the first.
    """
    num_bytes, rates, formats, missing = Counter[str](), Counter[int](), Counter[str](), []
    for part, rows in parts.items():
        for audio in rows["audio"]:
            path, content = audio["path"], audio["bytes"]
            if content is None and not os.path.isfile(path):
                missing.append(path)
                continue
            num_bytes[part] += os.path.getsize(path) if content is None else len(content)
            rates[soundfile.info(path if content is None else io.BytesIO(content)).samplerate] += 1
            formats[os.path.splitext(path or "")[1].lower() or "no suffix"] += 1
    if missing:
        raise FileNotFoundError(f"{len(missing)} audio files are missing, the first is {missing[0]}.")
    return AudioSummary(num_bytes, rates, formats)


def _check_for_local_paths(parts: datasets.DatasetDict) -> None:
    """Raise if a text column names the folder of the row's audio: that would publish where it lay on this machine."""
    texts = [name for name in COLUMNS if name not in ("audio", "votes")]
    for rows in parts.values():
        folders = [os.path.dirname(audio["path"] or "") for audio in rows["audio"]]
        for name, values in rows.select_columns(texts)[:].items():
            for folder, value in zip(folders, values, strict=True):
                if os.path.isabs(folder) and folder != os.sep and folder in str(value):
                    raise ValueError(
                        f"The column {name!r} holds {value!r}, a path of this machine, which a push would publish. "
                        f"In a manifest, give paths relative to it, or fill in that column."
                    )
