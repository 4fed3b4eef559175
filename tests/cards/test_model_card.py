"""Cards are valid for the Hub and hold no number that the facts did not give."""

import doctest
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results

from hf_emotion.cards import model_card, model_card_text, templates
from hf_emotion.cards.emissions import Emissions
from hf_emotion.cards.model_card import RunFacts, build_model_card
from hf_emotion.cards.templates import template_dir
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES
from hf_emotion.evaluation.report import evaluate_predictions
from tests.prediction_tables import random_predictions


def _numbers(text):
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def test_documentation_examples_run():
    assert all(doctest.testmod(module).failed == 0 for module in (model_card, model_card_text))


def test_metadata_is_read_back_by_the_hub_library(facts, tmp_path):
    build_model_card(facts).save(tmp_path / "README.md")
    metadata = metadata_load(tmp_path / "README.md")
    assert metadata["pipeline_tag"] == "audio-classification"
    assert metadata["library_name"] == "transformers"
    assert metadata["base_model"] == "facebook/hubert-large-ls960-ft"
    assert metadata["license"] == "cc-by-nc-sa-4.0"
    assert metadata["language"] == ["en"]
    assert metadata["datasets"] == ["someone/ravdess"]
    assert metadata["metrics"] == ["recall", "f1", "accuracy"]
    assert metadata["tags"] == ["hf-emotion", "speech-emotion-recognition", "exhubert", "ravdess"]


def test_model_index_survives_the_round_trip(facts, report, tmp_path):
    card = build_model_card(facts)
    card.save(tmp_path / "README.md")
    name, results = model_index_to_eval_results(metadata_load(tmp_path / "README.md")["model-index"])
    assert name == "exhubert-demo"
    assert results == ModelCard.load(tmp_path / "README.md").data.eval_results == card.data.eval_results
    values = {(item.dataset_type, item.metric_name): item.metric_value for item in results}
    for key, metric_name in (
        ("uar", "Unweighted average recall (UAR)"),
        ("macro_f1", "Macro-F1"),
        ("weighted_f1", "Weighted F1"),
        ("accuracy", "Accuracy"),
    ):
        for corpus, dataset in (("ravdess", "someone/ravdess"), ("emodb", "emodb")):
            assert values[dataset, metric_name] == pytest.approx(report["per_corpus"][corpus][key], abs=5e-5)
    assert values["mixture", "Mean UAR over corpora"] == pytest.approx(report["mean_corpus_uar"]["value"], abs=5e-5)
    assert {item.dataset_split for item in results} == {"test"}
    assert {item.task_type for item in results} == {"audio-classification"}


def test_text_states_the_facts(facts, report):
    text = build_model_card(facts).text
    part = report["per_corpus"]["emodb"]
    low, high = part["intervals"]["uar"]
    assert f"| `emodb` (not trained on) | {100 * part['uar']:.1f} [{100 * low:.1f}, {100 * high:.1f}] |" in text
    for fact in (
        facts.command,
        "learning_rate: 1.0e-05\nclasses:\n- a | b\n```",
        "| torch | 2.13.0 |",
        "| trainable parameters | 336,682,886 |",
        "`0123abcd`",
        "`feed5678`",
        "960 (16 speakers) | 240 (4 speakers) | 24 (2 speakers)",
        "![Confusion matrix, emodb](figures/confusion_matrix_emodb.png)",
        "- Clips longer than 3 s were cut.",
        "resamples of the speakers within each corpus (of the utterances for `ravdess`",
        "[facebook/hubert-large-ls960-ft](https://huggingface.co/facebook/hubert-large-ls960-ft) on RAVDESS.",
        "Livingstone and Russo, PLoS ONE 13(5), 2018",
        "amiriparian2024exhubert",
    ):
        assert fact in text, fact


def test_limitations_follow_from_the_facts(facts, report):
    text = build_model_card(facts).text
    gap = report["per_gender"]["female"]["uar"] - report["per_gender"]["male"]["uar"]
    assert gap > 0.1
    assert f"a difference of {100 * gap:+.1f} points" in text
    assert "All training speech is acted." in text
    assert "The training speech is in en;" in text
    assert "few test speakers for `emodb` (8), `ravdess` (2)" in text
    assert "No test utterance belongs to `high_positive`" in text


def test_what_the_parts_of_a_split_share_is_a_limitation(facts):
    assert "not independent" not in build_model_card(facts).text
    facts.corpora[0].split["leak"] = "2 of the 2 speakers of test are in train"
    text = build_model_card(facts).text
    assert (
        "The parts of `ravdess` are not independent. What they share: 2 of the 2 speakers of test are in train."
        in text
    )


@pytest.mark.parametrize("remote_code", [True, False])
def test_code_blocks_compile_and_trust_code_only_where_there_is_code(facts, remote_code):
    facts.remote_code = remote_code
    stock, ours = re.findall(r"```python\n(.*?)```", build_model_card(facts).text, re.DOTALL)
    for block in (stock, ours):
        compile(block, "README.md", "exec")
        assert "someone/exhubert-demo" in block
    assert ("trust_remote_code=True" in stock) is remote_code
    assert "hf_emotion" not in stock
    assert "trust_remote_code" not in ours  # the installed classes load it


def test_the_pipeline_of_the_repository_is_shown_where_it_is(facts):
    facts.remote_code = False
    assert "SpeechEmotion" not in build_model_card(facts).text
    facts.has_pipeline_code = True
    text = build_model_card(facts).text
    assert 'recognizer = pipeline(model="someone/exhubert-demo", trust_remote_code=True)' in text
    assert len(re.findall(r"```python", text)) == 3


def test_the_index_gives_the_interval_of_each_score_that_has_one(facts, report):
    results = {(item.dataset_type, item.metric_name): item for item in build_model_card(facts).data.eval_results}
    part = report["per_corpus"]["emodb"]
    uar = results["emodb", "Unweighted average recall (UAR)"].metric_args
    assert uar["interval"] == pytest.approx(part["intervals"]["uar"], abs=5e-5)
    assert (uar["confidence"], uar["average"]) == (0.95, "macro")
    assert "interval" not in (results["emodb", "Weighted F1"].metric_args or {})
    mean = results["mixture", "Mean UAR over corpora"].metric_args
    assert mean["interval"] == pytest.approx(report["mean_corpus_uar"]["interval"], abs=5e-5)


def test_carbon_is_stated_where_it_was_measured(facts):
    assert "CO2" not in build_model_card(facts).text
    facts.emissions = Emissions(12.345, kilowatt_hours=0.03, seconds=90.2, location="France", version="3.0")
    card = build_model_card(facts)
    sentence = "emitted 12.3 g of CO2 equivalents with 0.03 kWh in 90 s (France)."
    assert sentence in card.text
    assert card.data.co2_eq_emissions["emissions"] == 12.345


def test_an_ensemble_is_loaded_by_hf_emotion_alone(facts):
    facts.library_name = "hf-emotion"
    (block,) = re.findall(r"```python\n(.*?)```", build_model_card(facts).text, re.DOTALL)
    compile(block, "README.md", "exec")
    assert 'load_recognizer("someone/exhubert-demo")' in block
    assert "from the predictions of its members." in build_model_card(facts).text


def test_a_card_of_few_facts_makes_no_claims():
    card = build_model_card({"model_id": "someone/ser", "classes": ["joy", "sadness"]})
    assert "This model has not been evaluated." in card.text
    assert "The training data is not on record." in card.text
    assert card.data.license == "other"
    assert card.data.eval_results is None
    assert card.data.base_model is None
    assert "exhubert" not in card.text.lower()
    # What remains are the ids and number of classes, the sampling rate and the articles of the law.
    laws = {"2024", "1689", "5", "1", "50", "3"}
    assert _numbers(card.text) <= {"0", "1", "2", "16,000", "16000", *laws}


def test_every_number_comes_from_the_facts(facts, report):
    """Change the command, training facts and splits: nothing of the old card's numbers may linger."""
    facts.report, facts.corpora, facts.figures, facts.base_model_licence = None, [], {}, None
    facts.training, facts.command, facts.config_yaml = {"steps": 41}, "run --seed 43", "batch: 47"
    facts.environment, facts.limitations = {"torch": "53.59"}, []
    bare = build_model_card({"model_id": facts.model_id, "classes": facts.classes, "base_model": facts.base_model})
    assert _numbers(build_model_card(facts).text) - _numbers(bare.text) == {"41", "43", "47", "53.59"}


def test_text_is_clean_markdown(facts):
    card = build_model_card(facts)
    assert "{%" not in card.text
    assert "{{" not in card.text.replace("{{ExHuBERT}", "")
    assert "None" not in card.text.replace("top_k=None", "")
    assert "\n\n\n" not in card.text
    for table in re.findall(r"(?:^\|.*\n)+", card.text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert card.text.count("```") % 2 == 0
    assert card.text.count("<details>") == card.text.count("</details>") == 2


@pytest.mark.parametrize(
    ("base_model", "in_metadata", "in_text"),
    [
        ("facebook/hubert-base-ls960", True, "https://huggingface.co/facebook/hubert-base-ls960"),
        ("/home/me/runs/best", False, "`best`"),
        ("./runs/best", False, "`best`"),
    ],
)
def test_only_hub_models_are_linked_as_base_model(facts, base_model, in_metadata, in_text):
    facts.base_model = base_model
    card = build_model_card(facts)
    assert (card.data.base_model == base_model) is in_metadata
    assert in_text in card.text
    assert "/home/me" not in str(card)


@pytest.mark.parametrize(
    ("changes", "licence", "words"),
    [
        ({}, "cc-by-nc-sa-4.0", "cc-by-nc-sa-4.0 (RAVDESS)"),
        ({"licence": "mit"}, "mit", "Chosen by the authors"),
        ({"base_model_licence": "research only"}, "other", "facebook/hubert-large-ls960-ft: research only"),
        ({"base_model_licence": None}, "cc-by-nc-sa-4.0", "licence of the base model is not on record"),
    ],
)
def test_licence_is_the_strictest_of_the_training_material(facts, changes, licence, words):
    for name, value in changes.items():
        setattr(facts, name, value)
    card = build_model_card(facts)
    assert card.data.license == licence
    assert words in card.text
    assert (card.data.to_dict().get("license_name") == "terms-of-the-training-data") is (licence == "other")


def test_test_only_corpora_do_not_bind_the_licence(facts):
    facts.corpora[1].licence = "EULA"
    assert build_model_card(facts).data.license == "cc-by-nc-sa-4.0"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_id": "a/b", "classes": []}, "needs the class names"),
        ({"model_id": "a/b/c", "classes": ["joy"]}, "'a/b/c' is no repository name"),
        ({"model_id": "a/b", "classes": ["joy"], "licens": "mit"}, "no field licens"),
        ({"model_id": "a/b", "classes": ["joy"], "corpora": [{"name": "x", "role": "dev"}]}, "role 'dev'"),
    ],
)
def test_incomplete_or_misspelt_facts_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        build_model_card(values)


def test_template_is_found_in_a_checkout_and_in_an_installed_package(tmp_path, monkeypatch):
    assert (template_dir() / "model.md").is_file()
    package = tmp_path / "site-packages" / "hf_emotion"
    (package / "model_cards").mkdir(parents=True)
    (package / "model_cards" / "model.md").touch()
    monkeypatch.setattr(templates, "__file__", str(package / "cards" / "templates.py"))
    assert template_dir() == package / "model_cards"


def test_a_missing_template_is_reported_with_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "__file__", str(tmp_path / "hf_emotion" / "cards" / "templates.py"))
    with pytest.raises(FileNotFoundError, match="reinstall hf-emotion"):
        template_dir()


def test_template_metadata_block_is_filled_by_the_facts_alone():
    template = (Path(template_dir()) / "model.md").read_text(encoding="utf-8")
    block = template.split("---")[1].strip()
    assert block == "{{ metadata }}"
    assert yaml.safe_load(template.split("---")[2].splitlines()[0] or "null") is None


def test_dimensions_are_stated_in_text_and_metadata(facts):
    sizes = {"emodb": (8, 60), "ravdess": (4, 40), "silent": (4, 40)}
    names = ("arousal", "valence")
    frame = random_predictions(sizes, classes=list(AROUSAL_VALENCE_CLASSES), dimensions=names, unrated=["silent"])
    facts.report = report = evaluate_predictions(frame, num_resamples=50)
    card = build_model_card(facts)
    entries = report["per_corpus"]["emodb"]["dimensions"]
    cells = ["{ccc:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]".format(**entries[name]) for name in names]
    assert f"| `emodb` (not trained on) | {cells[0]} | {cells[1]} | 60 |" in card.text
    assert "| **mean of corpora** |" in card.text
    assert "| `silent` |" not in card.text.partition("### Emotion dimensions")[2].partition("###")[0]
    assert "`model(**inputs).dimensions`" in card.text
    assert card.data.metrics == ["recall", "f1", "accuracy", "ccc"]
    values = {
        (item.dataset_name, item.metric_name): item.metric_value
        for item in card.data.eval_results
        if item.metric_type == "ccc"
    }
    title = "Concordance correlation coefficient (CCC) of {}"
    assert values["emodb", title.format("valence")] == pytest.approx(entries["valence"]["ccc"], abs=5e-5)
    mean = report["mean_corpus_dimensions"]["arousal"]["ccc"]
    assert values["mean of 2 corpora", "Mean CCC of arousal"] == pytest.approx(mean, abs=5e-5)
    assert len(values) == 2 * 2 + 2


def test_models_without_dimensions_do_not_mention_them(facts):
    card = build_model_card(facts)
    assert "CCC" not in card.text
    assert "ccc" not in card.data.metrics


def test_dimensions_of_an_ensemble_are_not_promised_by_its_model(facts):
    frame = random_predictions({"emodb": (8, 60)}, dimensions=("arousal",))
    facts.report = evaluate_predictions(frame, num_resamples=20)
    facts.library_name = "hf-emotion"
    assert "CCC arousal" in build_model_card(facts).text
    assert "dimensions`" not in build_model_card(facts).text


def test_uneven_scores_are_limitations(facts, report):
    speakers = [
        {"corpus": "emodb", "speaker_id": "a", "uar": 0.25, "num_utterances": 20, "num_classes": 5},
    ]
    language = {"best": "de", "worst": "en", "gap": 0.125, "interval": [0.02, 0.2]}
    facts.report = report | {
        "fairness": {
            "speaker": {"num_scored": 8, "gap": 0.5, "worst": speakers},
            "language": {"uar": language},
        }
    }
    card = build_model_card(facts).content
    assert "recall of 8 test speakers ranges from 25.0 % to 75.0 %" in card
    assert "recall in de is 12.5 points [+2.0, +20.0] above that in en" in card


def test_reports_without_gaps_still_make_a_card(facts, report):
    facts.report = {name: value for name, value in report.items() if name != "fairness"}
    assert "works unevenly" not in build_model_card(facts).content


SETTING_SCORES = {
    "corpus": "crema_d",
    "macro_f1": 0.5123,
    "interval": [0.45, 0.55],
    "per_gender": {"female": 0.52, "male": 0.49},
    "calibration_error": 0.031,
    "num_utterances": 120,
    "per_class": {
        "angry": {"f1": 0.6, "precision": 0.5, "recall": 0.75, "support": 40},
        "sad": {"f1": 0.4246, "precision": 0.4, "recall": 0.45, "support": 60},
    },
}


def test_several_classes_per_utterance_are_scored_by_setting():
    facts = RunFacts(
        model_id="me/hubert-crema-d",
        classes=["angry", "sad"],
        base_model="facebook/hubert-large-ll60k",
        setting_scores={"CREMA-D": SETTING_SCORES},
        is_encoder_frozen=True,
        citations=["@inproceedings{someone2024}"],
        licence="mit",
    )
    card = build_model_card(facts)
    text = str(card)
    assert "which of 2 emotions are heard in speech" in text
    assert "Its encoder is [facebook/hubert-large-ll60k]" in text
    assert "as it is; layer weights and head were trained." in text
    assert "On the test data of CREMA-D its macro-F1 is **51.2 [45.0, 55.0] %**." in text
    assert "| CREMA-D | 51.2 [45.0, 55.0] | 52.0 | 49.0 | 3.1 | 120 |" in text
    assert "| CREMA-D | `sad` | 42.5 | 40.0 | 45.0 | 60 |" in text
    assert "above chance, 1/C = 0.5" in text
    assert "@inproceedings{someone2024}" in text
    assert "UAR" not in text
    assert card.data.metrics == ["f1"]
    (result,) = card.data.eval_results
    assert (result.dataset_name, result.metric_value) == ("CREMA-D", 0.5123)
    assert "This model has not been evaluated" not in text


def test_the_hash_of_a_split_is_explained_where_there_is_one(facts):
    assert "its hash covers the sorted pairs" in str(build_model_card(facts))
    split = {"name": "fold 1", "sizes": {"train": 3, "validation": 2, "test": 1}}
    without = RunFacts(model_id="m", classes=["a", "b"], licence="mit", corpora=[{"name": "emodb", "split": split}])
    text = str(build_model_card(without))
    assert "| `emodb` | fold 1 | 3 | 2 | 1 |" in text
    assert "its hash covers" not in text
