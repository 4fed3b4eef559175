"""Experiments with a SpeechEmotion model: conditions, ratings and layer weights, from YAML to predictions."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from transformers import pipeline

from hf_emotion.data.audio import load_audio
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.evaluation.report import load_metrics
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from hf_emotion.scripts import evaluate, train
from tests.models.speech_emotion.tiny_encoders import ENCODERS
from tests.tiny_sentence_model import save_sentence_model


pytestmark = pytest.mark.usefixtures("quiet_training")

EXPERIMENT = """
speech_emotion_config: {layer_selection: weighted, pooling: mean_std, head: mlp, head_hidden_size: 12,
  gender_embedding_size: 4, conditioning: film, initializer_range: 0.5}
label_column: emotion
dimensions: [valence, arousal]
freeze_feature_encoder: false
max_duration_seconds: 0.5
per_device_train_batch_size: 3
learning_rate: 1e-2
max_steps: 4
eval_strategy: steps
eval_steps: 2
metric_for_best_model: ccc
logging_steps: 1
save_strategy: steps
save_steps: 2
load_best_model_at_end: true
use_cpu: true
disable_tqdm: true
report_to: none
"""
ENCODER = {"wavlm": "wavlm-large", "whisper": "whisper", "wav2vec2-bert": "wav2vec2-bert", "hubert": "hubert-base"}


def rate(corpus):
    """Add ratings to a manifest; those of the first utterance are unknown."""
    manifest = pd.read_csv(corpus / "manifest.csv")
    generator = np.random.default_rng(0)
    for name in ("arousal", "valence"):
        manifest[name] = generator.uniform(1, 5, len(manifest)).round(2)
        manifest.loc[0, name] = np.nan
    manifest.to_csv(corpus / "manifest.csv", index=False)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    found = generate_synthetic_corpora(folder, speakers_per_corpus=4, utterances_per_emotion=1)
    chosen = {name: found[name] for name in ("synthetic_alba", "synthetic_duna")}
    for corpus in chosen.values():
        rate(corpus)
    return chosen


def write_experiment(folder, corpora, model_type, **changes):
    fields = {name: value for name, value in ENCODERS[ENCODER[model_type]].items() if name != "model_type"}
    if model_type == "whisper":
        fields["max_source_positions"] = 1500  # the extractor pads to 30 s
    values = yaml.safe_load(EXPERIMENT) | {
        "config_name": model_type,
        "config_overrides": json.loads(json.dumps(fields)),  # lists instead of tuples
        "output_dir": str(folder / "run"),
        "cache_dir": str(folder / "cache"),
        "corpora": [{"name": "manifest", "data_dir": str(path)} for path in corpora.values()],
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


@pytest.fixture(scope="module", params=list(ENCODER))
def run(request, corpora, tmp_path_factory):
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp(request.param)
    train.main(["--config", str(write_experiment(folder, corpora, request.param))])
    return folder / "run"


def test_ratings_are_predicted_beside_the_classes_and_scored(run):
    table = load_predictions(run / "predictions.parquet")
    assert table["predicted_arousal"].notna().all()
    report = load_metrics(run / "metrics.json")
    from hf_emotion.metrics import load_metric

    metric = load_metric("concordance_correlation_coefficient")
    for name in ("arousal", "valence"):
        rated = table[table[name].notna()]
        (expected,) = metric.compute(predictions=rated[f"predicted_{name}"], references=rated[name]).values()
        assert report["overall"]["dimensions"][name]["ccc"] == pytest.approx(expected)


def test_the_best_checkpoint_is_the_one_with_the_best_concordance(run):
    state = json.loads((run / "checkpoint-4" / "trainer_state.json").read_text())
    scores = {entry["step"]: entry["eval_ccc"] for entry in state["log_history"] if "eval_ccc" in entry}
    assert state["best_metric"] == max(scores.values())


def test_validation_predictions_are_kept_for_what_is_fitted_on_them(run):
    sizes = json.loads((run / "corpora.json").read_text())
    table = load_predictions(run / "validation_predictions.parquet")
    assert len(table) == sum(corpus["split"]["sizes"]["validation"] for corpus in sizes)


def test_evaluation_repeats_the_scores_of_the_run_with_its_conditions(run, tmp_path):
    evaluate.main(["--model", str(run), "--output_dir", str(tmp_path / "again"), "--use_cpu", "true"])
    before, after = (load_predictions(path / "predictions.parquet") for path in (run, tmp_path / "again"))
    pd.testing.assert_frame_equal(before, after, rtol=1e-4)


def test_the_run_is_a_model_with_the_fields_of_the_experiment(run):
    model = SpeechEmotionForSequenceClassification.from_pretrained(run)
    assert model.config.dimension_names == ["valence", "arousal"]
    assert (model.config.pooling, model.config.conditioning) == ("mean_std", "film")
    assert len(set(model.layer_weights.tolist())) > 1  # were trained


def test_the_stock_pipeline_classifies_without_conditions(run, corpora):
    clip = sorted(corpora["synthetic_alba"].rglob("*.wav"))[0]
    classify = pipeline("audio-classification", model=str(run), trust_remote_code=True)
    scores = classify(load_audio(str(clip), 16_000), top_k=None)
    assert sum(score["score"] for score in scores) == pytest.approx(1, abs=1e-5)


def test_transcripts_condition_the_model_and_are_unknown_where_there_are_none(corpora, tmp_path):
    source = corpora["synthetic_alba"]
    texts = pd.read_csv(source / "manifest.csv")["text"]
    sentences = save_sentence_model(tmp_path, sorted({word for text in texts for word in text.lower().split()}))
    path = write_experiment(
        tmp_path,
        {"synthetic_alba": source},
        "wavlm",
        speech_emotion_config={"pooling": "std", "conditioning": "concat", "initializer_range": 0.5},
        text_embedding_model=sentences,
        dimensions=None,
        metric_for_best_model="uar",
        max_steps=2,
    )
    assert check_experiment(load_experiment(["--config", str(path)])[0])
    train.main(["--config", str(path)])
    assert SpeechEmotionForSequenceClassification.from_pretrained(tmp_path / "run").config.text_embedding_size == 8
    tables = {"trained": load_predictions(tmp_path / "run" / "predictions.parquet")}
    for name, manifest in {"same": source, "without text": tmp_path / "copy"}.items():
        if name == "without text":
            shutil.copytree(source, manifest)
            pd.read_csv(manifest / "manifest.csv").drop(columns="text").to_csv(manifest / "manifest.csv", index=False)
        flags = ["--corpora", "manifest", "--data_dir", str(manifest), "--output_dir", str(tmp_path / name)]
        evaluate.main(["--model", str(tmp_path / "run"), *flags, "--use_cpu", "true"])
        tables[name] = load_predictions(tmp_path / name / "predictions.parquet")
    scores = {name: table.filter(like="probability_").to_numpy() for name, table in tables.items()}
    np.testing.assert_allclose(scores["same"], scores["trained"], atol=1e-5)
    assert np.abs(np.log(scores["without text"]) - np.log(scores["trained"])).max() > 1


def test_a_second_step_starts_from_the_first_and_expands_it(corpora, tmp_path):
    path = write_experiment(
        tmp_path,
        {"synthetic_alba": corpora["synthetic_alba"]},
        "wavlm",
        steps=[{"step_name": "first"}, {"step_name": "second", "expand_num_copies": 1}],
        max_steps=2,
    )
    steps = load_experiment(["--config", str(path)])
    assert "SpeechEmotionForSequenceClassification" in check_experiment(steps[1])
    train.main(["--config", str(path)])
    first, second = (
        SpeechEmotionForSequenceClassification.from_pretrained(tmp_path / "run" / name).state_dict()
        for name in ("first", "second")
    )
    originals = [name for name in first if ".layers." in name]
    assert originals
    assert all(torch.equal(first[name], second[name]) for name in originals)
    assert any(".copies." in name for name in second)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speech_emotion_config": {"poling": "std"}}, r"poling.*Did you mean 'pooling'"),
        ({"speech_emotion_config": {"pooling": "median"}}, "must be one of mean, sum, max, std"),
        ({"speech_emotion_config": {"num_dimensions": 3}}, "follows from `dimensions`"),
        ({"speech_emotion_config": None}, "`dimensions` needs a model that has a use for it"),
        ({"speech_emotion_config": {"encoder_config": {}}}, "Change its fields with `config_overrides`"),
        ({"dimensions": ["arousal", "charm"]}, "must be one of arousal, valence, dominance"),
    ],
)
def test_contradictions_are_refused_before_training(corpora, tmp_path, changes, message):
    path = write_experiment(tmp_path, corpora, "wavlm", **changes)
    with pytest.raises(ValueError, match=message):
        check_experiment(load_experiment(["--config", str(path)])[0])
