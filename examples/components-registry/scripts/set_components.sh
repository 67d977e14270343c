#!/usr/bin/env bash
# Publishes every component in the registry: command components first, then the pipelines that use them.
set -eu
. "$(dirname "$0")/config.sh"

for file in components/{convert,train,prune,evaluate,export,repository}/component.yml \
    components/pipelines/{train_prune_retrain,export_for_triton,detector}.yml; do
    az ml component create --registry-name "$registry" --file "$(fill "$file")" --query "join(':', [name, version])" -o tsv
done
