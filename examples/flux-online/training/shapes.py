"""The pictures and captions the model learns from, and the judge that tells what a picture shows."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SIZE = 64  # pixels on a side
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 165, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 205, 40),
    "purple": (140, 50, 175),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
BACKGROUNDS = {"white": (255, 255, 255), "grey": (165, 165, 165), "cyan": (155, 230, 235)}
RADII = {"small": (11, 14), "": (16, 20), "big": (22, 26)}  # pixels, for each size a caption may name
PHRASES = ("{}", "a {}", "a picture of a {}", "draw a {}")
# Pairs never shown in training: what the model draws for them it composed from the words.
HELD_OUT = {("red", "star"), ("blue", "ring"), ("green", "triangle"), ("yellow", "square")}
WORDS = sorted({"a", "picture", "of", "draw", "on", "background", "small", "big", *COLOURS, *SHAPES, *BACKGROUNDS})


@dataclass(frozen=True)
class Scene:
    """One coloured shape on a plain background; `size` is "small", "big", or "" when the caption is silent."""

    colour: str
    shape: str
    size: str = ""
    background: str = "white"


def random_scene(rng: random.Random) -> Scene:
    """Draws a scene by lot, never one of the held-out pairs."""
    while True:
        scene = Scene(
            rng.choice(list(COLOURS)),
            rng.choice(SHAPES),
            rng.choice(["", "", "small", "big"]),
            rng.choice(["white", "white", *BACKGROUNDS]),
        )
        if (scene.colour, scene.shape) not in HELD_OUT:
            return scene


def caption(scene: Scene, rng: random.Random) -> str:
    """Puts a scene in words, e.g. "a picture of a small red ring on a grey background"."""
    thing = f"{scene.size} {scene.colour} {scene.shape}".strip()
    text = rng.choice(PHRASES).format(thing)
    is_told = scene.background != "white" or rng.random() < 0.2
    return f"{text} on a {scene.background} background" if is_told else text


def paint(scene: Scene, rng: random.Random) -> Image.Image:
    """Paints a scene, SIZE x SIZE RGB, a little off centre."""
    zoom = 3  # painted larger and scaled down, for smooth edges
    image = Image.new("RGB", (SIZE * zoom, SIZE * zoom), BACKGROUNDS[scene.background])
    radius = rng.uniform(*RADII[scene.size]) * zoom
    x, y = ((SIZE / 2 + rng.uniform(-3, 3)) * zoom for _ in range(2))
    _fill(ImageDraw.Draw(image), scene, x, y, radius)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def _fill(pen: ImageDraw.ImageDraw, scene: Scene, x: float, y: float, radius: float) -> None:
    colour = COLOURS[scene.colour]
    if scene.shape in ("circle", "ring"):
        pen.ellipse(_box(x, y, radius, radius), fill=colour)
        if scene.shape == "ring":
            pen.ellipse(_box(x, y, radius * 0.55, radius * 0.55), fill=BACKGROUNDS[scene.background])
    elif scene.shape == "square":
        pen.rectangle(_box(x, y, radius * 0.88, radius * 0.88), fill=colour)
    elif scene.shape == "cross":
        pen.rectangle(_box(x, y, radius, radius * 0.33), fill=colour)
        pen.rectangle(_box(x, y, radius * 0.33, radius), fill=colour)
    elif scene.shape == "triangle":
        pen.polygon(_corners(x, y, [radius * 1.15] * 3), fill=colour)
    else:
        pen.polygon(_corners(x, y, [radius * 1.15, radius * 0.47] * 5), fill=colour)


def _box(x: float, y: float, half_width: float, half_height: float) -> tuple[float, float, float, float]:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _corners(x: float, y: float, radii: list[float]) -> list[tuple[float, float]]:
    """Corners at equal angles around a centre, the first one straight up."""
    angles = (2 * math.pi * i / len(radii) - math.pi / 2 for i in range(len(radii)))
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def recognise(image: Image.Image) -> tuple[str, str]:
    """Tells which colour and which shape a picture shows, as (colour, shape): the nearest of those we know.

    The shape is what differs from the picture's border; it is compared by its outline within its own bounding box,
    so neither place nor size matters. A picture that shows nothing is ("none", "none").
    """
    pixels = np.asarray(image.convert("RGB"), dtype=float)
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    distance = np.linalg.norm(pixels - border, axis=2)
    figure = distance > max(40.0, distance.max() / 2)
    if figure.sum() < 30:
        return "none", "none"
    colour = np.median(pixels[figure], axis=0)
    outline = _outline(figure)
    return (
        min(COLOURS, key=lambda name: float(np.linalg.norm(colour - COLOURS[name]))),
        max(SHAPES, key=lambda shape: _overlap(outline, _reference(shape))),
    )


def _outline(figure: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(figure.any(axis=1)), np.flatnonzero(figure.any(axis=0))
    cut = figure[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(cut).resize((48, 48)), dtype=bool)


def _reference(shape: str) -> np.ndarray:
    picture = paint(Scene("black", shape), random.Random(0))
    return _outline(np.asarray(picture.convert("L")) < 128)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())
