"""Is it a picture, whole and of a bearable size? Looked at without decoding its full pixels."""

import io
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg
from django.conf import settings
from PIL import Image, UnidentifiedImageError

from orgs.errors import Invalid, TooLarge, UnsupportedType


class NotAPicture(UnsupportedType):
    code = "not_a_picture"


class BrokenPicture(Invalid):
    code = "broken_picture"
    keep_local = False


class TooManyPixels(TooLarge):
    code = "too_many_pixels"


class TooManyBytes(TooLarge):
    code = "too_many_bytes"


class PictureFacts(NamedTuple):
    """``width`` and ``height`` in pixels, as stored (before any EXIF orientation)."""

    content_type: str
    extension: str
    width: int
    height: int


EXTENSIONS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
# Samples of a pixel by colour type (PNG specification, 11.2.1).
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PIECE = 1024 * 1024
# Pillow refuses by itself at twice this; our own limit, checked right after the header was read, is exact.
Image.MAX_IMAGE_PIXELS = settings.VISANT_MAX_MEGAPIXELS * 1_000_000

# What the readers raise; an IndexError is a PNG without pixels.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, zlib.error)


def picture_limit() -> int:
    """The largest picture that is taken, in bytes."""
    return settings.VISANT_MAX_PICTURE_MB * 1024 * 1024


def refuse_large_picture(size: int) -> None:
    """Raise :class:`TooManyBytes` for a picture of more bytes than it may have."""
    if size > picture_limit():
        raise TooManyBytes(too_many_bytes())


def too_many_bytes() -> str:
    return f"A picture may have up to {settings.VISANT_MAX_PICTURE_MB} MB."


def inspect_picture(data: bytes) -> PictureFacts:
    """Return what ``data`` is, or raise :class:`NotAPicture`, :class:`TooManyPixels`, :class:`BrokenPicture`."""
    if not data:
        raise BrokenPicture("The picture is empty.")
    try:
        with Image.open(io.BytesIO(data), formats=tuple(EXTENSIONS)) as image:
            facts = _facts(image)
            _refuse_too_many_pixels(facts)
            _refuse_broken(image, data, facts)
    except UnidentifiedImageError as error:
        raise NotAPicture("This is not a JPEG, PNG or WebP picture, or its beginning is damaged.") from error
    except Image.DecompressionBombError as error:
        raise TooManyPixels(_pixel_limit()) from error
    except BROKEN as error:
        raise BrokenPicture(f"The picture is damaged or cut off ({error}).") from error
    return facts


def _facts(image: Image.Image) -> PictureFacts:
    # MPO is a JPEG with further ones (a preview, a second eye) behind it.
    kind = "JPEG" if image.format == "MPO" else image.format or ""
    return PictureFacts(f"image/{kind.lower()}", EXTENSIONS[kind], image.width, image.height)


def _refuse_too_many_pixels(facts: PictureFacts) -> None:
    if facts.width * facts.height > settings.VISANT_MAX_MEGAPIXELS * 1_000_000:
        raise TooManyPixels(_pixel_limit())


def _pixel_limit() -> str:
    return f"The picture has more than {settings.VISANT_MAX_MEGAPIXELS} megapixels."


def _refuse_broken(image: Image.Image, data: bytes, facts: PictureFacts) -> None:
    """Raise an OSError, SyntaxError or ValueError for what is cut off or corrupt.

    JPEG: the whole stream is entropy-decoded, at an eighth of its size and in grey; Pillow's ``verify`` passes
    truncated files, and only libjpeg's strict mode notices damage in the middle. PNG: the checksum of every
    chunk, and that the rows are all there. WebP: the container was already walked by ``open``, which refuses a
    shorter file than it says; within, it has no checksum that could be looked at.
    """
    if facts.extension == "jpeg":
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_height=1, min_width=1, min_factor=8, fastdct=True)
        return
    image.verify()
    if facts.extension == "png":
        _refuse_missing_rows(data, facts)


def _refuse_missing_rows(data: bytes, facts: PictureFacts) -> None:
    """Inflate the rows of a PNG, a piece at a time, and see that none is missing (PNG specification, 11.2)."""
    depth, channels, interlaced = data[24], PNG_CHANNELS.get(data[25], 1), bool(data[28])
    expected = facts.height * (1 + (facts.width * depth * channels + 7) // 8)
    inflate, length = zlib.decompressobj(), 0
    for chunk in _rows_of_png(data):
        rest = chunk
        while rest and not inflate.eof and length <= 2 * expected:  # an interlaced picture takes a little more
            length += len(inflate.decompress(rest, PIECE))
            rest = inflate.unconsumed_tail
    if not inflate.eof or (length < expected and not interlaced):
        raise ValueError("rows are missing")


def _rows_of_png(data: bytes) -> Iterator[bytes]:
    """The contents of the IDAT chunks. That the chunks are whole was verified."""
    at = 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            yield data[at + 8 : at + 8 + length]
        at += 12 + length
