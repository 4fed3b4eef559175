"""Promises of augmentation: the same audio whatever the number of workers, and each transform does what it says."""

import copy
import pickle
import random
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.data.augmentation import TRANSFORMS, Augmentation, check_augmentation
from hf_emotion.data.data_collator import EmotionDataCollator
from hf_emotion.data.mixture import CorpusMixture, MultiCorpusBatchSampler
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.steps import load_experiment
from tests.tiny_training import LABELS, losses_of, tiny_collator, tiny_model, tiny_trainer, write_corpora


SAMPLING_RATE = 16_000
EVERY_TRANSFORM = [{"name": name, "p": 0.7} for name in TRANSFORMS]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return write_corpora(tmp_path_factory.mktemp("corpora"))


def noise(num_samples=SAMPLING_RATE, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


def tone(hertz=400.0, seconds=2.0):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE)).astype(
        np.float32
    )


def always(name, **fields):
    return Augmentation([{"name": name, "p": 1, **fields}], SAMPLING_RATE)


def augment(waveform, name, seed=0, **fields):
    return always(name, **fields)(waveform, np.random.default_rng(seed))


def decibels(ratio):
    return 20 * np.log10(ratio)


def rms(waveform):
    return np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))


class TestTransforms:
    @pytest.mark.parametrize("snr", [-5, 0, 10, 30])
    def test_gaussian_snr_adds_noise_of_that_level(self, snr):
        clean = tone()
        noisy = augment(clean, "gaussian_snr", min_snr_db=snr, max_snr_db=snr)
        assert decibels(rms(clean) / rms(noisy - clean)) == pytest.approx(snr, abs=0.2)

    @pytest.mark.parametrize("semitones", [-12, -2, 3, 12])
    def test_pitch_shift_moves_a_tone_by_semitones_and_keeps_the_length(self, semitones):
        shifted = augment(tone(400), "pitch_shift", min_semitones=semitones, max_semitones=semitones)
        spectrum = np.abs(np.fft.rfft(shifted * np.hanning(len(shifted)), 8 * len(shifted)))
        hertz = spectrum.argmax() * SAMPLING_RATE / (8 * len(shifted))
        assert len(shifted) == len(tone(400))
        assert 12 * np.log2(hertz / 400) == pytest.approx(semitones, abs=0.15)

    @pytest.mark.parametrize("rate", [0.5, 0.9, 1.25, 2.0])
    def test_time_stretch_divides_the_length_by_the_rate_and_keeps_the_pitch(self, rate):
        stretched = augment(tone(400), "time_stretch", min_rate=rate, max_rate=rate)
        spectrum = np.abs(np.fft.rfft(stretched * np.hanning(len(stretched))))
        assert len(stretched) == pytest.approx(len(tone(400)) / rate, abs=2)
        assert spectrum.argmax() * SAMPLING_RATE / len(stretched) == pytest.approx(400, rel=0.01)

    @pytest.mark.parametrize("gain", [-20, 6])
    def test_gain_changes_the_level_by_decibels_and_nothing_else(self, gain):
        louder = augment(noise(), "gain", min_gain_db=gain, max_gain_db=gain)
        np.testing.assert_allclose(louder, noise() * 10 ** (gain / 20), rtol=1e-5)

    def test_room_adds_a_tail_behind_an_impulse_at_the_same_level_and_length(self):
        impulse = np.zeros(SAMPLING_RATE, dtype=np.float32)
        impulse[1000] = 0.5
        echoing = augment(impulse, "room")
        arrival = np.abs(echoing).argmax()
        assert len(echoing) == len(impulse)
        assert rms(echoing) == pytest.approx(rms(impulse), rel=1e-5)
        assert np.abs(echoing[:1000]).max() < 1e-3  # nothing arrives before it was emitted
        assert rms(echoing[arrival + 200 : arrival + 2000]) > 0.05 * rms(impulse)

    def test_a_room_of_less_absorption_echoes_longer(self):
        impulse = np.zeros(SAMPLING_RATE, dtype=np.float32)
        impulse[0] = 1
        dry, wet = (
            augment(impulse, "room", min_absorption_value=value, max_absorption_value=value) for value in (0.9, 0.05)
        )
        assert rms(wet[400:]) > 3 * rms(dry[400:])

    def test_mp3_compression_loses_high_frequencies_of_a_clip_in_place(self):
        compressed = augment(noise(), "mp3_compression", min_bitrate=16, max_bitrate=16)
        before, after = (np.abs(np.fft.rfft(clip)) for clip in (noise(), compressed))
        assert len(compressed) == len(noise())
        assert rms(after[6000:]) < 0.1 * rms(before[6000:])  # bins are 1 Hz wide
        correlation = np.fft.irfft(np.fft.rfft(compressed) * np.conj(np.fft.rfft(noise())))
        assert correlation.argmax() == 0  # not delayed

    def test_time_mask_silences_a_span_of_the_part_it_says(self):
        masked = augment(noise(), "time_mask", min_band_part=0.25, max_band_part=0.25)
        silent = np.flatnonzero(masked == 0)
        changed = np.flatnonzero(masked != noise())
        assert len(changed) == pytest.approx(0.25 * SAMPLING_RATE, abs=2)
        assert np.ptp(changed) + 1 == pytest.approx(len(changed), abs=2)  # one span
        assert len(silent) >= 0.25 * SAMPLING_RATE - 2 * 0.005 * SAMPLING_RATE - 2  # its edges are faded

    @pytest.mark.parametrize("name", TRANSFORMS)
    def test_every_transform_changes_the_clip_with_p_1_and_not_with_p_0(self, name):
        changed = augment(noise(), name)
        assert len(changed) != len(noise()) or not np.allclose(changed, noise(), atol=1e-4)
        assert np.array_equal(augment(noise(), name, p=0), noise())

    @pytest.mark.parametrize("name", TRANSFORMS)
    @pytest.mark.parametrize("num_samples", [1, 37, 400, 1700])
    def test_every_transform_accepts_short_and_silent_clips(self, name, num_samples):
        for clip in (noise(num_samples), np.zeros(num_samples, dtype=np.float32)):
            augmented = augment(clip, name)
            assert augmented.dtype == np.float32
            assert np.isfinite(augmented).all()
            assert len(augmented) >= 1
            if name != "time_stretch":
                assert len(augmented) == num_samples

    @pytest.mark.parametrize("name", TRANSFORMS)
    def test_every_transform_is_a_function_of_the_generator(self, name):
        first, again, other = (augment(noise(), name, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    @pytest.mark.parametrize("fields", [{"min_rate": 0.5, "max_rate": 0.5}, {"min_rate": 2, "max_rate": 2}])
    def test_the_largest_stretches_are_still_functions_of_the_generator(self, fields):
        assert np.array_equal(augment(noise(), "time_stretch", **fields), augment(noise(), "time_stretch", **fields))

    def test_p_is_the_share_of_changed_clips(self):
        gain = Augmentation([{"name": "gain", "p": 0.3}], SAMPLING_RATE)
        changed = [not np.array_equal(gain(noise(9), np.random.default_rng(seed)), noise(9)) for seed in range(1000)]
        assert np.mean(changed) == pytest.approx(0.3, abs=0.05)


class TestChain:
    def test_transforms_follow_one_another_and_draw_independently_of_each_other(self):
        chain = Augmentation([{"name": "gain", "p": 1}, {"name": "gaussian_snr", "p": 1}], SAMPLING_RATE)
        without_gain = Augmentation([{"name": "gain", "p": 0}, {"name": "gaussian_snr", "p": 1}], SAMPLING_RATE)
        louder = augment(noise(), "gain", seed=5)
        together, alone = (each(noise(), np.random.default_rng(5)) for each in (chain, without_gain))
        # the noise is scaled with the signal, so that the ratio of both stays
        assert not np.allclose(together, alone)
        np.testing.assert_allclose((together - louder) / rms(louder), (alone - noise()) / rms(noise()), atol=1e-4)

    def test_the_clip_and_the_global_generators_stay_as_they_were(self):
        clip, chain = noise(), Augmentation(EVERY_TRANSFORM, SAMPLING_RATE)
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        chain(clip, np.random.default_rng(0))
        assert random.getstate() == states[0]
        assert all(np.array_equal(now, before) for now, before in zip(np.random.get_state(), states[1], strict=True))
        assert torch.equal(torch.get_rng_state(), states[2])
        assert np.array_equal(clip, noise())

    def test_the_global_generators_have_no_say(self):
        chain = Augmentation(EVERY_TRANSFORM, SAMPLING_RATE)
        results = []
        for seed in (0, 1):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            results.append(chain(noise(), np.random.default_rng(3)))
        assert np.array_equal(*results)

    def test_a_used_chain_can_be_pickled_and_copied(self):
        chain = Augmentation(EVERY_TRANSFORM, SAMPLING_RATE)
        expected = chain(noise(), np.random.default_rng(0))
        for other in (pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain)):
            assert np.array_equal(other(noise(), np.random.default_rng(0)), expected)


def epoch_of_batches(corpora, num_workers, epoch=0, num_skipped=0, seed=0, num_processes=1, context=None):
    """Batches of an epoch by utterance id: `{id: (samples, labels)}` in order, from `num_skipped` on."""
    mixture = CorpusMixture(corpora)
    mixture.set_epoch(epoch)
    sampler = MultiCorpusBatchSampler(mixture, 8 // num_processes, num_processes=num_processes)
    batches = list(sampler)[num_skipped:]
    collator = EmotionDataCollator(
        Wav2Vec2FeatureExtractor(do_normalize=False),
        {label: index for index, label in enumerate(LABELS)},
        label_column="emotion",
        augmentation=Augmentation(EVERY_TRANSFORM, SAMPLING_RATE),
        seed=seed,
    )
    loader = DataLoader(
        mixture,
        batch_sampler=batches,
        collate_fn=collator,
        num_workers=num_workers,
        multiprocessing_context=context if num_workers else None,
    )
    clips = {}
    for indices, batch in zip(batches, loader, strict=True):
        for item, samples, mask, label in zip(
            indices, batch["input_values"], batch["attention_mask"], batch["labels"], strict=True
        ):
            clips[item] = samples[mask.bool()].numpy(), int(label)
    return clips


def same_audio(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[key][0], second[key][0]) for key in first)


class TestInTraining:
    @pytest.mark.parametrize("num_workers", [1, 4])
    def test_workers_give_the_same_audio_as_the_main_process(self, corpora, num_workers):
        assert same_audio(epoch_of_batches(corpora, num_workers), epoch_of_batches(corpora, 0))

    def test_spawned_workers_give_the_same_audio(self, corpora):
        assert same_audio(epoch_of_batches(corpora, 1, context="spawn"), epoch_of_batches(corpora, 0))

    def test_two_processes_see_the_same_audio_as_one(self, corpora):
        assert same_audio(epoch_of_batches(corpora, 0, num_processes=2), epoch_of_batches(corpora, 0))

    def test_an_epoch_resumed_in_the_middle_continues_with_the_same_audio(self, corpora):
        whole = epoch_of_batches(corpora, 0, epoch=2)
        resumed = epoch_of_batches(corpora, 1, epoch=2, num_skipped=4)
        assert 0 < len(resumed) < len(whole)
        assert same_audio(resumed, {key: whole[key] for key in resumed})

    def test_other_epochs_and_seeds_give_other_audio(self, corpora):
        first, later = (epoch_of_batches(corpora, 0, epoch=epoch) for epoch in (0, 1))
        clips = [{index: samples for (index, _), (samples, _) in epoch.items()} for epoch in (first, later)]
        differing = [not np.array_equal(clips[0][index], clips[1][index]) for index in clips[0]]
        assert np.mean(differing) > 0.95
        assert not same_audio(first, epoch_of_batches(corpora, 0, seed=1))

    def test_labels_are_those_of_the_rows(self, corpora):
        mixture = CorpusMixture(corpora)
        for item, (_, label) in epoch_of_batches(corpora, 0).items():
            assert LABELS[label] == mixture[item]["emotion"]

    def test_validation_is_untouched(self, corpora):
        model = tiny_model()
        rows = [corpora["alba"][index] for index in range(4)]
        plain, augmenting = (
            tiny_collator(model, augmentation=augmentation)(rows)
            for augmentation in (None, Augmentation(EVERY_TRANSFORM, SAMPLING_RATE))
        )
        assert torch.equal(plain["input_values"], augmenting["input_values"])

    def test_a_resumed_run_with_workers_has_the_losses_of_the_plain_one(self, corpora, tmp_path):
        def trainer(folder, **options):
            model = tiny_model()
            collator = tiny_collator(model, augmentation=Augmentation(["gaussian_snr", "pitch_shift"], SAMPLING_RATE))
            options = {"max_steps": 12, "per_device_train_batch_size": 8, "save_steps": 5, **options}
            return tiny_trainer(
                tmp_path / folder, corpora, model, data_collator=collator, save_strategy="steps", **options
            )

        plain, resumed = trainer("plain"), trainer("resumed", dataloader_num_workers=2)
        plain.train()
        resumed.train(resume_from_checkpoint=str(tmp_path / "plain" / "checkpoint-5"))
        assert losses_of(resumed) == losses_of(plain)
        unaugmented = tiny_trainer(tmp_path / "without", corpora, max_steps=12, per_device_train_batch_size=8)
        unaugmented.train()
        assert losses_of(unaugmented) != losses_of(plain)


class TestDeclaration:
    def test_names_and_mappings_get_their_defaults(self):
        names, mappings = check_augmentation(["time_mask"]), check_augmentation([{"name": "time_mask"}])
        assert names == mappings == [{"name": "time_mask", "p": 0.5, "min_band_part": 0.01, "max_band_part": 0.1}]

    @pytest.mark.parametrize("name", TRANSFORMS)
    def test_every_default_is_a_value_that_can_be_declared(self, name):
        assert check_augmentation(check_augmentation([name])) == check_augmentation([name])

    def test_numbers_that_yaml_reads_as_strings_are_cast(self):
        assert check_augmentation([{"name": "gain", "p": "1e-1"}])[0]["p"] == 0.1

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ([{"name": "pitchshift"}], "no transform 'pitchshift'. Did you mean 'pitch_shift'?"),
            (["reverb"], "Known are pitch_shift, time_stretch"),
            ([{"name": ["gain"]}], r"no transform \['gain'\]"),
            ([{"name": "gain", "min_gain": 3}], "'gain' has no field 'min_gain'. Did you mean 'min_gain_db'?"),
            ([{"name": "gain", "p": 1.5}], "gain.p must be a number from 0 to 1, but is 1.5"),
            ([{"name": "gain", "p": True}], "gain.p must be a number"),
            ([{"name": "gain", "max_gain_db": "loud"}], "gain.max_gain_db must be a number from -60 to 60"),
            ([{"name": "gain", "max_gain_db": None}], "gain.max_gain_db must be a number"),
            ([{"name": "gain", "min_gain_db": 9}], "gain.min_gain_db=9.0 is above gain.max_gain_db=6.0"),
            ([{"name": "time_stretch", "min_rate": 0.4}], "time_stretch.min_rate must be a number from 0.5 to 2"),
            ([{"name": "room", "max_order": 2.5}], "room.max_order must be a whole number"),
            ([{"name": "mp3_compression", "max_bitrate": 50}], "mp3_compression.max_bitrate must be one of 8, 16"),
            ([{"p": 0.5}], "a name or a mapping with `name`"),
            ({"name": "gain"}, "must be a list of transforms"),
            ("gain", "must be a list of transforms"),
        ],
    )
    def test_mistakes_are_refused_by_name(self, entries, message):
        with pytest.raises(ValueError, match=message):
            check_augmentation(entries)

    @pytest.mark.parametrize("missing", ["audiomentations", "pyroomacoustics", "fast_mp3_augment"])
    def test_a_missing_package_names_the_extra(self, monkeypatch, missing):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ImportError, match=rf"needs {missing}.*hf-emotion\[augment\]"):
            Augmentation(["room", "mp3_compression"], SAMPLING_RATE)

    def test_declarations_are_checked_without_any_further_package(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "audiomentations", None)
        assert len(check_augmentation(list(TRANSFORMS))) == len(TRANSFORMS)


class TestExperiment:
    FIELDS = "config_name: exhubert\ncorpora: [ravdess]\noutput_dir: outputs/x\nuse_cpu: true\n"

    def load(self, tmp_path, augmentation, *flags):
        path = tmp_path / "experiment.yaml"
        path.write_text(f"{self.FIELDS}augmentation: {augmentation}\n")
        (step,) = load_experiment(["--config", str(path), *flags])
        return step

    def test_the_yaml_declares_it_and_a_dry_run_lists_it(self, tmp_path):
        step = self.load(tmp_path, "[{name: pitch_shift, p: 0.3, min_semitones: -2, max_semitones: 2}, room]")
        assert step.data.augmentation == [
            {"name": "pitch_shift", "p": 0.3, "min_semitones": -2, "max_semitones": 2},
            "room",
        ]
        assert "pitch_shift (p=0.3), room (p=0.5)" in check_experiment(step)
        assert "max_semitones: 2" in step.resolved_yaml()

    def test_one_name_is_a_list_of_one_and_the_command_line_overrides(self, tmp_path):
        assert self.load(tmp_path, "room").data.augmentation == ["room"]
        assert self.load(tmp_path, "room", "--augmentation", "gain", "time_mask").data.augmentation == [
            "gain",
            "time_mask",
        ]

    def test_a_mistake_in_the_yaml_is_refused_when_it_is_read(self, tmp_path):
        with pytest.raises(ValueError, match="Did you mean 'time_mask'?"):
            self.load(tmp_path, "[time_masking]")

    def test_training_augments_and_writes_what_it_did(self, tmp_path, monkeypatch):
        from hf_emotion.experiment import collator
        from hf_emotion.scripts import train

        built = []
        monkeypatch.setattr(collator, "Augmentation", lambda *arguments: built.append(arguments))
        step = self.load(tmp_path, "[gain]")
        monkeypatch.setattr(train, "EmotionTrainer", lambda *arguments, **options: arguments[2])
        train._trainer(step, tiny_model(), Wav2Vec2FeatureExtractor(), [], list(LABELS))
        assert built == [(["gain"], SAMPLING_RATE)]
