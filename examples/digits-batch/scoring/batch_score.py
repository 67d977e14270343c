"""Reads handwritten digits, many files at a time. Azure ML calls init() once in each process, and run() many times.

A file: {"image": [[0, 0, 5, ...], ...]}, 8 rows of 8 numbers, 0 (paper) to 16 (ink).
A row of predictions.csv: the file's name and the digit.
"""

import json
import logging
import os
from pathlib import Path

import joblib
import numpy as np

model = None


def init():
    """Loads the model from the folder that it was registered with."""
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "digits.joblib"))
    logging.info("The model reads %d digits", len(model.classes_))


def run(mini_batch: list[str]):
    """Reads the digits of one mini-batch; a row for each file tells that it was read."""
    images = [json.loads(Path(path).read_text())["image"] for path in mini_batch]
    digits = model.predict(np.array(images, dtype=float).reshape(-1, 64))
    return [f"{os.path.basename(path)},{digit}" for path, digit in zip(mini_batch, digits, strict=True)]
