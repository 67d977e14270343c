#!/usr/bin/env bash
# Runs the pipeline and follows it to its end; the job's name is kept in .job for deploy.sh.
set -eu
. "$(dirname "$0")/config.sh"

job=$(az ml job create --file "$(fill pipelines/pipeline.yml)" --query name -o tsv)
echo "$job" > .job
echo "Job $job"
az ml job stream --name "$job"
az ml job download --name "$job" --output-name report --download-path downloads
cat downloads/named-outputs/report/report.json
