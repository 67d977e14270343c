#!/usr/bin/env bash
# Inputs cannot be changed, so the specification is copied beside the model, gets its number of epochs there, and is used.
set -eu
spec=$1 epochs=$2 dataset=$3 out=$4 weights=${5:-}

mkdir "$out/app"
sed "s/^epochs=.*/epochs=$epochs/" "$spec" > "$out/app/spec.txt"
bash ./train.sh "$dataset" "$out/app/spec.txt" "$out" ${weights:+"$weights"}
