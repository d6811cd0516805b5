"""Pictures that the storage lost, and a source still has, are put back."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Protocol

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from captures.models import Capture
from captures.moving.outcomes import Tally
from captures.moving.pictures import Picture, thumbnail_of


class Arrival(Protocol):
    """A capture on its way; ``there``: the row of this very picture, by its checksum, from before."""

    there: Capture | None
    picture: Picture | None
    thumbnail: bytes


def recover(arrivals: Iterable[Arrival], *, threads: Executor, tally: Tally, dry_run: bool) -> None:
    """Put back, and note, what the storage lost of the captures that are there.

    With ``dry_run`` nothing is written. Raises OSError when the storage is away.
    """
    known = [
        (arrival.there, arrival.picture, arrival.thumbnail)
        for arrival in arrivals
        if arrival.there is not None and arrival.picture is not None
    ]
    lost = sum(threads.map(lambda capture: _recover(*capture, dry_run=dry_run), known))
    if lost:
        tally.note("capture of which the storage had lost a file: it comes back from the source", lost)


def _recover(row: Capture, picture: Picture, thumbnail: bytes, *, dry_run: bool) -> bool:
    """Whether anything was missing of a capture's files."""
    files: dict[str, Callable[[], bytes]] = {
        row.storage_key: lambda: picture.data,
        row.thumbnail_key: lambda: thumbnail or thumbnail_of(picture),
    }
    lost = [key for key in files if key and not default_storage.exists(key)]
    for key in lost if not dry_run else ():
        if data := files[key]():
            default_storage.save(key, ContentFile(data))
    return bool(lost)
