"""What the painted scene is painted with."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

SIZE = WIDTH, HEIGHT = 640, 480
HORIZON = 180
FINE = 2  # painted this much larger, then scaled down, for smooth edges

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Brush:
    """Draws in picture coordinates on the larger canvas."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([(x * FINE, y * FINE) for x, y in points], fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self._draw.rectangle([left * FINE, top * FINE, right * FINE - 1, bottom * FINE - 1], fill=colour)

    def blob(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        half_width, half_height = width / 2, height / 2
        box = [x - half_width, y - half_height, x + half_width, y + half_height]
        self._draw.ellipse([edge * FINE for edge in box], fill=colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1) -> None:
        self._draw.line([(x * FINE, y * FINE) for x, y in points], fill=colour, width=round(width * FINE))


def mix(first: Colour, second: Colour, part: float) -> Colour:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(first, second))
    return red, green, blue


def tint(colour: Colour, rng: random.Random, spread: int) -> Colour:
    shift = rng.randint(-spread, spread)
    red, green, blue = (min(255, max(0, value + shift)) for value in colour)
    return red, green, blue
