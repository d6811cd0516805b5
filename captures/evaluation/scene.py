"""The offline change detector: is this picture like what this camera usually sees?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from captures.evaluation.background import Background, Deviation, fit
from captures.evaluation.fitted import FittedModels
from captures.evaluation.lighting import SAME_LIGHT_STOPS, Light, group_lights, measure_light
from captures.evaluation.masks import Mask, build_mask
from captures.evaluation.pictures import Picture, Pixels
from captures.evaluation.verdicts import MARKED_ENOUGH, Box, Context, Verdict

ANALYSIS_SIDE = 320
"""Longest side at which pictures are compared. Halving a 640 picture averages four noisy pixels into one."""

SMALLEST_SIDE = 48
"""A shorter side leaves the coarsest level with fewer than six cells."""

MOST_BOXES = 5
_OUTLINE = 0.6  # a box reaches out to where the difference falls to this share of the limit
_NEAR = 9  # parts of a change up to this many pixels apart share a box


@dataclass(frozen=True, slots=True)
class LightModel:
    """What was learnt under one light. ``background`` is None when there were too few references of it."""

    lights: tuple[Light, ...]
    background: Background | None


@dataclass(frozen=True, slots=True)
class SceneModel:
    """Everything learnt from a camera's references. ``mask`` is the part that counts, at analysis size."""

    mask: Mask
    groups: tuple[LightModel, ...]

    def group_for(self, light: Light) -> LightModel | None:
        """The group holding the reference nearest in light, if that is near enough."""
        near = [
            (abs(light.stops - other.stops), index)
            for index, group in enumerate(self.groups)
            for other in group.lights
            if light.resembles(other)
        ]
        return self.groups[min(near)[1]] if near else None

    def contrast_to(self, light: Light) -> str:
        """What sets a light apart from that of every reference."""
        known = [other.stops for group in self.groups for other in group.lights]
        if light.stops < min(known) - SAME_LIGHT_STOPS / 2:
            return f"this picture ({light.name}) is darker than all of them"
        if light.stops > max(known) + SAME_LIGHT_STOPS / 2:
            return f"this picture ({light.name}) is brighter than all of them"
        return f"this picture is {light.name}"


class SceneEvaluator:
    """Compares a picture with the camera's references under the same light; needs no network."""

    name = "scene"
    version = "1"

    def __init__(self) -> None:
        self._models: FittedModels[SceneModel] = FittedModels()

    def evaluate(self, picture: Picture, context: Context) -> Verdict:
        if context.is_learning:
            return _uncertain(f"Learning, {context.reference_count} of {context.references_needed} pictures.")
        color = to_analysis_size(picture.color)
        model = self._models.get(
            f"{context.references_key}:{color.shape}", lambda: fit_scene(color.shape, context)
        )
        if min(color.shape[:2]) < SMALLEST_SIDE:
            size = f"{picture.width} × {picture.height} pixels"
            return _uncertain(f"The picture is too small to compare: {size}.")
        if not model.mask.any():
            return _uncertain("The regions leave nothing of the picture to look at.")
        if not model.groups:
            return _uncertain("No reference has the shape of this picture.")
        light = measure_light(picture.color)
        group = model.group_for(light)
        if group is None:
            return _uncertain(
                f"No reference was taken in such light: {model.contrast_to(light)}.", light=light.name
            )
        if group.background is None:
            count = len(group.lights)
            return _uncertain(
                f"Learning this light ({light.name}), {count} of {MARKED_ENOUGH} pictures.", light=light.name
            )
        return judge(color, model.mask, group.background, light, whole=not context.regions)


def to_analysis_size(color: Pixels) -> Pixels:
    scale = ANALYSIS_SIDE / max(color.shape[:2])
    if scale >= 1:
        return color
    size = (max(1, round(color.shape[1] * scale)), max(1, round(color.shape[0] * scale)))
    return np.asarray(cv2.resize(color, size, interpolation=cv2.INTER_AREA), np.uint8)


def fit_scene(shape: Sequence[int], context: Context) -> SceneModel:
    """Learn from the references that have this (height, width, 3) shape at analysis size."""
    height, width = shape[:2]
    mask = build_mask(width, height, context.regions, context.ignore_regions)
    if min(height, width) < SMALLEST_SIDE or not mask.any():
        return SceneModel(mask, ())
    usable = build_mask(width, height, (), context.ignore_regions)
    colors: list[Pixels] = []
    lights: list[Light] = []
    trusted: list[bool] = []
    for index, reference in enumerate(context.references()):
        color = to_analysis_size(reference.color)
        if color.shape == tuple(shape):
            colors.append(color)
            lights.append(measure_light(reference.color))
            trusted.append(index < context.marked_count)
    groups = []
    for members in group_lights(lights):
        kept = sorted(members)  # so those that are trusted come first
        background = None
        if len(kept) >= MARKED_ENOUGH:
            background = fit([colors[i] for i in kept], mask, usable, sum(trusted[i] for i in kept))
        groups.append(LightModel(tuple(lights[i] for i in members), background))
    return SceneModel(mask, tuple(groups))


def judge(color: Pixels, mask: Mask, background: Background, light: Light, *, whole: bool) -> Verdict:
    """Compare with a fitted background and put the result into words."""
    deviation = background.compare(color)
    ratios = deviation.peaks / background.limits
    ratio = float(ratios.max())
    details: dict[str, Any] = {
        "ratios": [round(float(value), 3) for value in ratios],
        "limits": [round(float(value), 3) for value in background.limits],
        "light": light.name,
        "references": background.count,
        "left_out": background.left_out,
        "shift": [round(deviation.alignment.dx, 2), round(deviation.alignment.dy, 2)],
    }
    score = round(ratio**2 / (1 + ratio**2), 4)
    if ratio <= 1:
        share = round(100 * ratio)
        return Verdict(
            "normal", score, f"As usual: the largest difference is {share} % of the limit.", (), details
        )
    boxes, area = outline(deviation, background, mask)
    details["area"] = round(area, 4)
    percent = f"{100 * area:.0f} %" if area >= 0.01 else "less than 1 %"
    reason = f"Change at {place_of(boxes[0])}, {percent} of the {'picture' if whole else 'region'}."
    return Verdict("abnormal", score, reason, boxes, details)


def outline(deviation: Deviation, background: Background, mask: Mask) -> tuple[tuple[Box, ...], float]:
    """Boxes around the changes, the heaviest first, and the share of the mask they fill.

    Drawn from the two finest levels over their limit: coarser ones only blur what those already show.
    """
    height, width = mask.shape
    over = np.flatnonzero(deviation.peaks > background.limits)[:2]
    relative = (
        np.max(
            [cv2.resize(deviation.maps[level] / background.limits[level], (width, height)) for level in over],
            axis=0,
        )
        * mask
    )
    # Between two cells of a coarse level interpolation may stay just below the limit that the cells exceed.
    limit = min(1.0, 0.95 * float(relative.max()))
    changed = relative > _OUTLINE * limit
    near = np.ones((_NEAR, _NEAR), np.uint8)
    _, labels = cv2.connectedComponents(cv2.dilate(changed.astype(np.uint8), near))
    weights = np.bincount(labels[changed], weights=relative[changed], minlength=1)
    boxes: list[Box] = []
    counted = np.zeros_like(changed)
    for label in np.argsort(weights)[::-1]:
        part = changed & (labels == label)
        if len(boxes) < MOST_BOXES and relative[part].max(initial=0) >= limit:
            counted |= part
            boxes.append(_box_around(part, deviation))
    return tuple(boxes), float(counted.sum() / mask.sum())


def place_of(box: Box) -> str:
    """Where a box lies, in words: one of nine fields of the picture."""
    row = ("upper", "", "lower")[min(2, int(3 * (box.y + box.height / 2)))]
    column = ("left", "", "right")[min(2, int(3 * (box.x + box.width / 2)))]
    if not row and not column:
        return "the middle"
    return f"{row or 'middle'} {column or 'middle'}"


def _box_around(part: Mask, deviation: Deviation) -> Box:
    height, width = part.shape
    x, y, w, h = cv2.boundingRect(part.astype(np.uint8))
    # Found in the background's frame; a shaken picture shows it a little beside that.
    left = float(np.clip(x + deviation.alignment.dx, 0, width - 1))
    top = float(np.clip(y + deviation.alignment.dy, 0, height - 1))
    return Box(
        round(left / width, 4),
        round(top / height, 4),
        round(min(w, width - left) / width, 4),
        round(min(h, height - top) / height, 4),
    )


def _uncertain(reason: str, **details: Any) -> Verdict:
    return Verdict("uncertain", None, reason, (), details)
