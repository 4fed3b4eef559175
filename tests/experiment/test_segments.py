"""Promises of long recordings in experiments: training sees segments, splits and scores see files; text goes along."""

import csv
import json
import sys
from collections import Counter

import datasets
import numpy as np
import pytest
import soundfile

from hf_emotion.arguments import DataArguments
from hf_emotion.evaluation.file_predictions import aggregate_segments
from hf_emotion.evaluation.predictions import METADATA_COLUMNS, predictions_table
from hf_emotion.evaluation.report import evaluate_predictions
from hf_emotion.experiment.corpora import load_experiment_corpora
from hf_emotion.experiment.segments import FilesOfRows, describe_segments, segment_parts
from hf_emotion.run_record import corpus_uses
from tests.data.test_text_embeddings import DOUBLE, write_model
from tests.tiny_training import LABELS, tiny_collator, tiny_model, tiny_trainer


SAMPLING_RATE = 16_000
PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A manifest of 20 recordings of five speakers, of 0.4, 0.8, 1.2 and 1.6 s; joy is rarer than anger."""
    folder = tmp_path_factory.mktemp("calls")
    generator = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "speaker_id", "text"])
        writer.writeheader()
        for number in range(20):
            samples = 0.1 * generator.standard_normal(int(0.4 * (1 + number % 4) * SAMPLING_RATE))
            soundfile.write(folder / f"{number:02d}.wav", samples, SAMPLING_RATE)
            label, text = "joy" if number % 3 == 0 else "anger", f"Call {number % 2}" if number else ""
            writer.writerow(
                {"path": f"{number:02d}.wav", "label": label, "speaker_id": f"s{number % 5}", "text": text}
            )
    return folder


@pytest.fixture
def load(recordings, tmp_path):
    def load_corpus(**options):
        entry = {"name": "manifest", "data_dir": str(recordings)}
        options = {"label_column": "emotion", "cache_dir": str(tmp_path / "cache")} | options
        (corpus,) = load_experiment_corpora(DataArguments(corpora=[entry], **options), 0)
        return corpus

    return load_corpus


class TestParts:
    def test_splits_count_files_and_parts_hold_their_segments(self, load):
        whole, cut = load(), load(segment_seconds=0.4, segment_hop_seconds=0.2)
        assert cut.split == whole.split
        assert corpus_uses([cut])[0].split == corpus_uses([whole])[0].split
        for part in PARTS:
            assert list(dict.fromkeys(cut.parts[part]["file_id"][:])) == whole.parts[part]["utterance_id"][:]
            # 0.4 to 1.6 s are 1, 3, 5 or 7 segments
            expected = sum(round(duration / 0.2) - 1 for duration in whole.parts[part]["duration"][:])
            assert len(cut.parts[part]) == expected

    def test_no_file_and_no_speaker_is_in_two_parts(self, load):
        corpus = load(segment_seconds=0.4, segment_hop_seconds=0.1)
        for column in ("file_id", "speaker_id", "utterance_id"):
            found = [set(corpus.parts[part][column][:]) for part in PARTS]
            assert sum(map(len, found)) == len(set.union(*found))

    def test_subsampling_evens_out_segments(self, load):
        files, segments = load().parts["train"], load(segment_seconds=0.2, subsample_labels=True).parts["train"]
        counts = Counter(segments["emotion"][:])
        assert counts["joy"] == counts["anger"] > Counter(files["emotion"][:])["joy"]
        # of the label with more, segments of all files are drawn
        assert set(segments["file_id"][:]) == set(files["utterance_id"][:])

    def test_a_second_run_has_the_same_data(self, load):
        first, second = (load(segment_seconds=0.4) for _ in range(2))
        assert corpus_uses([first]) == corpus_uses([second])
        assert corpus_uses([first])[0].fingerprint != corpus_uses([load()])[0].fingerprint

    def test_an_empty_part_has_the_columns_of_the_others(self):
        rows = datasets.Dataset.from_dict({"utterance_id": ["a"], "duration": [3.0]})
        parts = datasets.DatasetDict({"train": rows, "validation": rows.select([])})
        cut = segment_parts(parts, DataArguments(segment_seconds=1.0))
        assert (len(cut["train"]), len(cut["validation"])) == (3, 0)
        assert cut["validation"].features == cut["train"].features

    def test_without_segments_nothing_changes(self):
        parts = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"utterance_id": ["a"]})})
        assert segment_parts(parts, DataArguments()) is parts
        assert describe_segments(DataArguments()) is None

    def test_the_description_counts_the_training_data(self, load):
        arguments = DataArguments(segment_seconds=0.4)
        train = load(segment_seconds=0.4).parts["train"]
        files = len(set(train["file_id"][:]))
        text = describe_segments(arguments, [train, train])
        assert text == f"0.4 s every 0.4 s, {2 * len(train)} for training from {2 * files} files"

    def test_cropping_of_segments_is_refused(self):
        parts = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"duration": [3.0]})})
        with pytest.raises(ValueError, match="`max_duration_seconds: 8` would crop the segments"):
            segment_parts(parts, DataArguments(segment_seconds=10.0, max_duration_seconds=8.0))


class TestFiles:
    def test_values_of_segments_become_values_of_files(self):
        rows = {"corpus": ["x", "x", "y", "x"], "file_id": ["b", "a", "a", "b"]}
        files = FilesOfRows(datasets.Dataset.from_dict(rows))
        assert files.first(["first b", "first a", "y", "b"]).tolist() == ["first b", "first a", "y"]
        assert files.mean(np.array([1.0, 2.0, 3.0, 5.0])).tolist() == [3, 2, 3]
        assert files.mean(np.array([[1, 0], [2, 0], [3, 0], [5, 8]])).tolist() == [[3, 4], [2, 0], [3, 0]]
        # two rows of b: certain of the second class, and undecided
        scores = files.class_scores(np.array([[-90.0, 90.0], [0, 0], [90, -90], [7, 7]], dtype=np.float32))
        assert scores.tolist() == [[0.25, 0.75], [0.5, 0.5], [1, pytest.approx(0)]]

    def test_rows_that_are_files_keep_their_values(self):
        files = FilesOfRows(datasets.Dataset.from_dict({"utterance_id": ["a", "b"]}))
        logits = np.array([[1.0, 2.0], [4.0, 3.0]], dtype=np.float32)
        assert np.array_equal(files.class_scores(logits), logits)
        assert np.array_equal(files.mean(logits), logits)
        assert files.first([0, 1]).tolist() == [0, 1]


def test_long_files_are_trained_on_as_segments_and_scored_as_files(load, tmp_path):
    whole, cut = load(), load(segment_seconds=0.4, segment_hop_seconds=0.2)
    model = tiny_model()
    trainer = tiny_trainer(
        tmp_path / "run",
        {"calls": cut.parts["train"]},
        model,
        max_steps=2,
        data_collator=tiny_collator(model, max_duration_seconds=None, crop=None),
    )
    assert len(trainer.train_dataset) == len(cut.parts["train"]) > len(whole.parts["train"])
    trainer.train()
    test = cut.parts["test"]
    output = trainer.predict(test)
    metadata = test.select_columns(list(METADATA_COLUMNS)).to_pandas()
    table = predictions_table(metadata, labels=output.label_ids.tolist(), classes=LABELS, logits=output.predictions)
    files = aggregate_segments(table, test["file_id"][:])
    assert files["utterance_id"].tolist() == whole.parts["test"]["utterance_id"][:]
    assert files["label"].tolist() == whole.parts["test"]["emotion"][:]
    # what picks the best checkpoint are the scores that are reported
    scores = FilesOfRows(test).class_scores(output.predictions)
    assert np.allclose(scores, files[[f"probability_{name}" for name in LABELS]].to_numpy(), atol=1e-6)
    report = evaluate_predictions(files, num_resamples=10)
    assert report["overall"]["num_utterances"] == whole.split.sizes["test"]
    assert report["overall"]["num_speakers"] == len(whole.split.speakers["test"])


class TestText:
    @pytest.fixture
    def encoder(self, tmp_path, monkeypatch):
        """Name of a model for the double of sentence-transformers, and the texts that it was given."""
        write_model(tmp_path / "model", {"type": "Transformer"}, {"type": "Pooling", "embedding_dimension": 4})
        (tmp_path / "model" / "offset.txt").write_text("0.5")
        (tmp_path / "packages").mkdir()
        (tmp_path / "packages" / "sentence_transformers.py").write_text(DOUBLE)
        monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path / "packages"))
        monkeypatch.setenv("ENCODER_CALLS", str(tmp_path / "calls"))
        yield str(tmp_path / "model"), lambda: [json.loads(line)[0] for line in (tmp_path / "calls").open()]
        sys.modules.pop("sentence_transformers", None)

    def test_all_folds_share_embeddings_that_are_computed_once(self, load, encoder):
        model_name, calls = encoder
        whole = load()
        for fold in (0, 1):
            corpus = load(text_embedding_model=model_name, split="k_fold", fold=fold)
            for rows in corpus.parts.values():
                known = [text is not None for text in rows["text"][:]]
                assert (~np.isnan(np.array(rows["text_embedding"][:])[:, 0])).tolist() == known
        assert calls() == [["Call 0", "Call 1"]]
        assert load(text_embedding_model=model_name).split == whole.split

    def test_segments_have_the_text_of_their_file(self, load, encoder):
        corpus = load(text_embedding_model=encoder[0], segment_seconds=0.4)
        rows = corpus.parts["train"]
        embeddings = dict(zip(rows["text"][:], rows["text_embedding"][:], strict=True))
        assert set(embeddings) <= {"Call 0", "Call 1", None}
        assert embeddings["Call 1"] == [6, 67, 0.5, 1]

    def test_a_corpus_without_transcripts_is_named(self, load, encoder, recordings, tmp_path, caplog):
        lines = (recordings / "manifest.csv").read_text().splitlines()
        (tmp_path / "silent").mkdir()
        for path in sorted(recordings.glob("*.wav")):
            (tmp_path / "silent" / path.name).symlink_to(path)
        (tmp_path / "silent" / "manifest.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
        entry = {"name": "manifest", "data_dir": str(tmp_path / "silent")}
        arguments = DataArguments(corpora=[entry], cache_dir=str(tmp_path / "c"), text_embedding_model=encoder[0])
        (corpus,) = load_experiment_corpora(arguments, 0)
        assert "manifest has no transcripts, so that its text is unknown to the model" in caplog.text
        assert np.isnan(np.array(corpus.parts["train"]["text_embedding"][:])).all()
