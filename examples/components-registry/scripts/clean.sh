#!/usr/bin/env bash
# Deletes an endpoint: ENDPOINT=name bash scripts/clean.sh
set -eu
. "$(dirname "$0")/config.sh"

az ml online-endpoint delete --name "$endpoint" --yes
