"""Smaller pictures, where the configuration asks for them and an imaging library is there."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import logging
from typing import Optional

from visant_camera.pictures import Picture

log = logging.getLogger(__name__)

USUAL_QUALITY = 85


def can_shrink() -> bool:
    """Whether Pillow is here (it comes with ``visant-camera[picture]``); it is not loaded by asking."""
    return importlib.util.find_spec("PIL") is not None


def shrink(picture: Picture, *, max_width: Optional[int], quality: Optional[int]) -> Picture:
    """``picture`` with at most ``max_width`` pixels across, as JPEG of ``quality``.

    It comes back as it was when there is nothing to do, when Pillow is missing or cannot read it.
    """
    if not (max_width or quality) or not can_shrink():
        return picture
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(picture.data)) as image:
            if not quality and image.width <= (max_width or image.width):
                return picture
            if max_width:
                image.draft("RGB", (max_width, max_width))  # a JPEG is decoded small in the first place
            upright = ImageOps.exif_transpose(image).convert("RGB")
        if max_width and upright.width > max_width:
            upright = upright.resize((max_width, max(1, round(upright.height * max_width / upright.width))))
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=quality or USUAL_QUALITY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        log.warning("the picture stays as it is, it cannot be made smaller: %s", error)
        return picture
    return dataclasses.replace(picture, data=out.getvalue(), content_type="image/jpeg")
