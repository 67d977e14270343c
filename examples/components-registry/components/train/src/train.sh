#!/usr/bin/env bash
set -eu
dataset=$1 spec=$2 out=$3 weights=${4:-}

python train.py --dataset "$dataset" --spec "$spec" --out "$out" ${weights:+--weights "$weights"}
ls -l "$out"
