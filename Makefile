# `make demo` and `make test` do all set-up themselves, in the virtual environment .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint benchmark clean

demo: $(VENV)/.installed
	$(BIN)/skhrmel ablate

test: lint
	$(BIN)/python -m pytest

# The same checks as .pre-commit-config.yaml.
lint: $(VENV)/.installed-test
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

benchmark: $(VENV)/.installed
	$(BIN)/python benchmarks/bench_transform.py

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "skhrmel needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@
