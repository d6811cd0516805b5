"""Reading again from the storage what was imported, and comparing it with the source."""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

from django.core.files.storage import default_storage

from captures.models import Capture
from captures.storage.reading import content_of
from orgs.models import Organization

READERS = 8
AT_ONCE = 500
_NONE = bytes(32)


class Entry(NamedTuple):
    """A capture that the source holds: the digest of its picture there, "" for none, and of a thumbnail."""

    pk: UUID
    sha256: str
    thumbnail: bytes


class Ledger:
    """What is to be compared in the end: 80 bytes a capture, whatever there are."""

    SIZE = 16 + 32 + 32

    def __init__(self) -> None:
        self._packed = bytearray()

    def __len__(self) -> int:
        return len(self._packed) // self.SIZE

    def add(self, pk: UUID, sha256: str, thumbnail: bytes) -> None:
        digest = hashlib.sha256(thumbnail).digest() if thumbnail else _NONE
        self._packed += pk.bytes + (bytes.fromhex(sha256) or _NONE) + digest

    def ids(self) -> set[bytes]:
        """Of all captures, as bytes: a third of what UUIDs take."""
        return {bytes(self._packed[start : start + 16]) for start in range(0, len(self._packed), self.SIZE)}

    def entries(self, *, sample: int | None = None) -> Iterator[Entry]:
        """All of them, or ``sample`` that chance chooses."""
        numbers = range(len(self))
        chosen = numbers if sample is None or sample >= len(self) else sorted(random.sample(numbers, sample))
        for number in chosen:
            packed = bytes(self._packed[number * self.SIZE : (number + 1) * self.SIZE])
            picture, thumbnail = packed[16:48], packed[48:]
            yield Entry(UUID(bytes=packed[:16]), "" if picture == _NONE else picture.hex(), thumbnail)


def differences(org: Organization, ledger: Ledger, *, sample: int | None = None) -> Iterator[str | None]:
    """Yield for each capture compared a sentence where it is not as in the source, else None.

    Raises OSError when the storage cannot be read at all.
    """
    entries = ledger.entries(sample=sample)
    with ThreadPoolExecutor(READERS) as threads:
        while batch := [entry for _, entry in zip(range(AT_ONCE), entries, strict=False)]:
            rows = org.captures.in_bulk([entry.pk for entry in batch])
            yield from threads.map(_difference, batch, [rows.get(entry.pk) for entry in batch])


def _difference(entry: Entry, row: Capture | None) -> str | None:
    if row is None:
        return f"The capture {entry.pk} is not there."
    if entry.sha256 and row.sha256 != entry.sha256:  # the source may have lost its picture since
        return f"The capture {entry.pk} has another checksum than its picture in the source."
    if row.storage_key and content_of(default_storage, row.storage_key) != (row.sha256, row.byte_size):
        return f"The picture of {entry.pk} in the storage is not that of the source."
    if row.thumbnail_key:
        found = content_of(default_storage, row.thumbnail_key)
        if not found or not found.size or entry.thumbnail not in (_NONE, bytes.fromhex(found.sha256)):
            return f"The thumbnail of {entry.pk} in the storage is not that of the source."
    return None
