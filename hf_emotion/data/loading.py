"""The door to the corpora: the only place that opens the files of `dataset_scripts/`.

A corpus file is a plugin: its stem is the name of the corpus, and there is no list to edit. Files are loaded by path,
because in a bare checkout the folder is not part of the package; it works there, in a wheel and if installed editable.
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets
from datasets.naming import snakecase_to_camelcase

from ..suggestions import did_you_mean
from .corpus import Corpus, EmotionCorpus
from .corpus_sets import CORPUS_SETS
from .hub_corpus import is_hub_corpus, load_hub_corpus
from .label_overrides import LabelOverrides, load_label_overrides, override_labels
from .manifest_corpus import Manifest


_MODULE_PREFIX = "hf_emotion.dataset_scripts."


def list_corpora() -> list[str]:
    """
    Names of all published corpora that [`load_corpus`] knows (it also knows `"manifest"`: your own recordings).

    Example:

    ```python
    >>> from hf_emotion.data.loading import list_corpora
    >>> "ravdess" in list_corpora()
    True

    ```
    """
    return sorted(path.stem for path in scripts_dir().glob("*.py") if not path.stem.startswith("_"))


def corpora_of_set(name: str) -> list[str]:
    """
    Names of the corpora of a set.

    Args:
        name (`str`):
            A key of `hf_emotion.data.corpus_sets.CORPUS_SETS`.

    Raises:
        `ValueError`: If there is no such set.

    Example:

    ```python
    >>> from hf_emotion.data.loading import corpora_of_set
    >>> corpora_of_set("lora_paper")
    ['crema_d', 'ravdess', 'savee', 'tess']

    ```
    """
    if name not in CORPUS_SETS:
        raise ValueError(
            f"There is no set of corpora {name!r}. {did_you_mean(name, CORPUS_SETS)}Sets: "
            f"{', '.join(sorted(CORPUS_SETS))}."
        )
    return [corpus for corpus in list_corpora() if name in corpus_facts(corpus).sets]


def corpus_facts(name: str) -> Corpus:
    """
    Facts of a corpus: languages, licence, how to obtain it, labels, published counts, pitfalls.

    Args:
        name (`str`):
            One of [`list_corpora`].

    Raises:
        `ValueError`: If there is no such corpus; the message proposes close names.

    Example:

    ```python
    >>> from hf_emotion.data.loading import corpus_facts
    >>> corpus_facts("ravdess").num_speakers
    24

    ```
    """
    return corpus_builder_class(name).facts


def load_corpus(
    name: str,
    data_dir: str | os.PathLike | None = None,
    *,
    split: str | None = None,
    streaming: bool = False,
    cache_dir: str | os.PathLike | None = None,
    label_overrides: str | os.PathLike | LabelOverrides | None = None,
    num_threads: int | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
) -> datasets.DatasetDict | datasets.Dataset | datasets.IterableDatasetDict | datasets.IterableDataset:
    """
    Load a corpus from its unpacked archive, or from the Hub.

    Args:
        name (`str`):
            One of [`list_corpora`]; `"manifest"` for your own recordings, described by a CSV or JSONL file; or a
            repository `owner/name` that [`~hf_emotion.hub.push_corpus`] has filled.
        data_dir (`str` or `os.PathLike`):
            Folder of the unpacked archive, in one of the layouts in which the corpus is published. For `"manifest"`,
            the manifest file or the folder that holds `manifest.csv` or `manifest.jsonl`.
        split (`str`, *optional*):
            Return only this split, for example `"train"`. Slices such as `"train[:10%]"` work when not streaming.
        streaming (`bool`, *optional*, defaults to `False`):
            Return iterable datasets that read file headers as they go, with nothing written to the cache.
        cache_dir (`str` or `os.PathLike`, *optional*):
            Where the prepared table (no audio) is kept, by default the cache of datasets.
        label_overrides (`str`, `os.PathLike` or `dict`, *optional*):
            Your own reading of labels, as a YAML file or as what
            [`~hf_emotion.data.label_overrides.load_label_overrides`] reads from one.
        num_threads (`int`, *optional*):
            File headers that are read at the same time; more help where files answer slowly, as on a network disk.
        revision (`str`, *optional*):
            Branch, tag or commit of a repository.
        token (`str` or `bool`, *optional*):
            Access token for a repository, by default that of `hf auth login` or `HF_TOKEN`.

    Returns:
        `DatasetDict` with the columns of `hf_emotion.data.corpus.COLUMNS`: one split `train` if the corpus publishes
        no official splits, its official ones otherwise. A `Dataset` if `split` is given. Their iterable twins if
        `streaming`. `audio` holds `{"path", "bytes"}`, not decoded; [`~hf_emotion.data.audio.load_audio`] decodes it.

    Raises:
        `ValueError`: If there is no such corpus, or what the archive says is contradictory.
        `FileNotFoundError`: If `data_dir` is missing or holds no utterance; says where to get the corpus.

    Example:

    ```python
    >>> from hf_emotion.data.loading import load_corpus
    >>> ravdess = load_corpus("ravdess", data_dir="corpora/ravdess")  # doctest: +SKIP
    >>> ravdess["train"][0]["emotion"]  # doctest: +SKIP
    'neutral'

    ```
    """
    if is_hub_corpus(name):
        given = {"data_dir": data_dir, "label_overrides": label_overrides, "num_threads": num_threads}
        if unused := [option for option, value in given.items() if value is not None]:
            raise ValueError(f"{name} is a repository on the Hub, of which {', '.join(unused)} say nothing.")
        return load_hub_corpus(
            name, split=split, streaming=streaming, cache_dir=cache_dir, revision=revision, token=token
        )
    if revision is not None or token is not None:
        raise ValueError(f"{name} is an archive on this machine: revision and token are of repositories, owner/name.")
    builder = corpus_builder(
        name, data_dir, cache_dir=cache_dir, label_overrides=label_overrides, num_threads=num_threads
    )
    return builder.load(split, streaming=streaming)


def corpus_builder(
    name: str,
    data_dir: str | os.PathLike | None = None,
    *,
    cache_dir: str | os.PathLike | None = None,
    label_overrides: str | os.PathLike | LabelOverrides | None = None,
    num_threads: int | None = None,
) -> EmotionCorpus:
    """The builder of a corpus, which has listed the archive but prepared nothing. Arguments as [`load_corpus`]."""
    builder_class = corpus_builder_class(name)
    facts = builder_class.facts
    if label_overrides is not None:
        if not isinstance(label_overrides, Mapping):
            label_overrides = load_label_overrides(label_overrides)
        facts = override_labels(facts, label_overrides)
    return builder_class(data_dir=data_dir, cache_dir=cache_dir, facts=facts, num_threads=num_threads)


def corpus_builder_class(name: str) -> type[EmotionCorpus]:
    """
    The builder class of a corpus, found by convention: `crema_d` -> class `CremaD` in `dataset_scripts/crema_d.py`.

    Args:
        name (`str`):
            One of [`list_corpora`].

    Raises:
        `ValueError`: If there is no such corpus, or its file does not follow the convention.
    """
    if name == Manifest.facts.name:
        return Manifest
    module = _corpus_module(name)
    class_name = snakecase_to_camelcase(name)
    builder: Any = getattr(module, class_name, None)
    if not (isinstance(builder, type) and issubclass(builder, EmotionCorpus)):
        raise ValueError(f"{module.__file__} must define a class {class_name}(EmotionCorpus); it does not.")
    if getattr(builder, "facts", None) is None or builder.facts.name != name:
        raise ValueError(f'{module.__file__}: {class_name}.facts must be a Corpus with name="{name}".')
    return builder


def scripts_dir() -> Path:
    """Folder of the corpus files, in a wheel, an editable install and a bare checkout."""
    package_dir = Path(__file__).resolve().parents[1]
    packaged = package_dir / "dataset_scripts"
    return packaged if packaged.is_dir() else package_dir.parent / "dataset_scripts"


def _corpus_module(name: str) -> ModuleType:
    known = list_corpora()
    if name not in known:
        raise ValueError(
            f"There is no corpus {name!r}. {did_you_mean(name, known)}Known corpora: {', '.join(known)}. "
            f'For recordings of your own use "manifest".'
        )
    module_name = _MODULE_PREFIX + name
    if module_name in sys.modules:
        return sys.modules[module_name]
    path = scripts_dir() / f"{name}.py"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot load {path}.")
    module = importlib.util.module_from_spec(spec)
    # datasets finds a builder's module by name, so it has to be registered before a builder is made.
    sys.modules[module_name] = module
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(sys.modules.pop, module_name)
        spec.loader.exec_module(module)
        on_failure.pop_all()
    return module
