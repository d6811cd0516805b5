"""Reading files to their end, which may be gigabytes, without holding them in memory."""

import hashlib
from typing import Any, NamedTuple


class Content(NamedTuple):
    """What a file holds: its SHA-256 in hex, and how many bytes."""

    sha256: str
    size: int


def content_of(storage: Any, key: str) -> Content | None:
    """Read what is under ``key``; None when nothing is there. Raises OSError when the storage is away."""
    try:
        with storage.open(key) as file:
            return Content(digest_of(file), file.tell())
    except FileNotFoundError:
        return None


def digest_of(file: Any) -> str:
    """Return the SHA-256 of an open file from where it is to its end, in hex."""
    return hashlib.file_digest(file, "sha256").hexdigest()
