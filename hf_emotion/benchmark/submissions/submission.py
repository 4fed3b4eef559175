"""Submissions to a benchmark: a folder with predictions and `system.json`, checked against the published partition.

    my_system/
      system.json              {"name": "My system", "encoder": "owner/model", "num_parameters": 317000000, ...}
      crema_d.parquet          utterance_id, fold, probability_<class>..., and seed where there are several
      improv_p/                or what EMO-SUPERB's code writes:
        test_fold1_predict.txt   <FileName> <class>;<class>...

Files and folders are named as the setting is, in any spelling of `slug`. A submission is accepted as a whole or not at
all, and all of its problems are named at once.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...suggestions import did_you_mean
from ..cells import slug
from ..protocol import FrozenSetting, Protocol
from ..results.entries import Entry
from ..scores import setting_scores
from ..setting_data import SettingData, labelled_setting
from ..soft_predictions import classes_of, decisions_of, has_probabilities, probabilities_of
from .facts import MAX_FACTS_BYTES, SYSTEM_FILE, check_system_facts, parse_system_facts
from .predictions import Folds, is_text_file, read_decisions, read_probabilities
from .untrusted_files import SubmissionError, read_untrusted, shown, untrusted_entries


if TYPE_CHECKING:
    from ..results.store import ResultsStore

_SUFFIX = ".parquet"
_ENTRY_FACTS = ("paper", "code", "submitted_by", "notes")
_ID_LENGTH, _DIGEST_LENGTH = 80, 12
_Reader = Callable[[Path, SettingData], Folds]


@dataclass(frozen=True)
class Submission:
    """
    A submission that has been found valid.

    Args:
        protocol (`str`): Name of the protocol.
        facts (`Mapping[str, Any]`): What its `system.json` says.
        predictions (`Mapping[str, Mapping[int, Sequence[pd.DataFrame]]]`): For each setting, tables by fold, one for
            each seed.
    """

    protocol: str
    facts: Mapping[str, Any]
    predictions: Mapping[str, Folds]

    @property
    def id(self) -> str:
        """Name of the system and a digest of everything in the submission: the same again has the same id."""
        digest = hashlib.sha256(json.dumps([self.protocol, dict(self.facts)], sort_keys=True).encode())
        for setting, folds in sorted(self.predictions.items()):
            for number, frame in [(fold, frame) for fold in sorted(folds) for frame in folds[fold]]:
                values = probabilities_of(frame) if has_probabilities(frame) else decisions_of(frame)
                digest.update(f"{setting} {number} {values.dtype} {classes_of(frame)}".encode())
                digest.update(pd.util.hash_pandas_object(frame["utterance_id"], index=False).to_numpy().tobytes())
                digest.update(values.tobytes())
        return f"{slug(self.facts['name'])[:_ID_LENGTH] or 'system'}-{digest.hexdigest()[:_DIGEST_LENGTH]}"

    def entry(self, date: datetime.date) -> Entry:
        """Score all settings. The result is a row of the leaderboard, dated as given."""
        number = self.facts.get("num_parameters")
        facts = {name: self.facts[name] for name in _ENTRY_FACTS if name in self.facts}
        return Entry(
            id=self.id,
            system=self.facts["name"],
            origin="submitted",
            protocol=self.protocol,
            settings={setting: setting_scores(folds) for setting, folds in self.predictions.items()},
            num_parameters=None if number is None else number / 1e6,
            encoder=self.facts.get("encoder"),
            layer_weights=self.facts.get("layer_weights", {}),
            facts=facts | {"date": date.isoformat()},
        )


def read_submission(
    path: str | os.PathLike,
    protocol: Protocol,
    label_dir: str | os.PathLike,
    *,
    setting: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Submission:
    """
    Read and check a submission. Nothing that it holds is run, unpickled or followed.

    Args:
        path (`str` or `os.PathLike`): Its folder, or a single Parquet file with `system.json` beside it.
        protocol ([`~hf_emotion.benchmark.protocol.Protocol`]): The benchmark.
        label_dir (`str` or `os.PathLike`): Folder `data` of EMO-SUPERB, with the published labels and partitions.
        setting (`str`, *optional*): What the Parquet file, or text files directly in the folder, are predictions for,
            if the name does not say so.
        facts (`Mapping[str, Any]`, *optional*): Instead of `system.json`.

    Raises:
        SubmissionError: It is refused. `problems` lists all reasons.
        FileNotFoundError: The published labels of a setting are not in `label_dir`, or there is no submission.
        ValueError: The protocol has no such setting.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"There is no submission {source}.")
    if setting is not None:
        protocol.setting(setting)
    source, found, problems = _found_predictions(source, protocol, setting)
    names = [item.name for item in protocol.settings]
    try:
        if facts is None:
            known = parse_system_facts(read_untrusted(source / SYSTEM_FILE, MAX_FACTS_BYTES), names)
        else:
            known = check_system_facts(facts, names)
    except SubmissionError as error:
        problems += error.problems
    predictions: dict[str, Folds] = {}
    for name, (reader, file) in found.items():
        try:
            predictions[name] = reader(file, _data(protocol.setting(name), label_dir))
        except SubmissionError as error:
            problems += error.problems
    if not found and not problems:
        problems.append(
            f"{shown(source.name)} holds no predictions. Add files such as {slug(names[0])}{_SUFFIX}, or folders such "
            f"as {slug(names[0])} with test_fold1_predict.txt."
        )
    if problems:
        raise SubmissionError(problems)
    return Submission(protocol.name, known, predictions)


def submit(
    path: str | os.PathLike,
    protocol: Protocol,
    label_dir: str | os.PathLike,
    store: ResultsStore,
    *,
    setting: str | None = None,
    facts: Mapping[str, Any] | None = None,
    date: datetime.date | None = None,
) -> Entry:
    """
    Check a submission, score it and add it to a store. The same submission again changes nothing.

    Args:
        path, protocol, label_dir, setting, facts: See [`read_submission`].
        store ([`~hf_emotion.benchmark.results.store.ResultsStore`]): Where results are kept.
        date (`datetime.date`, *optional*): Its date, today's by default.

    Returns:
        [`~hf_emotion.benchmark.results.entries.Entry`]: The row that the store has now.

    Raises:
        SubmissionError: It is refused, and nothing is written.
    """
    submission = read_submission(path, protocol, label_dir, setting=setting, facts=facts)
    entry = submission.entry(date or datetime.datetime.now(datetime.timezone.utc).date())
    return store.add(entry, submission.predictions)


def _data(setting: Any, label_dir: str | os.PathLike) -> SettingData:
    if not isinstance(setting, FrozenSetting) or setting.label_folder is None:
        text = "has no published label files, so predictions of it cannot be checked. Leave it out."
        raise SubmissionError([f"{setting.name} {text}"])
    return labelled_setting(setting, label_dir)


def _found_predictions(
    source: Path, protocol: Protocol, setting: str | None
) -> tuple[Path, dict[str, tuple[_Reader, Path]], list[str]]:
    """The folder, how and where to read each setting, and what could not be assigned to one."""
    candidates: list[tuple[_Reader, Path, str | None]] = []  # with the setting, if it is stated
    problems = []
    if source.suffix == _SUFFIX and not source.is_dir():
        candidates.append((read_probabilities, source, setting))
        source = source.parent
    else:
        entries = untrusted_entries(source.resolve())
        has_text = any(is_text_file(entry.name) for entry in entries)
        if has_text:
            candidates.append((read_decisions, source.resolve(), setting))
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                candidates.append((read_probabilities, Path(entry.path), None if has_text else setting))
            elif entry.is_dir(follow_symlinks=False):
                candidates.append((read_decisions, Path(entry.path), None))
            elif entry.is_symlink():
                problems.append(f"{shown(entry.name)} is a link. Put the file or folder itself there.")
    found: dict[str, tuple[_Reader, Path]] = {}
    slugs = {slug(item.name): item.name for item in protocol.settings}
    for reader, file, stated in candidates:
        name = stated or slugs.get(slug(file.name.removesuffix(_SUFFIX)))
        if name is None:
            hint = did_you_mean(file.name.removesuffix(_SUFFIX), slugs)
            text = f"{shown(file.name)} is named after no setting of {protocol.name}"
            problems.append(f"{text}. {hint}Settings: {', '.join(slugs)}.")
        elif name in found:
            problems.append(f"{shown(found[name][1].name)} and {shown(file.name)} both are predictions of {name}.")
        else:
            found[name] = (reader, file)
    return source, found, problems
