"""What a camera usually sees under one light, how much that varies, and how far a picture is from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from captures.evaluation.alignment import Alignment, Floats, align, detail
from captures.evaluation.calibration import Scores, tolerances
from captures.evaluation.lighting import difference_under_same_light
from captures.evaluation.masks import Mask
from captures.evaluation.pictures import Pixels

LEVELS = 4
"""Pyramid levels searched, each half the size of the one before: small and strong to large and faint."""

TRUST = 1.25
"""What a person called normal stays this far below the limit, so that its like does too."""

TOUCH = 0.02
"""A change must reach this far into a region (share of the longest side): people draw loosely, and what
passes along the outside of a region must not count because of its outermost pixels."""

NOISE_FLOORS = (3.0, 2.0, 1.5, 1.2)
"""Least variation assumed per level, in grey levels: what 8 bits, JPEG at quality 50 and the light fit leave
behind even where references are identical. Falls slower than averaging would let it; the fit errs smoothly."""

SHARED_BLOCKS = (3, 2, 1, 1)
"""A deviation counts when a whole block of this many cells a side shares it, so single leaves and JPEG
specks do not."""

MISALIGNMENT = 0.4
"""Pixels that an edge may stand beside its place after alignment."""

_TO_LUMA_CHROMA = np.array(
    [[0.114, 0.587, 0.299], [0.6, -0.45, -0.15], [-0.15, -0.45, 0.6]], np.float32
)  # from BGR: brightness, blueness, redness


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one picture is from the background: per level, a map in units of the usual variation."""

    maps: tuple[Floats, ...]
    peaks: npt.NDArray[np.float64]
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class Background:
    """Fitted on references of one light. Arrays are at analysis size; ``limits`` has one entry per level."""

    color: Floats
    detail: Floats
    usable: Floats
    spreads: tuple[Floats, ...]
    masks: tuple[Mask, ...]
    limits: npt.NDArray[np.float64]
    count: int
    left_out: int

    def compare(self, color: Pixels) -> Deviation:
        pixels = color.astype(np.float32)
        alignment = align(detail(to_gray(pixels)), self.detail)
        moved = alignment.undo(pixels)
        residual = difference_under_same_light(moved, self.color, self.usable)
        maps = deviation_maps(pyramid(residual), self.spreads)
        inside = [mask & _still_inside(alignment, mask, level) for level, mask in enumerate(self.masks)]
        return Deviation(maps, peaks(maps, inside), alignment)


@dataclass(frozen=True, slots=True)
class Sample:
    """References compared with the median of the others: differences per picture and level, and what they
    say."""

    residuals: tuple[tuple[Floats, ...], ...]
    spreads: tuple[Floats, ...]
    scores: Scores


def fit(colors: Sequence[Pixels], mask: Mask, usable: Mask, trusted: int) -> Background:
    """Learn from references, the first ``trusted`` of which a person called normal.

    Two rounds: what the first finds abnormal among the other references is left out of the second, as long as
    a majority remains.
    """
    aligned = _align_all(colors)
    usable_map = usable.astype(np.float32)
    masks = _level_masks(mask)
    sample = _measure(aligned, usable_map, masks)
    limits = tolerances(sample.scores)
    clean = (sample.scores <= limits).all(axis=1) | (np.arange(len(colors)) < trusted)
    if max(3, len(colors) // 2 - 1) < clean.sum() < len(colors):
        aligned = aligned[clean]
        sample = _measure(aligned, usable_map, masks)
        limits = tolerances(sample.scores)
    background = np.median(aligned, axis=0).astype(np.float32)
    return Background(
        background,
        detail(to_gray(background)),
        usable_map,
        _forgive(sample, limits, trusted),
        masks,
        limits,
        len(aligned),
        len(colors) - len(aligned),
    )


def pyramid(residual: Floats) -> tuple[Floats, ...]:
    """Signed differences in brightness and two colours, smoothed and halved again and again."""
    level = np.asarray(cv2.GaussianBlur(cv2.transform(residual, _TO_LUMA_CHROMA), (0, 0), 0.8), np.float32)
    levels = [level]
    for _ in range(LEVELS - 1):
        level = np.asarray(cv2.pyrDown(level), np.float32)
        levels.append(level)
    return tuple(levels)


def deviation_maps(levels: Sequence[Floats], spreads: Sequence[Floats]) -> tuple[Floats, ...]:
    """Length of the difference in units of its usual spread, per level."""
    return tuple(
        np.sqrt(np.square(level / spread).sum(axis=2)) for level, spread in zip(levels, spreads, strict=True)
    )


def peaks(maps: Sequence[Floats], masks: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """Largest deviation inside the mask per level, among those that a whole block shares."""
    found = []
    for deviation, mask, block in zip(maps, masks, SHARED_BLOCKS, strict=True):
        shared = cv2.erode(deviation, np.ones((block, block), np.uint8)) if block > 1 else deviation
        found.append(float(shared[mask].max()) if mask.any() else 0.0)
    return np.array(found)


def _measure(aligned: Floats, usable: Floats, masks: Sequence[Mask]) -> Sample:
    residuals = tuple(
        pyramid(difference_under_same_light(picture, without, usable))
        for picture, without in zip(aligned, _medians_without_each(aligned), strict=True)
    )
    edges = pyramid_of_edges(np.median(aligned, axis=0).astype(np.float32))
    spreads = tuple(
        _spread(np.stack([levels[index] for levels in residuals]), edges[index], NOISE_FLOORS[index])
        for index in range(LEVELS)
    )
    scores = np.stack([peaks(deviation_maps(levels, spreads), masks) for levels in residuals])
    return Sample(residuals, spreads, scores)


def _forgive(sample: Sample, limits: Scores, trusted: int) -> tuple[Floats, ...]:
    """Widen the spread where a reference that a person called normal is over the limit, and only there."""
    widened = list(sample.spreads)
    for residuals in sample.residuals[:trusted]:
        for index, deviation in enumerate(deviation_maps(residuals, sample.spreads)):
            around = cv2.dilate(deviation, np.ones((5, 5), np.uint8))[..., np.newaxis]
            factor = np.maximum(1.0, TRUST * around / float(limits[index]))
            widened[index] = np.maximum(widened[index], sample.spreads[index] * factor).astype(np.float32)
    return tuple(widened)


def _spread(residuals: Floats, edges: Floats, floor: float) -> Floats:
    """Usual size of a difference at every pixel: its 80th percentile, shared with the neighbourhood.

    Leaves that sway hit a given pixel in few references but some pixel nearby in each, hence the sharing.
    """
    # 80 % of a normal distribution lie within 1.2816 standard deviations.
    usual = np.quantile(np.abs(residuals), 0.8, axis=0).astype(np.float32) / 1.2816
    square = usual * usual
    shared = cv2.boxFilter(square, -1, (7, 7), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(
        np.sqrt(np.maximum(square, shared) + np.square(MISALIGNMENT * edges) + floor * floor), np.float32
    )


def pyramid_of_edges(background: Floats) -> tuple[Floats, ...]:
    """Steepness of the background in grey levels per full-size pixel, per level and measure."""
    result = []
    level = np.asarray(cv2.GaussianBlur(cv2.transform(background, _TO_LUMA_CHROMA), (0, 0), 0.8), np.float32)
    for index in range(LEVELS):
        dx = cv2.Scharr(level, cv2.CV_32F, 1, 0) / 32
        dy = cv2.Scharr(level, cv2.CV_32F, 0, 1) / 32
        steepness = np.hypot(dx, dy) / 2**index
        result.append(np.asarray(cv2.dilate(steepness, np.ones((3, 3), np.uint8)), np.float32))
        level = np.asarray(cv2.pyrDown(level), np.float32)
    return tuple(result)


def _medians_without_each(stack: Floats) -> list[Floats]:
    """For every picture the median of all others, from one sort."""
    count = len(stack)
    ordered = np.sort(stack, axis=0)
    m = count // 2
    if count % 2 == 0:
        low, high = ordered[m - 1], ordered[m]
        return [np.where(picture <= low, high, low) for picture in stack]
    low, middle, high = ordered[m - 1], ordered[m], ordered[m + 1]
    below, at, above = (middle + high) / 2, (low + high) / 2, (low + middle) / 2
    return [np.where(p < middle, below, np.where(p > middle, above, at)).astype(np.float32) for p in stack]


def _align_all(colors: Sequence[Pixels]) -> Floats:
    """Move all onto the one that resembles the others most, as float32 (count, height, width, 3)."""
    stack = np.stack(colors).astype(np.float32)
    middle = np.median(stack, axis=0)
    anchor = stack[int(np.argmin([np.abs(picture - middle).mean() for picture in stack]))]
    anchor_detail = detail(to_gray(anchor))
    return np.stack([align(detail(to_gray(picture)), anchor_detail).undo(picture) for picture in stack])


def to_gray(color: Floats) -> Floats:
    """Brightness of BGR pixels as ITU-R BT.601 weighs it."""
    return np.asarray(color @ np.array([0.114, 0.587, 0.299], np.float32), np.float32)


def _level_masks(mask: Mask) -> tuple[Mask, ...]:
    level = mask.astype(np.float32)
    masks = []
    for index in range(LEVELS):
        reach = max(1, round(TOUCH * max(mask.shape) / 2**index))
        inside = cv2.erode((level > 0.6).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8))
        masks.append(inside.astype(bool))
        level = np.asarray(cv2.pyrDown(level), np.float32)
    return tuple(masks)


def _still_inside(alignment: Alignment, mask: Mask, level: int) -> Mask:
    """False where a shaken picture shows nothing: along the border, as wide as the shift."""
    inside = np.ones(mask.shape, bool)
    if alignment.moves:
        margin = int(np.ceil((alignment.distance + 1) / 2**level)) + 1
        inside[:margin] = inside[-margin:] = False
        inside[:, :margin] = inside[:, -margin:] = False
    return inside
