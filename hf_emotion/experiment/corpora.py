"""The corpora of an experiment: named, loaded, labelled and split as its arguments say."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..arguments import CorpusArguments, DataArguments
from ..data.corpus import EmotionCorpus
from ..data.corpus_collection import FoundCorpus, missing_message, open_corpus
from ..data.corpus_facts import Corpus
from ..data.corpus_sets import CORPUS_SETS
from ..data.label_overrides import load_label_overrides, override_labels
from ..data.loading import corpora_of_set, corpus_facts, list_corpora
from ..data.splits import resolve_strategy, split_corpus
from ..data.splits.split_info import SplitInfo, describe_split, parameters_with_a_say
from ..data.text_embeddings import add_text_embeddings
from ..emotions import AROUSAL_VALENCE_CLASSES, EMOTIONS
from ..suggestions import did_you_mean
from .segments import segment_parts


logger = logging.getLogger(__name__)

MANIFEST = "manifest"

# Votes that name no emotion: they are no classes, as in EMO-SUPERB.
_NO_EMOTIONS = ("other", "unknown")


@dataclass
class ExperimentCorpus:
    """
    A corpus as an experiment uses it: its labelled utterances in train, validation and test, and their split. With
    `segment_seconds` the rows of `parts` are segments; the split counts files all the same.
    """

    name: str
    loader: str
    parts: datasets.DatasetDict
    split: SplitInfo
    weight: float


def requested_corpora(data_args: DataArguments) -> list[CorpusArguments]:
    """
    The corpora that an experiment names, with corpus sets resolved.

    Raises:
        `ValueError`: if there are none, if one is named twice, or if a name is unknown.
    """
    requested: list[CorpusArguments] = []
    for entry in data_args.corpora:
        corpus = CorpusArguments.from_entry(entry)
        folder = corpus.data_dir
        if corpus.name in CORPUS_SETS:
            requested += [
                replace(corpus, name=name, data_dir=folder if folder is None else str(Path(folder) / name))
                for name in corpora_of_set(corpus.name)
            ]
        else:
            requested.append(corpus)
    if not requested:
        raise ValueError(f"`corpora` is empty: name corpora ({', '.join(list_corpora())}) or sets ({_sets()}).")
    known = {*list_corpora(), MANIFEST}
    if unknown := sorted({corpus.name for corpus in requested} - known):
        raise ValueError(
            f"Unknown corpora {unknown}. {did_you_mean(unknown[0], sorted(known | set(CORPUS_SETS)))}Known are "
            f"{', '.join(sorted(known))} and the sets {_sets()}."
        )
    keys = Counter((corpus.name, corpus.data_dir if corpus.name == MANIFEST else None) for corpus in requested)
    if repeated := [name for (name, _), count in keys.items() if count > 1]:
        raise ValueError(f"`corpora` names {repeated[0]} twice; a larger share is a larger `weight`.")
    return requested


def _sets() -> str:
    return ", ".join(sorted(CORPUS_SETS))


def load_experiment_corpora(data_args: DataArguments, seed: int) -> list[ExperimentCorpus]:
    """
    Load, label and split the corpora of an experiment. Utterances without a label in `label_column` are left out, and
    counted in the log. Transcripts are embedded before the split, so that all folds share the cached embeddings; files
    are cut into segments after it, so that no file is in two parts. Ratings that are to be predicted are mapped from
    the scale of a published corpus to 0 to 1; those of a manifest stay as they are.

    Args:
        data_args ([`DataArguments`]): which corpora, labels, splits, sentence embeddings and segments.
        seed (`int`): seed of `subsample_labels`, which draws segments where files are cut.

    Raises:
        `ImportError`: if transcripts are to be embedded, and sentence-transformers is not installed.
        `ValueError`: if a corpus is given no folder, contradicts itself, or has no labelled utterances for training.
        `FileNotFoundError`: if folders hold no utterances of their corpus, unless `skip_missing_corpora` is set; names
            all of them, and says where to get them.
    """
    opened = [(corpus, *_open(corpus, data_args)) for corpus in requested_corpora(data_args)]
    if missing := [found for _, found, builder in opened if builder is None]:
        message = missing_message(missing, len(opened))
        if not data_args.skip_missing_corpora or len(missing) == len(opened):
            raise FileNotFoundError(f"{message}\nTo train without them: skip_missing_corpora: true.")
        logger.warning("The experiment runs without corpora that it names. %s", message)
    corpora = [
        prepared
        for corpus, _, builder in opened
        if builder is not None
        for prepared in _load(corpus, builder, data_args, seed)
    ]
    names = Counter(corpus.name for corpus in corpora)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise ValueError(
            f"Two entries of `corpora` hold a corpus called {repeated[0]!r}. Give your manifests different names in "
            "their column `corpus`."
        )
    return corpora


def _open(corpus: CorpusArguments, data_args: DataArguments) -> tuple[FoundCorpus, EmotionCorpus | None]:
    """What is there of an entry of `corpora`, and the builder that loads it; `None` if it is missing."""
    data_dir = corpus.data_dir or (data_args.corpora_dir and str(Path(data_args.corpora_dir) / corpus.name))
    if data_dir is None:
        raise ValueError(f"Where is {corpus.name}? Give the corpus a `data_dir`, or set `corpora_dir`.")
    found, builder = open_corpus(
        corpus.name, data_dir, cache_dir=data_args.cache_dir, label_overrides=data_args.label_overrides
    )
    if found.state == "unreadable":
        raise ValueError(found.problem)
    return found, builder


def _load(
    corpus: CorpusArguments, builder: EmotionCorpus, data_args: DataArguments, seed: int
) -> list[ExperimentCorpus]:
    """Load an entry of `corpora`: one corpus, or as many as the column `corpus` of a manifest names."""
    loaded = _with_text(corpus.name, builder.load(), data_args.text_embedding_model)
    names = sorted({name for rows in loaded.values() for name in rows.unique("corpus")})
    each = [loaded] if len(names) == 1 else [_only(loaded, name) for name in names]
    return [_prepare(name, corpus, parts, data_args, seed) for name, parts in zip(names, each, strict=True)]


def _with_text(name: str, loaded: datasets.DatasetDict, model_name: str | None) -> datasets.DatasetDict:
    """Add the embeddings of the transcripts, if the experiment names a model for them."""
    if model_name is None:
        return loaded
    if not any((text or "").strip() for rows in loaded.values() for text in rows.unique("text")):
        logger.warning("%s has no transcripts, so that its text is unknown to the model.", name)
    return datasets.DatasetDict({part: add_text_embeddings(rows, model_name) for part, rows in loaded.items()})


def _only(loaded: datasets.DatasetDict, name: str) -> datasets.DatasetDict:
    rows_of = {part: np.flatnonzero(np.asarray(rows["corpus"][:]) == name) for part, rows in loaded.items()}
    return datasets.DatasetDict({part: loaded[part].select(rows) for part, rows in rows_of.items() if len(rows)})


def _prepare(
    name: str, corpus: CorpusArguments, loaded: datasets.DatasetDict, data_args: DataArguments, seed: int
) -> ExperimentCorpus:
    """Split a corpus, keep the utterances with a label, and cut them if they are long."""
    parts, split = _split(loaded, corpus, data_args)
    parts = datasets.DatasetDict({part: _labelled(rows, data_args.label_column) for part, rows in parts.items()})
    left_out = sum(split.sizes.values()) - sum(map(len, parts.values()))
    if left_out:
        logger.info("%s: %d utterances have no %s and are left out.", name, left_out, data_args.label_column)
    if not len(parts["train"]):
        raise ValueError(f"{name} has no training utterance with a label in column {data_args.label_column!r}.")
    if data_args.dimensions and corpus.name != MANIFEST:
        parts = _with_unit_ratings(parts, data_args.dimensions, corpus_facts(corpus.name))
    parts = segment_parts(parts, data_args)
    if data_args.subsample_labels:
        parts["train"] = subsample_labels(parts["train"], data_args.label_column, seed)
    return ExperimentCorpus(name, corpus.name, parts, split, corpus.weight)


def _split(
    loaded: datasets.DatasetDict, corpus: CorpusArguments, data_args: DataArguments
) -> tuple[datasets.DatasetDict, SplitInfo]:
    """Split a corpus and describe the split by the parameters that have a say in its strategy."""
    strategy = corpus.split or data_args.split
    resolved = resolve_strategy(loaded) if strategy == "auto" else strategy
    settings: dict[str, Any] = {
        "num_folds": data_args.num_folds,
        "fold": data_args.fold if corpus.fold is None else corpus.fold,
        "validation_size": data_args.validation_size,
        "test_size": data_args.test_size,
        "seed": data_args.split_seed,
        "partition_file": corpus.partition_file,
    }
    parts = split_corpus(loaded, strategy, **settings)
    settings = parameters_with_a_say(loaded, resolved, settings)
    if strategy == "auto" and resolved == "random" and data_args.test_size == DataArguments.test_size:
        settings["test_size"] = None  # then `split_corpus` follows the rule of EmoSet++ instead
    return parts, describe_split(parts, resolved, **settings)


def _with_unit_ratings(parts: datasets.DatasetDict, dimensions: Sequence[str], facts: Corpus) -> datasets.DatasetDict:
    """Map ratings from the scale of their corpus to 0 to 1: corpora with different scales are trained together."""
    if facts.rating_range is None:
        logger.warning("%s has no ratings of %s.", facts.name, ", ".join(dimensions))
        return parts
    low, high = facts.rating_range
    for part, rows in parts.items():
        for name in dimensions:
            ratings = (np.array(rows[name][:], dtype=np.float64) - low) / (high - low)
            rows = rows.remove_columns(name).add_column(name, ratings, feature=rows.features[name])
        parts[part] = rows
    return parts


def _labelled(rows: datasets.Dataset, label_column: str) -> datasets.Dataset:
    labels = rows[label_column][:]
    has_label = voted_emotions if label_column == "votes" else lambda label: label is not None
    return rows.select([index for index, label in enumerate(labels) if has_label(label)])


def voted_emotions(ballot: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The emotions that an utterance got votes for, those with the most votes first, else in canonical order.

    Args:
        ballot (`Sequence[Mapping]`, *optional*): its entry in the column `votes`, a list of `{"label", "count"}`.

    Example:

    ```python
    >>> votes = {"sadness": 2, "anger": 2, "fear": 3, "other": 4}
    >>> voted_emotions([{"label": label, "count": count} for label, count in votes.items()])
    ['fear', 'anger', 'sadness']

    ```
    """
    counts: Counter[str] = Counter()
    for vote in ballot or ():
        counts[vote["label"]] += vote["count"]
    voted = [name for name in EMOTIONS if counts[name] > 0 and name not in _NO_EMOTIONS]
    return sorted(voted, key=lambda name: -counts[name])


def subsample_labels(rows: datasets.Dataset, label_column: str, seed: int) -> datasets.Dataset:
    """
    Draw as many utterances of every label as the rarest has, without replacement and in the order of `rows`: the
    ablation of the label distribution.
    """
    labels = np.asarray(rows[label_column][:])
    names, counts = np.unique(labels, return_counts=True)
    generator = np.random.default_rng(seed)
    chosen = [generator.choice(np.flatnonzero(labels == name), counts.min(), replace=False) for name in names]
    return rows.select(np.sort(np.concatenate(chosen)).tolist())


def label_names(data_args: DataArguments, corpora: Sequence[ExperimentCorpus] = ()) -> list[str]:
    """
    Class names of an experiment in the order of the outputs: the six arousal x valence classes as published, or the
    labels that occur in the loaded corpora, emotions in canonical order and corpus labels in alphabetical order. For
    votes they are the emotions that any utterance got a vote for.

    Raises:
        `ValueError`: if the corpora have fewer than two labels.
    """
    if data_args.label_column == "arousal_valence":
        return list(AROUSAL_VALENCE_CLASSES)
    column = data_args.label_column
    labels = (label for corpus in corpora for part in corpus.parts.values() for label in part[column][:])
    found = {name for ballot in labels for name in voted_emotions(ballot)} if column == "votes" else set(labels)
    if len(found) < 2:
        raise ValueError(f"The corpora have the label(s) {sorted(found)} in column {column!r}; it takes two or more.")
    return _ordered(found, column)


def declared_label_names(data_args: DataArguments) -> list[str] | None:
    """Class names as far as they are known without data; `None` if a corpus does not declare its labels."""
    if data_args.label_column == "arousal_valence":
        return list(AROUSAL_VALENCE_CLASSES)
    found: set[str] = set()
    given = data_args.label_overrides or {}
    overrides = load_label_overrides(given) if isinstance(given, str) else given
    for corpus in requested_corpora(data_args):
        facts = corpus_facts(corpus.name)
        if not facts.labels:
            return None
        labels = override_labels(facts, overrides).labels
        found |= set(labels) if data_args.label_column == "raw_label" else set(filter(None, labels.values()))
    if data_args.label_column == "votes":
        found -= set(_NO_EMOTIONS)
    return _ordered(found, data_args.label_column)


def _ordered(labels: set[str], label_column: str) -> list[str]:
    if label_column == "raw_label":
        return sorted(labels)
    return [name for name in EMOTIONS if name in labels]
