"""Promises of the corpus mixture: which corpus, which utterances, on which process, in which order."""

import itertools
from collections import Counter

import datasets
import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard, SkipBatchSampler
from torch.utils.data import DataLoader

from hf_emotion.data.mixture import CorpusMixture, MultiCorpusBatchSampler, evaluation_order


def mixture_of(*sizes, durations=None):
    corpora = {}
    for letter, size in zip("abcdefgh", sizes, strict=False):
        columns = {"utterance_id": [f"{letter}{row}" for row in range(size)], "corpus": [letter] * size}
        columns["duration"] = list(durations[:size]) if durations is not None else [1.0] * size
        corpora[letter] = datasets.Dataset.from_dict(columns)
    return CorpusMixture(corpora)


def batches_of(mixture, batch_size=2, *, epoch=0, **options):
    sampler = MultiCorpusBatchSampler(mixture, batch_size, **options)
    sampler.set_epoch(epoch)
    return list(sampler)


def corpus_sequence(mixture, batches):
    return "".join(mixture.locate(batch[0][0])[0] for batch in batches)


def steps_of(batches, batches_per_step):
    """Utterances of each optimizer step, as multisets."""
    return [
        Counter(itertools.chain.from_iterable(batches[start : start + batches_per_step]))
        for start in range(0, len(batches), batches_per_step)
    ]


class TestCorpusMixture:
    def test_rows_carry_the_visit_and_keep_their_columns(self):
        mixture = mixture_of(2, 3)
        assert mixture[3, 7] == {"utterance_id": "b1", "corpus": "b", "duration": 1.0, "visit": 7}

    @pytest.mark.parametrize("items", [[(0, 0), (1, 0)], [(4, 1), (2, 1), (2, 2)], [(1, 0), (3, 2), (0, 0)]])
    def test_a_batch_query_returns_the_same_rows_as_single_queries(self, items):
        mixture = mixture_of(2, 3)
        assert mixture.__getitems__(items) == [mixture[item] for item in items]

    def test_sizes_offsets_and_durations_follow_the_order_of_the_corpora(self):
        mixture = mixture_of(2, 3, durations=[1.0, 2.0, None])
        assert (mixture.names, mixture.sizes, mixture.offsets, len(mixture)) == (("a", "b"), (2, 3), (0, 2), 5)
        np.testing.assert_array_equal(mixture.durations, [1.0, 2.0, 1.0, 2.0, np.nan])

    @pytest.mark.parametrize("index", [-1, 5])
    def test_an_index_outside_the_mixture_is_refused(self, index):
        with pytest.raises(IndexError, match="mixture of 5 utterances"):
            mixture_of(2, 3)[index, 0]

    def test_an_empty_corpus_is_refused_by_name(self):
        with pytest.raises(ValueError, match="No training utterance in b"):
            mixture_of(2, 0)

    def test_a_mixture_without_corpora_is_refused(self):
        with pytest.raises(ValueError, match="at least one corpus"):
            CorpusMixture({})


class TestCorpusOrder:
    @pytest.mark.parametrize(
        ("sizes", "stopping_strategy", "expected"),
        [
            ((4, 8), "all_exhausted", "abababab"),  # ceil(8 / 2) = 4 rounds
            ((4, 8), "first_exhausted", "abab"),  # ceil(4 / 2) = 2 rounds
            ((3, 4, 5), "all_exhausted", "abcabcabc"),  # ceil(5 / 2) = 3 rounds
            ((3, 4, 5), "first_exhausted", "abcabc"),  # ceil(3 / 2) = 2 rounds
            ((1, 1), "all_exhausted", "ab"),
        ],
    )
    def test_round_robin_visits_corpora_in_turn_until_exhausted(self, sizes, stopping_strategy, expected):
        mixture = mixture_of(*sizes)
        batches = batches_of(mixture, stopping_strategy=stopping_strategy)
        assert corpus_sequence(mixture, batches) == expected

    @pytest.mark.parametrize("stopping_strategy", ["all_exhausted", "first_exhausted"])
    def test_rounds_agree_with_interleave_datasets_for_batches_of_one(self, stopping_strategy):
        mixture = mixture_of(3, 4, 5)
        reference = datasets.interleave_datasets(list(mixture.corpora.values()), stopping_strategy=stopping_strategy)[
            "corpus"
        ][:]
        batches = batches_of(mixture, 1, stopping_strategy=stopping_strategy)
        assert corpus_sequence(mixture, batches) == "".join(reference)

    @pytest.mark.parametrize(
        ("options", "expected_shares"),
        [
            ({"mixing": "weighted", "corpus_weights": [3, 1]}, [0.75, 0.25]),
            ({"mixing": "temperature", "temperature": 1}, [0.8, 0.2]),  # 400 : 100
            ({"mixing": "temperature", "temperature": 2}, [2 / 3, 1 / 3]),  # 20 : 10
            ({"mixing": "temperature", "temperature": float("inf")}, [0.5, 0.5]),
        ],
    )
    def test_drawn_corpora_have_the_shares_of_their_weights(self, options, expected_shares):
        mixture = mixture_of(400, 100)
        sequence = "".join(
            corpus_sequence(mixture, batches_of(mixture, 1, seed=seed, **options)) for seed in range(10)
        )
        shares = [sequence.count(letter) / len(sequence) for letter in "ab"]
        np.testing.assert_allclose(shares, expected_shares, atol=0.04)

    @pytest.mark.parametrize(("stopping_strategy", "quantifier"), [("all_exhausted", all), ("first_exhausted", any)])
    @pytest.mark.parametrize("epoch", [0, 3])
    def test_drawn_epochs_end_when_the_corpora_are_exhausted_and_not_later(self, stopping_strategy, quantifier, epoch):
        mixture = mixture_of(6, 20, 40)
        batches = batches_of(
            mixture, mixing="temperature", temperature=2, stopping_strategy=stopping_strategy, epoch=epoch
        )
        sequence = corpus_sequence(mixture, batches)
        assert quantifier(sequence.count(letter) >= turns for letter, turns in [("a", 3), ("b", 10), ("c", 20)])
        # One corpus became exhausted by the very last turn.
        assert any(sequence.count(letter) == turns for letter, turns in [("a", 3), ("b", 10), ("c", 20)])

    def test_drawn_epochs_are_equally_long_but_ordered_differently(self):
        mixture = mixture_of(6, 20)
        first, second = (
            corpus_sequence(mixture, batches_of(mixture, mixing="weighted", corpus_weights=[1, 1], epoch=epoch))
            for epoch in (0, 1)
        )
        assert Counter(first) == Counter(second)
        assert first != second

    def test_concatenate_passes_once_over_everything_with_mixed_batches(self):
        mixture = mixture_of(40, 60)
        batches = batches_of(mixture, 10, mixing="concatenate")
        assert sorted(index for batch in batches for index, _ in batch) == list(range(100))
        assert any(len({mixture.locate(index)[0] for index, _ in batch}) == 2 for batch in batches)

    @pytest.mark.parametrize("num_processes", [1, 2])
    def test_all_accumulated_batches_of_a_step_come_from_one_corpus(self, num_processes):
        mixture = mixture_of(12, 24)
        batches = batches_of(mixture, gradient_accumulation_steps=3, num_processes=num_processes)
        per_step = 3 * num_processes
        for start in range(0, len(batches), per_step):
            assert len(set(corpus_sequence(mixture, batches[start : start + per_step]))) == 1

    @pytest.mark.parametrize(("accumulation", "expected"), [(1, 3), (2, 6)])
    def test_a_round_robin_step_holds_every_corpus_equally_often(self, accumulation, expected):
        mixture = mixture_of(4, 6, 8)
        sampler = MultiCorpusBatchSampler(
            mixture, 2, round_robin_unit="step", gradient_accumulation_steps=accumulation
        )
        assert sampler.batches_per_optimizer_step == expected
        assert len(sampler) % expected == 0
        sequence = corpus_sequence(mixture, sampler)
        for start in range(0, len(sequence), expected):
            assert Counter(sequence[start : start + expected]) == dict.fromkeys("abc", accumulation)


class TestUtterances:
    def test_a_small_corpus_restarts_with_a_new_shuffle(self):
        mixture = mixture_of(8, 24)
        batches = batches_of(mixture, 8)
        small = [batch for batch in batches if mixture.locate(batch[0][0])[0] == "a"]
        assert [{visit for _, visit in batch} for batch in small] == [{0}, {1}, {2}]
        orders = [[index for index, _ in batch] for batch in small]
        assert all(sorted(order) == list(range(8)) for order in orders)

    def test_restarts_do_not_repeat_the_order_of_the_visit_before(self):
        mixture = mixture_of(8, 24)
        indices = [index for batch in batches_of(mixture, 1) for index, _ in batch if mixture.locate(index)[0] == "a"]
        assert len({tuple(indices[start : start + 8]) for start in (0, 8, 16)}) == 3

    @pytest.mark.parametrize("sizes", [(5, 17), (7, 7), (3, 40)])
    @pytest.mark.parametrize("epoch", [0, 2])
    def test_every_utterance_occurs_once_per_visit_and_never_twice_in_a_turn(self, sizes, epoch):
        mixture = mixture_of(*sizes)
        batches = batches_of(mixture, 3, epoch=epoch)
        pairs = [pair for batch in batches for pair in batch]
        assert len(set(pairs)) == len(pairs)
        assert {index for index, _ in pairs} == set(range(len(mixture)))
        assert all(len({index for index, _ in batch}) == 3 for batch in batches)

    def test_a_corpus_smaller_than_a_turn_repeats_as_little_as_possible(self):
        mixture = mixture_of(3, 40)
        for batch in batches_of(mixture, 8):
            counts = Counter(index for index, _ in batch)
            if mixture.locate(batch[0][0])[0] == "a":
                assert sorted(counts.values()) == [2, 3, 3]
            else:
                assert set(counts.values()) == {1}

    def test_visits_go_on_counting_over_the_epochs(self):
        mixture = mixture_of(5, 17)
        seen = [set(itertools.chain.from_iterable(batches_of(mixture, 3, epoch=epoch))) for epoch in range(3)]
        assert not seen[0] & seen[1]
        assert not seen[1] & seen[2]
        assert {visit for index, visit in seen[1] if index < 5} == {4, 5, 6, 7}  # 18 drawn: 4 visits per epoch

    @pytest.mark.parametrize("group_by_length", [True, False])
    def test_batches_are_a_pure_function_of_seed_and_epoch(self, group_by_length):
        mixture = mixture_of(20, 50, durations=np.random.default_rng(0).gamma(4.0, size=50))
        options = {"group_by_length": group_by_length, "mixing": "weighted", "corpus_weights": [1, 2]}
        reference = batches_of(mixture, epoch=1, seed=3, **options)
        assert batches_of(mixture, epoch=1, seed=3, **options) == reference
        assert batches_of(mixture, epoch=2, seed=3, **options) != reference
        assert batches_of(mixture, epoch=1, seed=4, **options) != reference


class TestProcesses:
    LAYOUTS = [  # batch size, processes, accumulation: always 8 utterances per optimizer step
        (8, 1, 1),
        (4, 2, 1),
        (2, 4, 1),
        (4, 1, 2),
        (2, 2, 2),
    ]

    @pytest.mark.parametrize("mixing", [{}, {"mixing": "temperature", "temperature": 3}, {"mixing": "concatenate"}])
    @pytest.mark.parametrize("layout", LAYOUTS[1:])
    def test_optimizer_steps_do_not_depend_on_how_a_turn_is_divided(self, mixing, layout):
        mixture = mixture_of(13, 50, durations=np.random.default_rng(0).gamma(4.0, size=50))
        steps = []
        for batch_size, num_processes, accumulation in (self.LAYOUTS[0], layout):
            batches = batches_of(
                mixture,
                batch_size,
                num_processes=num_processes,
                gradient_accumulation_steps=accumulation,
                epoch=1,
                **mixing,
            )
            steps.append(steps_of(batches, num_processes * accumulation))
        assert steps[0] == steps[1]

    @pytest.mark.parametrize("num_processes", [2, 3])
    def test_processes_get_the_same_corpus_and_disjoint_utterances_from_accelerate(self, num_processes):
        mixture = mixture_of(30, 50)
        sampler = MultiCorpusBatchSampler(mixture, 4, num_processes=num_processes)
        shards = [
            list(BatchSamplerShard(sampler, num_processes, process, split_batches=False))
            for process in range(num_processes)
        ]
        assert {len(shard) for shard in shards} == {len(sampler) // num_processes}
        for batches in zip(*shards, strict=True):
            assert len(set(corpus_sequence(mixture, batches))) == 1
            assert len({index for batch in batches for index, _ in batch}) == 4 * num_processes

    def test_processes_get_similar_lengths_at_the_same_step(self):
        mixture = mixture_of(400, durations=np.random.default_rng(0).gamma(4.0, size=400))
        sampler = MultiCorpusBatchSampler(mixture, 4, num_processes=2)
        first, second = (list(BatchSamplerShard(sampler, 2, process)) for process in range(2))
        longest = np.array(
            [
                [mixture.durations[[index for index, _ in batch]].max() for batch in pair]
                for pair in zip(first, second, strict=True)
            ]
        )
        assert np.abs(longest[:, 0] - longest[:, 1]).mean() < 0.1 * longest.mean()

    @pytest.mark.parametrize("num_processes", [1, 2])
    def test_skipping_batches_continues_the_order_after_resuming(self, num_processes):
        mixture = mixture_of(9, 30)
        sampler = MultiCorpusBatchSampler(mixture, 2, num_processes=num_processes)
        sampler.set_epoch(1)
        for process in range(num_processes):
            whole = list(BatchSamplerShard(sampler, num_processes, process))
            assert list(SkipBatchSampler(BatchSamplerShard(sampler, num_processes, process), 5)) == whole[5:]

    def test_a_dataloader_hands_rows_with_visits_to_the_collator(self):
        mixture = mixture_of(4, 8)
        loader = DataLoader(mixture, batch_sampler=MultiCorpusBatchSampler(mixture, 4), collate_fn=list)
        assert [{(row["corpus"], row["visit"]) for row in rows} for rows in loader] == [
            {("a", 0)},
            {("b", 0)},
            {("a", 1)},
            {("b", 0)},
        ]


class TestLengths:
    def test_grouping_by_length_saves_most_of_the_padding(self):
        durations = np.random.default_rng(0).gamma(4.0, size=960)
        mixture = mixture_of(960, durations=durations)

        def padding(**options):
            batches = [[index for index, _ in batch] for batch in batches_of(mixture, 8, **options)]
            padded = sum(len(batch) * durations[batch].max() for batch in batches)
            return 1 - durations.sum() / padded

        assert padding(group_by_length=False) > 0.35
        assert padding(group_by_length=True) < 0.07

    def test_the_order_of_lengths_stays_random(self):
        durations = np.random.default_rng(0).gamma(4.0, size=960)
        mixture = mixture_of(960, durations=durations)
        means = [durations[[index for index, _ in batch]].mean() for batch in batches_of(mixture, 8)]
        assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2

    def test_missing_durations_are_an_error_that_names_the_corpus(self):
        mixture = mixture_of(2, 3, durations=[1.0, 2.0, None])
        with pytest.raises(ValueError, match="1 utterances have no duration .first: row 2 of b"):
            MultiCorpusBatchSampler(mixture, 2)
        assert len(MultiCorpusBatchSampler(mixture, 1, group_by_length=False)) == 6

    def test_evaluation_runs_from_the_longest_to_the_shortest(self):
        dataset = datasets.Dataset.from_dict({"duration": [1.0, 3.0, None, 2.0, 3.0]})
        assert evaluation_order(dataset) == [1, 4, 3, 0, 2]

    def test_evaluation_keeps_the_order_of_a_dataset_without_durations(self):
        assert evaluation_order(datasets.Dataset.from_dict({"utterance_id": ["x", "y", "z"]})) == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": "roundrobin"}, "mixing='roundrobin' is not known. Choose one of round_robin, "),
        ({"round_robin_unit": "epoch"}, "Choose one of batch, step"),
        ({"stopping_strategy": "never"}, "Choose one of all_exhausted, first_exhausted"),
        ({"round_robin_unit": "step", "mixing": "concatenate"}, 'mixing="concatenate" does not'),
        ({"mixing": "weighted"}, r"0 entries for 2 corpora"),
        ({"corpus_weights": [1, 1]}, r"corpus_weights=\[1, 1\] have no effect"),
        ({"mixing": "weighted", "corpus_weights": [1, 2, 3]}, r"3 entries for 2 corpora \(a, b\)"),
        ({"mixing": "weighted", "corpus_weights": [1, 0]}, "must all be positive"),
        ({"mixing": "weighted", "corpus_weights": [1, 1e-9]}, "b is drawn with probability 1.0e-09"),
        ({"mixing": "temperature", "temperature": 0}, "temperature=0 must be positive"),
        ({"batch_size": 0}, "batch_size=0, .* must all be at least 1"),
        ({"num_processes": 0}, "num_processes=0 .* must all be at least 1"),
    ],
)
def test_contradictory_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MultiCorpusBatchSampler(mixture_of(2, 3), **{"batch_size": 2, **options})
