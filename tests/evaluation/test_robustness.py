"""What a classifier loses on degraded clips, and how sure that is."""

import datasets
import numpy as np
import pandas as pd
import pytest
import soundfile

from hf_emotion.data.degradation import parse_conditions
from hf_emotion.evaluation.comparison import compare_predictions
from hf_emotion.evaluation.predictions import check_predictions
from hf_emotion.evaluation.report import evaluate_predictions
from hf_emotion.evaluation.robustness import degraded_predictions, format_robustness, robustness_report
from hf_emotion.evaluation.robustness_plots import robustness_figure
from tests.prediction_tables import CLASSES, random_predictions


RATE = 16_000
NUM_SPEAKERS, NUM_UTTERANCES = 12, 48


class LoudnessClassifier:
    """Calls a clip loud if its RMS is above 0.05: what a condition does to it can be worked out by hand."""

    classes = ["quiet", "loud"]
    sampling_rate = RATE

    def __init__(self):
        self.batch_sizes = set()

    def probabilities(self, waveforms, batch_size=1):
        self.batch_sizes.add(batch_size)
        for waveform in waveforms:
            score = 0.9 if np.sqrt(np.mean(np.square(waveform, dtype=np.float64))) > 0.05 else 0.1
            yield np.array([1 - score, score])


def loudness_rows(corpus="toy"):
    """Tones at an RMS of 0.01 (quiet) and 0.1 (loud), each speaker with as many of both."""
    tone = np.sqrt(2) * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    return [
        {
            "audio": {"array": (0.01, 0.1)[index % 2] * tone, "sampling_rate": RATE},
            "utterance_id": f"u{index}",
            "corpus": corpus,
            "speaker_id": f"s{index // 2 % NUM_SPEAKERS}",
            "gender": None,
        }
        for index in range(NUM_UTTERANCES)
    ]


LABELS = ["quiet", "loud"] * (NUM_UTTERANCES // 2)


def predicted(*conditions, rows=None, **options):
    return degraded_predictions(
        LoudnessClassifier(), rows or loudness_rows(), LABELS, parse_conditions(list(conditions)), **options
    )


def entries_of(report):
    return {entry["condition"]: entry for entry in report["conditions"]}


class TestALoudnessClassifierLosesExactlyWhatItShould:
    @pytest.fixture(scope="class")
    def report(self):
        conditions = (
            "gain:-3",
            "gain:-10",
            "gain:20",
            "white_noise:20",
            "leading_silence:100",
            "leading_silence:3900",
        )
        return robustness_report(predicted(*conditions), num_resamples=200)

    @pytest.mark.parametrize(
        ("condition", "uar", "num_changed"),
        [
            ("clean", 1.0, 0),
            ("gain:-3", 1.0, 0),  # 0.1 becomes 0.07
            ("gain:-10", 0.5, NUM_UTTERANCES // 2),  # 0.1 becomes 0.03: all loud clips are called quiet
            ("gain:20", 0.5, NUM_UTTERANCES // 2),  # 0.01 becomes 0.1: all quiet clips are called loud
            ("white_noise:20", 1.0, 0),
            ("leading_silence:100", 1.0, 0),
            ("leading_silence:3900", 0.5, NUM_UTTERANCES // 2),  # 1 s of 4.9 s: 0.1 becomes 0.045
        ],
    )
    def test_scores_follow_from_the_level(self, condition, uar, num_changed, report):
        overall = entries_of(report)[condition]["overall"]
        assert overall["metrics"]["uar"]["value"] == pytest.approx(uar)
        assert overall["metrics"]["uar"]["difference"] == pytest.approx(uar - 1)
        assert overall["num_changed"] == num_changed

    def test_a_loss_that_all_speakers_share_has_no_spread(self, report):
        uar = entries_of(report)["gain:-10"]["overall"]["metrics"]["uar"]
        assert uar["difference_interval"] == pytest.approx([-0.5, -0.5])
        assert uar["p_value"] == pytest.approx(2 / 2**NUM_SPEAKERS)  # of all exchanges, two differ as much
        assert uar["is_exact"]

    def test_conditions_that_change_no_answer_differ_by_nothing(self, report):
        for name in ("clean", "gain:-3", "white_noise:20"):
            for scores in entries_of(report)[name]["overall"]["metrics"].values():
                assert (scores["difference"], scores["difference_interval"], scores["p_value"]) == (0, [0, 0], 1)


class TestDegradedPredictions:
    def test_each_condition_holds_a_predictions_table(self):
        table = predicted("white_noise:0", "telephone")
        assert table.columns[0] == "condition"
        assert table["condition"].unique().tolist() == ["clean", "white_noise:0", "telephone"]
        for _, part in table.groupby("condition"):
            check_predictions(part, ["quiet", "loud"])
            assert part["utterance_id"].tolist() == [row["utterance_id"] for row in loudness_rows()]
            assert part["label"].tolist() == LABELS

    def test_the_seed_and_the_utterance_decide_not_the_company(self):
        generator = np.random.default_rng(0)

        class Listener(LoudnessClassifier):
            """Answers with a number that changes with every sample."""

            def probabilities(self, waveforms, batch_size=1):
                for waveform in waveforms:
                    share = 0.5 + 0.4 * np.tanh(np.dot(waveform, weights))
                    yield np.array([share, 1 - share])

        weights = 0.01 * generator.standard_normal(RATE)
        rows, conditions = loudness_rows(), parse_conditions(["white_noise:0", "pink_noise:0"])
        whole = degraded_predictions(Listener(), rows, LABELS, conditions)
        again = degraded_predictions(Listener(), rows, LABELS, conditions, batch_size=3)
        pd.testing.assert_frame_equal(whole, again)
        part = degraded_predictions(Listener(), rows[7:9], LABELS[7:9], conditions[::2])
        expected = whole[whole["condition"].isin(["clean", "pink_noise:0"]) & whole["utterance_id"].isin(["u7", "u8"])]
        pd.testing.assert_frame_equal(part, expected.reset_index(drop=True))
        other = degraded_predictions(Listener(), rows, LABELS, conditions, seed=1)
        is_clean = whole["condition"] == "clean"
        pd.testing.assert_frame_equal(whole[is_clean], other[is_clean])
        assert (whole["probability_loud"] != other["probability_loud"])[~is_clean].all()

    def test_rows_of_a_dataset_and_other_names_of_the_classes_do(self, tmp_path):
        rows = loudness_rows()[:4]
        for row in rows:
            soundfile.write(tmp_path / f"{row['utterance_id']}.wav", row["audio"]["array"], RATE)
            row["audio"] = str(tmp_path / f"{row['utterance_id']}.wav")
        dataset = datasets.Dataset.from_list(rows).cast_column("audio", datasets.Audio(decode=False))
        names = ["soft", "strong"]
        table = degraded_predictions(
            LoudnessClassifier(), dataset, names * 2, parse_conditions(["gain:-10"]), classes=names
        )
        assert table["prediction"].tolist() == [*names * 2, *["soft"] * 4]

    def test_only_the_start_of_long_clips_is_taken_if_asked(self):
        rows = loudness_rows()
        for row in rows:
            row["audio"]["array"] = np.append(row["audio"]["array"], np.zeros(9 * RATE))
        assert predicted(rows=rows)["prediction"].eq("quiet").all()
        assert predicted(rows=rows, max_duration_seconds=1.0)["prediction"].tolist() == LABELS

    def test_segments_are_scored_as_the_files_they_are_cut_from(self):
        rows = [
            row | {"file_id": f"file{index // 6}", "segment_start": 0.25, "segment_end": 0.75}
            for index, row in enumerate(loudness_rows()[::2] + loudness_rows()[1::2])
        ]
        labels = LABELS[::2] + LABELS[1::2]
        conditions = parse_conditions(["gain:-10"])
        table = degraded_predictions(LoudnessClassifier(), rows, labels, conditions)
        assert table["utterance_id"].tolist() == [f"file{index}" for index in range(8)] * 2
        assert table["prediction"].tolist() == [*["quiet"] * 4, *["loud"] * 4, *["quiet"] * 8]

    def test_batches_are_as_large_as_asked(self):
        classifier = LoudnessClassifier()
        degraded_predictions(classifier, loudness_rows(), LABELS, parse_conditions([]), batch_size=5)
        assert classifier.batch_sizes == {5}

    def test_noise_files_are_used(self, tmp_path):
        soundfile.write(tmp_path / "fan.wav", np.random.default_rng(0).uniform(-1, 1, RATE), RATE)
        conditions = parse_conditions(["noise_files:-20"], has_noise_files=True)
        table = degraded_predictions(LoudnessClassifier(), loudness_rows(), LABELS, conditions, noise_dir=tmp_path)
        assert table[table["condition"] == "noise_files:-20"]["prediction"].eq("loud").all()

    def test_an_empty_noise_folder_is_refused_at_once(self, tmp_path):
        with pytest.raises(ValueError, match="There is no noise file in"):
            degraded_predictions(LoudnessClassifier(), loudness_rows(), LABELS, noise_dir=tmp_path)

    def test_noise_files_need_a_folder(self):
        conditions = parse_conditions(["noise_files:0"], has_noise_files=True)
        with pytest.raises(ValueError, match="noise_files:0 needs `noise_files`"):
            degraded_predictions(LoudnessClassifier(), loudness_rows(), LABELS, conditions)


@pytest.fixture(scope="module")
def table():
    """Two corpora under clean and three conditions, of a model that gets worse and one condition without effect."""
    corpora = {"alba": (12, 96), "brio": (10, 60)}
    skills = {"clean": 2.0, "white_noise:20": 1.2, "white_noise:0": 0.2, "telephone": 0.8}
    parts = {name: random_predictions(corpora, skill=skill) for name, skill in skills.items()}
    parts["gain:-10"] = parts["clean"]
    return pd.concat([part.assign(condition=name) for name, part in parts.items()], ignore_index=True)


@pytest.fixture(scope="module")
def report(table):
    return robustness_report(table, num_resamples=200, num_permutations=999)


class TestReport:
    def test_scores_and_intervals_are_those_of_evaluate_and_compare(self, table, report):
        parts = {name: rows.drop(columns="condition") for name, rows in table.groupby("condition")}
        scores = evaluate_predictions(parts["telephone"], num_resamples=200)
        compared = compare_predictions(parts["clean"], parts["telephone"], num_resamples=200, num_permutations=999)
        entry = entries_of(report)["telephone"]
        for part, scored, difference in (
            (entry["overall"], scores["overall"], compared["overall"]),
            (entry["per_corpus"]["brio"], scores["per_corpus"]["brio"], compared["per_corpus"]["brio"]),
        ):
            uar = part["metrics"]["uar"]
            assert uar["value"] == scored["uar"]
            assert uar["interval"] == scored["intervals"]["uar"]
            assert uar["difference"] == difference["metrics"]["uar"]["difference"]
            assert uar["difference_interval"] == difference["metrics"]["uar"]["interval"]
            assert uar["p_value"] == difference["metrics"]["uar"]["p_value"]
        assert entry["mean_of_corpora"]["uar"]["value"] == compared["mean_of_corpora"]["uar"]["b"]

    def test_conditions_say_what_they_are(self, report):
        entry = entries_of(report)["white_noise:20"]
        assert (entry["kind"], entry["value"], entry["unit"]) == ("white_noise", 20.0, "dB SNR")
        assert entries_of(report)["telephone"]["value"] is None
        assert list(entry["per_corpus"]) == ["alba", "brio"]
        assert entry["overall"]["num_utterances"] == 156
        assert entry["overall"]["num_speakers"] == 22

    def test_identical_predictions_differ_by_nothing_everywhere(self, report):
        entry = entries_of(report)["gain:-10"]
        for part in (entry["overall"], *entry["per_corpus"].values()):
            assert part["num_changed"] == 0
            for scores in part["metrics"].values():
                assert (scores["difference"], scores["difference_interval"], scores["p_value"]) == (0, [0, 0], 1)

    def test_p_values_are_adjusted_for_the_number_of_conditions(self, report):
        conditions = [entry for entry in report["conditions"] if entry["kind"] != "clean"]
        smallest = min(entry["overall"]["metrics"]["uar"]["p_value"] for entry in conditions)
        adjusted = min(entry["overall"]["metrics"]["uar"]["p_value_holm"] for entry in conditions)
        assert adjusted == pytest.approx(4 * smallest)

    def test_one_corpus_has_no_mean_of_corpora(self, table):
        report = robustness_report(table[table["corpus"] == "alba"], num_resamples=100, num_permutations=99)
        assert {entry["mean_of_corpora"] for entry in report["conditions"]} == {None}

    def test_clean_clips_are_needed(self, table):
        for rows in (table[table["condition"] != "clean"], table.drop(columns="condition")):
            with pytest.raises(ValueError, match="no rows of the condition 'clean'"):
                robustness_report(rows)


class TestTable:
    def test_it_fits_80_columns_whatever_the_names(self, table):
        long = table.assign(corpus="a_corpus_with_quite_a_long_name_" + table["corpus"])
        long["condition"] = long["condition"].replace("gain:-10", "leading_silence:1000")
        for rows in (table, long):
            lines = format_robustness(robustness_report(rows, num_resamples=100, num_permutations=99)).splitlines()
            assert max(map(len, lines)) <= 80

    def test_many_corpora_are_shown_in_blocks(self):
        corpora = {f"corpus_{letter}": (3, 12) for letter in "abcdefg"}
        parts = [random_predictions(corpora).assign(condition=name) for name in ("clean", "telephone")]
        lines = format_robustness(robustness_report(pd.concat(parts), num_resamples=100, num_permutations=99))
        assert all(corpus in lines for corpus in corpora)
        assert max(map(len, lines.splitlines())) <= 80

    def test_it_shows_scores_and_differences_in_percent(self, report):
        lines = format_robustness(report).splitlines()
        (line,) = (line for line in lines if line.startswith("telephone") and "[" in line)
        uar = entries_of(report)["telephone"]["overall"]["metrics"]["uar"]
        assert line.split()[1] == f"{100 * uar['value']:.1f}"
        assert f"{100 * uar['difference']:+.1f} [" in line
        (per_corpus,) = (line for line in lines if line.startswith("telephone") and "[" not in line)
        brio = entries_of(report)["telephone"]["per_corpus"]["brio"]["metrics"]["uar"]["difference"]
        assert per_corpus.split()[-1] == f"{100 * brio:+.1f}"
        assert not any("-0.0" in line for line in lines)

    def test_unknown_speakers_are_said(self, table):
        text = format_robustness(
            robustness_report(table.assign(speaker_id=None), num_resamples=100, num_permutations=99)
        )
        assert "156 utterances, unknown speakers" in text
        assert "Resampled: utterances" in text
        assert "p is rather too small" in text


class TestFigure:
    def test_noise_is_a_curve_and_the_rest_are_bars(self, report):
        curves, bars = robustness_figure(report).axes
        assert [tick.get_text() for tick in curves.get_xticklabels()] == ["clean", "20", "0"]
        assert [tick.get_text() for tick in bars.get_yticklabels()] == ["telephone (mu-law)", "gain, -10 dB"]
        widths = [bar.get_width() for bar in bars.patches]
        expected = entries_of(report)["telephone"]["overall"]["metrics"]["uar"]["difference"]
        assert widths == pytest.approx([100 * expected, 0])

    @pytest.mark.parametrize("kinds", [["white_noise:20"], ["telephone"]])
    def test_a_panel_without_conditions_is_left_out(self, kinds, table):
        rows = table[table["condition"].isin(["clean", *kinds])]
        report = robustness_report(rows, num_resamples=100, num_permutations=99)
        assert len(robustness_figure(report, "macro_f1").axes) == 1

    def test_clean_clips_alone_are_no_figure(self, table):
        report = robustness_report(table[table["condition"] == "clean"], num_resamples=100, num_permutations=99)
        with pytest.raises(ValueError, match="clean clips only"):
            robustness_figure(report)


def test_classes_of_the_report_are_in_model_order(report):
    assert report["classes"] == CLASSES
