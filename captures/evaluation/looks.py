"""What usable pictures of one camera look like, and what is wrong with one that does not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from captures.evaluation.alignment import (
    SHAKE_SHARE,
    Floats,
    agreeing_cells,
    detail,
    find_shift,
    shift_by,
    similarity,
)
from captures.evaluation.lighting import Light, group_lights, measure_light
from captures.evaluation.pictures import Pixels
from captures.evaluation.scene import to_analysis_size
from captures.evaluation.verdicts import MARKED_ENOUGH, Context

BLUR_SHARE = 0.3
"""Blurred, with references: even the best-preserved fifth of the cells keeps less than 30 % of its fine structure,
relative to the least sharp tenth of the references. On the CDnet highway sequence (320 × 240) a Gaussian blur of
1 pixel leaves 47 %, of 1.5 pixels 29 %, of 2 pixels 19 %, half the contrast 50 %."""

LOST_SHARE = 0.25
LOOK_ALIKE = 0.5
"""Covered, with references: nine of ten cells keep less than a quarter of their structure and the coarse
picture (16×12) correlates below 0.5 with the usual one. A blurred picture keeps its coarse look."""

SAME_PLACE_CELLS = 0.25
REFERENCES_AGREE = 0.5
"""Moved: fewer than 25 % of the cells that hold structure show the usual structure, while the references
agree with each other in at least half. An object would have to hide three quarters of the picture.
On the CDnet highway sequence unmoved pictures reach 80 % and more, one turned by 5 degrees 21 %."""

_CELLS = (8, 6)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a picture cannot be judged: a stable code, a sentence for people, the measurements."""

    code: str
    reason: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsualLook:
    """What usable pictures of a camera look like under one light. ``coarse`` is 16×12, sharpness per cell."""

    lights: tuple[Light, ...]
    detail: Floats
    coarse: Floats
    brightness: float
    sharpness: Floats
    least_sharp: float
    agreement: float


def learn_looks(shape: Sequence[int], context: Context) -> tuple[UsualLook, ...]:
    """Learn from references of this (height, width) at analysis size, per light with enough of them."""
    references = [picture for picture in context.references() if to_analysis_size(picture.gray).shape == shape]
    lights = [measure_light(picture.color) for picture in references]
    return tuple(
        _learn_look([to_analysis_size(references[i].gray) for i in members], [lights[i] for i in members])
        for members in group_lights(lights)
        if len(members) >= MARKED_ENOUGH
    )


def find_lost_structure(gray: Pixels, look: UsualLook) -> Problem | None:
    """Covered or blurred, in the cells where this camera usually sees much."""
    darker = min(1.0, max(0.5, float(gray.mean()) / look.brightness))
    kept = _kept_sharpness(gray, look.sharpness) / darker
    alike = similarity(coarse(gray, (16, 12)), look.coarse)
    best = _best_fifth(kept)
    details = {"sharpness": round(best, 3), "coarse_similarity": round(alike, 3)}
    if (kept < LOST_SHARE).mean() >= 0.9 and alike < LOOK_ALIKE:
        return Problem("covered", "The lens seems covered: the usual structure is gone.", details)
    if best < BLUR_SHARE * look.least_sharp:
        return Problem("blurred", f"The picture is blurred: {100 * best:.0f} % of the usual sharpness.", details)
    return None


def find_move(gray: Pixels, look: UsualLook) -> Problem | None:
    """The camera points elsewhere: by a measurable shift, or so far that nothing is where it was."""
    if look.agreement < REFERENCES_AGREE:
        return None
    seen = detail(gray)
    dx, dy = find_shift(seen, look.detail)
    distance = float(np.hypot(dx, dy)) / max(gray.shape)
    here = agreeing_cells(seen, look.detail, _CELLS)
    if distance > SHAKE_SHARE:
        there = agreeing_cells(shift_by(seen, dx, dy), look.detail, _CELLS)
        if there > 0.5 > 2 * here:
            percent = 100 * distance
            return Problem(
                "moved",
                f"The camera has moved: the view is shifted by {percent:.0f} % of its size.",
                {"shift": [round(dx / gray.shape[1], 3), round(dy / gray.shape[0], 3)]},
            )
    if here < SAME_PLACE_CELLS * look.agreement and _best_nearby(seen, look) < SAME_PLACE_CELLS * look.agreement:
        return Problem(
            "moved",
            "The camera points elsewhere: hardly anything is where it used to be.",
            {"agreement": round(here, 3)},
        )
    return None


def _best_nearby(seen: Floats, look: UsualLook) -> float:
    """Agreement after undoing a shake, which is not a move."""
    dx, dy = find_shift(seen, look.detail)
    return agreeing_cells(shift_by(seen, dx, dy), look.detail, _CELLS)


def _learn_look(grays: Sequence[Pixels], lights: Sequence[Light]) -> UsualLook:
    usual = np.median(np.stack(grays), axis=0).astype(np.float32)
    usual_detail = detail(usual)
    sharpness = np.median(np.stack([_sharpness(gray) for gray in grays]), axis=0).astype(np.float32)
    kept = [_best_fifth(_kept_sharpness(gray, sharpness)) for gray in grays]
    agreement = [agreeing_cells(detail(gray), usual_detail, _CELLS) for gray in grays]
    return UsualLook(
        tuple(lights),
        usual_detail,
        coarse(usual, (16, 12)),
        max(1.0, float(usual.mean())),
        sharpness,
        min(1.0, float(np.quantile(kept, 0.1))),
        float(np.median(agreement)),
    )


def _sharpness(gray: Pixels) -> Floats:
    """Mean absolute Laplacian per cell, of the picture smoothed by a pixel so that noise counts less."""
    smooth = cv2.GaussianBlur(np.asarray(gray, np.float32), (0, 0), 0.7)
    return np.asarray(cv2.resize(np.abs(cv2.Laplacian(smooth, cv2.CV_32F)), _CELLS, interpolation=cv2.INTER_AREA))


def _kept_sharpness(gray: Pixels, usual: Floats) -> Floats:
    """Share of the usual sharpness, for the half of the cells that usually have most."""
    telling = usual >= np.median(usual)
    return np.asarray(_sharpness(gray)[telling] / np.maximum(usual[telling], 0.5))


def _best_fifth(kept: Floats) -> float:
    """Blur spares no cell, while something smooth that stands before the camera leaves others as sharp as ever."""
    return float(np.quantile(kept, 0.8))


def coarse(pixels: Pixels | Floats, size: tuple[int, int]) -> Floats:
    """The picture as this many (columns, rows) averaged cells."""
    return np.asarray(cv2.resize(np.asarray(pixels, np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
