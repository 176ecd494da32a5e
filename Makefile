# Everything a fresh machine needs is here: python3 >= 3.11, make and a package index.
SHELL  := /bin/sh
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CHROMIUM := $(wildcard /usr/bin/chromium)
PROMTOOL := $(wildcard /usr/bin/promtool)
# One more than there are cores: many tests wait for something.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
NPM    := $(shell command -v npm)

.PHONY: help sync serve test superset-test campaign mutants bench check lint format lock clean
help:            ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | sort

sync: $(VENV)/.runtime            ## set up, then run one sync with config.yaml
	$(BIN)/evalsync sync

serve: $(VENV)/.runtime           ## set up, then sync at the times of config.yaml and show the dashboard
	$(BIN)/evalsync serve

test: $(VENV)/.test               ## set up, then the whole test suite
	@$(if $(CHROMIUM),,echo "NOT RUN: the tests in a browser, there is no /usr/bin/chromium (apt-get install chromium)")
	@$(if $(PROMTOOL),,echo "NOT RUN: the tests of the alert rules, there is no /usr/bin/promtool (apt-get install prometheus)")
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		-m "not campaign and not root and not superset and not node$(if $(CHROMIUM),, and not browser)$(if $(PROMTOOL),, and not promtool)"

superset-test: $(VENV)/.test .venv-superset/.installed  ## read a snapshot with Apache Superset in chromium, DuckDB's program and Node
	@$(if $(CHROMIUM),,echo "NOT RUN: the charts in a browser, there is no /usr/bin/chromium (apt-get install chromium)")
	@$(if $(NPM),,echo "NOT RUN: the test in Node, there is no npm (apt-get install npm)")
	$(BIN)/python -m pytest tests/integration -m "(superset$(if $(NPM), or node))$(if $(CHROMIUM),, and not browser)"

campaign: $(VENV)/.test           ## the long tests (hours; power cuts need root), or one part: ONLY=seeds
	$(BIN)/python tests/campaign.py $(ONLY)

mutants: $(VENV)/.test            ## put each of some 90 mistakes into a copy and see that a test notices; some: ONLY="4a 9b"
	PYTHONPATH=tests $(BIN)/python -m mutants $(ONLY)

bench: $(VENV)/.test              ## evalsync, its rivals and the limits on the same pages (20 minutes), or: BENCH="--help"
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(BENCH)

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
	cd tests/benchmarks/rivals && for one in dlt singer airbyte; do \
		uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-strip-extras $$one.in -o $$one.lock || exit 1; done
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		tests/integration/superset.in -o tests/integration/superset.lock

clean:                            ## remove the environments and caches, never the data
	rm -rf $(VENV) .venv-duckdb15 .venv-superset .venv-bench-* .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

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

.venv-superset/.installed: tests/integration/superset.lock
	$(PYTHON) -m venv .venv-superset
	.venv-superset/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
