# Everything sets itself up in .venv, without root, given git, make and Python >= 3.11 with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help setup demo test check format bench bench-captions bench-styled bench-translation bench-tui picture clean

help:
	@echo "make setup   install Reframe into $(VENV)"
	@echo "make demo    run the whole thing once on a sample"
	@echo "make test    run all tests"
	@echo "make check   format, lint, types, layers, and the tests that take seconds"
	@echo "make bench   measure (tests/perf); make bench-captions, bench-styled, bench-translation: beside other tools"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Reframe needs Python 3.11 or later; this is $$($(PYTHON) --version). Try: make PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Reframe into $(VENV) (about 900 MB, once)"
	@$(PIP) install -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Reframe and what its tests need into $(VENV) (about 900 MB, once)"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.demo

demo: $(VENV)/.demo
	@$(BIN)/reframe demo

# Most of a test's time is waiting for a daemon: two at once take half as long on any machine.
test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@[ -n "$(TESTED)" ] || $(BIN)/python -m pytest -q -m "not slow"

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.perf

bench-translation: $(VENV)/.dev
	@$(BIN)/python -m tests.perf.translation

bench-tui: $(VENV)/.dev
	@$(BIN)/python -m tests.perf.tui

bench-styled: $(VENV)/.dev
	@$(BIN)/python -m tests.perf.styled

bench-captions: $(VENV)/.dev
	@$(BIN)/python -m tests.perf.captions

picture: $(VENV)/.dev
	@$(BIN)/python -m docs.picture

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
