"""Light: telling day from night, and undoing what a change of light does to a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from captures.evaluation.alignment import Floats

SAME_LIGHT_STOPS = 0.75
"""Pictures whose typical brightness differs by less than this share a light. ±30 % of brightness is 0.51
stops; the day and night halves of one camera lie a stop or more apart in gamma-coded values."""

NIGHT_STOPS = 5.7
"""Below this typical brightness (52 of 255) people call it night. Used for words only."""

COLORLESS = 0.008
COLORFUL = 0.03
"""Typical chroma (share of full scale) of a picture without colour, and of one that surely has some: between
an infrared lamp with the filter out and daylight lies more than this gap; a grey street at noon lies inside
it."""

_GRID_SIDE = 40
_ROUNDS = 6
_SCREENING_CELLS = 11
_FIELD_SIGMA = 2.0
"""Light is fitted on 40×30 cells. A soft shadow is followed by a median over 11 cells, a quarter of the width:
what is smaller than half of that stays. On painted scenes a shadow of 40 % with a radius of 90 of 320 pixels then
stays under the limit; smoothing by 4 cells instead of 2 left it above."""


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a whole picture: typical brightness in stops (log2 of grey levels) and typical chroma
    (0–1)."""

    stops: float
    chroma: float

    def resembles(self, other: "Light") -> bool:
        low, high = sorted((self.chroma, other.chroma))
        one_lost_its_color = low < COLORLESS and high > COLORFUL
        return not one_lost_its_color and abs(self.stops - other.stops) < SAME_LIGHT_STOPS

    @property
    def name(self) -> str:
        words = "night" if self.stops < NIGHT_STOPS else "day"
        return f"{words}, without colour" if self.chroma < COLORLESS else words


def measure_light(color: npt.NDArray[np.uint8]) -> Light:
    """Measure from the picture at thumbnail size, so that noise counts little and no single object
    decides."""
    small = cv2.resize(color, (32, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    gray = small @ np.array([0.114, 0.587, 0.299], np.float32)
    chroma = (small.max(axis=2) - small.min(axis=2)) / 255
    # The mean of logarithms between the 20th and 80th percentile: lamps and black corners do not count.
    low, high = np.percentile(gray, (20, 80))
    middle = gray[(gray >= low) & (gray <= high)]
    return Light(float(np.log2(middle + 2).mean()), float(np.percentile(chroma, 75)))


def group_lights(lights: Sequence[Light]) -> list[list[int]]:
    """Split pictures into groups of one light each (indexes): chains of resembling neighbours."""
    groups: list[list[int]] = []
    for index, light in enumerate(lights):
        linked = [group for group in groups if any(light.resembles(lights[other]) for other in group)]
        groups = [group for group in groups if group not in linked]
        groups.append(sorted([index, *(other for group in linked for other in group)]))
    return groups


def difference_under_same_light(picture: Floats, background: Floats, usable: Floats) -> Floats:
    """Return picture − background after giving the background the picture's light, in grey levels.

    Light is a smooth gain (a quadratic over the picture) and an offset for each colour, found by robust
    regression on a coarse grid so that objects do not pull it, and then a screened remainder: what a wide
    median of the coarse difference still follows, such as a soft shadow. ``usable`` is 1 where the picture
    may be looked at.
    """
    height, width = background.shape[:2]
    scale = _GRID_SIDE / max(width, height)
    grid = (max(4, round(width * scale)), max(4, round(height * scale)))
    small = cv2.resize(picture, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    small_background = cv2.resize(background, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    weights = cv2.resize(usable, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    gains, offsets = _fit_light(small, small_background, weights)
    unexplained = (small - np.clip(gains * small_background + offsets, 0, 255)) * weights[..., np.newaxis]
    size = (width, height)
    gain_map = cv2.resize(gains, size, interpolation=cv2.INTER_LINEAR)
    field = cv2.resize(offsets + _soft_field(unexplained), size, interpolation=cv2.INTER_LINEAR)
    expected = np.clip(gain_map * background + field, 0, 255)
    return np.asarray((picture - expected) / np.maximum(gain_map, 1.0), np.float32)


def _fit_light(picture: Floats, background: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Gain for each cell and colour, and offset for each colour, that turn the background into the picture."""
    rows, columns = background.shape[:2]
    terms = _quadratic_terms(columns, rows)
    gains = np.empty_like(background)
    offsets = np.empty(3, np.float32)
    for color in range(3):
        gain, offsets[color] = _fit_gain(
            picture[..., color].ravel(), background[..., color].ravel(), terms, weights.ravel()
        )
        gains[..., color] = gain.reshape(rows, columns)
    return gains, offsets


def _fit_gain(values: Floats, base: Floats, terms: Floats, weights: Floats) -> tuple[Floats, float]:
    """Robust least squares of ``values ≈ (terms · a) · base + b`` with Cauchy weights."""
    design = np.column_stack([terms * base[:, None], np.ones_like(base)]).astype(np.float64)
    start = (
        np.median(values[weights > 0]) / max(1.0, float(np.median(base[weights > 0]))) if weights.any() else 1.0
    )
    wanted = np.zeros(design.shape[1])
    wanted[0] = start
    # A little pull towards "one gain everywhere, no offset" decides where the picture does not.
    pull = np.diag([1e2, 1e4, 1e4, 1e4, 1e4, 1e4, 10.0])
    solution = wanted
    residual = values - design @ solution
    for _ in range(_ROUNDS):
        spread = max(1.0, 1.4826 * float(np.median(np.abs(residual))))
        robust = weights / (1 + (residual / (2 * spread)) ** 2)
        weighted = design * robust[:, None]
        solution = np.linalg.solve(weighted.T @ design + pull, weighted.T @ values + pull @ wanted)
        residual = values - design @ solution
    gain = np.clip(terms @ solution[:-1], 0.2, 5.0).astype(np.float32)
    return gain, float(solution[-1])


def _quadratic_terms(width: int, height: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6).astype(np.float32)


def _soft_field(difference: Floats) -> Floats:
    """The part of a coarse difference that changes slowly: a wide median, smoothed so that it can hold no
    edge."""
    rows, columns = difference.shape[:2]
    size = min(_SCREENING_CELLS, (min(rows, columns) // 2) * 2 - 1)
    if size < 3:
        return np.zeros_like(difference)
    # medianBlur takes windows above 5 only in 8 bits: quarter levels around 128 hold ±32, more is no soft
    # shadow.
    coded = np.clip(difference * 2 + 128, 0, 255).astype(np.uint8)
    median = (cv2.medianBlur(coded, size).astype(np.float32) - 128) / 2
    return np.asarray(cv2.GaussianBlur(median, (0, 0), _FIELD_SIGMA), np.float32)
