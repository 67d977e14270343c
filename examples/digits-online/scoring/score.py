"""Reads handwritten digits. Azure ML calls init() once, and run() for every request.

Request:  {"images": [[[0, 0, 5, ...], ...], ...]}, each image 8 rows of 8 numbers, 0 (paper) to 16 (ink).
Answer:   {"digits": [3]}
"""

import json
import os

import joblib
import numpy as np

model = None


def init():
    """Loads the model from the folder that it was registered with."""
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "digits.joblib"))


def run(raw_data):
    """Answers one request with a digit for every image."""
    images = np.array(json.loads(raw_data)["images"], dtype=float).reshape(-1, 64)
    return {"digits": model.predict(images).tolist()}
