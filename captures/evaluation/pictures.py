"""Bytes from a camera, turned into arrays. Pillow decodes; OpenCV only ever sees arrays."""

import io
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

Pixels = npt.NDArray[np.uint8]

WORKING_SIDE = 640
"""Longest side of a picture as the evaluators see it. Finer detail is mostly noise and JPEG blocks."""

THUMBNAIL_SIZE = (400, 300)
THUMBNAIL_QUALITY = 85

MAX_PIXELS = 150_000_000
"""Above this a picture is refused unread: 150 megapixels decode to 450 MB. Below Pillow's own bomb limit."""

# Named by their readers, which registers these; a JPEG of several pictures (MPO) opens as JPEG.
FORMATS = tuple(reader.format for reader in (JpegImageFile, PngImageFile, WebPImageFile, BmpImageFile))

# What Pillow's readers raise on broken input, found by feeding them damaged files. MemoryError is not among
# them.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    ZeroDivisionError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class Undecodable(ValueError):
    """These bytes are not a whole picture. The message is a sentence for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One still, upright, at working size.

    ``gray`` is (height, width) and ``color`` (height, width, 3) in BGR order, both uint8 and read-only;
    ``width`` and ``height`` are those of the original after its EXIF orientation.
    """

    gray: Pixels
    color: Pixels
    width: int
    height: int
    captured_at: datetime
    sha256: str


def decode_picture(data: bytes, *, captured_at: datetime, sha256: str) -> Picture:
    """Decode to working size (longest side at most 640, never enlarged); raise ``Undecodable``."""
    image, (width, height) = _load(data, at_least=WORKING_SIDE, background=(0, 0, 0))
    rgb = np.asarray(image)
    scale = WORKING_SIDE / max(rgb.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    color = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
    gray = np.asarray(cv2.cvtColor(color, cv2.COLOR_BGR2GRAY), np.uint8)
    color.flags.writeable = gray.flags.writeable = False
    return Picture(gray, color, width, height, captured_at, sha256)


def make_thumbnail(data: bytes) -> bytes:
    """Return a baseline JPEG of at most 400×300 without any metadata; raise ``Undecodable``."""
    return make_smaller(data, THUMBNAIL_SIZE, quality=THUMBNAIL_QUALITY)


def make_smaller(data: bytes, size: tuple[int, int], *, quality: int, progressive: bool = False) -> bytes:
    """Return an upright JPEG of at most ``size``, never enlarged, without any metadata; raise ``Undecodable``."""
    image, _ = _load(data, at_least=max(size), background=(255, 255, 255))
    image.thumbnail(size, Image.Resampling.LANCZOS)
    # A picture built from bare pixels has no info dictionary from which a writer could copy EXIF or ICC.
    bare = Image.fromarray(np.asarray(image))
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, progressive=progressive, optimize=True)
    return out.getvalue()


def _load(data: bytes, *, at_least: int, background: tuple[int, int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """Return the upright RGB image, perhaps already reduced, and the original upright size."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Undecodable(f"The picture has {width} × {height} pixels, more than can be handled.")
            orientation = _orientation(image)
            if image.format in ("JPEG", "MPO"):
                _refuse_damaged_jpeg(data, image.mode)
                image.draft(image.mode, (at_least, at_least))
            image.load()
            upright = ImageOps.exif_transpose(_to_rgb(image, background)) if orientation else image
            rgb = _to_rgb(upright, background) if upright.mode != "RGB" else upright.copy()
    except Undecodable:
        raise
    except _BROKEN as error:
        raise Undecodable(f"The picture cannot be read: {_first_line(error)}.") from error
    return rgb, (height, width) if orientation in _TRANSPOSED else (width, height)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 2–8, or 0 when there is nothing to do. Broken EXIF does not spoil good pixels."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 0)
    except _BROKEN:
        return 0
    return value if isinstance(value, int) and 2 <= value <= 8 else 0


def _refuse_damaged_jpeg(data: bytes, mode: str) -> None:
    """Raise when libjpeg has a complaint: Pillow notices a missing end, but not damage in the middle."""
    colorspace = {"L": "GRAY", "CMYK": "CMYK"}.get(mode, "RGB")
    simplejpeg.decode_jpeg(data, colorspace, fastdct=True, fastupsample=True, min_height=1, min_width=1)


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits a pixel: keep the upper 8. Pillow's own conversion would clip at 255.
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*background, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")
