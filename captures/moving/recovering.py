"""Pictures that the storage lost, and a source still has, are put back."""

from collections.abc import Callable

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from captures.models import Capture
from captures.moving.pictures import Picture, thumbnail_of

RECOVERED = "capture of which the storage had lost a file: it comes back from the source"


def recover(row: Capture, picture: Picture, thumbnail: bytes, *, dry_run: bool) -> bool:
    """Write what is missing of a capture's files, and return whether anything was.

    ``picture`` is the one that was taken in, by its checksum. With ``dry_run`` nothing is written. Raises OSError
    when the storage is away.
    """
    files: dict[str, Callable[[], bytes]] = {
        row.storage_key: lambda: picture.data,
        row.thumbnail_key: lambda: thumbnail or thumbnail_of(picture),
    }
    lost = [key for key in files if key and not default_storage.exists(key)]
    for key in lost if not dry_run else ():
        if data := files[key]():
            default_storage.save(key, ContentFile(data))
    return bool(lost)
