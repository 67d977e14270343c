"""Boxes as arrays of (left, top, right, bottom), in pixels."""

import numpy as np


def suppress(boxes, scores, kinds, threshold):
    """Returns which boxes stay, best first: of those of one kind that overlap by more than the threshold, the best."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        rivals = (kinds[rest] == kinds[best]) & (overlap(boxes[best], boxes[rest]) > threshold)
        order = rest[~rivals]
    return np.array(kept, dtype=int)


def overlap(box, others):
    """Returns intersection over union of one box with each of the others."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    both = np.clip(width, 0, None) * np.clip(height, 0, None)
    return both / (area(box) + area(others.T) - both)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def tiles(width, height, grid, ratio):
    """Returns (left, top, right, bottom) of a grid of (columns, rows) tiles that overlap by a ratio of their sides."""
    columns, rows = grid
    across, down = (side / (1 + (n - 1) * (1 - ratio)) for side, n in ((width, columns), (height, rows)))
    return [
        (
            round(column * across * (1 - ratio)),
            round(row * down * (1 - ratio)),
            min(width, round(column * across * (1 - ratio) + across)),
            min(height, round(row * down * (1 - ratio) + down)),
        )
        for row in range(rows)
        for column in range(columns)
    ]


def within(boxes, tile, shape):
    """Tells which boxes lie whole in a tile. What touches an edge that another tile begins behind is cut: it is that
    tile's to find.
    """
    left, top, right, bottom = tile
    height, width = shape
    return (
        ((boxes[:, 0] > left + 1) | (left == 0))
        & ((boxes[:, 1] > top + 1) | (top == 0))
        & ((boxes[:, 2] < right - 1) | (right == width))
        & ((boxes[:, 3] < bottom - 1) | (bottom == height))
    )
