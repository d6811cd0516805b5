"""Reading a folder that others filled: nothing is followed out of it, and nothing in it can stop the reading."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from captures.moving.outcomes import Refused

_WHY = {
    errno.ELOOP: ("link", "It is a link, and links are not followed."),
    errno.ENOTDIR: ("link", "A part of its path is a link or no folder, and links are not followed."),
    errno.ENOENT: ("missing", "It is not there."),
    errno.EACCES: ("unreadable", "It may not be read."),
    errno.EPERM: ("unreadable", "It may not be read."),
    errno.ENXIO: ("no_file", "It is no file that could be read."),
    errno.ENAMETOOLONG: ("missing", "No file can have a name that long."),
}


class Entry(NamedTuple):
    """Something in a folder that is no folder. ``odd`` says why it cannot be read, and is None for a file."""

    name: str
    odd: Refused | None


class SourceFolder:
    """A folder and all below it, by paths relative to it. Links, also those that stay inside, are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        os.close(self._root)

    def walk(self) -> Iterator[tuple[str, list[Entry]]]:
        """Yield each folder with what it holds, in the order of names. A folder that may not be read is odd."""
        waiting = [""]
        while waiting:
            path = waiting.pop()
            try:
                entries, folders = self._listed(path)
            except OSError as error:
                folder, _, name = path.rpartition("/")
                yield folder, [Entry(name, _refusal(error))]
                continue
            yield path, entries
            waiting += [f"{path}/{name}" if path else name for name in reversed(folders)]

    def read(self, path: str, *, limit: int) -> bytes:
        """Return the bytes of a file. Raises :class:`Refused`, also for one larger than ``limit``."""
        *folders, name = path.split("/")
        if {"", ".", ".."} & {*folders, name} or "\0" in path:
            raise Refused("leaves_the_folder", "Its path would lead out of the folder.")
        try:
            with self._opened(folders) as folder:
                # Not to wait for a pipe that nobody writes into.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                return _contents(os.open(name, flags, dir_fd=folder), limit)
        except (OSError, UnicodeEncodeError) as error:
            raise _refusal(error) from error

    def _listed(self, path: str) -> tuple[list[Entry], list[str]]:
        entries, folders = [], []
        with self._opened(path.split("/") if path else []) as folder, os.scandir(folder) as found:
            for entry in sorted(found, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    entries.append(Entry(entry.name, _oddness(entry)))
        return entries, folders

    @contextmanager
    def _opened(self, folders: list[str]) -> Iterator[int]:
        """Open a folder step by step, so that no step can be a link."""
        current = os.dup(self._root)
        try:
            for name in folders:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)


def _contents(descriptor: int, limit: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("no_file", "It is no file that could be read.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused("too_large", f"It is larger than {limit // (1024 * 1024)} MB.")
    return data


def _oddness(entry: os.DirEntry[str]) -> Refused | None:
    if entry.is_symlink():
        return Refused("link", "It is a link, and links are not followed.")
    return (
        None if entry.is_file(follow_symlinks=False) else Refused("no_file", "It is no file that could be read.")
    )


def _refusal(error: OSError | UnicodeEncodeError) -> Refused:
    number = error.errno if isinstance(error, OSError) else errno.ENOENT
    reason, sentence = _WHY.get(number or 0, ("unreadable", f"It cannot be read: {error}."))
    return Refused(reason, sentence)
