#!/usr/bin/env bash
# Registers the repository that the pipeline made, deploys it, and asks it what lies on a tray.
set -eu
. "$(dirname "$0")/config.sh"

job=$(cat .job)
model_version=$(az ml model create --name parts-repository --type triton_model \
    --path "azureml://jobs/$job/outputs/repository" --query version -o tsv)
echo "Model parts-repository, version $model_version"

az ml online-endpoint create --file "$(fill deployment/endpoint.yml)" --output none
az ml online-deployment create --file "$(fill deployment/deployment.yml)" --output none
echo "Endpoint $endpoint"

scoring_uri=$(az ml online-endpoint show --name "$endpoint" --query scoring_uri -o tsv)
key=$(az ml online-endpoint get-credentials --name "$endpoint" --query primaryKey -o tsv)
python client/find_parts.py --url "$scoring_uri" --key "$key" --deployment triton data/drawings/tray-000.png
