"""The change detector: silent about light, shake, noise and leaves; loud about what was not there before."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from captures.evaluation.pictures import Picture
from captures.evaluation.scene import SceneEvaluator
from captures.evaluation.tests.painting import make_context, make_picture, paint, paint_references
from captures.evaluation.verdicts import Box, Verdict

pytestmark = pytest.mark.once

PERSON = (150, 180, 16, 24, 40)
EVALUATOR = SceneEvaluator()

ORDINARY: dict[str, Any] = {}
WINDY: dict[str, Any] = {"noise": 8.0, "sway": 2.5}


@cache
def references(windy: bool = False) -> tuple[Picture, ...]:
    return tuple(paint_references(15, **(WINDY if windy else ORDINARY)))


def judge(picture: Picture, known: Sequence[Picture] | None = None, key: str = "usual", **context: Any) -> Verdict:
    return EVALUATOR.evaluate(picture, make_context(references() if known is None else known, key=key, **context))


def shaking(count: int, start: int = 7000) -> list[dict[str, Any]]:
    rng = np.random.default_rng(start)
    return [{"shift": tuple(rng.uniform(-4, 4, 2)), "turn": rng.uniform(-0.5, 0.5)} for _ in range(count)]


def wall(seed: int, spot: int = 0) -> Picture:
    """A bare wall with a spot of 20 × 20 pixels that much brighter."""
    pixels = 130 + np.random.default_rng(seed).normal(0, 2, (240, 320, 3))
    pixels[100:120, 100:120] += spot
    return make_picture(np.clip(pixels, 0, 255).astype(np.uint8))


# What must not matter


@pytest.mark.parametrize("windy", [False, True], ids=["calm", "windy"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"gain": 0.7},
        {"gain": 1.3},
        {"ramp": 0.3},
        {"ramp": -0.6},
        {"shadow": 0.3},
        {"shift": (1.0, 0.0)},
        {"shift": (-2.0, 1.0)},
        {"shift": (3.0, -3.0)},
        {"shift": (1.5, 2.5), "gain": 0.8, "ramp": 0.2},
        {"turn": 1.0},
        {"quality": 40},
        {"quality": None},
        {"noise": 8.0},
    ],
    ids=str,
)
def test_light_shake_noise_and_compression_are_normal(how: dict[str, Any], windy: bool) -> None:
    picture = paint(31, **{**(WINDY if windy else ORDINARY), **how})
    verdict = judge(picture, references(windy), key=f"windy {windy}")
    assert verdict.verdict == "normal", verdict
    assert verdict.boxes == ()


def test_hardly_any_of_many_windy_pictures_is_a_false_alarm() -> None:
    verdicts = [judge(paint(seed, **WINDY), references(True), key="windy True") for seed in range(40, 60)]
    assert [verdict.verdict for verdict in verdicts].count("abnormal") == 0


def test_a_camera_on_a_shaking_pole_learns_its_shake() -> None:
    known = [paint(100 + i, **how) for i, how in enumerate(shaking(12))]
    for i, how in enumerate(shaking(5, start=8000)):
        assert judge(paint(200 + i, **how), known, key="pole").verdict == "normal"
        assert judge(paint(200 + i, objects=[PERSON], **how), known, key="pole").verdict == "abnormal"


# What must be seen


@pytest.mark.parametrize("windy", [False, True], ids=["calm", "windy"])
@pytest.mark.parametrize(
    "thing",
    [
        (150, 180, 8, 8, 40),
        (150, 180, 8, 8, -50),
        PERSON,
        (150, 180, 16, 24, 16),
        (170, 150, 60, 60, 10),
        (170, 150, 60, 60, -12),
        (150, 80, 140, 140, 15),
        (40, 30, 240, 200, -40),
        (50, 50, 20, 20, 60),
    ],
    ids=str,
)
def test_small_strong_and_large_faint_things_are_abnormal(thing: tuple[int, ...], windy: bool) -> None:
    picture = paint(32, objects=[thing], **(WINDY if windy else ORDINARY))  # type: ignore[list-item]
    assert judge(picture, references(windy), key=f"windy {windy}").verdict == "abnormal"


def test_a_thing_is_seen_in_other_light_and_through_shake() -> None:
    assert judge(paint(33, objects=[PERSON], gain=0.75, ramp=0.2, shift=(3, -2))).verdict == "abnormal"


def test_the_score_grows_with_the_contrast_and_passes_half_at_the_threshold() -> None:
    known = [wall(seed) for seed in range(8)]
    verdicts = [judge(wall(34, spot), known, key="wall") for spot in (0, 3, 6, 9, 12, 24, 40, 60)]
    scores = [verdict.score for verdict in verdicts]
    assert scores == sorted(scores, key=lambda score: score or 0)
    assert all(verdict.score is not None and 0 <= verdict.score <= 1 for verdict in verdicts)
    assert all((verdict.verdict == "abnormal") == ((verdict.score or 0) > 0.5) for verdict in verdicts)
    assert {verdict.verdict for verdict in verdicts} == {"normal", "abnormal"}


def test_the_verdict_says_where_and_how_much() -> None:
    verdict = judge(paint(35, objects=[(20, 180, 40, 40, 50)]))
    assert verdict.reason.startswith("Change at lower left, ")
    assert verdict.reason.endswith(" % of the picture.")
    assert verdict.details["area"] == pytest.approx(1600 / (320 * 240), rel=0.4)
    (box,) = verdict.boxes
    assert (box.x, box.y) == pytest.approx((20 / 320, 180 / 240), abs=0.03)
    assert (box.width, box.height) == pytest.approx((40 / 320, 40 / 240), abs=0.05)


def test_two_things_have_two_boxes_the_heavier_first() -> None:
    verdict = judge(paint(36, objects=[(20, 180, 20, 20, 40), (230, 150, 50, 60, 60)]))
    assert len(verdict.boxes) == 2
    assert verdict.boxes[0].x > 0.6 > verdict.boxes[1].x


def test_never_more_than_five_boxes() -> None:
    things = [(20 + 50 * column, 150 + 45 * row, 12, 12, 70) for column in range(6) for row in range(2)]
    assert len(judge(paint(36, objects=things)).boxes) == 5


# Regions

LOWER = [(0.0, 0.6), (1.0, 0.6), (1.0, 1.0), (0.0, 1.0)]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]


def test_a_change_outside_the_region_does_not_count() -> None:
    picture = paint(37, objects=[(250, 60, 30, 30, 60)])
    assert judge(picture, key="lower", regions=(LOWER,)).verdict == "normal"
    assert judge(picture, key="right", regions=(RIGHT,)).verdict == "abnormal"


def test_a_change_in_an_ignored_region_does_not_count() -> None:
    picture = paint(37, objects=[(250, 60, 30, 30, 60)])
    assert judge(picture, key="ignore right", ignore_regions=(RIGHT,)).verdict == "normal"


def test_the_share_is_of_the_region() -> None:
    verdict = judge(paint(38, objects=[(100, 170, 50, 50, 50)]), key="lower", regions=(LOWER,))
    assert verdict.details["area"] == pytest.approx(2500 / (0.4 * 320 * 240), rel=0.3)
    assert verdict.reason.endswith("of the region.")


def test_regions_that_leave_nothing_are_said_to() -> None:
    verdict = judge(paint(38), key="nothing", regions=(LOWER,), ignore_regions=(LOWER,))
    assert verdict == Verdict("uncertain", None, "The regions leave nothing of the picture to look at.")


# Learning


def test_while_learning_nothing_is_judged_or_loaded() -> None:
    context = replace(
        make_context(references()[:12], needed=20), references=lambda: pytest.fail("references were loaded")
    )
    assert EVALUATOR.evaluate(paint(39), context) == Verdict("uncertain", None, "Learning, 12 of 20 pictures.")


def test_five_marked_references_are_enough_to_start() -> None:
    known = references()[:5]
    assert judge(paint(40), known, key="five", needed=20, marked=4).verdict == "uncertain"
    assert judge(paint(40), known, key="five", needed=20, marked=5).verdict == "normal"
    assert judge(paint(40, objects=[PERSON]), known, key="five", needed=20, marked=5).verdict == "abnormal"


def test_passers_by_among_the_first_pictures_do_no_harm() -> None:
    rng = np.random.default_rng(5)
    known = [
        paint(
            300 + i, objects=[(int(rng.integers(90, 280)), int(rng.integers(140, 200)), 25, 35, 45)] * (i % 5 < 2)
        )
        for i in range(20)
    ]
    verdict = judge(paint(41), known, key="busy")
    assert verdict.verdict == "normal"
    assert verdict.details["left_out"] == 8
    assert judge(paint(42, objects=[PERSON]), known, key="busy").verdict == "abnormal"


def test_what_a_person_marked_normal_is_normal_there_and_only_there() -> None:
    parked = (200, 160, 40, 30, 40)
    known = [paint(400, objects=[parked]), *references()[:8]]
    assert judge(paint(43, objects=[parked]), known, key="unmarked").verdict == "abnormal"
    assert judge(paint(43, objects=[parked]), known, key="marked", marked=9).verdict == "normal"
    elsewhere = paint(43, objects=[(60, 170, 40, 30, 40)])
    assert judge(elsewhere, known, key="marked", marked=9).verdict == "abnormal"


# Day and night


def night(seed: int, **how: Any) -> Picture:
    return paint(seed, **{"gain": 0.25, "noise": 5.0, "gray": True, **how})


def test_night_is_not_guessed_from_days() -> None:
    verdict = judge(night(44))
    assert (verdict.verdict, verdict.score) == ("uncertain", None)
    assert verdict.reason == (
        "No reference was taken in such light: this picture (night, without colour) is darker than all of them."
    )


def test_a_picture_is_compared_with_references_of_its_own_light() -> None:
    known = [*references()[:8], *(night(500 + i) for i in range(8))]
    assert judge(paint(45), known, key="both").details["references"] == 8
    assert judge(night(46), known, key="both").verdict == "normal"
    assert judge(night(46, objects=[(150, 180, 20, 30, 90)]), known, key="both").verdict == "abnormal"
    assert judge(paint(45, objects=[PERSON]), known, key="both").verdict == "abnormal"


def test_a_light_with_few_references_is_still_being_learnt() -> None:
    known = [*references()[:12], *(night(500 + i) for i in range(3))]
    verdict = judge(night(47), known, key="few nights")
    assert verdict.reason == "Learning this light (night, without colour), 3 of 5 pictures."


# Odd pictures


def test_a_tiny_picture_is_not_judged() -> None:
    tiny = make_picture(np.full((20, 30, 3), 90, np.uint8))
    assert judge(tiny, [tiny] * 6, key="tiny").verdict == "uncertain"


def test_references_of_another_shape_are_left_aside() -> None:
    wide = make_picture(np.ascontiguousarray(paint(48).color[:120]))
    assert judge(wide).reason == "No reference has the shape of this picture."


def test_a_featureless_place_can_be_watched() -> None:
    known = [wall(seed) for seed in range(8)]
    assert judge(wall(20), known, key="wall").verdict == "normal"
    assert judge(wall(21, spot=20), known, key="wall").verdict == "abnormal"


def test_identical_references_do_not_make_every_grain_a_change() -> None:
    assert judge(paint(49), [paint(1)] * 6, key="identical").verdict == "normal"


def test_boxes_stay_inside_the_picture() -> None:
    verdict = judge(paint(50, objects=[(280, 190, 40, 50, 60)], shift=(3, 3)))
    assert verdict.boxes
    for box in verdict.boxes:
        assert isinstance(box, Box)
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= 1.0001
        assert box.y + box.height <= 1.0001


def test_what_was_learnt_is_kept_until_the_key_changes() -> None:
    calls = []
    context = make_context(references(), key="counted")
    counted = replace(context, references=lambda: calls.append(1) or references())  # type: ignore[func-returns-value]
    evaluator = SceneEvaluator()
    for seed in (51, 52):
        evaluator.evaluate(paint(seed), counted)
    assert len(calls) == 1
    evaluator.evaluate(paint(53), replace(counted, references_key="another"))
    assert len(calls) == 2
