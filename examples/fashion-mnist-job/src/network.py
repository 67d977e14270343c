"""A small convolutional network, how it learns, and the pictures that it learns from."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

KINDS = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
BATCH = 64


class Network(nn.Sequential):
    """Turns pictures, (n, 1, 28, 28) of 0 to 1, into scores of the ten kinds, (n, 10)."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
            nn.Linear(64, len(KINDS)),
        )


def as_input(images):
    """Turns pictures of whole numbers, 0 to 255, into what the network takes."""
    return torch.from_numpy(np.asarray(images, dtype=np.float32)).unsqueeze(1) / 255


def load(path):
    """Returns (pictures, labels) to train on, and (pictures, labels) to test with."""
    with np.load(path) as arrays:
        return tuple(
            (as_input(arrays[f"{part}_images"]), torch.from_numpy(arrays[f"{part}_labels"]).long())
            for part in ("train", "test")
        )


def train_epoch(network, optimizer, images, labels):
    """Shows the network every picture once; returns the mean loss."""
    network.train()
    losses = []
    for batch in torch.randperm(len(images)).split(BATCH):
        loss = functional.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def classify(network, images):
    """Returns the kind of every picture, as numbers."""
    network.eval()
    return torch.cat([network(batch).argmax(dim=1) for batch in images.split(500)])


def confusion(labels, found):
    """Returns a table, rows what pictures show, columns what they were taken for."""
    table = np.zeros((len(KINDS), len(KINDS)), dtype=int)
    np.add.at(table, (labels.numpy(), found.numpy()), 1)
    return table
