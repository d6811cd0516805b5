"""The built-in painted scene: a yard with a moving sun, a noisy sensor and, now and then, a visitor.

For trying Visant without a camera. Picture number ``n`` depends on the seed and ``n`` alone.
"""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import Optional
from urllib.parse import parse_qsl, urlsplit

from visant_camera.pictures import Picture, utc_now
from visant_camera.sources.base import Source, SourceError

try:
    from PIL import Image, ImageChops, ImageFilter
except ImportError as missing:
    raise SourceError('The painted scene needs Pillow: pip install "visant-camera[scene]".') from missing

from visant_camera.sources.brush import HEIGHT, SIZE, WIDTH
from visant_camera.sources.visitor import Visitor, paint_visitor, visitor_at
from visant_camera.sources.yard import paint_shadows, paint_yard

JPEG_QUALITY = 88
NOISE = 2.6  # standard deviation of the sensor, of 255 levels
SHADOW = (0.70, 0.73, 0.79)  # what of each channel's light is left in the shade; the sky is blue
# Uniform random bytes through this table are Gaussian noise around 128.
GAUSSIAN = [round(128 + NormalDist(0, NOISE).inv_cdf((level + 0.5) / 256)) for level in range(256)]


@dataclass(frozen=True)
class SceneOptions:
    """``cycle`` and ``quiet`` count pictures: six are a minute at the usual ten seconds between two.

    Half a cycle lies within the first twenty pictures: whoever learns from them has seen all the light there is.
    """

    seed: str = "1"
    cycle: int = 38
    quiet: int = 24
    night: bool = False


class SceneSource(Source):
    """640×480 JPEG of a yard, without end."""

    def __init__(self, options: SceneOptions) -> None:
        self._options = options
        self._yard = paint_yard(random.Random(f"{options.seed}/yard"))  # noqa: S311 - a painting
        self._frame = 0

    @classmethod
    def from_spec(cls, spec: str) -> SceneSource:
        """From ``scene:yard?seed=7&cycle=38&quiet=24&night=yes``; all after ``scene:`` may be left out."""
        parts = urlsplit(spec)
        if parts.path not in ("", "yard"):
            raise SourceError(f"There is no painted scene {parts.path!r}; there is scene:yard.")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = given.keys() - {"seed", "cycle", "quiet", "night"}
        if unknown:
            raise SourceError(f"scene:yard has no {min(unknown)!r}; it takes seed, cycle, quiet and night.")
        usual = SceneOptions()
        return cls(
            SceneOptions(
                seed=given.get("seed", usual.seed),
                cycle=_whole("cycle", given.get("cycle"), usual.cycle, least=2),
                quiet=_whole("quiet", given.get("quiet"), usual.quiet, least=0),
                night=given.get("night", "no").lower() in ("yes", "1", "true"),
            )
        )

    def __next__(self) -> Picture:
        taken_at = utc_now()
        image = self.paint(self._frame)
        self._frame += 1
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return Picture(buffer.getvalue(), "image/jpeg", taken_at, {"frame": self._frame - 1})

    def paint(self, frame: int) -> Image.Image:
        """Picture number ``frame``, RGB 640×480."""
        sun = math.cos(math.tau * frame / self._options.cycle)
        image, shade = self._yard.copy(), paint_shadows(sun)
        visitor = self.visitor_at(frame)
        if visitor is not None:
            _let_in(image, shade, visitor, sun)
        lit = _lit(image, self._light(frame, sun))
        picture = Image.composite(_lit(lit, SHADOW), lit, shade)
        return ImageChops.add(picture, self._noise(frame), 1, -128)

    def visitor_at(self, frame: int) -> Optional[Visitor]:
        return visitor_at(self._options.seed, frame, quiet=self._options.quiet)

    def _light(self, frame: int, sun: float) -> tuple[float, float, float]:
        """Factors for red, green and blue: bright at noon, warm when the sun is low, thin clouds."""
        turn = math.tau * frame / self._options.cycle
        clouds = 0.02 * math.sin(3 * turn + 1.0) + 0.01 * math.sin(7 * turn)
        level = 1.0 - 0.16 * sun**2 + clouds
        if self._options.night:
            level *= 1.0 - 0.85 * max(0.0, sun) ** 2
        return level * (1 + 0.03 * sun**2), level, level * (1 - 0.08 * sun**2)

    def _noise(self, frame: int) -> Image.Image:
        rng = random.Random(f"{self._options.seed}/noise/{frame}")  # noqa: S311 - a sensor's noise
        return Image.frombytes("RGB", SIZE, rng.randbytes(3 * WIDTH * HEIGHT)).point(GAUSSIAN * 3)


def _let_in(image: Image.Image, shade: Image.Image, visitor: Visitor, sun: float) -> None:
    """Paint the visitor into ``image`` and into ``shade``: a shadow on the ground, none on the visitor."""
    sprite = paint_visitor(visitor)
    left, top = round(visitor.x - sprite.width / 2), round(visitor.ground) - sprite.height
    outline = sprite.getchannel("A")
    # The outline laid on the ground: a quarter as long, sheared away from the sun.
    margin = 8  # for the soft edge above the head
    flat, width = sprite.height // 4 + margin, sprite.width * 3
    shear = (1, -2.2 * sun, -sprite.width + 2.2 * sun * flat, 0, 4, -4 * margin)
    fallen = outline.transform((width, flat), Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)
    fallen = fallen.filter(ImageFilter.GaussianBlur(2))
    shade.paste(220, (left - sprite.width, round(visitor.ground) - flat), fallen)
    image.paste(sprite, (left, top), sprite)
    shade.paste(0, (left, top), outline)


def _lit(image: Image.Image, light: tuple[float, float, float]) -> Image.Image:
    return image.point([min(255, round(level * factor)) for factor in light for level in range(256)])


def _whole(name: str, value: Optional[str], usual: int, *, least: int) -> int:
    if value is None:
        return usual
    if not value.isdecimal() or int(value) < least:
        raise SourceError(f"scene:yard needs a whole number of at least {least} for {name}, not {value!r}.")
    return int(value)
