"""A scanner of QR codes, as a phone has one."""

import io

import numpy as np
import zxingcpp
from PIL import Image

QR_CODE = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def scanned(png: bytes) -> str:
    """Return the text of the QR code in a picture; "" when there is none to be read."""
    return scanned_pixels(np.asarray(Image.open(io.BytesIO(png)).convert("L")))


def scanned_pixels(grey: np.ndarray) -> str:
    found = zxingcpp.read_barcode(grey, formats=QR_CODE)
    return found.text if found else ""
