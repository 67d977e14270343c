"""Says what pictures show. Azure ML calls init() once, and run() for every request.

Request:  {"images": [[[0, 0, 12, ...], ...], ...]}, each picture 28 rows of 28 numbers, 0 (black) to 255 (white).
Answer:   {"kinds": ["Sneaker"]}
"""

import json
import os

import torch
from network import KINDS, Network, as_input, classify

network = None


def init():
    """Loads the weights from the folder that the model was registered with."""
    global network
    network = Network()
    network.load_state_dict(torch.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "network.pt")))


def run(raw_data):
    """Answers one request with a kind for every picture."""
    images = as_input(json.loads(raw_data)["images"])
    return {"kinds": [KINDS[number] for number in classify(network, images)]}
