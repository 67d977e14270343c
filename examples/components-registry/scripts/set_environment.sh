#!/usr/bin/env bash
# Makes the registry, unless it is there, and publishes the environment in it.
set -eu
. "$(dirname "$0")/config.sh"

if ! az ml registry show --name "$registry" > /dev/null 2>&1; then
    registry_file=$(mktemp --suffix .yml)
    printf 'name: %s\nlocation: %s\nreplication_locations:\n  - location: %s\n' "$registry" "$location" "$location" > "$registry_file"
    az ml registry create --file "$registry_file" --output none
fi
az ml environment create --registry-name "$registry" --file environments/detector/environment.yml --query "{name: name, version: version}" -o tsv
