"""Turns drawings and KITTI labels into arrays, and sets every fourth drawing aside for evaluation."""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drawings", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    names = sorted(path.stem for path in given.drawings.glob("*.png"))
    labels = {name: read_labels(given.labels / f"{name}.txt") for name in names}
    kinds = sorted({kind for boxes in labels.values() for kind, *_ in boxes})
    for part, chosen in {"test": names[::4], "train": [n for i, n in enumerate(names) if i % 4]}.items():
        images = np.stack([np.asarray(Image.open(given.drawings / f"{name}.png"), np.uint8) for name in chosen])
        boxes = [[i, kinds.index(kind), *box] for i, name in enumerate(chosen) for kind, *box in labels[name]]
        np.savez_compressed(given.out / f"{part}.npz", images=images, boxes=np.array(boxes, np.float32))
        print(f"{part}: {len(chosen)} drawings, {len(boxes)} parts")
    (given.out / "kinds.json").write_text(json.dumps(kinds))


def read_labels(path):
    """Reads [(kind, left, top, right, bottom)] from a label file: fields 1 and 5 to 8."""
    fields = [line.split() for line in path.read_text().splitlines()]
    return [(one[0], *map(float, one[4:8])) for one in fields]


if __name__ == "__main__":
    main()
