"""Pictures as local files."""

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from captures.storage.keys import StoredFile
from captures.storage.removing import Left, delete_each

DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part")


class DurableFileSystemStorage(FileSystemStorage):
    """Local files that are on the disk, name and all, when ``save`` returns.

    Temporary file, fsync, rename, fsync of the folder: after a crash or a power cut there is the whole file or
    none. A name that is taken is replaced; Visant's names are unique, always mean the same bytes, or mean what can
    be made again.
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

    def delete_many(self, names: Sequence[str]) -> Left:
        return delete_each(self.delete, names)

    def list_files(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file whose name begins with ``prefix``, in no order. One that goes meanwhile may be left out."""
        root = Path(self.location)
        for folder, _, names in os.walk(root / prefix.rpartition("/")[0]):
            for name in names:
                path = Path(folder, name)
                key = str(path.relative_to(root))
                if key.startswith(prefix):
                    yield from _as_stored(key, path)


def intended_key(key: str) -> str:
    """The key that a file was to get whose writer was killed; that of any other file is its own."""
    folder, slash, name = key.rpartition("/")
    draft = DRAFT.fullmatch(name)
    return f"{folder}{slash}{draft['name']}" if draft else key


def _as_stored(key: str, path: Path) -> Iterator[StoredFile]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return  # renamed or deleted since it was listed
    yield StoredFile(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


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
