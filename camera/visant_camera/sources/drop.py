"""A folder into which something else puts pictures, as an IP camera does by FTP."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections import deque
from pathlib import Path
from typing import Optional
from urllib.parse import parse_qsl

from visant_camera.disk import sync_folder
from visant_camera.pictures import Picture, content_type_of
from visant_camera.sources.base import NoPicture, NothingYet, Source, SourceError
from visant_camera.sources.uploads import State, Uploads, is_whole, moment_of, state_of

log = logging.getLogger(__name__)

SENT, DAMAGED, TAKEN = "sent", "damaged", ".visant"
SETTLED = 3.0  # seconds without a change, after which a whole file is finished
GIVEN_UP = 60.0  # seconds without a change, after which a file that is not whole never will be
AGAIN = 60.0  # seconds until a file that could not be moved or removed is tried again


class DropSource(Source):
    """Gives each finished picture once, oldest first, and lets go of the file once the spool has it.

    A file is moved to ``.visant/`` inside the folder before it is given, so that an upload of the same name never
    meets it; what a crash left there is given again. Bytes and moment are the same then, and so is its record.
    ``keep``: it goes to ``sent/`` instead of being removed.
    """

    own_pace = True

    def __init__(self, folder: Path, *, keep: bool = False, settled: float = SETTLED) -> None:
        self._folder, self._keep, self._settled = folder, keep, settled
        self._uploads = Uploads(folder, skipping={SENT, DAMAGED})
        self._line: deque[tuple[Path, State, float]] = deque()
        self._given: Optional[Path] = None
        self._stuck: dict[Path, float] = {}
        if not folder.is_dir():
            raise SourceError(f"The drop folder {folder} does not exist.")
        try:
            (folder / TAKEN).mkdir(exist_ok=True)
            left = sorted(path for path in (folder / TAKEN).rglob("*") if path.is_file())
            self._line.extend((path, state_of(path), 0.0) for path in left)
        except OSError as error:
            raise SourceError(
                f"Files must be moved inside the drop folder {folder}, and cannot be: {error.strerror}."
            ) from error

    @classmethod
    def from_spec(cls, spec: str) -> DropSource:
        """From ``drop:/srv/ftp/gate`` or ``drop:/srv/ftp/gate?keep=yes``; raises ``SourceError``."""
        folder, _, query = spec.partition(":")[2].partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not folder or options.keys() - {"keep"} or options.get("keep", "no") not in ("yes", "no"):
            raise SourceError("A drop folder looks like drop:/srv/ftp/gate or drop:/srv/ftp/gate?keep=yes.")
        return cls(Path(folder).expanduser(), keep=options.get("keep") == "yes")

    def __next__(self) -> Picture:
        if self._given is not None:
            # The spool could not keep the last one, so it is still the only copy.
            self._line.appendleft((self._given, state_of(self._given), 0.0))
            self._given = None
            raise NoPicture("the last one could not be kept; it stays in the drop folder")
        if not self._line:
            self._look()
        while self._line:
            path, state, quiet = self._line.popleft()
            picture = self._try_to_take(path, state, quiet)
            if picture is not None:
                return picture
        raise NothingYet(f"nothing new is in {self._folder}")

    def kept(self, picture: Picture) -> None:
        taken, self._given = self._given, None
        if taken is None:
            return
        try:
            if self._keep:
                self._move(taken, SENT)
            else:
                taken.unlink(missing_ok=True)
                sync_folder(taken.parent)
            self._remove_empty(taken.parent)
        except OSError as error:
            # It stays until the next start, is given again then, and known to be the same.
            log.error("%s is spooled, but cannot be removed (%s)", taken, error.strerror)

    def _look(self) -> None:
        try:
            self._line.extend(self._uploads.quiet_for(self._settled))
        except OSError as error:
            raise NoPicture(f"the drop folder {self._folder} cannot be read ({error.strerror})") from error

    def _try_to_take(self, path: Path, state: State, quiet: float) -> Optional[Picture]:
        if self._stuck.get(path, 0.0) > time.monotonic():
            return None
        try:
            return self._take(path, state, quiet)
        except FileNotFoundError:
            return None  # whoever put it there has renamed or removed it
        except OSError as error:
            self._stuck[path] = time.monotonic() + AGAIN
            log.error("%s cannot be taken from the drop folder (%s)", path, error.strerror)
            return None

    def _take(self, path: Path, state: State, quiet: float) -> Optional[Picture]:
        data = path.read_bytes()
        if state_of(path) != state:
            return None  # it is still being written
        if not is_whole(data):
            if quiet >= GIVEN_UP:
                log.error("%s is not a whole picture; it is now %s", path, self._move(path, DAMAGED))
            return None
        taken = path if self._inside(path).parts[0] == TAKEN else self._move(path, TAKEN)
        if state_of(taken) != state:
            self._line.appendleft((taken, state_of(taken), 0.0))
            return None
        self._given = taken
        return self._picture(taken, data, state)

    def _picture(self, taken: Path, data: bytes, state: State) -> Picture:
        captured_at, told_by = moment_of(data, state)
        name = str(taken.relative_to(self._folder / TAKEN)).encode("utf-8", "replace").decode()
        metadata = {"file": name, "captured_at_from": told_by}
        token = hashlib.sha256(data).hexdigest()[:8]
        return Picture(data, content_type_of(data) or "", captured_at, metadata, token)

    def _inside(self, path: Path) -> Path:
        return path.relative_to(self._folder)

    def _move(self, path: Path, where: str) -> Path:
        """Into ``where``, under the same subfolders, and under another name where one is in the way."""
        inside = self._inside(path)
        if inside.parts[0] == TAKEN:
            inside = inside.relative_to(TAKEN)
        moved = self._folder / where / inside
        moved.parent.mkdir(parents=True, exist_ok=True)
        if moved.exists():
            moved = moved.with_name(f"{moved.stem}-{time.time_ns()}{moved.suffix}")
        path.rename(moved)
        # What is gone from the old folder after a power cut must be in the new one.
        sync_folder(moved.parent)
        sync_folder(path.parent)
        return moved

    def _remove_empty(self, folder: Path) -> None:
        """The subfolders made in ``.visant/`` for one file."""
        with contextlib.suppress(OSError):
            while folder != self._folder / TAKEN:
                folder.rmdir()
                folder = folder.parent
