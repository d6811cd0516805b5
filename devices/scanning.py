"""Reads the QR code of a label from a photo, as a phone takes it."""

import io
import zlib
from typing import IO

import numpy as np
import zxingcpp
from django.conf import settings
from PIL import Image, ImageOps, UnidentifiedImageError

from orgs.errors import Invalid

LARGEST_PHOTO = 20 * 1024 * 1024  # bytes
FORMATS = ("JPEG", "PNG", "WEBP")
QR_CODE = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
LONGER_SIDE = 1600  # pixels in which the code is looked for


class PhotoUnreadable(Invalid):
    code = "photo_unreadable"


def qr_text_in(photo: IO[bytes]) -> str:
    """Return the text of the QR code in a photo. Raises :class:`PhotoUnreadable`.

    The photo is a stranger's: Pillow decodes it, bounded; the reader sees only pixels.
    """
    data = photo.read(LARGEST_PHOTO + 1)
    if len(data) > LARGEST_PHOTO:
        raise PhotoUnreadable(f"A photo may have up to {LARGEST_PHOTO // 2**20} MB.")
    grey = _decode(data)
    grey.thumbnail((LONGER_SIDE, LONGER_SIDE))
    found = zxingcpp.read_barcode(np.asarray(grey), formats=QR_CODE)
    if found is None:
        raise PhotoUnreadable("There is no QR code to be read in the photo. Take it nearer, or type the code.")
    return found.text


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > settings.VISANT_MAX_MEGAPIXELS * 1_000_000:
                raise PhotoUnreadable(f"A photo may have up to {settings.VISANT_MAX_MEGAPIXELS} megapixels.")
            image.draft("L", (LONGER_SIDE, LONGER_SIDE))
            return ImageOps.exif_transpose(image).convert("L")
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise PhotoUnreadable("This is not a JPEG, PNG or WebP photo.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, zlib.error) as error:
        raise PhotoUnreadable("The photo is damaged; take it again, or type the code.") from error
