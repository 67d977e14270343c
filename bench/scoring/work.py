"""What every server is asked to do; BENCH_WORK names it: noop, predict (a small sklearn model) or binary (1 MB)."""

import json
import os

WORK = os.environ.get("BENCH_WORK", "noop")
_model = None


def init():
    """Trains the model, where there is one."""
    global _model
    if WORK == "predict":
        from sklearn.datasets import load_digits
        from sklearn.linear_model import LogisticRegression

        images, digits = load_digits(return_X_y=True)
        _model = LogisticRegression(max_iter=200).fit(images / 16.0, digits)


def run_text(text):
    """Answers `{"data": [[64 numbers], ...]}`, as text or bytes, with something that JSON can say."""
    rows = json.loads(text)["data"]
    if _model is None:
        return len(rows)
    import numpy

    return _model.predict(numpy.asarray(rows, dtype="float64")).tolist()


def run_bytes(body):
    """Answers bytes with the same bytes."""
    return body
