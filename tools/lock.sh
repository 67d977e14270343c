#!/usr/bin/env bash
# Locks what pyproject.toml asks for, for every Python and platform at once; names no index, so that any may serve.
set -eu
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate "$@" pyproject.toml
}
compile --output-file requirements.lock
compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock
