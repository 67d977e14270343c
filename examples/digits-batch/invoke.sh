#!/bin/bash
# Starts a job of the endpoint by plain HTTP, as programs in any language do, and waits for it.
# The first argument names a deployment; without one the endpoint's default answers.
set -euo pipefail

ENDPOINT=${ENDPOINT:-digits-batch}
SCORING_URI=$(az ml batch-endpoint show --name "$ENDPOINT" --query scoring_uri --output tsv)
DATA_ID=$(az ml data show --name digits-unseen --label latest --query id --output tsv)
TOKEN=$(az account get-access-token --resource https://ml.azure.com --query accessToken --output tsv)

ask() {
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $TOKEN" "$@"
}

JOB=$(ask "$SCORING_URI" --header "Content-Type: application/json" ${1:+--header "azureml-model-deployment: $1"} \
  --data "{
    \"properties\": {
      \"InputData\": {
        \"digits\": {\"JobInputType\": \"UriFolder\", \"Uri\": \"$DATA_ID\"}
      },
      \"MiniBatchSize\": 50,
      \"OutputFileName\": \"digits.csv\"
    }
  }" | python3 -c 'import json, sys; print(json.load(sys.stdin)["name"])')
echo "Job $JOB"

STATUS=Queued
until [[ $STATUS == Completed || $STATUS == Failed || $STATUS == Canceled ]]; do
  sleep 1
  STATUS=$(ask "$SCORING_URI/$JOB" | python3 -c 'import json, sys; print(json.load(sys.stdin)["properties"]["status"])')
done
echo "$STATUS"

az ml job download --name "$JOB" --output-name score --download-path "results/$JOB"
head -3 "results/$JOB/digits.csv"
