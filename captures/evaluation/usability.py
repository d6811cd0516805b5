"""Is a picture fit to be judged at all? Black, blown out, blurred, frozen, covered, moved."""

from collections.abc import Callable

import cv2
import numpy as np

from captures.evaluation.fitted import FittedModels
from captures.evaluation.lighting import measure_light
from captures.evaluation.looks import Problem, UsualLook, coarse, find_lost_structure, find_move, learn_looks
from captures.evaluation.pictures import Picture
from captures.evaluation.scene import to_analysis_size
from captures.evaluation.verdicts import Context, Verdict

BLACK_MEAN = 10.0
BLACK_BRIGHTEST = 16.0
"""Black: mean below 10 and 95 % of the picture below 16, the foot of the video range (ITU-R BT.601). A night
street with a few lamps has a mean of 15 and more; a capped sensor 2 to 6."""

BLOWN_OUT = 250.0
BLOWN_OUT_SHARE = 0.9
"""Blown out: nine tenths at 250 or more, where a sensor is saturated. Sunlit snow stays around 230."""

UNIFORM_RANGE = 10.0
"""Covered: between the 1st and 99th percentile of 64×48 averaged cells lie fewer than 10 grey levels. Noise
of standard deviation 10 contributes 5; a smooth ramp or a few shapes on 2 % of the picture exceed it."""

SOFTEST_EDGE = 0.04
"""Blurred, without references: the steepest edges climb less than 4 % of the contrast per pixel at a 640
side, as after a Gaussian blur of 10 pixels. Lenient: an evening in fog is no defect."""


class UsabilityEvaluator:
    """Finds what is wrong with a picture itself, before anyone asks what it shows."""

    name = "usability"
    version = "1"

    def __init__(self) -> None:
        self._looks: FittedModels[tuple[UsualLook, ...]] = FittedModels()

    def evaluate(self, picture: Picture, context: Context) -> Verdict:
        """Uncertain with the problem as reason, else normal, which only says that the picture is usable."""
        problem = self.find_problem(picture, context)
        if problem is None:
            return Verdict("normal", None, "The picture is usable.")
        return Verdict("uncertain", None, problem.reason, (), {"problem": problem.code, **problem.details})

    def find_problem(self, picture: Picture, context: Context) -> Problem | None:
        """Return the first problem, the most certain ones first, or None when the picture is usable."""
        return (
            find_darkness(picture)
            or find_glare(picture)
            or find_uniformity(picture)
            or find_frozen(picture, context.previous)
            or self._compare(picture, context)
        )

    def _compare(self, picture: Picture, context: Context) -> Problem | None:
        gray = to_analysis_size(picture.gray)
        looks = (
            self._looks.get(f"{context.references_key}:{gray.shape}", lambda: learn_looks(gray.shape, context))
            if context.reference_count
            else ()
        )
        light = measure_light(picture.color)
        for look in looks:
            if any(light.resembles(other) for other in look.lights):
                return find_lost_structure(gray, look) or find_move(gray, look)
        return find_absolute_blur(picture)


def find_darkness(picture: Picture) -> Problem | None:
    mean = float(picture.gray.mean())
    brightest = float(np.percentile(coarse(picture.gray, (64, 48)), 95))
    if mean >= BLACK_MEAN or brightest >= BLACK_BRIGHTEST:
        return None
    return Problem("black", f"The picture is black: mean brightness {mean:.0f} of 255.", {"mean": round(mean, 1)})


def find_glare(picture: Picture) -> Problem | None:
    share = float((coarse(picture.gray, (64, 48)) >= BLOWN_OUT).mean())
    if share < BLOWN_OUT_SHARE:
        return None
    return Problem(
        "blown_out", f"The picture is blown out: {100 * share:.0f} % of it is white.", {"share": round(share, 3)}
    )


def find_uniformity(picture: Picture) -> Problem | None:
    low, high = np.percentile(coarse(picture.color, (64, 48)), (1, 99), axis=(0, 1))
    span = float(np.max(high - low))
    if span >= UNIFORM_RANGE:
        return None
    return Problem(
        "covered",
        f"The lens seems covered: the picture is nearly uniform, its tones span {span:.0f} of 255.",
        {"range": round(span, 1)},
    )


def find_frozen(picture: Picture, previous: Callable[[], Picture | None]) -> Problem | None:
    """A sensor never repeats its noise: the same pixels at another moment were not taken then."""
    before = previous()
    if before is None or before.captured_at == picture.captured_at:
        return None
    if before.sha256 != picture.sha256 and not np.array_equal(before.color, picture.color):
        return None
    return Problem(
        "frozen",
        "The camera seems frozen: the picture is the same, pixel by pixel, as the one before.",
        {"since": before.captured_at.isoformat()},
    )


def find_absolute_blur(picture: Picture) -> Problem | None:
    # Per colour, since an edge may be one of colour alone.
    color = np.asarray(picture.color, np.float32)
    low, high = np.percentile(color, (1, 99), axis=(0, 1))
    dx, dy = (cv2.Scharr(color, cv2.CV_32F, *axis) / 32 for axis in ((1, 0), (0, 1)))
    steep = np.percentile(np.hypot(dx, dy), 99.9, axis=(0, 1))
    steepest = float((steep / np.maximum(1.0, high - low)).max())
    if steepest >= SOFTEST_EDGE:
        return None
    return Problem("blurred", "The picture is blurred: it has no sharp edge.", {"edge": round(steepest, 4)})
