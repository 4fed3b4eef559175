"""Training and evaluation on cached features equal those with the frozen encoder in the loop, on real speech."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.benchmark.frozen.head_training import HeadRecipe, HeadTask, train_heads
from hf_emotion.benchmark.frozen.heads import HeadFeatures, StackedHeads
from hf_emotion.benchmark.protocol import FrozenSetting
from hf_emotion.benchmark.setting_data import FoldRows, labelled_setting, setting_on_corpus
from hf_emotion.data.data_collator import EmotionDataCollator
from hf_emotion.data.loading import load_corpus
from hf_emotion.features.extraction import extract_features
from hf_emotion.losses.class_balanced_cross_entropy import ClassBalancedCrossEntropyLoss
from tests.models.speech_emotion.tiny_encoders import tiny_model


pytestmark = pytest.mark.real_data

EXTRACTOR = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
RECIPE = HeadRecipe(epochs=4, batch_size=8, learning_rate=5e-2, projector_size=6)
NUM_CLIPS = 72


@pytest.fixture(scope="module")
def slice_of_crema_d(real_data_dir, emo_superb_labels_dir):
    """Clips of all emotions by several actors, with EMO-SUPERB's labels, in parts of 48, 12 and 12."""
    corpus = load_corpus("crema_d", data_dir=real_data_dir / "crema_d", split="train")
    corpus = corpus.select(np.linspace(0, len(corpus) - 1, NUM_CLIPS).astype(int))
    # every part of the published folds has clips among these
    setting = FrozenSetting("CREMA-D", "crema_d", epochs=3, label_folder="CREMA-D/Primary")
    data, rows = setting_on_corpus(setting, corpus, labelled_setting(setting, emo_superb_labels_dir))
    order = np.random.default_rng(0).permutation(len(rows))
    fold = FoldRows(1, order[:48], order[48:60], order[60:])
    return corpus.select(rows), replace(data, folds=(fold,))


def full_path(model, corpus, data, seed):
    """The encoder runs at every step and every evaluation, on padded batches, as in the loop of S3PRL."""
    collate = EmotionDataCollator(EXTRACTOR)
    heads = StackedHeads(model.config.num_hidden_layers + 1, 16, len(data.classes), [seed], 6, model.config.pooling)
    missing = model.load_state_dict(heads.state_of(0), strict=False).missing_keys
    assert all(name.startswith("speech_encoder") for name in missing)
    model.speech_encoder.requires_grad_(False)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RECIPE.learning_rate)
    (fold,) = data.folds
    loss_of = ClassBalancedCrossEntropyLoss(data.class_weights(fold).tolist())
    labels, order = torch.from_numpy(data.labels).float(), np.random.default_rng(seed)

    def logits(rows):
        return model(**collate([corpus[int(row)] for row in rows])).logits

    losses, best = [], None
    for _ in range(RECIPE.epochs):
        shuffled = order.permutation(fold.train)
        for start in range(0, len(shuffled), RECIPE.batch_size):
            rows = shuffled[start : start + RECIPE.batch_size]
            optimizer.zero_grad()
            loss_of(logits(rows), labels[rows]).backward()
            nn.utils.clip_grad_norm_(parameters, RECIPE.max_grad_norm)
            optimizer.step()
        with torch.no_grad():
            losses.append(loss_of(logits(fold.validation), labels[fold.validation]).item())
            if losses[-1] == min(losses):
                best = logits(fold.test).double().softmax(-1).numpy()
    return losses, best


@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
@pytest.mark.parametrize("encoder", ["hubert-large", "hubert-base", "wavlm-large"])  # layer, group, layer norm
def test_heads_on_the_cache_equal_heads_behind_the_encoder(encoder, pooling, slice_of_crema_d, tmp_path):
    corpus, data = slice_of_crema_d
    sizes = {"classifier_proj_size": 6, "num_labels": len(data.classes)}
    model = tiny_model(encoder, layer_selection="weighted", pooling=pooling, **sizes)
    cache = extract_features(
        model,
        corpus,
        tmp_path,
        feature_extractor=EXTRACTOR,
        second_moments=None if pooling == "mean" else "pairs",
    )
    recipe = replace(RECIPE, pooling=pooling)
    (head,) = train_heads(HeadFeatures(cache, pooling), data, [HeadTask(data.folds[0], 0)], recipe)
    losses, probabilities = full_path(model, corpus, data, seed=0)
    np.testing.assert_allclose(head.validation_losses, losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(head.test, probabilities, rtol=0, atol=1e-5)
    assert np.ptp(head.test, axis=0).max() > 0.005  # 500 times the tolerance: clips differ
