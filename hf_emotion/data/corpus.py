"""The one builder base (`EmotionCorpus`): from what a corpus file says to a `datasets` table."""

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import datasets
import pyarrow as pa
import pyarrow.compute as pc
from datasets.builder import Key

from ..emotions import arousal_valence_class
from .archive import describe_folder, header_duration
from .columns import COLUMNS, FEATURES
from .corpus_facts import GENDERS, SPLITS, Corpus, PublishedSplit, Utterance
from .header_index import FileState, journal_path, read_durations


__all__ = ["COLUMNS", "Corpus", "EmotionCorpus", "PublishedSplit", "Utterance"]


logger = logging.getLogger(__name__)

_NUM_SHOWN = 5
_ROWS_PER_BATCH = 10_000
_SCHEMA = FEATURES.arrow_schema
# A row as it is kept until it is written: with its split, and the size and time of its file.
_LISTED_SCHEMA = pa.schema([*_SCHEMA, ("split", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())])
_LISTED_COLUMNS = tuple(_LISTED_SCHEMA.names)
_CAST: dict[str, Callable[[Any], Any]] = {
    name: float if feature.dtype == "float64" else str
    for name, feature in FEATURES.items()
    if isinstance(feature, datasets.Value)
}


class EmotionCorpus(datasets.ArrowBasedBuilder):
    """
    The one builder base. A corpus file sets `facts` and writes `utterances`; everything else happens here.

    * **Labels**: raw label -> canonical emotion -> arousal x valence class, by `facts.labels`. A label that the facts
      do not know is an error, not a guess. Labels of votes become canonical emotions as well.
    * **Durations** come from the header of each file; preparing a corpus decodes no audio, stores no audio (the column
      `audio` holds paths), and needs no torchcodec. They are kept in a journal in `cache_dir` as they are read
      ([`~hf_emotion.data.header_index.read_durations`]): preparing goes on where it was stopped or killed.
    * **Utterance ids** are unique; a second file with the same id is an error that names both files.
    * **Broken files** (unreadable header, 0 bytes, no samples) are left out with a warning that names each of them and
      counts them, also when the prepared corpus is read from the cache. They are not an error, because archives of
      thousands of clips have a few truncated ones and the rest is usable; they are not kept, because every consumer
      would fail at a random step of an epoch. [`~EmotionCorpus.left_out`] lists them.
    * **Counts** that differ from the published ones are warned about, with the labels and ids that are missing.
    * **Cache**: datasets keys its cache by `data_dir` and `VERSION` only. Here the key also holds a digest of
      everything that `utterances` says and of the size and time of every file, so that an edited manifest, a completed
      archive or a corrected parser is never answered from an old cache.

    Streaming reads headers one by one as the stream goes; each utterance is a shard of its own, so that
    `datasets.distributed.split_dataset_by_node` and the workers of a `DataLoader` divide the corpus evenly, and
    `shuffle(seed, buffer_size=1)` is a full shuffle that can be resumed exactly. Where the number of nodes does not
    divide the number of utterances, datasets has every node walk through all rows and skip those of the others.

    Args:
        data_dir (`str` or `os.PathLike`):
            Folder of the unpacked archive.
        cache_dir (`str` or `os.PathLike`, *optional*):
            Where the prepared table is kept, by default the cache of datasets.
        facts ([`Corpus`], *optional*):
            Facts with another reading of the labels, instead of those of the class.
        num_threads (`int`, *optional*):
            Headers that are read at the same time; more help where files answer slowly, as on a network disk.
        kwargs:
            Passed to `datasets.ArrowBasedBuilder`.

    Raises:
        `FileNotFoundError`: If there is no utterance in `data_dir`; says what is expected and where to get it.
        `ValueError`: If utterance ids are not unique or a label is unknown.
    """

    VERSION = "1.0.0"
    facts: ClassVar[Corpus]

    def __init__(
        self,
        data_dir: str | os.PathLike | None = None,
        *,
        cache_dir: Any = None,
        facts: Corpus | None = None,
        num_threads: int | None = None,
        **kwargs: Any,
    ):
        if facts is not None:
            self.facts = facts  # type: ignore[misc]  # labels as the user reads them
        if data_dir is None:
            raise FileNotFoundError(self._missing_message("no data_dir was given"))
        root = os.path.abspath(os.path.expanduser(os.fspath(data_dir)))
        utterances = self.utterances(Path(root)) if os.path.exists(root) else ()
        self._listed, digest = _listed_table(self._row(utterance) for utterance in utterances)
        if not self._listed.num_rows:
            raise FileNotFoundError(
                self._missing_message(f"no utterance found in data_dir={root!r}: {describe_folder(root)}")
            )
        self._check_unique_ids()
        self._num_threads = num_threads
        super().__init__(
            cache_dir=None if cache_dir is None else os.fspath(cache_dir), data_dir=root, hash=digest, **kwargs
        )

    @property
    def num_utterances(self) -> int:
        """Utterances that the archive lists, broken files included."""
        return self._listed.num_rows

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What the archive lists: dicts with the columns and `split`, no duration yet. Made anew at every access."""
        return self._listed.select([*COLUMNS, "split"]).to_pylist()

    def utterances(self, root: Path) -> Iterable[Utterance]:
        """
        What the archive says, one `Utterance` per audio file: the one method that a corpus writes.

        Args:
            root (`Path`):
                The `data_dir` of the user. It may be one level too high or too low.
        """
        raise NotImplementedError(f"{type(self).__name__} must define utterances(root)")

    def published_ids(self, root: Path) -> Iterable[str]:
        """Utterance ids that a complete archive holds, where the corpus can tell; used to name missing ones."""
        return ()

    def load(self, split: str | None = None, *, streaming: bool = False) -> Any:
        """Prepare the corpus unless it is cached, and return it as [`~hf_emotion.data.loading.load_corpus`] does."""
        if streaming:
            return self.as_streaming_dataset(split=split)
        self.download_and_prepare()
        return self.as_dataset(split=split)

    def left_out(self) -> dict[str, str]:
        """Files that are left out because they are broken: `{path: reason}`. Headers that are known are not read."""
        reasons = {}
        for file, seconds in zip(self._files(), self._durations(), strict=True):
            if seconds is None:
                try:
                    header_duration(file.path)
                except ValueError as error:
                    reasons[file.path] = str(error)
        return reasons

    def as_dataset(self, split: Any = None, in_memory: bool = False) -> datasets.Dataset | datasets.DatasetDict:
        """See `datasets.DatasetBuilder.as_dataset`. Warns about broken files, also when the corpus was cached."""
        self._warn_about_counts()
        num_prepared = sum(info.num_examples for info in (self.info.splits or {}).values())
        if num_prepared < self.num_utterances:
            self._warn_about_broken_files(num_prepared)
        return super().as_dataset(split=split, in_memory=in_memory)

    def as_streaming_dataset(self, split: str | None = None, base_path: str | None = None) -> Any:
        """See `datasets.DatasetBuilder.as_streaming_dataset`."""
        self._warn_about_counts()
        return super().as_streaming_dataset(split=split, base_path=base_path)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=f"{self.facts.full_name} ({self.facts.name})",
            features=FEATURES.copy(),
            homepage=self.facts.homepage or "",
            citation=self.facts.citation or "",
            license=self.facts.licence or "",
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        listed = self._listed if dl_manager.is_streaming else self._with_durations()
        found = set(self._listed["split"].unique().to_pylist())
        generators = []
        for split in (split for split in SPLITS if split in found):
            rows = listed.filter(pc.equal(listed["split"], split)).select(COLUMNS)
            numbers = list(range(rows.num_rows)) if dl_manager.is_streaming else None
            generators.append(datasets.SplitGenerator(name=split, gen_kwargs={"rows": rows, "numbers": numbers}))
        return generators

    @staticmethod
    def _generate_tables(rows: pa.Table, numbers: list[int] | None) -> Iterator[tuple[Key, pa.Table]]:
        # A static method of an importable module: a streamed dataset pickles into spawned workers, which cannot import
        # the corpus file itself (it was loaded by path). `numbers`, a list, is what datasets divides between them.
        if numbers is None:
            for position, batch in enumerate(rows.to_batches(max_chunksize=_ROWS_PER_BATCH)):
                yield Key(0, position), pa.Table.from_batches([batch])
            return
        for number in numbers:
            row = rows.slice(number, 1)
            path = row["audio"][0]["path"].as_py()
            try:
                seconds = header_duration(path)
            except ValueError as error:
                logger.warning("left out %s: %s", path, error)
                continue
            yield Key(0, number), _set_durations(row, [seconds])

    def _files(self) -> Iterator[FileState]:
        paths = pc.struct_field(self._listed["audio"], "path").to_pylist()
        return map(FileState, paths, self._listed["size"].to_pylist(), self._listed["mtime_ns"].to_pylist())

    def _durations(self) -> list[float | None]:
        journal = journal_path(self._cache_dir_root, self.facts.name, self.config.data_dir)
        title = f"Reading headers of {self.facts.name}"
        return read_durations(list(self._files()), journal, num_threads=self._num_threads, title=title)

    def _with_durations(self) -> pa.Table:
        table = _set_durations(self._listed, self._durations())
        return table.filter(pc.is_valid(table["duration"]))

    def _row(self, utterance: Utterance) -> dict[str, Any]:
        emotion, av_class = self._harmonise(utterance)
        for column, value, allowed in (("gender", utterance.gender, GENDERS), ("split", utterance.split, SPLITS)):
            if value is not None and value not in allowed:
                raise ValueError(f"{utterance.path}: {column} is {value!r}, but must be one of {allowed} or None.")
        languages = self.facts.languages
        votes: Counter[str] = Counter()
        for label, count in utterance.votes.items():
            votes[self.facts.labels.get(label) or label] += count
        file = FileState.of(os.fspath(utterance.path))
        said: dict[str, Any] = {
            "audio": {"bytes": None, "path": file.path},
            "utterance_id": utterance.utterance_id or utterance.path.stem,
            "corpus": utterance.corpus or self.facts.name,
            "language": utterance.language or (languages[0] if len(languages) == 1 else None),
            "emotion": emotion,
            "arousal_valence": av_class,
            "votes": [{"label": label, "count": int(votes[label])} for label in sorted(votes) if votes[label]] or None,
            "split": utterance.split or "train",
            "size": file.size,
            "mtime_ns": file.mtime_ns,
        }
        row = {name: said[name] if name in said else getattr(utterance, name, None) for name in _LISTED_COLUMNS}
        return row | {name: cast(row[name]) for name, cast in _CAST.items() if row[name] is not None}

    def _harmonise(self, utterance: Utterance) -> tuple[str | None, str | None]:
        labels, raw_label, emotion = self.facts.labels, utterance.raw_label, utterance.emotion
        if emotion is None and raw_label is not None and labels:
            if raw_label not in labels:
                raise ValueError(
                    f"{utterance.path}: {self.facts.name} has no label {raw_label!r}; known labels: {sorted(labels)}. "
                    f"Is the file named as published?"
                )
            emotion = labels[raw_label]
        if utterance.arousal_valence is not None:
            return emotion, utterance.arousal_valence
        if raw_label is not None and raw_label in self.facts.arousal_valence:
            return emotion, self.facts.arousal_valence[raw_label][0]
        return emotion, None if emotion is None else arousal_valence_class(emotion)

    def _check_unique_ids(self) -> None:
        if pc.count_distinct(self._listed["utterance_id"]).as_py() == self.num_utterances:
            return
        paths = [file.path for file in self._files()]
        listed = Counter(zip(self._listed["utterance_id"].to_pylist(), paths, strict=True))
        first: dict[str, str] = {}
        clashes = []
        for (utterance_id, path), count in listed.items():
            if first.setdefault(utterance_id, path) != path:
                clashes.append(f"  {utterance_id}: {first[utterance_id]} and {path}")
            if count > 1:
                clashes.append(f"  {path} is listed {count} times")
        raise ValueError(
            f"{self.facts.name}: {len(clashes)} utterance ids are not unique. Keep one file for each of:\n"
            + "\n".join(clashes[:_NUM_SHOWN] + ["  ..."] * (len(clashes) > _NUM_SHOWN))
        )

    def _warn_about_counts(self) -> None:
        found = Counter(self._listed["raw_label"].to_pylist())
        differing = [
            f"{label} {found[label]} of {count}"
            for label, count in self.facts.label_counts.items()
            if found[label] != count
        ]
        published, root = self.facts.num_utterances, self.config.data_dir
        if self.facts.labels and found[None] == self.num_utterances:
            logger.warning(
                "%s: no utterance has a label. Are the tables of labels missing in %s? Expected: %s",
                self.facts.name, root, self.facts.layout,
            )  # fmt: skip
        if not differing and published in (None, self.num_utterances):
            return
        missing = sorted(set(self.published_ids(Path(root))).difference(self._listed["utterance_id"].to_pylist()))
        logger.warning(
            "%s: found %d of %s published utterances in %s. Labels that differ: %s. %sIs the archive incomplete, or "
            "data_dir one folder too low?",
            self.facts.name, self.num_utterances, published, root, ", ".join(differing) or "none",
            f"{len(missing)} missing: {', '.join(missing[:_NUM_SHOWN])}{', ...' * (len(missing) > _NUM_SHOWN)}. "
            if missing else "",
        )  # fmt: skip

    def _warn_about_broken_files(self, num_prepared: int) -> None:
        num_listed, left_out = self.num_utterances, self.left_out()
        listing = "\n".join(f"  {path}: {reason}" for path, reason in left_out.items())
        if num_repaired := max(0, num_listed - num_prepared - len(left_out)):
            listing += (
                f"\n  {num_repaired} files could not be read when the corpus was prepared and can be read now: delete "
                f"{self.cache_dir} and load again."
            )
        if num_prepared == 0:
            raise ValueError(f"{self.facts.name}: none of the {num_listed} files can be read:\n{listing}")
        logger.warning(
            "%s: %d of %d files are broken and left out; replace them and load again:\n%s",
            self.facts.name, num_listed - num_prepared, num_listed, listing,
        )  # fmt: skip

    def _missing_message(self, found: str) -> str:
        facts = self.facts
        return (
            f"{facts.name}: {found}.\n"
            f"Expected layout below data_dir: {facts.layout or 'see the homepage'} (.wav, .flac or .mp3).\n"
            f"Where to get it: {facts.how_to_obtain or facts.homepage or 'unknown'} "
            f"(access: {facts.access or 'unknown'}, licence: {facts.licence or 'unknown'}).\n"
            f'Then: load_corpus("{facts.name}", data_dir="<folder>").'
        )


def _listed_table(rows: Iterator[dict[str, Any]]) -> tuple[pa.Table, str]:
    """The rows as a table, which is several times smaller than dicts, and a digest of all they say."""
    digest = hashlib.sha256()
    batches = []
    while batch := list(islice(rows, _ROWS_PER_BATCH)):
        for row in batch:
            digest.update(json.dumps(list(row.values())).encode())
        try:
            batches.append(pa.RecordBatch.from_pylist(batch, schema=_LISTED_SCHEMA))
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{error.object!r} is not UTF-8, which a table needs. Rename the file, for example with convmv."
            ) from error
    return pa.Table.from_batches(batches, schema=_LISTED_SCHEMA).combine_chunks(), digest.hexdigest()[:16]


def _set_durations(rows: pa.Table, seconds: list[float | None]) -> pa.Table:
    column = rows.schema.get_field_index("duration")
    return rows.set_column(column, rows.field(column), pa.array(seconds, pa.float64()))
