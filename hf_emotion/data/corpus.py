"""The one builder base (`EmotionCorpus`): from what a corpus file says to a `datasets` table."""

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import datasets

from ..emotions import arousal_valence_class
from .archive import describe_folder, header_duration
from .columns import COLUMNS, FEATURES
from .corpus_facts import GENDERS, SPLITS, Corpus, PublishedSplit, Utterance


__all__ = ["COLUMNS", "Corpus", "EmotionCorpus", "PublishedSplit", "Utterance"]


logger = logging.getLogger(__name__)

_NUM_SHOWN = 5


class EmotionCorpus(datasets.GeneratorBasedBuilder):
    """
    The one builder base. A corpus file sets `facts` and writes `utterances`; everything else happens here.

    * **Labels**: raw label -> canonical emotion -> arousal x valence class, by `facts.labels`. A label that the facts
      do not know is an error, not a guess. Labels of votes become canonical emotions as well.
    * **Durations** come from the header of each file; preparing a corpus decodes no audio, stores no audio (the column
      `audio` holds paths), and needs no torchcodec.
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
    `shuffle(seed, buffer_size=1)` is a full shuffle that can be resumed exactly.

    Args:
        data_dir (`str` or `os.PathLike`):
            Folder of the unpacked archive.
        cache_dir (`str` or `os.PathLike`, *optional*):
            Where the prepared table is kept, by default the cache of datasets.
        facts ([`Corpus`], *optional*):
            Facts with another reading of the labels, instead of those of the class.
        kwargs:
            Passed to `datasets.GeneratorBasedBuilder`.

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
        **kwargs: Any,
    ):
        if facts is not None:
            self.facts = facts  # type: ignore[misc]  # labels as the user reads them
        if data_dir is None:
            raise FileNotFoundError(self._missing_message("no data_dir was given"))
        root = os.path.abspath(os.path.expanduser(os.fspath(data_dir)))
        utterances = list(self.utterances(Path(root))) if os.path.exists(root) else []
        if not utterances:
            raise FileNotFoundError(
                self._missing_message(f"no utterance found in data_dir={root!r}: {describe_folder(root)}")
            )
        self.rows = [self._row(utterance) for utterance in utterances]
        self._check_unique_ids()
        self._warn_about_counts(root)
        super().__init__(
            cache_dir=None if cache_dir is None else os.fspath(cache_dir),
            data_dir=root,
            hash=_fingerprint(self.rows),
            **kwargs,
        )

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

    def left_out(self) -> dict[str, str]:
        """Files that are left out because they are broken: `{path: reason}`. Reads every header."""
        reasons = {}
        for row in self.rows:
            try:
                header_duration(row["audio"]["path"])
            except ValueError as error:
                reasons[row["audio"]["path"]] = str(error)
        return reasons

    def as_dataset(self, split: Any = None, in_memory: bool = False) -> datasets.Dataset | datasets.DatasetDict:
        """See `datasets.DatasetBuilder.as_dataset`. Warns about broken files, also when the corpus was cached."""
        num_prepared = sum(info.num_examples for info in (self.info.splits or {}).values())
        if num_prepared < len(self.rows):
            left_out = self.left_out()
            listing = "\n".join(f"  {path}: {reason}" for path, reason in left_out.items())
            if num_prepared == 0:
                raise ValueError(f"{self.facts.name}: none of the {len(self.rows)} files can be read:\n{listing}")
            logger.warning(
                "%s: %d of %d files are broken and left out; replace them and load again:\n%s",
                self.facts.name, len(self.rows) - num_prepared, len(self.rows), listing,
            )  # fmt: skip
        return super().as_dataset(split=split, in_memory=in_memory)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=f"{self.facts.full_name} ({self.facts.name})",
            features=FEATURES.copy(),
            homepage=self.facts.homepage or "",
            citation=self.facts.citation or "",
            license=self.facts.licence or "",
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        by_split = {split: [row for row in self.rows if row["split"] == split] for split in SPLITS}
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"rows": rows}) for split, rows in by_split.items() if rows
        ]

    @staticmethod
    def _generate_examples(rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        # A static method of an importable module: a streamed dataset pickles into spawned workers, which cannot import
        # the corpus file itself (it was loaded by path).
        for row in rows:
            path = row["audio"]["path"]
            try:
                duration = header_duration(path)
            except ValueError as error:
                logger.warning("left out %s: %s", path, error)
                continue
            yield row["utterance_id"], {**{name: row.get(name) for name in COLUMNS}, "duration": duration}

    def _row(self, utterance: Utterance) -> dict[str, Any]:
        emotion, av_class = self._harmonise(utterance)
        for column, value, allowed in (("gender", utterance.gender, GENDERS), ("split", utterance.split, SPLITS)):
            if value is not None and value not in allowed:
                raise ValueError(f"{utterance.path}: {column} is {value!r}, but must be one of {allowed} or None.")
        languages = self.facts.languages
        votes: Counter[str] = Counter()
        for label, count in utterance.votes.items():
            votes[self.facts.labels.get(label) or label] += count
        row = {name: getattr(utterance, name, None) for name in COLUMNS}
        return row | {
            "audio": {"bytes": None, "path": os.fspath(utterance.path)},
            "utterance_id": utterance.utterance_id or utterance.path.stem,
            "corpus": utterance.corpus or self.facts.name,
            "language": utterance.language or (languages[0] if len(languages) == 1 else None),
            "emotion": emotion,
            "arousal_valence": av_class,
            "votes": [{"label": label, "count": votes[label]} for label in sorted(votes) if votes[label]] or None,
            "split": utterance.split or "train",
        }

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
        first: dict[str, str] = {}
        clashes = []
        for row in self.rows:
            path = row["audio"]["path"]
            if first.setdefault(row["utterance_id"], path) != path:
                clashes.append(f"  {row['utterance_id']}: {first[row['utterance_id']]} and {path}")
        if len(first) + len(clashes) < len(self.rows):
            paths = Counter(row["audio"]["path"] for row in self.rows)
            clashes += [f"  {path} is listed {count} times" for path, count in paths.items() if count > 1]
        if clashes:
            raise ValueError(
                f"{self.facts.name}: {len(clashes)} utterance ids are not unique. Keep one file for each of:\n"
                + "\n".join(clashes[:_NUM_SHOWN] + ["  ..."] * (len(clashes) > _NUM_SHOWN))
            )

    def _warn_about_counts(self, root: str) -> None:
        found = Counter(row["raw_label"] for row in self.rows)
        differing = [
            f"{label} {found[label]} of {count}"
            for label, count in self.facts.label_counts.items()
            if found[label] != count
        ]
        published = self.facts.num_utterances
        if not differing and published in (None, len(self.rows)):
            return
        present = {row["utterance_id"] for row in self.rows}
        missing = sorted(set(self.published_ids(Path(root))) - present)
        logger.warning(
            "%s: found %d of %s published utterances in %s. Labels that differ: %s. %sIs the archive incomplete, or "
            "data_dir one folder too low?",
            self.facts.name, len(self.rows), published, root, ", ".join(differing) or "none",
            f"{len(missing)} missing: {', '.join(missing[:_NUM_SHOWN])}{', ...' * (len(missing) > _NUM_SHOWN)}. "
            if missing else "",
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


def _fingerprint(rows: list[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        path = row["audio"]["path"]
        state = os.stat(path) if os.path.exists(path) else None
        digest.update(json.dumps([row, state and (state.st_size, state.st_mtime_ns)], sort_keys=True).encode())
    return digest.hexdigest()[:16]
