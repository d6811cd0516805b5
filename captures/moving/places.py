"""By what a capture is found again: its camera and record id, or its camera, moment and picture."""

from datetime import datetime
from uuid import UUID

ByRecord = tuple[UUID, str]
ByPicture = tuple[UUID, datetime, str]


def by_picture(device_pk: UUID, captured_at: datetime, sha256: str) -> ByPicture | None:
    """None without a picture: two captures of one moment that have none need not be the same."""
    return (device_pk, captured_at, sha256) if sha256 else None
