"""Files that are whole or not there, even when the power goes."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write ``data`` so that after a crash ``path`` holds all of it or what it held before.

    Temporary file, fsync, rename, fsync of the folder. ``mode`` is limited by the umask, as usual. Raises
    ``OSError`` and leaves no temporary file.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)  # one left by a crash keeps its own mode
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_secret(path: Path, data: bytes) -> None:
    """As ``write_durably``, for a file that holds a key: a new one is 0600; an old one keeps mode and owner."""
    path = path.resolve()  # the file behind a symbolic link, not the link
    part = path.with_name(path.name + ".new")
    write_durably(part, data, mode=0o600)
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    try:
        if before is not None:
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(part, before.st_uid, before.st_gid)
            part.chmod(before.st_mode & 0o777)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
