"""Polygons drawn by people: what is accepted, what is refused in words, what a mask covers."""

import numpy as np
import pytest

from captures.evaluation.masks import build_mask
from captures.evaluation.regions import parse_polygons

pytestmark = pytest.mark.once

LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
LOWER = [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]


def test_polygons_become_tuples_of_floats_without_the_closing_point() -> None:
    assert parse_polygons([[*LEFT, [0, 0]]]) == ([(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)],)


@pytest.mark.parametrize("value", [None, []])
def test_no_polygons_are_fine(value: object) -> None:
    assert parse_polygons(value) == ()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("all", "Regions must be a list of polygons."),
        ({"0": LEFT}, "Regions must be a list of polygons."),
        ([LEFT] * 21, "There are 21 polygons; at most 20 are allowed."),
        ([LEFT, 7], "Polygon 2 must be a list of points."),
        ([[[0, 0], [1, 1]]], "Polygon 1 has 2 points; at least 3 are needed."),
        ([[[0, 0], [1, 0], [0, 0]]], "Polygon 1 has 2 points; at least 3 are needed."),
        ([[[i / 200, (i % 2)] for i in range(101)]], "Polygon 1 has more than 100 points."),
        ([[[0, 0], [0.5, 0.5], [1, 1]]], "Polygon 1 encloses no area."),
        ([[[0, 0], [1, 1], [1, 0], [0, 1]]], "Polygon 1 encloses no area."),
        ([[[0, 0], [1.2, 0], [1, 1]]], "Polygon 1 leaves the picture: coordinates are fractions from 0 to 1."),
        ([[[0, -0.1], [1, 0], [1, 1]]], "Polygon 1 leaves the picture: coordinates are fractions from 0 to 1."),
        ([[[0, 10**400], [1, 0], [1, 1]]], "Polygon 1 leaves the picture: coordinates are fractions from 0 to 1."),
        ([[[0, float("nan")], [1, 0], [1, 1]]], "Every point of polygon 1 must be two numbers, [x, y]."),
        ([[[0, float("inf")], [1, 0], [1, 1]]], "Every point of polygon 1 must be two numbers, [x, y]."),
        ([[[0, True], [1, 0], [1, 1]]], "Every point of polygon 1 must be two numbers, [x, y]."),
        ([[[0, "0"], [1, 0], [1, 1]]], "Every point of polygon 1 must be two numbers, [x, y]."),
        ([[[0, 0, 0], [1, 0], [1, 1]]], "Every point of polygon 1 must be two numbers, [x, y]."),
    ],
)
def test_what_is_no_polygon_is_refused_in_words(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^.") as refusal:
        parse_polygons(value)
    assert str(refusal.value) == sentence


def test_a_hundred_points_are_accepted() -> None:
    circle = [[0.5 + 0.4 * np.cos(a), 0.5 + 0.4 * np.sin(a)] for a in np.linspace(0, 6.2, 100)]
    assert len(parse_polygons([circle])[0]) == 100


def test_without_regions_the_whole_picture_counts() -> None:
    assert build_mask(40, 30).shape == (30, 40)
    assert build_mask(40, 30).all()


def test_a_region_covers_its_part_and_no_more() -> None:
    mask = build_mask(40, 30, parse_polygons([LEFT]))
    assert mask[:, :20].all()
    assert not mask[:, 21:].any()


def test_overlapping_regions_add_up() -> None:
    mask = build_mask(40, 30, [RIGHT, LOWER])
    assert mask[25, 35]
    assert mask[25, 5]
    assert mask[5, 35]
    assert not mask[5, 5]


def test_ignored_regions_win_over_regions() -> None:
    mask = build_mask(40, 30, [RIGHT], [LOWER])
    assert mask[5, 35]
    assert not mask[25, 35]
