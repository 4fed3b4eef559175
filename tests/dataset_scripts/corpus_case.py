"""The promises that every corpus file keeps. A corpus' own test says what its archive holds and what to expect."""

import logging
import shutil
from pathlib import Path
from typing import ClassVar

import datasets
import pytest
import soundfile

from hf_emotion.data.archive import AUDIO_SUFFIXES
from hf_emotion.data.columns import FEATURES
from hf_emotion.data.loading import corpus_facts, load_corpus
from hf_emotion.data.splits import split_corpus
from tests.data.fake_audio import write_noise


class CorpusCase:
    """
    Base of the test class of a corpus. `TestEmodb(CorpusCase)` sets:

    Args:
        name: name of the corpus.
        files: audio files of the fake archive, as paths below its folder with the published names: a few for every
            label and for several speakers. Or several archives, `{"zenodo": (...), "kaggle": (...)}`, if more than one
            layout is common; all must give the same utterances.
        utterance_ids: ids of all utterances that the archive gives, in any order; the stems of `files` by default.
        expected: what the rows of some utterances must hold, `{utterance_id: {column: value}}`.
        absent_labels: labels of the facts that no file of the fake archive can have.
        shared_speakers: True if the default split has to share speakers: official parts that do, no speaker ids, or a
            single speaker.

    `annotate(root)` writes whatever else the archive holds: tables, transcripts, ratings, in their published format.
    """

    name: ClassVar[str]
    files: ClassVar[tuple[str, ...] | dict[str, tuple[str, ...]]]
    utterance_ids: ClassVar[tuple[str, ...]] = ()
    expected: ClassVar[dict[str, dict]]
    absent_labels: ClassVar[tuple[str, ...]] = ()
    shared_speakers: ClassVar[bool] = False

    def annotate(self, root: Path) -> None:
        """Write the annotation files of the archive."""

    @pytest.fixture(scope="class")
    def archives(self, tmp_path_factory) -> dict[str, Path]:
        """Folders of the fake archives by layout."""
        layouts = self.files if isinstance(self.files, dict) else {"published": self.files}
        folders = {layout: tmp_path_factory.mktemp(self.name) / "archive" for layout in layouts}
        for layout, folder in folders.items():
            for file in layouts[layout]:
                write_noise(folder / file)
            type(self)().annotate(folder)
        return folders

    @pytest.fixture(scope="class")
    def archive(self, archives) -> Path:
        """The first layout."""
        return next(iter(archives.values()))

    @pytest.fixture(scope="class")
    def cache_dir(self, tmp_path_factory) -> Path:
        return tmp_path_factory.mktemp("cache")

    @pytest.fixture(scope="class")
    def rows(self, archive, cache_dir) -> dict[str, dict]:
        """Rows by utterance id, with the official part in `split`."""
        return self.load(archive, cache_dir)

    @pytest.fixture
    def scratch(self, archive, tmp_path) -> Path:
        """A copy of the archive to damage."""
        return Path(shutil.copytree(archive, tmp_path / "archive"))

    def load(self, folder: Path, cache_dir: Path) -> dict[str, dict]:
        parts = load_corpus(self.name, folder, cache_dir=cache_dir)
        return {row["utterance_id"]: row | {"split": part} for part, rows in parts.items() for row in rows}

    def stems(self) -> set[str]:
        files = next(iter(self.files.values())) if isinstance(self.files, dict) else self.files
        return set(self.utterance_ids) or {Path(file).stem for file in files}

    def test_every_layout_gives_the_expected_utterances(self, archives, cache_dir):
        for layout, folder in archives.items():
            rows = self.load(folder, cache_dir)
            assert set(rows) == self.stems(), layout
            for utterance_id, expected in self.expected.items():
                found = {column: rows[utterance_id][column] for column in expected}
                assert found == expected, f"{layout}: {utterance_id}"

    def test_columns_have_their_types_and_every_file_its_duration(self, archive, cache_dir):
        for part in load_corpus(self.name, archive, cache_dir=cache_dir).values():
            assert part.features == FEATURES
            assert all(duration > 0 for duration in part["duration"])
            assert set(part["corpus"]) == {self.name}

    def test_labels_follow_the_facts_and_every_label_occurs(self, rows):
        facts = corpus_facts(self.name)
        labelled = [row for row in rows.values() if row["raw_label"] is not None]
        assert {row["raw_label"] for row in labelled} == set(facts.labels) - set(self.absent_labels)
        for row in labelled:
            assert row["emotion"] == facts.labels[row["raw_label"]]
            assert row["arousal_valence"] == facts.arousal_valence_class(row["raw_label"])

    def test_the_default_split_shares_no_speaker(self, archive, cache_dir):
        dataset = load_corpus(self.name, archive, cache_dir=cache_dir)
        parts = split_corpus(dataset, "auto")
        assert sum(map(len, parts.values())) == sum(map(len, dataset.values()))
        train, test = ({speaker for speaker in parts[part]["speaker_id"] if speaker} for part in ("train", "test"))
        shared = bool(train & test) or not (train and test)
        assert shared == self.shared_speakers

    def test_a_folder_above_the_archive_works_as_well(self, archive, cache_dir, rows):
        assert set(self.load(archive.parent, cache_dir)) == set(rows)

    def test_flac_files_count_under_the_same_names(self, scratch, tmp_path, rows):
        for path in scratch.rglob("*"):
            if path.suffix in AUDIO_SUFFIXES and path.suffix != ".flac":
                samples, sampling_rate = soundfile.read(path)
                soundfile.write(path.with_suffix(".flac"), samples, sampling_rate)
                path.unlink()
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_a_missing_archive_is_explained(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(FileNotFoundError) as error:
            load_corpus(self.name, tmp_path / "empty")
        facts = corpus_facts(self.name)
        assert facts.layout in str(error.value)
        assert facts.how_to_obtain in str(error.value)

    def test_a_partial_archive_is_warned_about(self, archive, tmp_path, caplog):
        published = corpus_facts(self.name).num_utterances
        if published is None:
            pytest.skip(f"the size of {self.name} is not known")
        with caplog.at_level(logging.WARNING, logger="hf_emotion"):
            rows = self.load(archive, tmp_path / "cache")
        assert f"found {len(rows)} of {published} published utterances" in caplog.text

    def test_a_corrupt_file_is_named_and_left_out(self, scratch, rows, tmp_path, caplog):
        broken_id, row = next(iter(rows.items()))
        [name] = [path for path in scratch.rglob("*") if path.as_posix().endswith(self.file_below(row, scratch))]
        name.write_bytes(b"RIFF, but not quite")
        with caplog.at_level(logging.WARNING, logger="hf_emotion"):
            left = self.load(scratch, tmp_path / "cache")
        assert set(left) == set(rows) - {broken_id}
        assert name.name in caplog.text

    @staticmethod
    def file_below(row: dict, scratch: Path) -> str:
        """Path of the row's audio below the archive's folder."""
        return row["audio"]["path"].split(f"/{scratch.name}/", 1)[1]

    def test_it_can_be_streamed(self, archive, rows):
        streamed = load_corpus(self.name, archive, streaming=True)
        assert isinstance(streamed, datasets.IterableDatasetDict)
        assert {row["utterance_id"] for part in streamed.values() for row in part} == set(rows)


class ManifestCase(CorpusCase):
    """
    Base of the test class of a corpus whose layout is not public: sets `name`, nothing else. The fake archive is a
    manifest in which three speakers say every label of the facts (or three emotions, where no label is known).
    """

    files = ()
    expected = {}

    def labels(self) -> list[str]:
        return list(corpus_facts(self.name).labels) or ["anger", "neutral", "joy"]

    def stems(self) -> set[str]:
        return {f"{speaker}_{number}" for speaker in "abc" for number in range(len(self.labels()))}

    def annotate(self, root: Path) -> None:
        lines = ["path,label,utterance_id,speaker_id,gender"]
        for speaker in "abc":
            for number, label in enumerate(self.labels()):
                write_noise(root / "audio" / f"{speaker}_{number}.wav")
                lines.append(f'audio/{speaker}_{number}.wav,"{label}",{speaker}_{number},{speaker},female')
        (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def test_speakers_and_labels_are_those_of_the_manifest(self, rows):
        row = rows["b_1"]
        assert (row["speaker_id"], row["gender"], row["corpus"]) == ("b", "female", self.name)
        assert row["raw_label"] == self.labels()[1]

    def test_labels_follow_the_facts_and_every_label_occurs(self, rows):
        if corpus_facts(self.name).labels:
            super().test_labels_follow_the_facts_and_every_label_occurs(rows)
        else:
            assert {row["emotion"] for row in rows.values()} == {"anger", "neutral", "joy"}

    def test_an_unknown_label_is_refused(self, scratch, tmp_path):
        if not corpus_facts(self.name).labels:
            pytest.skip(f"the labels of {self.name} are not known")
        manifest = (scratch / "manifest.csv").read_text()
        (scratch / "manifest.csv").write_text(manifest.replace(f'"{self.labels()[0]}"', "xyzzy", 1))
        with pytest.raises(ValueError, match=f"{self.name} has no label 'xyzzy'"):
            self.load(scratch, tmp_path / "cache")

    test_flac_files_count_under_the_same_names = None  # a manifest names its files with their suffix
    test_a_folder_above_the_archive_works_as_well = None  # a manifest is looked for where data_dir says
