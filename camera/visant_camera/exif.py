"""When a JPEG says it was taken."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Optional

# CIPA DC-008 (Exif 2.32), tags.
EXIF_IFD, DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 0x8769, 0x9003, 0x9011
ASCII = 2
MOST_ENTRIES = 500  # of one directory; more is damage, not a camera


def taken_at(jpeg: bytes) -> Optional[datetime]:
    """DateTimeOriginal, without a zone when the camera wrote none. None when it is missing or unreadable."""
    try:
        tiff = next(_exif_blocks(jpeg), None)
        if tiff is None:
            return None
        order = "<" if tiff[:2] == b"II" else ">"
        [first] = struct.unpack_from(order + "I", tiff, 4)
        pointer = _entries(tiff, order, first).get(EXIF_IFD)
        if pointer is None:
            return None
        entries = _entries(tiff, order, struct.unpack(order + "I", pointer)[0])
        moment = _text(entries[DATE_TIME_ORIGINAL])
        offset = _text(entries[OFFSET_TIME_ORIGINAL]) if OFFSET_TIME_ORIGINAL in entries else ""
        return datetime.strptime(moment + offset, "%Y:%m:%d %H:%M:%S" + ("%z" if offset else ""))  # noqa: DTZ007
    except (struct.error, KeyError, ValueError):
        return None


def _exif_blocks(jpeg: bytes) -> Iterator[bytes]:
    """The TIFF blocks of the APP1 segments before the picture itself."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        [length] = struct.unpack_from(">H", jpeg, at + 2)
        body = jpeg[at + 4 : at + 2 + length]
        if jpeg[at + 1] == 0xE1 and body.startswith(b"Exif\0\0"):
            yield body[6:]
        at += 2 + length


def _entries(tiff: bytes, order: str, start: int) -> dict[int, bytes]:
    """Of each tag the value: the text of an ASCII one, else the four bytes that stand in the directory."""
    [count] = struct.unpack_from(order + "H", tiff, start)
    found = {}
    for number in range(min(count, MOST_ENTRIES)):
        tag, kind, length = struct.unpack_from(order + "HHI", tiff, start + 2 + 12 * number)
        at = start + 2 + 12 * number + 8
        value = tiff[at : at + 4]
        if kind == ASCII and length > 4:
            [offset] = struct.unpack(order + "I", value)
            value = tiff[offset : offset + length]
        found[tag] = value
    return found


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode("ascii").strip()
