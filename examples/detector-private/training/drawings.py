"""Draws piping diagrams with known symbols on them, for the detector to learn from."""

import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

KINDS = ("valve", "check valve", "pump", "instrument", "exchanger", "vessel")
FONT = ImageFont.load_default(11)
WORDS = ("LINE", "NOTE", "DRAIN", "VENT", "DN50", "TO", "SP", "MIN")


class Symbol:
    """A pen for one symbol: strokes in units of its radius, turned by quarter turns, put somewhere on a sheet."""

    def __init__(self, pen, x, y, radius, quarter, ink, width):
        self.pen, self.x, self.y, self.radius, self.quarter = pen, x, y, radius, quarter
        self.ink, self.width = ink, width

    def place(self, u, v):
        """Returns where (u, v) of the symbol lies on the sheet."""
        for _ in range(self.quarter):
            u, v = -v, u
        return self.x + u * self.radius, self.y + v * self.radius

    def line(self, *points):
        self.pen.line([self.place(*point) for point in points], fill=self.ink, width=self.width)

    def circle(self, u, v, radius, fill=None):
        x, y = self.place(u, v)
        radius *= self.radius
        self.pen.ellipse(
            [x - radius, y - radius, x + radius, y + radius], outline=self.ink, width=self.width, fill=fill
        )


def draw(symbol, kind, paper):
    """Draws a symbol of a kind; returns half its width and half its height, in units of its radius, before turning."""
    if kind == "valve":
        symbol.line((-1, -0.6), (1, 0.6), (1, -0.6), (-1, 0.6), (-1, -0.6))
        return 1, 0.6
    if kind == "check valve":
        symbol.line((-1, -0.6), (-1, 0.6), (1, -0.6), (1, 0.6))
        symbol.circle(-0.9, -0.5, 0.14, fill=symbol.ink)
        return 1, 0.65
    if kind == "pump":
        symbol.circle(0, 0, 1, fill=paper)
        symbol.line((-0.5, -0.85), (1, 0), (-0.5, 0.85))
        return 1, 1
    if kind == "instrument":
        symbol.circle(0, 0, 1, fill=paper)
        symbol.line((-1, 0), (1, 0))
        return 1, 1
    if kind == "exchanger":
        symbol.circle(0, 0, 1, fill=paper)
        symbol.line((-1, 0), (-0.5, 0), (-0.2, -0.6), (0.2, 0.6), (0.5, 0), (1, 0))
        return 1, 1
    arc = [(-0.9 - 0.5 * math.sin(t), -0.8 * math.cos(t)) for t in np.linspace(0, math.pi, 9)]
    symbol.line(*arc, *[(-u, -v) for u, v in arc], arc[0])
    return 1.4, 0.8


def sheet(chance, width=1024, height=768, count=34):
    """Returns a drawing and what is on it: (image, [(kind's number, left, top, right, bottom)])."""
    paper, ink = chance.randint(235, 255), chance.randint(0, 60)
    image = Image.new("L", (width, height), paper)
    pen = ImageDraw.Draw(image)
    background(pen, chance, width, height, ink)
    found = []
    for _ in range(count * 12):
        if len(found) == count:
            break
        kind, radius, quarter = chance.randrange(len(KINDS)), chance.randint(10, 18), chance.randrange(4)
        reach = 1.6 * radius
        x, y = chance.uniform(reach, width - reach), chance.uniform(reach, height - reach)
        if any(too_near(x, y, reach, box) for _, *box in found):
            continue
        symbol = Symbol(pen, x, y, radius, quarter, ink, chance.choice((1, 2, 2)))
        pen.rectangle([x - radius, y - radius, x + radius, y + radius], fill=paper)
        symbol.line((-2.4, 0), (-1, 0))
        symbol.line((1, 0), (2.4, 0))
        across, along = (size * radius + 1 for size in draw(symbol, KINDS[kind], paper))
        if quarter % 2:
            across, along = along, across
        if chance.random() < 0.6:
            tag = f"{chance.choice('PVTEF')}-{chance.randrange(100, 1000)}"
            pen.text((x + across + 2, y - along - 12), tag, fill=ink, font=FONT)
        found.append((kind, x - across, y - along, x + across, y + along))
    return image.filter(ImageFilter.GaussianBlur(chance.choice((0, 0.4, 0.7)))), found


def too_near(x, y, reach, box):
    left, top, right, bottom = box
    across, along = reach + (right - left) / 2, reach + (bottom - top) / 2
    return abs(x - (left + right) / 2) < across and abs(y - (top + bottom) / 2) < along


def shifted(box, x, y):
    left, top, right, bottom = box
    return left - x, top - y, right - x, bottom - y


def background(pen, chance, width, height, ink):
    """Draws pipes, notes and tables: what is on a drawing besides symbols."""
    for _ in range(width * height // 30000):
        x, y = chance.randrange(width), chance.randrange(height)
        for _ in range(chance.randint(1, 4)):
            reach = chance.choice((-1, 1)) * chance.randrange(60, 400)
            end = (x + reach, y) if chance.random() < 0.5 else (x, y + reach)
            if chance.random() < 0.25:
                dashes(pen, (x, y), end, ink)
            else:
                pen.line([(x, y), end], fill=ink, width=chance.choice((1, 1, 2, 3)))
            x, y = end
    for _ in range(width * height // 40000):
        text = f"{chance.choice(WORDS)} {chance.randrange(1, 9999)}"
        pen.text((chance.randrange(width), chance.randrange(height)), text, fill=ink, font=FONT)
    x, y = chance.randrange(width), chance.randrange(height)
    for row in range(3):
        pen.rectangle([x, y + 16 * row, x + 120, y + 16 * row + 16], outline=ink)


def dashes(pen, start, end, ink):
    steps = max(2, int(math.dist(start, end) / 7))
    points = [
        (start[0] + (end[0] - start[0]) * i / steps, start[1] + (end[1] - start[1]) * i / steps) for i in range(steps)
    ]
    for first, second in zip(points[::2], points[1::2], strict=False):
        pen.line([first, second], fill=ink, width=1)


def tiles(seed, count, side=256):
    """Yields (pixels from 0 to 1, boxes within the tile), cut from sheets that are drawn on the way."""
    chance = random.Random(seed)
    while True:
        image, found = sheet(chance)
        pixels = np.asarray(image, np.float32) / 255
        pixels = np.clip(pixels + np.random.default_rng(chance.randrange(1 << 30)).normal(0, 0.03, pixels.shape), 0, 1)
        for _ in range(count):
            left, top = chance.randrange(image.width - side), chance.randrange(image.height - side)
            inside = [(kind, *shifted(box, left, top)) for kind, *box in found]
            inside = [one for one in inside if 0 <= one[1] + one[3] < 2 * side and 0 <= one[2] + one[4] < 2 * side]
            yield pixels[top : top + side, left : left + side].astype(np.float32), inside
