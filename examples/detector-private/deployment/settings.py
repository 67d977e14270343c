"""The detector's settings as flags, and as a file of the model."""

import json

NAMES = {
    "box_score_thresh": (float, "least score of a box, 0 to 1"),
    "nms_iou_thresh": (float, "how far boxes of one tile may overlap, 0 to 1"),
    "box_detections_per_img": (int, "how many boxes a tile gives at most"),
    "tile_grid_size": (str, "columns x rows of tiles, as 2x2"),
    "tile_overlap_ratio": (float, "share of a tile's side that the next one covers again"),
    "tile_predictions_nms_thresh": (float, "how far boxes of different tiles may overlap, 0 to 1"),
}
FLAGS = {"tile_predictions_nms_thresh": "--tile-predictions-nms-threshold"}


def add_flags(parser):
    """Adds a flag for each setting; one that is not given leaves the model's own value."""
    group = parser.add_argument_group("settings of the detector")
    for name, (kind, described) in NAMES.items():
        group.add_argument(FLAGS.get(name, "--" + name.replace("_", "-")), dest=name, type=kind, help=described)


def given(arguments):
    """Returns the settings that were given as flags."""
    values = {name: getattr(arguments, name) for name in NAMES}
    return {name: value for name, value in values.items() if value is not None}


def change(folder, wanted):
    """Puts the wanted values into a downloaded model's settings, and returns them all."""
    path = next(folder.rglob("artifacts/settings.json"))
    settings = {**json.loads(path.read_text()), **wanted}
    path.write_text(json.dumps(settings, indent=2))
    return settings
