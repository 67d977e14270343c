#!/usr/bin/env bash
# Lays a model out as Triton reads it: NAME/config.pbtxt and NAME/VERSION/model.onnx.
set -eu
onnx=$1 name=$2 out=$3

mkdir -p "$out/$name/1"
cp "$onnx" "$out/$name/1/model.onnx"
cat > "$out/$name/config.pbtxt" <<END
name: "$name"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "drawings" data_type: TYPE_FP32 dims: [ 1, -1, -1 ] } ]
output [ { name: "chances" data_type: TYPE_FP32 dims: [ -1, -1, -1 ] } ]
END
find "$out" -type f
