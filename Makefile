# `make` checks everything; `make demo` shows it working. Each target sets up what it needs, from Python 3.10 and pip.

PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
# Most tests wait for processes, so that several run on a core.
WORKERS ?= 4

.PHONY: check test lint types shape test-examples demo bench docs fix lock clean

check test: lint types
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(TESTS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

# The seconds of it that tell most: layers, caps, generated pages, routes.
shape: .venv/dev
	$(BIN)/pytest tests/test_shape.py tests/test_docs.py

# What downloads gigabytes: torch, in an environment that Lazulite builds.
test-examples: .venv/dev
	$(BIN)/pytest tests/examples -m torch --timeout 2400

demo: .venv/demo
	tools/demo.sh

bench: .venv/dev
	for each in bench/*/run.py; do $(BIN)/python $$each || exit 1; done

docs: .venv/dev
	$(BIN)/python -m tools.docs

fix: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/dev
	tools/lock.sh

clean:
	rm -rf .venv .demo build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# pip does the installing, so that its configuration (index, proxy, certificates) holds here too.
.venv/runtime: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "Installing Lazulite into .venv; this takes a minute or two, once."
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	$(BIN)/pip install --quiet --requirement requirements-dev.lock
	touch $@

.venv/demo: examples/digits-online/requirements.txt .venv/runtime
	$(BIN)/pip install --quiet --requirement examples/digits-online/requirements.txt
	touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Lazulite needs Python 3.10 or newer, and $(PYTHON) is not: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
