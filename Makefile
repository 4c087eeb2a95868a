# Every command of the project, spelled once. Needs Python 3.11 or newer, make and the package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export KERAS_LISR_DATA ?= $(abspath ../shared/data)

.PHONY: setup upscale test test-slow test-jax test-torch test-backends test-addons test-page test-all lint format docs site wheel clean

# `pip` runs again only when the dependencies or the wanted extras change.
$(VENV)/.%: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(if $(filter-out setup,$*),[$*])'
	touch $@

setup: $(VENV)/.setup

upscale: setup
	$(BIN)/keras-lisr upscale samples/lanterns.png -o upscaled.png --compare comparison.png --overwrite

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(VENV)/.test-slow
	$(BIN)/python -m pytest -m slow

# Every suite, whatever fails, and what each took.
SUITES := test test-slow test-jax test-torch test-addons test-page

test-all:
	@told=""; failed=0; \
	for suite in $(SUITES); do \
		start=$$(date +%s); \
		if $(MAKE) --no-print-directory $$suite; then result=passed; else result=FAILED; failed=1; fi; \
		told="$$told$$(printf '%-12s %-7s %6d s' $$suite $$result $$(($$(date +%s) - start)))\n"; \
	done; \
	printf "\n$$told"; exit $$failed

# Environments of the other backends, without TensorFlow. TORCH=torch==2.13.0 picks a certain build.
TORCH ?= torch
# Counting full-size networks knows no backend. XLA's optimizer takes longer than the tiny programs that it would speed
# up, and PyTorch's compiler warns of its own deprecations.
BACKEND_TESTS := tests/conformance tests/layers tests/graph tests/zoo tests/evaluation/test_metrics.py tests/data/test_patch_sequence.py tests/training/test_callbacks.py \
	tests/training/test_checkpoints.py tests/training/test_optimizer.py tests/training/test_run_record.py tests/training/test_distribution.py \
	tests/analysis --ignore tests/analysis/test_figures.py --ignore tests/graph/test_memory.py --ignore tests/conformance/test_parameters.py

.venv-jax/.installed: PACKAGE := jax
.venv-torch/.installed: PACKAGE := $(TORCH)
.venv-%/.installed: setup.cfg
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check 'keras>=3.15' numpy pillow pytest pytest-xdist '$(PACKAGE)'
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

test-backends: test-jax test-torch

test-jax: .venv-jax/.installed
	KERAS_BACKEND=jax XLA_FLAGS=--xla_backend_optimization_level=0 .venv-jax/bin/python -m pytest -n auto --dist loadfile $(BACKEND_TESTS)

test-torch: .venv-torch/.installed
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -n auto --dist loadfile $(BACKEND_TESTS) -W 'ignore:`torch.jit:DeprecationWarning'

# tensorflow-addons was made for TensorFlow up to 2.15, which was made for Python up to 3.11.
ADDONS_PYTHON ?= python3.11

.venv-addons/.installed: Makefile
	test -x .venv-addons/bin/python || $(ADDONS_PYTHON) -m venv .venv-addons
	.venv-addons/bin/python -m pip install --quiet --disable-pip-version-check 'tensorflow-cpu==2.15.*' 'tensorflow-addons==0.23.*'
	touch $@

test-addons: $(VENV)/.test .venv-addons/.installed
	folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT \
	&& PYTHONPATH=tests $(BIN)/python tests/addons/export_networks.py "$$folder" \
	&& .venv-addons/bin/python tests/addons/run_beside_addons.py "$$folder"

# The page of `keras-lisr export --format web` in Debian's Chromium. `make test-slow` skips these where Selenium is missing.
test-page: $(VENV)/.test-page
	$(BIN)/python -m pytest -m slow tests/export/test_page_in_chromium.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

wheel: $(VENV)/.wheel
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# mkdocstrings reads the package without importing it, so only the extra is installed, not what the package needs.
READ_EXTRA := import configparser; c = configparser.ConfigParser(); c.read('setup.cfg'); print(c['options.extras_require']['docs'])

.venv-docs/.installed: setup.cfg
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -c "$(READ_EXTRA)" >.venv-docs/requirements.txt
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-docs/requirements.txt
	touch $@

docs: .venv-docs/.installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# The documentation as it is published, with the page that runs a network in the visitor's browser.
site: docs setup
	$(BIN)/keras-lisr export imdn_x4 -o site/try --format web

clean:
	rm -rf $(VENV) .venv-* build dist site *.egg-info
