"""Two storages as one, while pictures are moved from the one to the other."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.utils.functional import cached_property

from captures.storage.keys import StoredFile
from captures.storage.removing import Left


class FallbackStorage(Storage):
    """Writes to ``first``; reads from it and, what is not there, from ``then``. Deletes in both.

    Both are aliases of the settings.
    """

    def __init__(self, *, first: str, then: str) -> None:
        self._aliases = first, then

    @cached_property
    def first(self) -> Any:
        return storages[self._aliases[0]]

    @cached_property
    def then(self) -> Any:
        return storages[self._aliases[1]]

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        return any(storage.exists(name) for storage in (self.first, self.then, self.first))

    def size(self, name: str) -> int:
        return int(self._where("size", name))

    def get_modified_time(self, name: str) -> Any:
        return self._where("get_modified_time", name)

    def delete(self, name: str) -> None:
        # First where it would be found again: killed in between, it is still there for whoever deletes it again.
        self.then.delete(name)
        self.first.delete(name)

    def delete_many(self, names: Sequence[str]) -> Left:
        left: Left = self.then.delete_many(names)
        left |= self.first.delete_many([name for name in names if name not in left])
        return left

    def list_files(self, prefix: str = "") -> Iterator[StoredFile]:
        """What is in either. What is in both comes as it is in ``first``."""
        seen = set()
        for file in self.first.list_files(prefix):
            seen.add(file.key)
            yield file
        for file in self.then.list_files(prefix):
            if file.key not in seen:
                yield file

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders: set[str] = set()
        files: set[str] = set()
        for storage in (self.first, self.then):
            try:
                more_folders, more_files = storage.listdir(path)
            except FileNotFoundError:
                continue  # the other has it
            folders.update(more_folders)
            files.update(more_files)
        return sorted(folders), sorted(files)

    def _open(self, name: str, mode: str = "rb") -> File:
        file: File = self._where("open", name)
        return file

    def _save(self, name: str, content: File) -> str:
        return str(self.first.save(name, content))

    def _where(self, method: str, name: str) -> Any:
        for storage in (self.first, self.then):
            try:
                return getattr(storage, method)(name)
            except FileNotFoundError:
                continue
        return getattr(self.first, method)(name)  # it may have been moved between the two looks
