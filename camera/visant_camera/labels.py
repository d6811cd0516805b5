"""The label on a camera: what its QR code says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from visant_camera.pictures import content_type_of
from visant_camera.sources import NoPicture, Source
from visant_camera.values import OptionError

VERSION = 1  # of the label
LONGEST_FILE = 32 * 1024 * 1024
NEEDS_READER = 'To read a QR code from a picture a reader is needed: pip install "visant-camera[video]".'


@dataclass(frozen=True)
class Label:
    url: str
    serial: str
    code: str


def read_label(given: str) -> Label:
    """From a QR code's text, or from a file that holds the text or a picture of it; raises ``OptionError``."""
    if given.lstrip().startswith("{"):
        return parse_label(given)
    path = Path(given).expanduser()
    try:
        data = path.read_bytes()[:LONGEST_FILE]
    except OSError as error:
        raise OptionError(f"--qr takes the text of the QR code or a file; {given!r}: {error.strerror}.") from error
    if content_type_of(data) is None:
        return parse_label(data.decode("utf-8", "replace"))
    text = decode(data)
    if not text:
        raise OptionError(f"No QR code was found in the picture {path}.")
    return parse_label(text)


def parse_label(text: str) -> Label:
    """Read the text of a label's QR code. Raises ``OptionError`` when it is none, or of a newer kind."""
    try:
        label = json.loads(text)
    except (ValueError, RecursionError):
        label = None
    version = label.get("visant") if isinstance(label, dict) else None
    if not isinstance(label, dict) or not isinstance(version, int):
        raise OptionError('This is not a label of Visant; its QR code holds {"visant": 1, "url": …, …}.')
    if version > VERSION:
        raise OptionError(f"This label is of a newer kind ({version}); install a newer visant-camera.")
    return Label(*(_field(label, name) for name in ("url", "serial", "code")))


def scan(source: Source, *, patience: float = 120.0) -> Label:
    """Hold the label before the camera. Raises ``OptionError`` when none is seen within ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            text = decode(next(source).data)
        except NoPicture:
            text = None
        if text:
            return parse_label(text)
        time.sleep(0.3)
    raise OptionError(f"No QR code was seen within {patience:.0f} s. Hold the label still, a hand's breadth away.")


def decode(data: bytes) -> Optional[str]:
    """The text of the QR code in an encoded picture, or None."""
    try:
        import cv2
        import numpy as np
        import zxingcpp
    except ImportError as missing:
        raise OptionError(NEEDS_READER) from missing
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        return None
    found = zxingcpp.read_barcode(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return found.text if found else None


def _field(label: dict[str, Any], name: str) -> str:
    value = label.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise OptionError(f"The label's QR code holds no {name}.")
    return value
