"""Polygons that people draw on a picture, checked on the way in."""

import itertools
import math
from typing import Any

Region = list[tuple[float, float]]
"""A polygon: corners as fractions of the picture's width and height, from the upper left."""

MAX_POLYGONS = 20
MAX_POINTS = 100
MIN_AREA = 1e-4
"""Smallest area of a polygon as a fraction of the picture: 6 × 5 pixels at 640 × 480; less is a slip of the
hand."""


def parse_polygons(value: Any) -> tuple[Region, ...]:
    """Return the polygons in a JSON value; raise ``ValueError`` with a sentence for people.

    A value is a list of polygons, a polygon a list of at least three ``[x, y]`` points in fractions 0–1.
    A repeated last point (closed ring) is dropped. ``None`` means no polygons.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError("Regions must be a list of polygons.")
    if len(value) > MAX_POLYGONS:
        raise ValueError(f"There are {len(value)} polygons; at most {MAX_POLYGONS} are allowed.")
    return tuple(_parse_polygon(polygon, number) for number, polygon in enumerate(value, start=1))


def _parse_polygon(value: Any, number: int) -> Region:
    if not isinstance(value, list | tuple):
        raise ValueError(f"Polygon {number} must be a list of points.")
    points = [_parse_point(point, number) for point in value[: MAX_POINTS + 2]]
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()
    if len(points) < 3:
        raise ValueError(f"Polygon {number} has {len(points)} points; at least 3 are needed.")
    if len(points) > MAX_POINTS:
        raise ValueError(f"Polygon {number} has more than {MAX_POINTS} points.")
    if _area(points) < MIN_AREA:
        raise ValueError(f"Polygon {number} encloses no area.")
    return points


def _parse_point(value: Any, number: int) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_is_number, value)):
        raise ValueError(f"Every point of polygon {number} must be two numbers, [x, y].")
    if not all(0 <= part <= 1 for part in value):
        raise ValueError(f"Polygon {number} leaves the picture: coordinates are fractions from 0 to 1.")
    return float(value[0]), float(value[1])


def _is_number(value: Any) -> bool:
    # bool is an int to Python, and JSON as Python reads it may hold NaN; an int too long for a float is no
    # fraction.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _area(points: Region) -> float:
    """Shoelace formula."""
    ring = itertools.pairwise([*points, points[0]])
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ring)) / 2
