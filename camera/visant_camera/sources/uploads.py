"""Which files in a folder are finished uploads, and what they say of themselves."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from visant_camera.exif import taken_at
from visant_camera.pictures import content_type_of

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
TAIL = 1024  # bytes in which the end of a picture must be; some cameras write remarks behind it
EMPTY_FOR = 2 * 86400.0  # seconds until an empty subfolder goes; cameras make one for each day or hour
# An EXIF moment further from the upload than this is of a clock that was never set.
BELIEVABLE = timedelta(days=1)


class State(NamedTuple):
    """What changes when somebody writes to a file or puts another one in its place."""

    inode: int
    size: int
    changed: int


def state_of(path: Path) -> State:
    stat = path.stat()
    return State(stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Uploads:
    """Looks at the folder and its subfolders, and remembers since when each file is as it is."""

    def __init__(self, folder: Path, *, skipping: set[str]) -> None:
        self._folder = folder
        self._skipping = skipping
        self._seen: dict[Path, tuple[State, float]] = {}

    def quiet_for(self, seconds: float) -> list[tuple[Path, State, float]]:
        """The files that nobody changed for ``seconds``, and for how long, the oldest first.

        Measured from the first look, so no clock needs to be right. Raises ``OSError``.
        """
        now, seen, quiet = time.monotonic(), {}, []
        for path in self._pictures(self._folder):
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
                state = state_of(path)
                before, since = self._seen.get(path, (state, now))
                seen[path] = (state, since if before == state else now)
                if now - seen[path][1] >= seconds:
                    quiet.append((path, state, now - seen[path][1]))
        self._seen = seen
        return sorted(quiet, key=lambda found: (found[1].changed, found[0]))

    def _pictures(self, folder: Path) -> Iterator[Path]:
        """By their endings, and without hidden ones, which is how FTP servers mark what is being written."""
        entries = list(os.scandir(folder))
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir():
                if folder != self._folder or entry.name not in self._skipping:
                    with contextlib.suppress(FileNotFoundError):
                        yield from self._pictures(path)
            elif entry.is_file() and path.suffix.lower() in ENDINGS:
                yield path
        if not entries and folder != self._folder and time.time() - folder.stat().st_mtime > EMPTY_FOR:
            with contextlib.suppress(OSError):
                folder.rmdir()


def is_whole(data: bytes) -> bool:
    """Whether it is a picture with a beginning and an end; what is in between, the server looks at."""
    kind = content_type_of(data)
    if kind == "image/jpeg":
        return b"\xff\xd9" in data[-TAIL:]
    if kind == "image/png":
        return b"IEND\xaeB`\x82" in data[-TAIL:]
    return kind == "image/webp" and len(data) >= int.from_bytes(data[4:8], "little") + 8


def moment_of(data: bytes, state: State) -> tuple[datetime, str]:
    """When the picture was taken, and who says so: ``exif``, or ``file`` for the end of its upload.

    An EXIF moment without a zone, as most cameras write it, is in this machine's zone; one that is
    more than a day from the upload is not believed.
    """
    whole, rest = divmod(state.changed, 10**9)
    written = datetime.fromtimestamp(whole, timezone.utc).replace(microsecond=rest // 1000)
    told = taken_at(data)
    if told is not None and abs(told.astimezone(timezone.utc) - written) <= BELIEVABLE:
        return told.astimezone(timezone.utc), "exif"
    return written, "file"
