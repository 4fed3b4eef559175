# `make help` lists the targets. On the command line you may set
#   PYTHON    interpreter for the environment   make demo PYTHON=python3.12
#   VENV      folder of the environment         make test VENV=/tmp/venv
#   PIP_ARGS  further arguments of pip          make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
DEMO := outputs/quickstart
# Without these, accelerate reads a configuration of the user's and takes one thread on a CPU.
LAUNCH := $(BIN)/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
	--num_cpu_threads_per_process $(shell nproc 2>/dev/null || echo 1)

.DEFAULT_GOAL := help
.PHONY: help demo test quality format docs bench dist clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: export HF_HUB_OFFLINE := 1
demo: $(INSTALLED)  ## install, then train, transfer and predict on synthetic speech; minutes on a CPU, offline
	$(BIN)/hf-emotion corpora synthesize $(DEMO)/corpora --speakers_per_corpus 20 --utterances_per_emotion 3
	$(LAUNCH) train.py --config trainer_configs/quickstart.yaml
	$(BIN)/hf-emotion predict $(DEMO)/corpora/synthetic_duna/audio/duna_f01_anger_00.wav --model $(DEMO)/transfer

test: quality  ## install, then check style, types and layers, and run the test suite
	$(BIN)/python -m pytest -n 2

quality: $(INSTALLED_DEV)  ## ruff, mypy on the public API, pages of the corpora, the layer test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m hf_emotion.scripts.corpus_pages --check
	$(BIN)/python -m pytest -q tests/test_layers.py

format: $(INSTALLED_DEV)  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED_DEV)  ## write the pages of the corpora from their files
	$(BIN)/python -m hf_emotion.scripts.corpus_pages

bench: $(INSTALLED_DEV)  ## run the measurements in benchmarks/
	@set -e; for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script; done

dist: $(INSTALLED_DEV)  ## build sdist and wheel into dist/
	$(BIN)/python -m build

clean:  ## delete build output and caches; the environment and outputs/ stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "hf-emotion needs Python 3.10 or later, $(PYTHON) is not. Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(INSTALLED)
