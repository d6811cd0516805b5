"""Where a picture sits relative to the camera's usual view: undoes small shake, tells how far a camera
turned."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SHAKE_SHARE = 0.04
"""A shift of up to 4 % of the picture's longest side is shake and undone: 13 pixels at 320. The shaking
cameras of the CDnet 2014 benchmark (badminton, boulevard, sidewalk, traffic) stay within about that."""

SAME_STRUCTURE = 0.3
"""Correlation from which two cells show the same thing; unrelated cells of the CDnet highway sequence stay
below 0.2."""

_ECC_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)
_MIN_GAIN = 0.02


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a picture maps onto the background: a 2×3 matrix for ``warpAffine`` with ``WARP_INVERSE_MAP``.

    ``dx`` and ``dy`` are the shift in pixels; ``similarity`` is how well the details agree afterwards, and
    ``similarity_before`` without moving anything (both correlations, −1 to 1).
    """

    matrix: Floats
    dx: float
    dy: float
    similarity: float
    similarity_before: float

    @property
    def distance(self) -> float:
        return float(np.hypot(self.dx, self.dy))

    @property
    def moves(self) -> bool:
        """Whether undoing the shift changes anything worth a resampling."""
        return self.distance > 0.05 or bool(np.abs(self.matrix[:, :2] - np.eye(2)).max() > 2e-4)

    def undo(self, pixels: Floats) -> Floats:
        """Move ``pixels`` onto the background; what was outside repeats the border."""
        if not self.moves:
            return pixels
        size = (pixels.shape[1], pixels.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(pixels, self.matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)


def detail(gray: npt.NDArray[np.uint8] | Floats) -> Floats:
    """The picture without its lighting: fine structure divided by local contrast, limited to ±3."""
    pixels = np.asarray(gray, np.float32)
    fine = cv2.GaussianBlur(pixels, (0, 0), 1.0) - cv2.GaussianBlur(pixels, (0, 0), 6.0)
    contrast = cv2.blur(np.abs(fine), (25, 25))
    # +4 grey levels: where there is only noise, noise must not be blown up into structure.
    return np.asarray(np.clip(fine / (contrast + 4.0), -3.0, 3.0), np.float32)


def find_shift(picture_detail: Floats, background_detail: Floats) -> tuple[float, float]:
    """Whole-picture shift in pixels by phase correlation (Kuglin and Hines 1975), of any size."""
    height, width = background_detail.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # Copies, because phaseCorrelate applies the window in place when the size needs no padding.
    (dx, dy), _ = cv2.phaseCorrelate(background_detail.copy(), picture_detail.copy(), window)
    return float(dx), float(dy)


def align(picture_detail: Floats, background_detail: Floats) -> Alignment:
    """Find the small shift and rotation between two pictures of one camera, or stay put when none fits
    better.

    Phase correlation finds the shift, ECC (Evangelidis and Psarakis 2008) refines it together with the
    rotation at half size.
    """
    height, width = background_detail.shape
    still = np.eye(2, 3, dtype=np.float32)
    before = similarity(picture_detail, background_detail)
    dx, dy = find_shift(picture_detail, background_detail)
    if np.hypot(dx, dy) > SHAKE_SHARE * max(width, height):
        dx = dy = 0.0
    matrix = _refine(picture_detail, background_detail, dx, dy)
    moved = _warp(picture_detail, matrix)
    after = similarity(moved, background_detail)
    centre = matrix @ np.array([width / 2, height / 2, 1.0]) - (width / 2, height / 2)
    too_far = np.hypot(*centre) > SHAKE_SHARE * max(width, height)
    if too_far or not _most_places_agree(picture_detail, moved, background_detail):
        return Alignment(still, 0.0, 0.0, before, before)
    return Alignment(matrix, float(centre[0]), float(centre[1]), after, before)


def shift_by(pixels: Floats, dx: float, dy: float) -> Floats:
    """Undo a shift; what comes from outside is 0."""
    return _warp(pixels, np.array([[1, 0, dx], [0, 1, dy]], np.float32))


def agreeing_cells(one: Floats, other: Floats, grid: tuple[int, int]) -> float:
    """Share of the grid's cells with structure in ``other`` that show the same structure in ``one`` (0–1)."""

    def averaged(pixels: Floats) -> Floats:
        return np.asarray(cv2.resize(pixels, grid, interpolation=cv2.INTER_AREA), np.float32)

    strength = averaged(other * other)
    correlation = averaged(one * other) / np.sqrt(np.maximum(averaged(one * one) * strength, 1e-9))
    return float((correlation > SAME_STRUCTURE)[strength >= np.median(strength)].mean())


def similarity(one: Floats, other: Floats) -> float:
    """Correlation of two equally large arrays; 0 when either is flat."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0


def _most_places_agree(before: Floats, after: Floats, background_detail: Floats) -> bool:
    """Whether moving the picture helps in most cells that hold structure: a single big object cannot decide
    that."""
    grid = (8, 6)
    errors = [
        cv2.resize(cv2.absdiff(pixels, background_detail), grid, interpolation=cv2.INTER_AREA)
        for pixels in (before, after)
    ]
    structure = cv2.resize(np.abs(background_detail), grid, interpolation=cv2.INTER_AREA)
    telling = structure >= np.median(structure)
    return bool((errors[1] < (1 - _MIN_GAIN) * errors[0])[telling].mean() > 0.6)


def _refine(picture_detail: Floats, background_detail: Floats, dx: float, dy: float) -> Floats:
    half = (max(1, background_detail.shape[1] // 2), max(1, background_detail.shape[0] // 2))
    small = [
        np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.float32)
        for pixels in (background_detail, picture_detail)
    ]
    matrix = np.array([[1, 0, dx / 2], [0, 1, dy / 2]], np.float32)
    try:
        _, found = cv2.findTransformECC(small[0], small[1], matrix, cv2.MOTION_EUCLIDEAN, _ECC_STEPS)
        refined = np.asarray(found, np.float32)
    except cv2.error:  # it did not converge: too little structure in common
        refined = matrix
    refined[:, 2] *= 2
    return refined


def _warp(pixels: Floats, matrix: Floats) -> Floats:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, matrix, (pixels.shape[1], pixels.shape[0]), flags=flags), np.float32)
