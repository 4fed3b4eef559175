"""Sentence embeddings of transcripts, a condition beside the speech: computed once, and cached with the corpus."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import numpy as np
from datasets.fingerprint import Hasher
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RevisionResolutionError
from transformers import AutoConfig


logger = logging.getLogger(__name__)

TEXT_EMBEDDING = "text_embedding"
DEFAULT_TEXT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# From the cards of the models; LaBSE: `out_features` of its 2_Dense/config.json. For plans made without a network.
PUBLISHED_SIZES = {
    DEFAULT_TEXT_MODEL: 384,
    "sentence-transformers/all-mpnet-base-v2": 768,
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": 384,
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": 768,
    "sentence-transformers/LaBSE": 768,
    "intfloat/multilingual-e5-large": 1024,
}

# Raised whenever the same texts and model give other embeddings, so that cached ones are not read any more.
_VERSION = "1.0.0"
_POOLING_SIZES = ("embedding_dimension", "word_embedding_dimension")  # the second until sentence-transformers 5
_SAME_SIZE = ("Normalize", "Dropout", "LayerNorm")


def add_text_embeddings(
    dataset: datasets.Dataset,
    model_name: str = DEFAULT_TEXT_MODEL,
    *,
    revision: str | None = None,
    batch_size: int = 64,
    device: str | None = None,
    prompt: str | None = None,
    text_column: str = "text",
) -> datasets.Dataset:
    """
    Add the sentence embeddings of the transcripts as the column `text_embedding`.

    Each distinct text is embedded once. The column is stored in the cache of `datasets`, beside the files of the
    dataset, under its fingerprint, the model (commit of a Hub id; names, sizes and times of the files of a folder),
    the prompt and the text column. Later runs read it without loading the model. With several processes, let the
    main one go first (`TrainingArguments.main_process_first`). A dataset that lives in memory has no cache.

    Transcripts of a corpus are mostly written by people, whereas those of new speech, and of test parts that are
    published without, come from a speech recogniser, whose errors a model should have met. Where there is no text the
    embedding is unknown, for which [`SpeechEmotionForSequenceClassification`] learns an embedding of its own.

    Args:
        dataset (`datasets.Dataset`): Utterances.
        model_name (`str`, *optional*): Sentence-Transformers model: a Hub id or a folder, which needs no network.
        revision (`str`, *optional*): Branch, tag or commit of a Hub id.
        batch_size (`int`, *optional*, defaults to 64): Texts per batch.
        device (`str`, *optional*): Device to compute on, by default the first accelerator that there is.
        prompt (`str`, *optional*): Put before each text, such as `"query: "` for the E5 models. By default what the
            model's own configuration says.
        text_column (`str`, *optional*, defaults to `"text"`): Column of transcripts.

    Returns:
        `datasets.Dataset`: The same rows with `text_embedding`, a float32 list of the length [`embedding_size`]. It is
        NaN where the text is missing or blank.

    Raises:
        ImportError: Something must be computed, and sentence-transformers is not installed.
        OSError: The model cannot be found.
        ValueError: There is no such text column, or embeddings already.
    """
    if text_column not in dataset.column_names:
        raise ValueError(f"There is no column {text_column!r} to embed, only {dataset.column_names}.")
    if TEXT_EMBEDDING in dataset.column_names:
        raise ValueError(f"The dataset has a column {TEXT_EMBEDDING!r} already. Remove it to embed its texts again.")
    size = embedding_size(model_name, revision=revision)
    feature = datasets.List(datasets.Value("float32"), length=size)
    if not len(dataset):
        return dataset.add_column(TEXT_EMBEDDING, [], feature=feature)
    texts = dataset.select_columns([text_column])
    settings = {"revision": revision, "batch_size": batch_size, "device": device, "prompt": prompt}
    identity = (_VERSION, dataset._fingerprint, _model_identity(model_name, revision), prompt, text_column)
    column = texts.map(
        _OnceForAll(texts, text_column, model_name, settings),
        batched=True,
        with_indices=True,
        remove_columns=[text_column],
        features=datasets.Features({TEXT_EMBEDDING: feature}),
        new_fingerprint=Hasher.hash(identity),
        desc="Embedding transcripts",
    )
    return datasets.concatenate_datasets([dataset, column], axis=1)


def embed_texts(
    texts: Sequence[str | None],
    model_name: str = DEFAULT_TEXT_MODEL,
    *,
    revision: str | None = None,
    batch_size: int = 64,
    device: str | None = None,
    prompt: str | None = None,
) -> np.ndarray:
    """
    Sentence embeddings of texts, each distinct one computed once; for what is not a dataset, and not cached.

    Args:
        texts (`Sequence[str | None]`): Texts; `None` and blank ones are unknown.
        model_name (`str`, *optional*): See [`add_text_embeddings`], also for the other options.
        revision (`str`, *optional*): See [`add_text_embeddings`].
        batch_size (`int`, *optional*): See [`add_text_embeddings`].
        device (`str`, *optional*): See [`add_text_embeddings`].
        prompt (`str`, *optional*): See [`add_text_embeddings`].

    Returns:
        `np.ndarray` of shape `(num_texts, embedding_size)`, float32; rows of unknown texts are NaN.

    Raises:
        ImportError: There is a text, and sentence-transformers is not installed.
        OSError: The model cannot be found.
        ValueError: An embedding is not finite, or has another size than the configuration of the model says.
    """
    size = embedding_size(model_name, revision=revision)
    stripped = [(text or "").strip() for text in texts]
    distinct = sorted(set(stripped) - {""})
    embeddings = np.full((len(stripped), size), np.nan, dtype=np.float32)
    if not distinct:
        return embeddings
    logger.info("Embedding %d distinct texts with %s.", len(distinct), model_name)
    encoded = _encode(distinct, model_name, revision=revision, batch_size=batch_size, device=device, prompt=prompt)
    if encoded.shape != (len(distinct), size) or not np.isfinite(encoded).all():
        raise ValueError(
            f"{model_name} gave embeddings of shape {encoded.shape} for {len(distinct)} texts, where its "
            f"configuration says a size of {size}, or values that are not finite. Choose another model."
        )
    number = {text: row for row, text in enumerate(distinct)}
    known = np.array([text in number for text in stripped])
    embeddings[known] = encoded[[number[text] for text in stripped if text in number]]
    return embeddings


def embedding_size(model_name: str, *, revision: str | None = None) -> int:
    """
    Size of the sentence embeddings of a model, from its configuration: no weights are read, except for models with
    modules that do not state their size.

    Args:
        model_name (`str`): A Hub id or a folder. Some ids are known without a network.
        revision (`str`, *optional*): Branch, tag or commit of a Hub id.

    Raises:
        OSError: The model cannot be found.
        ImportError: The weights must be read, and sentence-transformers is not installed.

    Example:

    ```python
    >>> from hf_emotion.data.text_embeddings import embedding_size
    >>> embedding_size("sentence-transformers/all-mpnet-base-v2")
    768

    ```
    """
    if model_name in PUBLISHED_SIZES and not Path(model_name).is_dir():
        return PUBLISHED_SIZES[model_name]
    size = _configured_size(model_name, revision)
    return len(_encode(["."], model_name, revision=revision, device="cpu")[0]) if size is None else size


class _OnceForAll:
    """Function for `Dataset.map` that embeds all texts at its first call; there is none if the result is cached."""

    def __init__(self, dataset: datasets.Dataset, text_column: str, model_name: str, settings: Mapping[str, Any]):
        self.dataset, self.text_column = dataset, text_column
        self.model_name, self.settings = model_name, settings
        self.embeddings: np.ndarray | None = None

    def __call__(self, batch: Mapping[str, Any], rows: list[int]) -> dict[str, np.ndarray]:
        if self.embeddings is None:
            self.embeddings = embed_texts(self.dataset[self.text_column][:], self.model_name, **self.settings)
        return {TEXT_EMBEDDING: self.embeddings[rows]}


def _encode(
    texts: list[str],
    model_name: str,
    *,
    revision: str | None,
    device: str | None,
    batch_size: int = 1,
    prompt: str | None = None,
) -> np.ndarray:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ImportError(
            "Embeddings of transcripts need sentence-transformers. Install it with "
            '`pip install "hf-emotion[text]"`, or remove `text_embedding_model` from the experiment.'
        ) from error
    encoder = SentenceTransformer(model_name, revision=revision, device=device)
    encoded = encoder.encode(
        texts, batch_size=batch_size, prompt=prompt, show_progress_bar=False, convert_to_numpy=True
    )
    return np.asarray(encoded, dtype=np.float32)


def _model_identity(model_name: str, revision: str | None) -> tuple:
    """What changes when the model does."""
    folder = Path(model_name)
    if folder.is_dir():
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
        return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    try:
        return model_name, huggingface_hub.resolve_revision(model_name, revision=revision).resolved
    except RevisionResolutionError:
        # neither a network nor a copy: what was cached under the name is all there can be
        return model_name, revision


def _configured_size(model_name: str, revision: str | None) -> int | None:
    """Size that the last module which changes it states; `None` if it states none."""
    modules = _read_config(model_name, "modules.json", revision)
    if modules is None:  # any encoder of text, which sentence-transformers averages over time
        return getattr(AutoConfig.from_pretrained(model_name, revision=revision), "hidden_size", None)
    for kind, folder in _modules_from_the_last(modules):
        config = _read_config(model_name, f"{folder}/config.json" if folder else "config.json", revision)
        if kind == "Dense" and config:
            return config.get("out_features")
        if kind == "Pooling" and config:
            sizes = [config[name] for name in _POOLING_SIZES if name in config]
            return sizes[0] * _num_pooled(config) if sizes else None
        if kind not in _SAME_SIZE:
            return None
    return None


def _modules_from_the_last(modules: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for module in sorted(modules, key=lambda module: module["idx"], reverse=True):
        yield module["type"].rpartition(".")[2], module["path"]


def _num_pooled(config: Mapping[str, Any]) -> int:
    """How many vectors a pooling puts side by side."""
    if "pooling_mode" in config:
        return 1 if isinstance(config["pooling_mode"], str) else len(config["pooling_mode"])
    return max(1, sum(value is True for name, value in config.items() if name.startswith("pooling_mode_")))


def _read_config(model_name: str, file: str, revision: str | None) -> Any:
    """A JSON file of a model, or `None` if the model has no such file."""
    if Path(model_name).is_dir():
        path = Path(model_name) / file
    else:
        try:
            path = Path(huggingface_hub.hf_hub_download(model_name, file, revision=revision))
        except (LocalEntryNotFoundError, huggingface_hub.errors.HFValidationError) as error:
            raise OSError(
                f"There is no folder {model_name}, and {file} of a model of that name is neither on this machine nor "
                "to be had from the Hub. Correct `text_embedding_model`, or download the model where there is a "
                "network and name its folder."
            ) from error
        except EntryNotFoundError:
            return None
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
