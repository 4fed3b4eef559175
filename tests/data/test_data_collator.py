"""Promises of the collator: what a row becomes, however the clip is stored and however the batch is put together."""

import numpy as np
import pytest
import soundfile
import torch
from transformers import (
    HubertConfig,
    HubertForSequenceClassification,
    SEWConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
)

from hf_emotion.data.data_collator import EmotionDataCollator, MinimumSamples, minimum_input_samples


LABEL2ID = {"anger": 0, "joy": 1, "sadness": 2}


def row(samples, emotion="joy", utterance_id="u", **columns):
    audio = {"array": np.asarray(samples, dtype=np.float32), "sampling_rate": 16_000}
    return {"audio": audio, "utterance_id": utterance_id, "corpus": "c", "emotion": emotion, **columns}


def collator(feature_extractor=None, label2id=LABEL2ID, **options):
    options.setdefault("label_column", "emotion")
    return EmotionDataCollator(feature_extractor or Wav2Vec2FeatureExtractor(do_normalize=False), label2id, **options)


def tiny_hubert(**options):
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        do_stable_layer_norm=True,
        feat_extract_norm="layer",
        **options,
    )
    return HubertForSequenceClassification(config)


class TestMinimumInput:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            (HubertConfig(), MinimumSamples(400, 3280)),  # 400 + 9 frames x 320
            (Wav2Vec2Config(mask_time_length=2), MinimumSamples(400, 720)),
            (WavLMConfig(mask_time_prob=0.0), MinimumSamples(400, 400)),
            (HubertConfig(apply_spec_augment=False), MinimumSamples(400, 400)),
            (HubertConfig(conv_dim=(8, 8), conv_kernel=(10, 3), conv_stride=(5, 2)), MinimumSamples(20, 110)),
            (WhisperConfig(), MinimumSamples(1, 1)),
        ],
    )
    def test_follows_from_the_convolutions_and_the_spec_augment_span(self, config, expected):
        assert minimum_input_samples(config) == expected

    def test_sew_needs_as_many_frames_as_it_averages(self):
        config = SEWConfig(apply_spec_augment=False, squeeze_factor=3)
        one_frame = minimum_input_samples(SEWConfig(apply_spec_augment=False, squeeze_factor=1)).clip
        assert minimum_input_samples(config).clip == one_frame + 2 * np.prod(config.conv_stride)

    def test_is_found_in_a_nested_encoder_configuration(self):
        config = WhisperConfig()
        config.encoder_config = HubertConfig()
        assert minimum_input_samples(config).clip == 400

    def test_is_exactly_what_the_model_can_process(self):
        model = tiny_hubert(apply_spec_augment=False)
        shortest = minimum_input_samples(model.config).clip
        assert model(torch.ones(1, shortest)).logits.isfinite().all()
        with pytest.raises(RuntimeError):
            model(torch.ones(1, shortest - 1))

    def test_training_on_the_shortest_clips_works_with_spec_augment(self):
        model = tiny_hubert(mask_time_prob=1.0)
        minimum = minimum_input_samples(model.config)
        batch = collator(min_num_samples=minimum.clip, min_training_batch_samples=minimum.training_batch)(
            [row([0.5], visit=0), row([0.1] * 500, visit=0)]
        )
        assert batch["input_values"].shape == (2, 3280)
        output = model.train()(**batch)
        output.loss.backward()
        assert output.logits.isfinite().all()

    def test_evaluation_batches_are_not_padded_for_spec_augment(self):
        batch = collator(min_num_samples=400, min_training_batch_samples=3280)([row([0.5] * 600)])
        assert batch["input_values"].shape == (1, 600)


class TestWaveforms:
    @pytest.mark.parametrize("return_attention_mask", [False, True])
    def test_the_attention_mask_is_always_returned(self, return_attention_mask):
        extractor = Wav2Vec2FeatureExtractor(return_attention_mask=return_attention_mask, do_normalize=False)
        batch = collator(extractor)([row([1.0, 2.0, 3.0]), row([4.0])])
        assert batch["input_values"].tolist() == [[1, 2, 3], [4, 0, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
        assert batch["input_values"].dtype == torch.float32

    @pytest.mark.parametrize("return_attention_mask", [False, True])
    def test_normalisation_sees_each_clip_without_its_padding(self, return_attention_mask):
        extractor = Wav2Vec2FeatureExtractor(return_attention_mask=return_attention_mask, do_normalize=True)
        batch = collator(extractor, min_num_samples=4)([row([3.0, 5.0]), row(range(9))])
        np.testing.assert_allclose(batch["input_values"][0, :2], [-1, 1], rtol=1e-6)
        assert batch["input_values"][0, 2:].abs().sum() == 0

    def test_clips_below_the_receptive_field_count_their_zeros_as_signal(self):
        batch = collator(min_num_samples=4)([row([1.0]), row([2.0] * 6)])
        assert batch["input_values"].tolist() == [[1, 0, 0, 0, 0, 0], [2] * 6]
        assert batch["attention_mask"].sum(-1).tolist() == [4, 6]

    def test_batches_are_padded_to_a_multiple(self):
        batch = collator(pad_to_multiple_of=8)([row([1.0] * 9)])
        assert batch["input_values"].shape == (1, 16)
        assert batch["attention_mask"].sum() == 9

    def test_whisper_gets_input_features_of_fixed_size(self):
        batch = collator(WhisperFeatureExtractor(feature_size=8, chunk_length=2))(
            [row([0.1] * 800), row([0.2] * 16_000)]
        )
        assert set(batch) == {"input_features", "labels"}
        assert batch["input_features"].shape == (2, 8, 200)

    def test_files_are_decoded_mixed_down_and_resampled(self, tmp_path):
        path = tmp_path / "stereo.wav"
        soundfile.write(path, np.full((800, 2), [0.25, 0.75]), 8000)
        batch = collator()([{**row([]), "audio": {"path": str(path), "bytes": None}}])
        assert batch["input_values"].shape == (1, 1600)
        assert batch["input_values"][0, 800] == pytest.approx(0.5, abs=1e-3)

    def test_a_corrupt_file_is_named_with_its_utterance_and_a_way_out(self, tmp_path):
        path = tmp_path / "broken.wav"
        path.write_bytes(b"RIFFnonsense")
        with pytest.raises(ValueError, match=r"(?s)utterance u of corpus c .*broken\.wav.*leave the utterance out"):
            collator()([{**row([]), "audio": {"path": str(path), "bytes": None}}])

    def test_a_missing_file_is_named_with_its_utterance(self, tmp_path):
        with pytest.raises(ValueError, match=r"utterance u of corpus c .*gone\.wav"):
            collator()([{**row([]), "audio": {"path": str(tmp_path / "gone.wav"), "bytes": None}}])


class TestCrops:
    CLIP = np.arange(32_000) / 32_000

    def start_of(self, batch):
        return int(batch["input_values"][0, 0] * 32_000 + 0.5)

    def crop(self, **columns):
        crop = columns.pop("crop", "random")
        seed = columns.pop("seed", 0)
        return collator(max_duration_seconds=1.0, crop=crop, seed=seed)([row(self.CLIP, **columns)])

    def test_random_crops_repeat_for_the_same_seed_visit_and_utterance(self):
        first, second = self.crop(visit=3), self.crop(visit=3)
        assert first["input_values"].shape == (1, 16_000)
        assert torch.equal(first["input_values"], second["input_values"])

    @pytest.mark.parametrize("change", [{"visit": 4}, {"utterance_id": "v"}, {"seed": 1}])
    def test_random_crops_differ_between_seeds_visits_and_utterances(self, change):
        assert self.start_of(self.crop(**{"visit": 3, **change})) != self.start_of(self.crop(visit=3))

    def test_random_crops_cover_the_whole_clip(self):
        starts = [self.start_of(self.crop(visit=visit)) for visit in range(100)]
        assert min(starts) < 1500
        assert 14_500 < max(starts) <= 16_000

    def test_random_crops_do_not_depend_on_the_rest_of_the_batch_or_the_global_seed(self):
        rows = [row(self.CLIP, utterance_id=str(number), visit=1) for number in range(3)]
        collate = collator(max_duration_seconds=1.0, crop="random")
        torch.manual_seed(0)
        together = collate(rows)["input_values"]
        torch.manual_seed(1)
        alone = torch.cat([collate([single])["input_values"] for single in reversed(rows)])
        assert torch.equal(together, alone.flip(0))

    def test_evaluation_rows_are_never_cropped_at_random(self):
        assert self.crop()["input_values"].shape == (1, 32_000)

    @pytest.mark.parametrize("columns", [{}, {"visit": 2}])
    def test_start_crops_take_the_start_of_every_row(self, columns):
        batch = self.crop(crop="start", **columns)
        assert batch["input_values"].shape == (1, 16_000)
        assert self.start_of(batch) == 0

    def test_shorter_clips_stay_whole(self):
        batch = collator(max_duration_seconds=1.0, crop="random")([row([0.5] * 100, visit=0)])
        assert batch["input_values"].shape == (1, 100)


class TestAugmentation:
    def noisy(self, waveform, generator):
        return waveform + generator.standard_normal(len(waveform)).astype(np.float32)

    def test_training_rows_are_augmented_reproducibly_and_anew_on_each_visit(self):
        collate = collator(augmentation=self.noisy)
        first, again, later = (collate([row([0.0] * 50, visit=visit)])["input_values"] for visit in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, later)

    def test_evaluation_rows_are_not_augmented(self):
        assert collator(augmentation=self.noisy)([row([0.0] * 50)])["input_values"].abs().sum() == 0


class TestLabels:
    def test_labels_are_ids_of_the_label_column(self):
        batch = collator()([row([1.0], "sadness"), row([1.0], "anger")])
        assert batch["labels"].tolist() == [2, 0]
        assert batch["labels"].dtype == torch.int64

    def test_without_classes_there_are_no_labels(self):
        assert "labels" not in collator(label2id=None)([row([1.0])])

    @pytest.mark.parametrize("label", ["boredom", None])
    def test_an_unknown_label_names_the_utterance_the_label_and_the_classes(self, label):
        with pytest.raises(ValueError, match=rf"Label {label!r} .*utterance u of corpus c .*anger, joy, sadness"):
            collator()([row([1.0], label)])

    def test_votes_become_a_distribution_over_the_classes(self):
        votes = [{"label": "joy", "count": 3}, {"label": "anger", "count": 1}]
        batch = collator(soft_labels=True)([row([1.0], votes=votes), row([1.0], "sadness", votes=None)])
        assert batch["labels"].tolist() == [[0.25, 0.75, 0], [0, 0, 1]]
        assert batch["labels"].dtype == torch.float32

    def test_votes_for_emotions_are_summed_into_arousal_valence_classes(self):
        votes = [{"label": "anger", "count": 1}, {"label": "fear", "count": 2}, {"label": "sadness", "count": 1}]
        label2id = {"low_negative": 0, "high_negative": 1}
        collate = collator(label2id=label2id, label_column="arousal_valence", soft_labels=True)
        assert collate([row([1.0], votes=votes)])["labels"].tolist() == [[0.25, 0.75]]

    def test_a_vote_for_an_unknown_class_is_an_error(self):
        with pytest.raises(ValueError, match="Label 'boredom'"):
            collator(soft_labels=True)([row([1.0], votes=[{"label": "boredom", "count": 1}])])

    def test_the_label_column_votes_gives_the_shares_of_the_classes_in_their_order(self):
        votes = [{"label": "sadness", "count": 3}, {"label": "anger", "count": 1}, {"label": "other", "count": 4}]
        batch = collator(label2id={"sadness": 1, "anger": 0}, label_column="votes")([row([1.0], None, votes=votes)])
        assert batch["labels"].tolist() == [[0.25, 0.75]]
        assert batch["labels"].dtype == torch.float32

    @pytest.mark.parametrize("votes", [None, [], [{"label": "other", "count": 4}]])
    def test_an_utterance_without_a_vote_for_a_class_is_named(self, votes):
        with pytest.raises(ValueError, match="Cannot label utterance u of corpus c: .*no vote for any of anger, joy"):
            collator(label_column="votes")([row([1.0], votes=votes)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_column": "label"}, "label_column='label' is not known"),
        ({"crop": "middle", "max_duration_seconds": 1.0}, "crop='middle' is not known"),
        ({"max_duration_seconds": 3.0}, "set crop to random or start"),
        ({"max_duration_seconds": 0, "crop": "start"}, "must be positive"),
        ({"soft_labels": True, "label2id": None}, "soft_labels=True needs label2id"),
        ({"soft_labels": True, "label_column": "raw_label"}, "Votes hold canonical emotions"),
        ({"soft_labels": True, "label_column": "votes"}, "leave out soft_labels"),
    ],
)
def test_contradictory_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        collator(**options)
