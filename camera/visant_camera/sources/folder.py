"""A folder of pictures, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from visant_camera.pictures import Picture, content_type_of, utc_now
from visant_camera.sources.base import NoPicture, Source, SourceError

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


class FolderSource(Source):
    """Gives the folder's pictures again and again, or once; other files are ignored.

    Each round lists the folder anew, so pictures may be added while it runs.
    """

    def __init__(self, folder: Path, *, once_through: bool) -> None:
        self._folder = folder
        self._once_through = once_through
        self._round = self._list()
        if next(self._list(), None) is None:
            raise SourceError(f"The folder {folder} holds no picture (jpg, jpeg, png or webp).")

    def __next__(self) -> Picture:
        path = next(self._round, None)
        if path is None:
            if self._once_through:
                raise StopIteration
            path = self._start_again()
        if path is None:
            raise NoPicture(f"the folder {self._folder} is empty")
        return self._read(path)

    def _read(self, path: Path) -> Picture:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NoPicture(f"{path.name} cannot be read ({error.strerror})") from error
        content_type = content_type_of(data)
        if content_type is None:
            raise NoPicture(f"{path.name} is not a JPEG, PNG or WebP picture")
        return Picture(data, content_type, utc_now(), {"file": path.name})

    def _start_again(self) -> Optional[Path]:
        try:
            self._round = self._list()
        except OSError as error:
            raise NoPicture(f"the folder {self._folder} cannot be read ({error.strerror})") from error
        return next(self._round, None)

    def _list(self) -> Iterator[Path]:
        paths = (path for path in self._folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
        return iter(sorted(paths, key=lambda path: path.name))
