#!/usr/bin/env bash
# Logs in, and makes the workspace the default of the commands that follow.
set -eu
. "$(dirname "$0")/config.sh"

az extension add -n ml -y
az account show > /dev/null 2>&1 || az login
az account set --subscription "$AZURE_SUBSCRIPTION_ID"
az configure --defaults group="$resource_group" workspace="$workspace" location="$location"
