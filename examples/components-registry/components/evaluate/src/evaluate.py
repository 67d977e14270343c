"""Finds the parts on drawings that the network has not seen, and counts how many of them are right."""

import argparse
import json
from pathlib import Path

import mlflow
import numpy as np

WINDOW, STRIDE = 15, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with np.load(given.model / "weights.npz") as stored:
        weights = {name: stored[name] for name in stored.files}
    with np.load(given.dataset / "test.npz") as data:
        images, boxes = data["images"], data["boxes"]
    right = found = 0
    for index, image in enumerate(images):
        true = boxes[boxes[:, 0] == index, 1:]
        spotted = spot(image, weights, given.threshold)
        found += len(spotted)
        right += matched(spotted, true)
    told = {
        "precision": right / max(found, 1),
        "recall": right / len(boxes),
        "hidden_units": len(weights["first_bias"]),
    }
    for name, value in told.items():
        mlflow.log_metric(name, value)
    (given.out / "report.json").write_text(json.dumps(told, indent=1))
    print(f"precision {told['precision']:.3f}, recall {told['recall']:.3f}, {told['hidden_units']} hidden units")


def spot(image, weights, threshold):
    """Returns [(kind, left, top, right, bottom)] of one drawing."""
    half = WINDOW // 2
    padded = np.pad(image.astype(np.float32) / 255, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))[::STRIDE, ::STRIDE]
    grid = windows.shape[:2]
    hidden = np.maximum(windows.reshape(-1, WINDOW * WINDOW) @ weights["first"] + weights["first_bias"], 0)
    scores = hidden @ weights["second"] + weights["second_bias"]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances = (chances / chances.sum(axis=1, keepdims=True)).reshape(*grid, -1)[:, :, :-1]  # the last class is nothing
    best, spotted = chances.max(axis=2).copy(), []
    width, height = weights["size"]
    while best.max() >= threshold:
        row, column = np.unravel_index(best.argmax(), grid)
        x, y = column * STRIDE, row * STRIDE
        kind = int(chances[row, column].argmax())
        spotted.append((kind, x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        best[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 0
    return spotted


def matched(spotted, true):
    """Counts boxes of the right kind that cover a true one by half (intersection over union)."""
    left, right = list(true), 0
    for kind, *box in spotted:
        for one in left:
            if one[0] == kind and overlap(box, one[1:]) >= 0.5:
                left = [other for other in left if other is not one]
                right += 1
                break
    return right


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


if __name__ == "__main__":
    main()
