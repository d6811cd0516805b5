"""Where the bytes are, and how they get there for good."""

import os
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

THUMBNAIL = "_thumb.jpeg"


class DurableFileSystemStorage(FileSystemStorage):
    """Local files that are on the disk, name and all, when ``save`` returns.

    Temporary file, fsync, rename, fsync of the folder: after a crash or a power cut there is the whole file or
    none. A name that is taken is replaced; Visant's names are unique or always mean the same bytes.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        _make_folder(path.parent)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            _write_durably(draft, content)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return name


def picture_key(*, org_id: uuid.UUID, device_id: uuid.UUID, pk: uuid.UUID, at: datetime, extension: str) -> str:
    """Return the storage key of a picture. It holds the row's id, so no two uploads ever share a file."""
    day = at.astimezone(UTC)
    return f"{org_id}/devices/{device_id}/captures/{day:%Y/%m/%d}/{pk}.{extension}"


def thumbnail_key(storage_key: str) -> str:
    return storage_key.rpartition(".")[0] + THUMBNAIL


def _write_durably(path: Path, content: File) -> None:
    with path.open("xb") as file:
        for chunk in content.chunks():
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


# Folders whose names this process knows to be on the disk. That one is there is not enough: another process may
# have made it a moment ago and not have synced it yet.
_synced: set[Path] = set()


def _make_folder(folder: Path) -> None:
    """Make ``folder`` with its parents; each name is synced into the folder that holds it."""
    there = folder.is_dir()
    if there and (folder in _synced or folder.is_mount()):
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)
    _synced.add(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
