#!/usr/bin/env bash
# Makes the cluster that the pipeline runs on.
set -eu
. "$(dirname "$0")/config.sh"

az ml compute create --file "$(fill environments/compute.yml)" --query "join(' ', [name, size])" -o tsv
