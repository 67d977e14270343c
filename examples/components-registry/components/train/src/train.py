"""Trains the network's two layers on patches: is there a part in the middle of this patch, and which?"""

import argparse
import json
from pathlib import Path

import mlflow
import numpy as np
from sklearn.neural_network import MLPClassifier

WINDOW = 15


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of a model to go on from")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    spec = read_spec(given.spec)
    kinds = json.loads((given.dataset / "kinds.json").read_text())
    with np.load(given.dataset / "train.npz") as data:
        patches, labels = cut(data["images"], data["boxes"], len(kinds), spec)
        sizes = (data["boxes"][:, 4:6] - data["boxes"][:, 2:4]).mean(axis=0)
    network = fit(patches, labels, spec, read_weights(given.weights))
    (first, second), (first_bias, second_bias) = network.coefs_, network.intercepts_
    np.savez_compressed(
        given.out / "weights.npz",
        first=first,
        first_bias=first_bias,
        second=second,
        second_bias=second_bias,
        size=sizes,
    )
    (given.out / "kinds.json").write_text(json.dumps(kinds))
    print(f"{first.shape[1]} hidden units written to weights.npz")


def read_spec(path):
    """Reads lines of name=value."""
    lines = (line.split("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def read_weights(folder):
    if folder is None:
        return None
    with np.load(folder / "weights.npz") as stored:
        return {name: stored[name] for name in stored.files}


def cut(images, boxes, nothing, spec):
    """Cuts patches around parts, near misses, and places where nothing is; returns them with their classes."""
    chance = np.random.default_rng(0)
    padded = np.pad(images.astype(np.float32) / 255, ((0, 0), (WINDOW, WINDOW), (WINDOW, WINDOW)), mode="edge")
    wanted = []
    for index, kind, left, top, right, bottom in boxes:
        x, y = (left + right) / 2, (top + bottom) / 2
        for _ in range(int(spec["jitters"])):
            wanted.append((int(index), *(np.array([x, y]) + chance.integers(-1, 2, 2)), int(kind)))
            angle, distance = chance.uniform(0, 2 * np.pi), chance.uniform(4, 9)
            wanted.append((int(index), x + distance * np.cos(angle), y + distance * np.sin(angle), nothing))
    for index in range(len(images)):
        centres = boxes[boxes[:, 0] == index, 2:4] / 2 + boxes[boxes[:, 0] == index, 4:6] / 2
        for x, y in chance.uniform(0, images.shape[1], (int(spec["background_patches"]), 2)):
            if np.hypot(*(centres - (x, y)).T).min() > 5:
                wanted.append((index, x, y, nothing))
    half = WINDOW // 2
    patches = [
        padded[i, round(y) + WINDOW - half : round(y) + WINDOW + half + 1, round(x) + WINDOW - half :][:, :WINDOW]
        for i, x, y, _ in wanted
    ]
    return np.stack(patches).reshape(len(patches), -1), np.array([label for *_, label in wanted])


def fit(patches, labels, spec, weights):
    hidden = len(weights["first_bias"]) if weights else int(spec["hidden"])
    network = MLPClassifier((hidden,), learning_rate_init=spec["learning_rate"], batch_size=64, random_state=0)
    chance = np.random.default_rng(0)
    for epoch in range(int(spec["epochs"])):
        order = chance.permutation(len(labels))
        network.partial_fit(patches[order], labels[order], classes=np.unique(labels))
        if epoch == 0 and weights:
            network.coefs_ = [weights["first"], weights["second"]]
            network.intercepts_ = [weights["first_bias"], weights["second_bias"]]
            network._optimizer.params = network.coefs_ + network.intercepts_
            continue
        print(f"epoch {epoch + 1}: loss {network.loss_:.4f}", flush=True)
        mlflow.log_metric("loss", network.loss_, step=epoch + 1)
    return network


if __name__ == "__main__":
    main()
