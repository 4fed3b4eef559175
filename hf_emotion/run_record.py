"""What a run leaves behind, so that a reader can judge and repeat it: report, predictions, figures, facts, card."""

import json
import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from accelerate import PartialState

from .cards.model_card import CorpusUse, RunFacts, build_model_card
from .data.loading import corpus_facts
from .data.synthetic import SYNTHETIC_CORPORA
from .evaluation.plots import save_report_figures
from .evaluation.predictions import PREDICTIONS_FILE, save_predictions
from .evaluation.report import evaluate_predictions, save_metrics
from .experiment.corpora import MANIFEST, ExperimentCorpus


METRICS_FILE = "metrics.json"
CONFIG_FILE = "experiment.yaml"
CORPORA_FILE = "corpora.json"
ENVIRONMENT_FILE = "environment.json"
CARD_FILE = "README.md"
_PACKAGES = (
    "hf-emotion",
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "huggingface-hub",
    "evaluate",
    "numpy",
    "scikit-learn",
    "soundfile",
    "soxr",
)


def is_finished(output_dir: str | Path) -> bool:
    """Whether a folder holds a finished run; the model card is written last."""
    return (Path(output_dir) / METRICS_FILE).is_file() and (Path(output_dir) / CARD_FILE).is_file()


def recorded_config(output_dir: str | Path) -> str | None:
    """The experiment that a folder holds a run of, as YAML text, or `None`."""
    path = Path(output_dir) / CONFIG_FILE
    return path.read_text(encoding="utf-8") if path.is_file() else None


def record_config(output_dir: str | Path, resolved_yaml: str) -> None:
    """Write the resolved experiment, at the start of the run."""
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(resolved_yaml, encoding="utf-8")


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that matter, and the devices."""
    facts = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["device"] = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    )
    return facts


def launch_command() -> str:
    """The command line of this process as one would type it."""
    program = Path(sys.argv[0])
    if program.suffix != ".py":
        # an installed command: where it lies is nobody's business
        return shlex.join([program.name, *sys.argv[1:]])
    num_processes = PartialState().num_processes
    launcher = ["accelerate", "launch", "--num_processes", str(num_processes)] if num_processes > 1 else ["python"]
    return shlex.join([*launcher, *sys.argv])


def corpus_uses(corpora: Sequence[ExperimentCorpus]) -> list[CorpusUse]:
    """What the model card says of the corpora: their facts and exactly which split of which data was used."""
    uses = []
    for corpus in corpora:
        split = {
            "name": corpus.split.name,
            "version": corpus.split.version,
            "hash": corpus.split.hash,
            "sizes": corpus.split.sizes,
            "speakers": {part: len(speakers) for part, speakers in corpus.split.speakers.items()},
            "leak": corpus.split.leak,
        }
        fingerprint = "-".join(rows._fingerprint for rows in corpus.parts.values())
        facts = _manifest_facts(corpus) if corpus.loader == MANIFEST else _published_facts(corpus.loader)
        uses.append(CorpusUse(corpus.name, split=split, fingerprint=fingerprint, **facts))
    return uses


def _published_facts(loader: str) -> dict[str, Any]:
    known = corpus_facts(loader)
    return {
        "title": known.full_name,
        "languages": known.languages,
        "licence": known.licence,
        "kind": known.kind,
        "homepage": known.homepage,
        "citation": known.citation,
    }


def _manifest_facts(corpus: ExperimentCorpus) -> dict[str, Any]:
    """A manifest says the language of each utterance, but neither the licence nor the kind of speech."""
    languages = {language for rows in corpus.parts.values() for language in rows.unique("language")}
    return {
        "languages": sorted(filter(None, languages)),
        "kind": "synthetic" if corpus.name in SYNTHETIC_CORPORA else None,
    }


def lineage(base_model: str | None, corpora: Sequence[CorpusUse]) -> tuple[str | None, list[CorpusUse]]:
    """
    Where a model comes from, seen through the folders of earlier runs: their corpora trained this model as well, and
    their licences bind it.

    Args:
        base_model (`str`, *optional*): what training started from.
        corpora (`Sequence[CorpusUse]`): the corpora of this run.

    Returns:
        `tuple[str | None, list[CorpusUse]]`: the model that the first of these runs started from, and all corpora.
    """
    if base_model is None or not (Path(base_model) / CORPORA_FILE).is_file():
        return base_model, list(corpora)
    entries = json.loads((Path(base_model) / CORPORA_FILE).read_text(encoding="utf-8"))
    names = {corpus.name for corpus in corpora}
    return _origin(base_model), [*corpora, *(CorpusUse(**entry) for entry in entries if entry["name"] not in names)]


def _origin(base_model: str | None) -> str | None:
    config = recorded_config(base_model) if base_model else None
    return base_model if config is None else _origin(yaml.safe_load(config).get("model_name_or_path"))


def write_run_record(
    output_dir: str | Path,
    predictions: pd.DataFrame,
    corpora: Sequence[ExperimentCorpus],
    *,
    classes: Sequence[str],
    config_yaml: str,
    base_model: str | None,
    architecture: str,
    training: Mapping[str, Any],
    log_history: Sequence[Mapping[str, Any]],
    sampling_rate: int,
    remote_code: bool,
    seed: int,
) -> dict[str, Any]:
    """
    Score the test predictions and write `metrics.json`, `predictions.parquet`, figures, `corpora.json`,
    `environment.json` and the model card `README.md` into `output_dir`. The card is written last.

    Args:
        output_dir (`str` or `os.PathLike`): folder of the run; its name is the model's in the card.
        predictions (`pd.DataFrame`): predictions table of the test parts.
        corpora (`Sequence[ExperimentCorpus]`): the corpora the run trained on.
        classes (`Sequence[str]`): class names in the order of the outputs.
        config_yaml (`str`): the resolved experiment.
        base_model (`str`, *optional*): what training started from, see [`lineage`].
        architecture (`str`): model type of the config.
        training (`Mapping`): named facts for the card's table.
        log_history (`Sequence[Mapping]`): `trainer.state.log_history`.
        sampling_rate (`int`): input rate in Hz.
        remote_code (`bool`): whether the saved model carries its own code.
        seed (`int`): seed of the bootstrap.

    Returns:
        `dict`: the report, see [`~hf_emotion.evaluation.report.evaluate_predictions`].
    """
    folder = Path(output_dir)
    report = evaluate_predictions(predictions, classes, seed=seed)
    save_predictions(predictions, folder / PREDICTIONS_FILE)
    figures = save_report_figures(report, folder, log_history=log_history)
    origin, uses = lineage(base_model, corpus_uses(corpora))
    versions = environment()
    _write_json(folder / CORPORA_FILE, [vars(use) for use in uses])
    _write_json(folder / ENVIRONMENT_FILE, versions)
    save_metrics(report, folder / METRICS_FILE)
    facts = RunFacts(
        model_id=re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or "model",
        classes=list(classes),
        architecture=architecture,
        base_model=origin,
        corpora=uses,
        report=report,
        training=training if origin == base_model else {"started from": f"`{base_model}`"} | dict(training),
        command=launch_command(),
        config_yaml=config_yaml,
        environment=versions,
        figures={caption: path.name for caption, path in figures.items()},
        sampling_rate=sampling_rate,
        remote_code=remote_code,
    )
    build_model_card(facts).save(folder / CARD_FILE)
    return report


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=list) + "\n", encoding="utf-8")
