"""Writes a network as ONNX: the first layer becomes a convolution, so that one run looks at a whole drawing."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

WINDOW, STRIDE = 15, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with np.load(given.model / "weights.npz") as stored:
        weights = {name: stored[name].astype(np.float32) for name in stored.files}
    kinds = json.loads((given.model / "kinds.json").read_text())
    model = build(weights, kinds)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, given.out / "model.onnx")
    session = onnxruntime.InferenceSession(given.out / "model.onnx", providers=["CPUExecutionProvider"])
    (chances,) = session.run(None, {"drawings": np.zeros((2, 1, 96, 96), np.float32)})
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-4)
    print(f"model.onnx: {(given.out / 'model.onnx').stat().st_size} bytes, answers {chances.shape}")


def build(weights, kinds):
    """Makes Pad -> Conv -> Relu -> Conv -> Softmax, over a batch of drawings with values from 0 to 1."""
    half, hidden = WINDOW // 2, len(weights["first_bias"])
    tensors = {
        "pads": np.array([0, 0, half, half, 0, 0, half, half], np.int64),
        "first": weights["first"].T.reshape(hidden, 1, WINDOW, WINDOW),
        "first_bias": weights["first_bias"],
        "second": weights["second"].T.reshape(-1, hidden, 1, 1),
        "second_bias": weights["second_bias"],
    }
    nodes = [
        helper.make_node("Pad", ["drawings", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "first", "first_bias"], ["seen"], strides=[STRIDE, STRIDE]),
        helper.make_node("Relu", ["seen"], ["hidden"]),
        helper.make_node("Conv", ["hidden", "second", "second_bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["chances"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "parts",
        [helper.make_tensor_value_info("drawings", TensorProto.FLOAT, ["batch", 1, "height", "width"])],
        [helper.make_tensor_value_info("chances", TensorProto.FLOAT, ["batch", len(kinds) + 1, "rows", "columns"])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    told = {"kinds": json.dumps(kinds), "stride": str(STRIDE), "size": json.dumps(weights["size"].tolist())}
    helper.set_model_props(model, told)
    return model


if __name__ == "__main__":
    main()
