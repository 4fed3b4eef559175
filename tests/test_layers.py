"""House rules that a machine can check: imports point down, files and functions are short, names say something."""

import ast
from pathlib import Path

import pytest


REPO = Path(__file__).resolve().parents[1]
SOURCES = sorted([*REPO.glob("hf_emotion/**/*.py"), *REPO.glob("dataset_scripts/*.py"), REPO / "train.py"])

# The longest prefix of a module's name counts.
LAYERS = {
    **dict.fromkeys(("hf_emotion", "hf_emotion.__main__", "hf_emotion.cli", "hf_emotion.demo", "train"), 6),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("benchmark", "hub", "prediction", "publishing", "scripts")), 5),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("adapters", "arguments", "ensembles", "experiment")), 4),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("checkpoint_folders", "features", "run_record", "trainer")), 4),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("export", "recognition")), 4),
    # these run models
    **dict.fromkeys((f"hf_emotion.evaluation.{part}" for part in ("calibrated_model", "latency", "robustness")), 4),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("cards", "corpus_reports", "evaluation")), 3),
    "dataset_scripts": 3,
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("data", "losses", "metrics", "models")), 2),
    **dict.fromkeys((f"hf_emotion.{part}" for part in ("atomic_files", "emotions", "suggestions", "terminal")), 1),
    "hf_emotion.pipelines": 1,
}


def module_name(path: Path) -> str:
    parts = path.relative_to(REPO).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def unit(module: str) -> str:
    """The entry of `LAYERS` that a module belongs to; only the facade itself belongs to `hf_emotion`."""
    names = [name for name in LAYERS if module == name or (module.startswith(f"{name}.") and name != "hf_emotion")]
    return max(names, key=len, default="")


def imported_modules(module: str) -> set[str]:
    """Our modules that a module imports, at the top or inside functions. `__version__` is free to all."""
    path, found = MODULES[module], set()
    package = (module if path.name == "__init__.py" else module.rpartition(".")[0]).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*parent, *filter(None, [node.module])])
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            found |= {f"{source}.{name}" if f"{source}.{name}" in MODULES else source for name in names}
    return found & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    assert unit(module), f"{module} belongs to no layer: add it to LAYERS"
    for imported in imported_modules(module) - {module}:
        ours, theirs = unit(module), unit(imported)
        assert LAYERS[theirs] <= LAYERS[ours], f"{module} (layer {LAYERS[ours]}) imports {imported} from above"
        is_sibling = LAYERS[ours] == LAYERS[theirs] == 2 and ours != theirs
        assert not is_sibling, f"{module} imports its sibling {imported}"
        if ours in ("hf_emotion.models", "hf_emotion.pipelines"):
            assert theirs == ours, f"{module} travels with saved models and must not need {imported}"


def test_imports_of_every_form_are_seen():
    assert "hf_emotion.trainer" in imported_modules("hf_emotion.scripts.train")  # absolute
    assert "hf_emotion.emotions" in imported_modules("hf_emotion.data.corpus")  # relative, one folder up
    # from . import module
    assert "hf_emotion.cards.model_card_text" in imported_modules("hf_emotion.cards.model_card")
    assert "hf_emotion.scripts.evaluate" in imported_modules("hf_emotion.cli.commands.evaluate")  # in a function
    assert "hf_emotion.data.corpus" in imported_modules("dataset_scripts.ravdess")


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_short(module):
    path = MODULES[module]
    text = path.read_text(encoding="utf-8")
    limit = 600 if path.stem.startswith("modeling_") else 80 if path.parent.name == "dataset_scripts" else 400
    assert len(text.splitlines()) <= limit
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            assert node.end_lineno - first <= 80, f"{node.name} is longer than 80 lines"


def test_no_file_is_a_drawer_for_odds_and_ends():
    stems = {part for path in SOURCES for part in path.relative_to(REPO).with_suffix("").parts}
    assert not stems & {"utils", "util", "common", "helper", "helpers", "core", "base", "misc"}
