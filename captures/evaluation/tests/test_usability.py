"""What makes a picture unfit for judging, and what must not."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

from captures.evaluation.pictures import Picture
from captures.evaluation.tests.painting import make_context, make_picture, paint, paint_references
from captures.evaluation.usability import UsabilityEvaluator

pytestmark = pytest.mark.once

HEIGHT, WIDTH = 240, 320


@cache
def references() -> tuple[Picture, ...]:
    return tuple(paint_references(12))


EVALUATOR = UsabilityEvaluator()


def problem_of(picture: Picture, *, known: bool = True, previous: Picture | None = None) -> str | None:
    context = make_context(references() if known else (), key=f"known {known}", previous=previous)
    problem = EVALUATOR.find_problem(picture, context)
    return problem.code if problem else None


def plain(level: float, noise: float = 0.0, seed: int = 0) -> Picture:
    pixels = level + np.random.default_rng(seed).normal(0, noise, (HEIGHT, WIDTH, 3))
    return make_picture(np.clip(pixels, 0, 255).astype(np.uint8))


def noisy_night(seed: int = 3) -> Picture:
    return paint(seed, gain=0.15, noise=6, gray=True)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (plain(0), "black"),
        (plain(3, noise=3), "black"),
        (plain(255), "blown_out"),
        (plain(254, noise=3), "blown_out"),
        (plain(120), "covered"),
        (plain(120, noise=10), "covered"),
        (plain(40, noise=8), "covered"),
        (paint(3), None),
        (noisy_night(), None),
    ],
    ids=["black", "dark noise", "white", "noisy white", "grey", "noisy grey", "noisy dark", "usual", "night"],
)
def test_a_picture_alone_tells_whether_there_is_anything_to_see(
    picture: Picture, code: str | None, known: bool
) -> None:
    assert problem_of(picture, known=known) == code


def test_the_reason_is_a_sentence_with_the_measurement() -> None:
    verdict = EVALUATOR.evaluate(plain(3), make_context(()))
    assert verdict.verdict == "uncertain"
    assert verdict.score is None
    assert verdict.reason == "The picture is black: mean brightness 3 of 255."
    assert verdict.details == {"problem": "black", "mean": 3.0}


def test_a_gradient_with_a_few_shapes_is_a_picture_like_any_other() -> None:
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = np.linspace(60, 160, WIDTH)[None, :, None]
    cv2.circle(pixels, (100, 100), 15, (30, 60, 200), -1)
    assert problem_of(make_picture(pixels), known=False) is None


def test_the_same_pixels_at_another_moment_mean_a_frozen_camera() -> None:
    before = paint(3)
    repeated = replace(before, captured_at=before.captured_at + timedelta(minutes=5), sha256="reencoded")
    assert problem_of(repeated, previous=before) == "frozen"


def test_a_picture_handed_in_twice_is_not_frozen() -> None:
    assert problem_of(paint(3), previous=paint(3)) is None


def test_a_new_picture_of_an_unchanged_place_is_not_frozen() -> None:
    assert problem_of(paint(4), previous=paint(3)) is None


@pytest.mark.parametrize(("blur", "code"), [(0.0, None), (0.6, None), (2.5, "blurred"), (6.0, "blurred")])
def test_blur_is_measured_against_how_sharp_the_camera_usually_is(blur: float, code: str | None) -> None:
    assert problem_of(paint(3, blur=blur)) == code


def test_a_camera_that_is_always_soft_is_not_called_blurred() -> None:
    soft = paint_references(8, blur=2.5)
    context = make_context(soft, key="soft")
    assert EVALUATOR.find_problem(paint(3, blur=2.5), context) is None


def test_without_references_only_hopeless_blur_is_reported() -> None:
    assert problem_of(paint(3, blur=2.5, noise=1), known=False) is None
    assert problem_of(paint(3, blur=30, noise=0.3), known=False) == "blurred"


def test_a_smear_over_everything_is_a_covered_lens() -> None:
    pixels = np.empty((HEIGHT, WIDTH, 3), np.float32)
    pixels[:] = np.linspace(150, 70, WIDTH)[None, :, None] * np.array([0.7, 0.9, 1.2])
    grains = np.random.default_rng(1).normal(0, 1, pixels.shape)
    assert problem_of(make_picture(np.clip(pixels + grains, 0, 255).astype(np.uint8))) == "covered"


@pytest.mark.parametrize("shift", [(16.0, 0.0), (-18.0, 8.0)])
def test_a_shifted_view_is_a_moved_camera(shift: tuple[float, float]) -> None:
    assert problem_of(paint(3, shift=shift)) == "moved"


def test_another_place_is_a_moved_camera() -> None:
    mirrored = np.ascontiguousarray(paint(3).color[::-1, ::-1])
    assert problem_of(make_picture(mirrored)) == "moved"


@pytest.mark.parametrize(
    "how",
    [
        {"shift": (3.0, -2.0)},
        {"turn": 0.5, "shift": (2.0, 1.0)},
        {"gain": 0.7},
        {"gain": 1.3},
        {"ramp": 0.6},
        {"shadow": 0.5},
        {"noise": 9.0},
        {"quality": 30},
        {"objects": [(20, 20, 200, 180, 60)]},
        {"objects": [(120, 40, 190, 190, -45)]},
    ],
    ids=str,
)
def test_shake_light_noise_and_large_objects_are_no_problem(how: dict[str, Any]) -> None:
    assert problem_of(paint(3, **how)) is None


def test_what_was_learnt_is_kept_until_the_key_changes() -> None:
    calls = []
    context = make_context(references(), key="counted")
    counted = replace(context, references=lambda: calls.append(1) or references())  # type: ignore[func-returns-value]
    evaluator = UsabilityEvaluator()
    for seed in (3, 4):
        evaluator.find_problem(paint(seed), counted)
    assert len(calls) == 1
    evaluator.find_problem(paint(5), replace(counted, references_key="another"))
    assert len(calls) == 2
