"""Takes the hidden units that say least out of a network."""

import argparse
import shutil
from pathlib import Path

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--keep", type=float, required=True, help="the share of hidden units to keep, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with np.load(given.model / "weights.npz") as stored:
        weights = {name: stored[name] for name in stored.files}
    weight_of = np.linalg.norm(weights["first"], axis=0) * np.linalg.norm(weights["second"], axis=1)
    kept = np.sort(weight_of.argsort()[::-1][: max(1, round(len(weight_of) * given.keep))])
    smaller = {
        **weights,
        "first": weights["first"][:, kept],
        "first_bias": weights["first_bias"][kept],
        "second": weights["second"][kept],
    }
    np.savez_compressed(given.out / "weights.npz", **smaller)
    shutil.copy(given.model / "kinds.json", given.out)
    print(f"kept {len(kept)} of {len(weight_of)} hidden units")


if __name__ == "__main__":
    main()
