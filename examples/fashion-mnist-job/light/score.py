"""Says what pictures show, as ../src/score.py does."""

import json
import os

import joblib
import numpy as np

KINDS = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
network = None


def init():
    """Loads the network from the folder that the model was registered with."""
    global network
    network = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "network.joblib"))


def run(raw_data):
    """Answers one request with a kind for every picture."""
    images = np.asarray(json.loads(raw_data)["images"]).reshape(-1, 784)
    return {"kinds": [KINDS[number] for number in network.predict(images / 255)]}
