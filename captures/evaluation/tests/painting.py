"""Painted scenes: a house, a street and trees before one fixed camera, with everything that disturbs a
comparison."""

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image

from captures.evaluation.pictures import Picture, decode_picture
from captures.evaluation.verdicts import Context, Region

WIDTH, HEIGHT = 320, 240
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@cache
def paint_place(seed: int = 1) -> np.ndarray:
    """A place without light, noise or passers-by: (height, width, 3) float32 BGR with a margin of 20
    around."""
    rng = np.random.default_rng(seed)
    height, width = HEIGHT + 40, WIDTH + 40
    place = np.empty((height, width, 3), np.float32)
    place[:] = np.linspace(170, 110, height, dtype=np.float32)[:, None, None]
    place *= np.array([1.05, 1.0, 0.95], np.float32)
    cv2.rectangle(place, (200, 50), (340, 150), (90, 120, 150), -1)
    for x in range(212, 330, 30):
        cv2.rectangle(place, (x, 70), (x + 14, 95), (70, 60, 50), -1)
    cv2.fillPoly(place, [np.array([(0, 280), (150, 130), (200, 130), (360, 280)])], (105, 108, 110))
    for step in range(5):
        y = 150 + 26 * step
        cv2.line(place, (178, y), (179, y + 10 + step), (215, 215, 220), 2 + step // 2)
    ground = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    place += 8 * (ground / ground.std())[..., None]
    leaves = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.5)
    crown = np.zeros((height, width), np.float32)
    cv2.circle(crown, (80, 90), 60, 1.0, -1)
    green = np.array([45, 90, 60], np.float32) + 30 * (leaves / leaves.std())[..., None]
    return np.where(crown[..., None] > 0, green, place).astype(np.float32)


def paint(
    seed: int,
    *,
    place: int = 1,
    gain: float = 1.0,
    ramp: float = 0.0,
    shadow: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    turn: float = 0.0,
    noise: float = 3.0,
    sway: float = 1.0,
    objects: Sequence[tuple[int, int, int, int, int]] = (),
    blur: float = 0.0,
    quality: int | None = 88,
    gray: bool = False,
) -> Picture:
    """Take a picture of a place; the seed decides noise and leaves only.

    ``ramp`` brightens from left to right by this share, ``shadow`` darkens softly around the lower left,
    ``shift`` (pixels) and ``turn`` (degrees) shake the camera, ``sway`` moves leaves (pixels), ``objects``
    are patterned boxes (x, y, width, height, contrast in grey levels). ``quality`` None skips JPEG.
    """
    rng = np.random.default_rng(seed)
    scene = _sway(paint_place(place), rng, sway)
    for x, y, w, h, contrast in objects:
        _place_object(scene[20 + y : 20 + y + h, 20 + x : 20 + x + w], contrast)
    matrix = cv2.getRotationMatrix2D((180, 140), turn, 1.0)
    matrix[:, 2] += np.array(shift)
    scene = cv2.warpAffine(scene, matrix, (WIDTH + 40, HEIGHT + 40), flags=cv2.INTER_CUBIC)[20:-20, 20:-20]
    light = np.full((HEIGHT, WIDTH), gain, np.float32) * np.linspace(1 - ramp / 2, 1 + ramp / 2, WIDTH)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light *= 1 - shadow * np.exp(-(((x - 90) / 90.0) ** 2 + ((y - 190) / 70.0) ** 2))
    pixels = scene * light[..., None].astype(np.float32)
    if blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur)
    pixels = pixels + rng.normal(0, noise, pixels.shape)
    if gray:
        pixels[:] = pixels.mean(axis=2, keepdims=True)
    return make_picture(np.clip(pixels, 0, 255).astype(np.uint8), quality=quality, minute=seed)


def paint_references(count: int = 15, *, start: int = 1000, **how: Any) -> list[Picture]:
    """Pictures of an ordinary hour: light drifts by a few percent, the camera trembles by half a pixel."""
    rng = np.random.default_rng(start)
    ordinary: list[dict[str, Any]] = [
        {"gain": rng.uniform(0.93, 1.07), "shift": tuple(rng.uniform(-0.5, 0.5, 2))} for _ in range(count)
    ]
    return [paint(start + index, **{**each, **how}) for index, each in enumerate(ordinary)]


def make_picture(bgr: np.ndarray, *, quality: int | None = None, minute: int = 0) -> Picture:
    """Send BGR pixels through a file, as a camera does."""
    data = encode(bgr, quality=quality)
    moment = NOON + timedelta(minutes=minute)
    return decode_picture(data, captured_at=moment, sha256=hashlib.sha256(data).hexdigest())


def encode(bgr: np.ndarray, *, quality: int | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    if quality is None:
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def make_context(
    references: Sequence[Picture],
    *,
    key: str = "k",
    needed: int | None = None,
    marked: int = 0,
    regions: tuple[Region, ...] = (),
    ignore_regions: tuple[Region, ...] = (),
    previous: Picture | None = None,
) -> Context:
    return Context(
        references=lambda: references,
        references_key=key,
        reference_count=len(references),
        references_needed=len(references) if needed is None else needed,
        marked_count=marked,
        regions=regions,
        ignore_regions=ignore_regions,
        previous=lambda: previous,
    )


def _sway(scene: np.ndarray, rng: np.random.Generator, pixels: float) -> np.ndarray:
    """Move the leaves by a smooth random field, the rest stays."""
    height, width = scene.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = np.exp(-((((x - 80) ** 2 + (y - 90) ** 2) / 55.0**2) ** 3)).astype(np.float32)
    fields = [cv2.resize(rng.normal(0, pixels, (14, 18)).astype(np.float32), (width, height)) for _ in range(2)]
    return cv2.remap(scene, x + inside * fields[0], y + inside * fields[1], cv2.INTER_LINEAR)


def _place_object(patch: np.ndarray, contrast: int) -> None:
    """Something opaque: darker or lighter than what it hides by the contrast, its upper third twice as much."""
    patch[:] = patch.mean(axis=(0, 1)) + contrast
    patch[: len(patch) // 3] += contrast
