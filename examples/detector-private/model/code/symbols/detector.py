"""The detector: the network by ONNX Runtime, and the six settings by which its answers become boxes."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from symbols import boxes as geometry

STRIDE, MULTIPLE = 4, 8


@dataclass(frozen=True)
class Settings:
    """What artifacts/settings.json holds; the names are those of image models of Azure's automated ML.

    box_score_thresh: least score of a box. nms_iou_thresh: how far boxes of one tile may overlap.
    box_detections_per_img: how many boxes a tile gives at most. tile_grid_size: `columns x rows`, "" for no tiling.
    tile_overlap_ratio: the share of a tile's side that the next one covers again. tile_predictions_nms_thresh: how far
    boxes of different tiles may overlap.
    """

    box_score_thresh: float = 0.3
    nms_iou_thresh: float = 0.5
    box_detections_per_img: int = 100
    tile_grid_size: str = "2x2"
    tile_overlap_ratio: float = 0.25
    tile_predictions_nms_thresh: float = 0.25

    @property
    def grid(self):
        """Returns (columns, rows)."""
        columns, _, rows = (self.tile_grid_size or "1x1").partition("x")
        return int(columns), int(rows)


class Detector:
    """Answers where on a drawing which symbols are."""

    def __init__(self, artifacts):
        artifacts = Path(artifacts)
        self.settings = Settings(**json.loads((artifacts / "settings.json").read_text()))
        self.labels = json.loads((artifacts / "labels.json").read_text())
        providers = [one for one in onnxruntime.get_available_providers() if one.startswith(("CUDA", "CPU"))]
        options = onnxruntime.SessionOptions()
        options.enable_mem_pattern = False  # tiles are of many sizes
        self.session = onnxruntime.InferenceSession(artifacts / "model.onnx", options, providers=providers)

    def find(self, image):
        """Returns the symbols on a picture (PIL), best first: {"box": {topX, ...}, "label", "score"}, places 0 to 1."""
        pixels = np.asarray(image.convert("L"), np.float32) / 255
        height, width = pixels.shape
        found = [
            self.look(pixels, tile)
            for tile in geometry.tiles(width, height, self.settings.grid, self.settings.tile_overlap_ratio)
        ]
        boxes, scores, kinds = (np.concatenate(parts) for parts in zip(*found, strict=True))
        stay = geometry.suppress(boxes, scores, kinds, self.settings.tile_predictions_nms_thresh)
        return [self.told(boxes[at] / (width, height, width, height), kinds[at], scores[at]) for at in stay]

    def look(self, pixels, tile):
        """Returns boxes, scores and kinds of one tile, in the drawing's pixels."""
        left, top, right, bottom = tile
        part = pixels[top:bottom, left:right]
        down, across = (-size % MULTIPLE for size in part.shape)
        part = np.pad(part, ((0, down), (0, across)), mode="edge")
        heat, sizes, offsets = (one[0] for one in self.session.run(None, {"drawing": part[None, None]}))
        kinds, rows, columns = np.nonzero((heat == peaks(heat)) & (heat >= self.settings.box_score_thresh))
        scores = heat[kinds, rows, columns]
        x = (columns + offsets[0, rows, columns]) * STRIDE + left
        y = (rows + offsets[1, rows, columns]) * STRIDE + top
        half = sizes[:, rows, columns] * STRIDE / 2
        boxes = np.stack([x - half[0], y - half[1], x + half[0], y + half[1]], axis=1)
        whole = geometry.within(boxes, tile, pixels.shape)
        boxes, scores, kinds = boxes[whole], scores[whole], kinds[whole]
        stay = geometry.suppress(boxes, scores, kinds, self.settings.nms_iou_thresh)
        stay = stay[: self.settings.box_detections_per_img]
        return boxes[stay], scores[stay], kinds[stay]

    def told(self, box, kind, score):
        left, top, right, bottom = (float(value) for value in np.clip(box, 0, 1))
        corners = {"topX": left, "topY": top, "bottomX": right, "bottomY": bottom}
        return {"box": corners, "label": self.labels[kind], "score": float(score)}


def peaks(heat):
    """Returns for each place the largest value among its neighbours and itself."""
    rows, columns = heat.shape[1:]
    around = np.pad(heat, ((0, 0), (1, 1), (1, 1)))
    return np.max([around[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
