# `make demo` and `make test` need only Python 3.11 or newer, make and a compiler: the rest goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ORIGINALS := $(VENV)/originals/.installed
PIP_ARGS ?=
FUZZ_ARGS ?= --seconds 300
# A file stays with one worker: what its tests share is made once. Their order is that of tests/conftest.py.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

# Tests import the package in many processes: each module is compiled once.
test test-slow: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install originals demo test test-slow fuzz lint check docs format clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) $(ORIGINALS) ## create or update the environment in .venv

originals: $(ORIGINALS) ## install the published models that tests compare with, in .venv/originals

demo: $(STAMP) ## compile, search, derive, retrain and evaluate a small space; results in runs/demo
	$(BIN)/vnasdsl demo --out runs/demo --force

test: $(STAMP) $(ORIGINALS) ## the tests, without what is slow by nature
	$(BIN)/pytest $(PYTEST_ARGS) -m "not slow"

test-slow: $(STAMP) $(ORIGINALS) ## the rest: clusters, killed processes, whole trainings, and all property tests with many examples
	$(BIN)/pytest $(PYTEST_ARGS) -m "slow or hypothesis" --hypothesis-profile=thorough

fuzz: $(STAMP) ## five minutes of hostile files; what fails is kept in fuzz-failures (FUZZ_ARGS="--seconds 60 --seed 1")
	$(BIN)/python -m tests.safety.fuzz $(FUZZ_ARGS)

lint: $(STAMP) ## ruff, mypy and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(STAMP) ## the committed generated code is up to date
	$(BIN)/vnasdsl compile --check spaces/*.vns -o generated
	$(BIN)/vnasdsl compile --check spaces/zoo/*.vns -o generated/zoo

docs: $(STAMP) ## build the documentation site in build/site and check it
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/pytest --quiet tests/docs

format: $(STAMP) ## format the Python code
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

clean: ## remove caches and build outputs; .venv, runs and data stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough; `make PYTHON=/path/to/python` says it outright.
$(STAMP): pyproject.toml constraints.txt
	@set -e; found=; \
	for candidate in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "vnasdsl needs Python 3.11 or newer and found none on the PATH; say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    "$$found" -m venv $(VENV) || { echo "$$found cannot make a virtual environment; on Debian and Ubuntu install its -venv package" >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	@touch $@

# In a folder of their own and without their dependencies: torchvision would bring a torch of its own.
$(ORIGINALS): tests/oracles/originals.txt | $(STAMP)
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps --target $(@D) --requirement $<
	@touch $@
