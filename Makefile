# Everything a fresh machine needs is here: python3 >= 3.11, make and a package index.
SHELL  := /bin/sh
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help sync test check lint format lock clean
help:            ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | sort

sync: $(VENV)/.runtime            ## set up, then run one sync with config.yaml
	$(BIN)/evalsync sync

test: $(VENV)/.test               ## set up, then the whole test suite
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test               ## ruff, mypy --strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test             ## rewrite the files in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:                             ## resolve the locked dependencies anew (needs uv on PATH)
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		pyproject.toml -o requirements.lock
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra test -c requirements.lock pyproject.toml -o tests/requirements.lock

clean:                            ## remove the environments and caches, never the data
	rm -rf $(VENV) .venv-duckdb15 .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "evalsync needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime tests/requirements.lock tests/duckdb15.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.lock
	$(PYTHON) -m venv .venv-duckdb15
	.venv-duckdb15/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/duckdb15.lock
	@touch $@
