"""What a camera gives: one picture and the moment it was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Optional, Union

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True)
class Picture:
    """Encoded bytes of one still picture.

    ``content_type`` is a key of ``SUFFIXES``; ``captured_at`` is aware, in UTC; ``metadata`` is a JSON object
    that travels with the picture. ``token``, eight hex digits, is for a source that may give the same picture
    twice (after a crash): with the moment it names the picture, so that the second is known to be the first.
    """

    data: bytes
    content_type: str
    captured_at: datetime
    metadata: Mapping[str, Union[str, int, float]] = field(default_factory=dict)
    token: str = ""


def content_type_of(data: bytes) -> Optional[str]:
    """The content type the bytes themselves show by their signature, or None when it is none of ours."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def utc_now() -> datetime:
    return datetime.now(timezone.utc)
