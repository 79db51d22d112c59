# `make demo` and `make test` do all set-up themselves, in the virtual environment .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# In "compat" mode the checkout is on the path itself, and so is found from its parent
# folder too, where a folder of the package's name would hide it.
EDITABLE := --config-settings editable_mode=compat --editable

.PHONY: demo test lint docs picture benchmark clean

demo: $(VENV)/.installed
	$(BIN)/skhrmel ablate

test: lint
	$(BIN)/python -m pytest

# The same checks as .pre-commit-config.yaml.
lint: $(VENV)/.installed-test
	$(BIN)/pre-commit run --all-files

# Opens as docs/_build/html/index.html.
# Pages left of names that are gone would be warnings, which are errors.
docs: $(VENV)/.installed-docs
	rm -rf docs/api/generated
	$(BIN)/python -m sphinx -q -W --keep-going -n -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# The picture at the top of README.md, of the figures in docs/measured.
picture: $(VENV)/.installed-docs
	$(BIN)/python docs/picture.py

benchmark: $(VENV)/.installed-benchmark
	$(BIN)/python benchmarks/bench_transform.py
	$(BIN)/python benchmarks/bench_front_end.py
	$(BIN)/python benchmarks/bench_decoding.py
	$(BIN)/python benchmarks/bench_extraction.py
	$(BIN)/python benchmarks/bench_layout_search.py

clean:
	rm -rf $(VENV) build docs/_build docs/api/generated *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "skhrmel needs Python 3.11 or newer, this is " + sys.version + "; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(EDITABLE) .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(EDITABLE) '.[test]'
	@touch $@

$(VENV)/.installed-docs: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(EDITABLE) '.[docs]'
	@touch $@

$(VENV)/.installed-benchmark: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(EDITABLE) '.[benchmark]'
	@touch $@
