"""What every server is asked to do; BENCH_WORK names it.

noop; predict: a small sklearn model; binary: 1 MB in and out; detector: 1 MB of picture in, boxes out, by a network.
"""

import io
import json
import os
from pathlib import Path

WORK = os.environ.get("BENCH_WORK", "noop")
IS_OF_BYTES = WORK in ("binary", "detector")

_NETWORK = Path(__file__).parents[2] / "examples" / "detector-private" / "model" / "artifacts" / "model.onnx"
_REDUCED, _STRIDE, _LEAST_SCORE = 8, 4, 0.3
_model = None


def init():
    """Loads or trains the model, where there is one."""
    global _model
    if WORK == "predict":
        from sklearn.datasets import load_digits
        from sklearn.linear_model import LogisticRegression

        images, digits = load_digits(return_X_y=True)
        _model = LogisticRegression(max_iter=200).fit(images / 16.0, digits)
    elif WORK == "detector":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        _model = onnxruntime.InferenceSession(_NETWORK, options, providers=["CPUExecutionProvider"])


def run_rows(rows):
    """Answers rows of 64 numbers with something that JSON can say."""
    if _model is None:
        return len(rows)
    import numpy

    return _model.predict(numpy.asarray(rows, dtype="float64")).tolist()


def run_text(text):
    """Answers `{"data": [[64 numbers], ...]}`, as text or bytes."""
    return run_rows(json.loads(text)["data"])


def run_bytes(body):
    """Answers bytes with the same bytes, or with the boxes on the picture that they are."""
    return json.dumps(boxes_on(body)).encode() if WORK == "detector" else body


def boxes_on(picture):
    """Returns what is on a picture: `[{"box": [left, top, right, bottom], "kind", "score"}]`, in its pixels."""
    import numpy
    from PIL import Image

    pixels = numpy.asarray(Image.open(io.BytesIO(picture)).reduce(_REDUCED), "float32") / 255
    heat, sizes, offsets = (one[0] for one in _model.run(None, {"drawing": pixels[None, None]}))
    kinds, rows, columns = numpy.nonzero(heat >= _LEAST_SCORE)
    middles = numpy.stack([columns, rows]) + offsets[:, rows, columns]
    halves = sizes[:, rows, columns] / 2
    corners = numpy.concatenate([middles - halves, middles + halves]).T * _STRIDE * _REDUCED
    found = zip(corners.tolist(), kinds.tolist(), heat[kinds, rows, columns].tolist(), strict=True)
    return [{"box": box, "kind": kind, "score": score} for box, kind, score in found]
