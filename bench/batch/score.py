"""The batch script that every runner of bench/batch runs: digits, a file at a time, as Azure's own samples do it."""

import json
import os
import time


def init():
    """Loads the model."""
    global model, numpy
    import joblib
    import numpy

    model = joblib.load(os.environ["BENCH_MODEL"])


def run(mini_batch):
    """Returns a row for each file: its digit, and when its mini-batch began and ended."""
    began, digits = time.monotonic(), []
    for path in mini_batch:
        with open(path) as file:
            pixels = numpy.array(json.load(file)["data"])
        digits.append(int(model.predict(pixels)[0]))
    ended = time.monotonic()
    return [f"{digit} {began} {ended}" for digit in digits]
