# `make search` and `make test` do all the set-up by themselves. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The newest Python that the project supports; PYTHON=... names another. Shims that exist but do not run are passed over.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)

.PHONY: help setup search ui browser test bench bench-drivers parity rules programs compat check format lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.ready  ## the virtual environment, from requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed. Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "setting up $(VENV), once: TensorFlow and what goes with it, 3 GB; this takes some minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

search: setup  ## the main job: tuner search diabetes
	$(BIN)/tuner search diabetes $(ARGS)
	@echo; echo "The command is $(BIN)/tuner; to type just tuner: source $(BIN)/activate"

ui: setup  ## browse what was recorded
	$(BIN)/tuner ui

# Debian's Chromium; elsewhere any one with its chromedriver on the path does.
browser:  ## a browser for the tests that look at pages, where apt-get is there
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	command -v apt-get >/dev/null || { echo "no apt-get here: install chromium and chromedriver, or those tests are skipped"; exit 1; }; \
	root=""; test "$$(id -u)" = 0 || root=sudo; \
	$$root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$root apt-get install -y -qq chromium chromium-driver >/dev/null

test: setup  ## the tests
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

bench: setup  ## compare with KerasTuner and Optuna, an hour or two; ARGS="--quick" tries it out
	@$(BIN)/python -c 'import tensorboard' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint requirements.lock --no-build-isolation --editable '.[bench]'
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-drivers: setup  ## compare the samplers of both drivers, a quarter of an hour; ARGS="--quick" tries it out
	@$(BIN)/python -m tests.benchmarks.drivers $(ARGS)

parity: setup  ## all that the stacked engine is held to Keras with; minutes
	$(BIN)/python -m pytest -n auto --dist loadfile -m "long or not long" tests/trainers/stacked $(ARGS)

rules: setup  ## ten thousand proposals of every sampler against the rules of a space; files searched as drafted; half an hour
	$(BIN)/python -m pytest -n auto --dist load -m long tests/drivers tests/command \
		--ignore tests/command/test_programs.py $(ARGS)

programs: setup  ## programs as KerasTuner's guides write them, under both drivers, killed and resumed; a quarter of an hour
	$(BIN)/python -m pytest -n auto --dist load -m "long or not long" tests/command/test_programs.py $(ARGS)

# The newest release may bring them again: see tests/compat.
compat: setup  ## KerasTuner's own tests of hp on the hp that a user's model gets; ours where its sources have none
	@$(BIN)/python -m tests.compat $(ARGS)

check: setup  ## format, lint, types
	$(BIN)/ruff format --check tuner tests
	$(BIN)/ruff check tuner tests
	$(BIN)/mypy

format: setup  ## write the format, mend what lint can mend
	$(BIN)/ruff format tuner tests
	$(BIN)/ruff check --fix tuner tests

lock: setup  ## pin the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --extra dev --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock pyproject.toml

clean:  ## remove the virtual environment and caches; searches and their record stay
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
