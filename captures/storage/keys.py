"""What files are called, wherever they are kept, and what is known of one without opening it."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

THUMBNAIL = "_thumb.jpeg"
# What is made of a picture for outsiders, when it is first asked for (captures/derivatives.py). No row speaks of
# these: their names follow from the picture's, and they can be made again.
VIEW, SMALL, AGED = "_view.jpeg", "_small.jpeg", "_aged.jpeg"
DERIVED = (VIEW, SMALL, AGED)
# Beside the pictures, in the same bucket: what was swept, and what cameras are just handing in.
QUARANTINE_PREFIX = "quarantine"
INCOMING_PREFIX = "incoming"
# Below it a file is written and deleted again, to see whether that can be done (visant/health.py, too).
READINESS_PREFIX = "readiness"
CONTENT_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class StoredFile(NamedTuple):
    key: str
    size: int
    modified_at: datetime


class StorageDown(OSError):
    """The storage does not answer, or refuses; ``strerror`` says which, without addresses."""


def picture_key(*, org_id: uuid.UUID, device_id: uuid.UUID, pk: uuid.UUID, at: datetime, extension: str) -> str:
    """Return the storage key of a picture. It holds the row's id, so no two uploads ever share a file."""
    day = at.astimezone(UTC)
    return f"{org_id}/devices/{device_id}/captures/{day:%Y/%m/%d}/{pk}.{extension}"


def thumbnail_key(storage_key: str) -> str:
    return storage_key.rpartition(".")[0] + THUMBNAIL


def view_key(storage_key: str) -> str:
    return storage_key.rpartition(".")[0] + VIEW


def small_key(storage_key: str) -> str:
    return storage_key.rpartition(".")[0] + SMALL


def aged_key(storage_key: str) -> str:
    return storage_key.rpartition(".")[0] + AGED


def derived_keys(storage_key: str) -> list[str]:
    """Where what is made of a picture for outsiders is, if it was made."""
    return [view_key(storage_key), small_key(storage_key), aged_key(storage_key)] if storage_key else []


def incoming_key(*, org_id: uuid.UUID, pk: uuid.UUID) -> str:
    """Where a camera puts a picture itself; it is none of the pictures until it was looked at."""
    return f"{INCOMING_PREFIX}/{org_id}/{pk}"


def content_type_of(key: str) -> str:
    return CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")
