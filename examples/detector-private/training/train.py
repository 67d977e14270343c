"""Trains the detector on drawings that are made up on the way, and writes model/artifacts/model.onnx.

Takes about five minutes of one core. The model in this example was made by this script as it is.
"""

import argparse
import ctypes
import json
import time
from pathlib import Path

import numpy as np
import torch
from drawings import KINDS, tiles
from network import STRIDE, Detector

ARTIFACTS = Path(__file__).parents[1] / "model" / "artifacts"
SIDE = 256


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ARTIFACTS)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = train(given.steps, given.batch)
    export(network, given.out)


def train(steps, batch):
    network = Detector(len(KINDS))
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    source, began = tiles(seed=1, count=16), time.time()
    for step in range(1, steps + 1):
        pixels, boxes = zip(*(next(source) for _ in range(batch)), strict=True)
        loss = difference(network(torch.from_numpy(np.stack(pixels))[:, None]), *targets(boxes))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}, {time.time() - began:.0f} s", flush=True)
    return network.eval()


def targets(boxes):
    """Returns what the network should answer: heat, and at each centre its size and offset."""
    grid = SIDE // STRIDE
    rows, columns = np.mgrid[:grid, :grid]
    heat = np.zeros((len(boxes), len(KINDS), grid, grid), np.float32)
    centres, shapes = [], []
    for at, found in enumerate(boxes):
        for kind, left, top, right, bottom in found:
            x, y = (left + right) / 2 / STRIDE, (top + bottom) / 2 / STRIDE
            spread = max(1.0, min(right - left, bottom - top) / STRIDE / 6)
            blob = np.exp(-((columns - int(x)) ** 2 + (rows - int(y)) ** 2) / (2 * spread**2))
            heat[at, kind] = np.maximum(heat[at, kind], blob)
            centres.append((at, int(y), int(x)))
            shapes.append(((right - left) / STRIDE, (bottom - top) / STRIDE, x - int(x), y - int(y)))
    return torch.from_numpy(heat), torch.tensor(centres).reshape(-1, 3), torch.tensor(shapes).reshape(-1, 4)


def difference(answer, heat, centres, shapes):
    """Returns the loss: a focal one for the heat, as CenterNet has it, and absolute ones for sizes and offsets."""
    likely, sizes, offsets = answer
    likely = likely.clamp(1e-4, 1 - 1e-4)
    is_centre = heat.eq(1)
    hit = torch.log(likely) * (1 - likely) ** 2 * is_centre
    miss = torch.log(1 - likely) * likely**2 * (1 - heat) ** 4 * ~is_centre
    count = max(1, len(centres))
    loss = -(hit.sum() + miss.sum()) / count
    if len(centres):
        at, row, column = centres.T
        loss = loss + 0.1 * (sizes[at, :, row, column] - shapes[:, :2]).abs().sum() / count
        loss = loss + (offsets[at, :, row, column] - shapes[:, 2:]).abs().sum() / count
    return loss


def export(network, folder):
    """Writes the network as ONNX, and the names of the kinds beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, SIDE, SIDE),),
        str(folder / "model.onnx"),
        input_names=["drawing"],
        output_names=["heat", "sizes", "offsets"],
        dynamic_axes={name: {0: "batch", 2: "height", 3: "width"} for name in ("drawing", "heat", "sizes", "offsets")},
        opset_version=18,
        dynamo=False,
    )
    (folder / "labels.json").write_text(json.dumps(KINDS))


if __name__ == "__main__":
    # Every tensor's memory would go back to the kernel and come again, which can take longer than the mathematics.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for name, value in ((-4, 0), (-1, 2**31 - 1), (-2, 256 << 20)):
            libc.mallopt(name, value)
    main()
