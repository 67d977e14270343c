#!/usr/bin/env bash
# Builds the image in the workspace's own container registry, from which a private network can take it; prints its name.
# WHICH=gpu bash build_image.sh builds the one for GPUs.
set -eu
cd "$(dirname "$0")"
which=${WHICH:-cpu}

az account set --subscription "${AZURE_SUBSCRIPTION_ID:-00000000-0000-0000-0000-000000000000}"
registry=$(az ml workspace show --resource-group "${RESOURCE_GROUP:-my-resource-group}" --name "${WORKSPACE:-my-workspace}" \
    --query container_registry -o tsv)
registry=${registry##*/}
az acr login --name "$registry"
az acr build --registry "$registry" --image "symbols:$which" --file "docker/$which.Dockerfile" --output none docker
echo "$registry.azurecr.io/symbols:$which"
