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
    lost = sum(threads.map(lambda arrival: _recover(arrival, dry_run=dry_run), arrivals))
    if lost:
        tally.note("capture of which the storage had lost a file: it comes back from the source", lost)


def _recover(arrival: Arrival, *, dry_run: bool) -> bool:
    """Whether anything was missing of the files of that one."""
    row, picture = arrival.there, arrival.picture
    if row is None or picture is None:
        return False
    files: dict[str, Callable[[], bytes]] = {
        row.storage_key: lambda: picture.data,
        row.thumbnail_key: lambda: arrival.thumbnail or thumbnail_of(picture),
    }
    lost = [key for key in files if key and not default_storage.exists(key)]
    for key in lost if not dry_run else ():
        if data := files[key]():
            default_storage.save(key, ContentFile(data))
    return bool(lost)
