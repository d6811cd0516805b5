"""The one who walks through the painted scene now and then."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Optional

from PIL import Image, ImageDraw

from visant_camera.sources.brush import HORIZON, WIDTH, Colour, Point

FINE = 3  # painted this much larger, then scaled down
BLOCK = 17  # pictures; one visit of 3 or 4 in each gives someone in about every fifth
SKIN = ((238, 200, 172), (206, 160, 124), (146, 100, 72), (98, 66, 48))
HAIR = ((54, 42, 34), (112, 78, 48), (30, 28, 28), (170, 140, 96))
COATS = ((156, 54, 52), (48, 72, 118), (92, 98, 104), (64, 92, 70), (196, 152, 70))
TROUSERS = ((52, 58, 78), (62, 56, 52), (92, 88, 84), (36, 38, 42))


@dataclass(frozen=True)
class Visitor:
    """Someone in one picture: feet at pixel (``x``, ``ground``); ``facing`` is 1 (right) or -1 (left)."""

    x: float
    ground: float
    height: float
    facing: int
    stride: float  # phase of the gait, radians
    skin: Colour
    hair: Colour
    coat: Colour
    trousers: Colour


def visitor_at(seed: str, frame: int, *, quiet: int) -> Optional[Visitor]:
    """Who is in picture ``frame``, by seed and number alone; nobody in the first ``quiet`` pictures."""
    if frame < quiet:
        return None
    block, place = divmod(frame - quiet, BLOCK)
    rng = random.Random(f"{seed}/visit/{block}")  # noqa: S311 - a painting, not a secret
    length = rng.choice((3, 4))
    step = place - rng.randint(1, BLOCK - 5)
    if not 0 <= step < length:
        return None
    facing = rng.choice((-1, 1))
    ground = rng.uniform(428, 456)
    metres = rng.uniform(1.66, 1.84)
    across = (step + rng.uniform(0.35, 0.65)) / length
    return Visitor(
        x=WIDTH * (across if facing == 1 else 1 - across),
        ground=ground,
        height=metres * (ground - HORIZON) / 1.9,
        facing=facing,
        stride=rng.uniform(0, math.tau) + step * 2.1,
        skin=rng.choice(SKIN),
        hair=rng.choice(HAIR),
        coat=rng.choice(COATS),
        trousers=rng.choice(TROUSERS),
    )


def paint_visitor(visitor: Visitor) -> Image.Image:
    """An RGBA sprite as high as the visitor and 0.8 times as wide, the feet at its bottom in the middle."""
    height = round(visitor.height)
    sprite = Image.new("RGBA", (round(height * 0.8) * FINE, height * FINE))
    body = _Body(sprite, visitor)
    body.paint()
    return sprite.resize((sprite.width // FINE, height), Image.Resampling.LANCZOS)


class _Body:
    """Limbs in body units: 1 is the height, x goes forward, y up from the ground."""

    def __init__(self, sprite: Image.Image, visitor: Visitor) -> None:
        self._draw = ImageDraw.Draw(sprite)
        self._scale = sprite.height
        self._middle = sprite.width / 2
        self._who = visitor

    def paint(self) -> None:
        who, swing = self._who, math.sin(self._who.stride)
        self._arm(swing, _darker(who.coat, 0.72))
        self._leg(-swing, _darker(who.trousers, 0.75))
        self._leg(swing, who.trousers)
        self._limb([(0.0, 0.80), (0.005, 0.66), (0.0, 0.47)], [0.105, 0.115, 0.105], who.coat)
        self._limb([(-0.055, 0.78), (-0.06, 0.50)], [0.04, 0.045], _darker(who.coat, 0.86))
        self._head()
        self._arm(-swing, _darker(who.coat, 0.92))

    def _head(self) -> None:
        who = self._who
        self._limb([(0.008, 0.86), (0.012, 0.90)], [0.038, 0.036], _darker(who.skin, 0.85))
        self._oval(-0.004, 0.937, 0.064, 0.063, who.hair)
        self._oval(0.016, 0.925, 0.052, 0.062, who.skin)
        self._oval(0.068, 0.918, 0.010, 0.010, who.skin)
        self._oval(-0.006, 0.962, 0.058, 0.038, who.hair)
        self._oval(0.002, 0.918, 0.010, 0.015, _darker(who.skin, 0.82))
        self._oval(0.046, 0.932, 0.006, 0.007, (48, 40, 36))

    def _leg(self, swing: float, colour: Colour) -> None:
        lift = 0.035 * max(0.0, -swing)
        knee = (0.10 * swing + 0.03, 0.27)
        ankle = (0.20 * swing - 0.02, 0.045 + lift)
        self._limb([(0.0, 0.49), knee, ankle], [0.078, 0.056, 0.040], colour)
        toe = (ankle[0] + 0.075, 0.024 + lift * 0.4)
        self._limb([(ankle[0] - 0.01, 0.028 + lift), toe], [0.028, 0.022], (44, 38, 36))

    def _arm(self, swing: float, colour: Colour) -> None:
        elbow = (0.10 * swing - 0.02, 0.64)
        hand = (0.17 * swing + 0.05, 0.50)
        self._oval(hand[0] + 0.008, hand[1] - 0.02, 0.026, 0.030, self._who.skin)
        self._limb([(0.0, 0.79), elbow, hand], [0.052, 0.044, 0.034], colour)

    def _limb(self, points: list[Point], radii: list[float], colour: Colour) -> None:
        """A chain of round joints with straight flesh between."""
        for (x, y), radius in zip(points, radii):
            self._oval(x, y, radius, radius, colour)
        for (x1, y1), (x2, y2), r1, r2 in zip(points, points[1:], radii, radii[1:]):
            length = math.hypot(x2 - x1, y2 - y1)
            across_x, across_y = (y1 - y2) / length, (x2 - x1) / length
            corners = [
                (x1 + across_x * r1, y1 + across_y * r1),
                (x2 + across_x * r2, y2 + across_y * r2),
                (x2 - across_x * r2, y2 - across_y * r2),
                (x1 - across_x * r1, y1 - across_y * r1),
            ]
            self._draw.polygon([self._place(*corner) for corner in corners], fill=colour)

    def _oval(self, x: float, y: float, half_width: float, half_height: float, colour: Colour) -> None:
        centre_x, centre_y = self._place(x, y)
        width, height = half_width * self._scale, half_height * self._scale
        box = [centre_x - width, centre_y - height, centre_x + width, centre_y + height]
        self._draw.ellipse(box, fill=colour)

    def _place(self, x: float, y: float) -> Point:
        return self._middle + x * self._who.facing * self._scale, (1 - y) * self._scale


def _darker(colour: Colour, factor: float) -> Colour:
    red, green, blue = (round(value * factor) for value in colour)
    return red, green, blue
