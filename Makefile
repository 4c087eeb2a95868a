# Every command of the project, spelled once. Needs Python 3.11 or newer, make and the package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export KERAS_LISR_DATA ?= $(abspath ../shared/data)

.PHONY: setup upscale test test-slow test-backends lint format clean

# `pip` runs again only when the dependencies or the wanted extras change.
$(VENV)/.%: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(if $(filter-out setup,$*),[$*])'
	touch $@

setup: $(VENV)/.setup

upscale: setup
	$(BIN)/keras-lisr upscale samples/lanterns.png -o upscaled.png --compare comparison.png

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info
