"""Draws the trays that the pipeline learns from: screws, nuts, washers and pins, with a KITTI label file for each.

What it drew is in data/ already; run it again for more, or for other seeds.
"""

import argparse
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIDE = 96
RADIUS = 7
KINDS = ("screw", "nut", "washer", "pin")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "data")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    for number in range(given.count):
        image, parts = tray(chance)
        image.save(given.folder / "drawings" / f"tray-{number:03}.png", optimize=True)
        lines = [
            f"{kind} 0 0 0 {left} {top} {right} {bottom} 0 0 0 0 0 0 0\n" for kind, left, top, right, bottom in parts
        ]
        (given.folder / "labels" / f"tray-{number:03}.txt").write_text("".join(lines))


def tray(chance):
    """Returns a picture of a tray and what lies in it: [(kind, left, top, right, bottom)]."""
    image = Image.new("L", (SIDE, SIDE), chance.randint(190, 230))
    pen = ImageDraw.Draw(image)
    for _ in range(chance.randint(2, 5)):  # scratches
        pen.line([chance.randrange(SIDE) for _ in range(4)], fill=chance.randint(120, 180))
    parts = []
    while len(parts) < 8:
        x, y = (chance.randint(RADIUS + 1, SIDE - RADIUS - 2) for _ in range(2))
        if all(math.hypot(x - (p[1] + p[3]) / 2, y - (p[2] + p[4]) / 2) > 2.4 * RADIUS for p in parts):
            kind = chance.choice(KINDS)
            draw(pen, kind, x, y, chance.uniform(0, math.pi), chance.randint(20, 80))
            parts.append((kind, x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS))
    return image.filter(ImageFilter.GaussianBlur(0.5)).quantize(32).convert("L"), parts


def draw(pen, kind, x, y, turn, ink):
    """Draws one part around (x, y)."""

    def around(radius, angle):
        return x + radius * math.cos(turn + angle), y + radius * math.sin(turn + angle)

    if kind == "pin":
        pen.line([around(RADIUS, 0), around(RADIUS, math.pi)], fill=ink, width=4)
    elif kind == "nut":
        pen.polygon([around(RADIUS, i * math.pi / 3) for i in range(6)], outline=ink, width=3)
    else:
        pen.ellipse([x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS], outline=ink, width=3 if kind == "washer" else 1)
    if kind == "screw":
        for angle in (0, math.pi / 2):
            pen.line([around(RADIUS - 1, angle), around(RADIUS - 1, angle + math.pi)], fill=ink, width=2)


if __name__ == "__main__":
    main()
