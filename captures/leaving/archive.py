"""An export as a folder or as a zip file: written whole or not at all, and read without trusting its names."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

FORMAT = "visant-organization"
VERSION = 1
MANIFEST = "manifest.json"
# What an import reads of the manifest.
NEEDED = {
    "organization": {"name", "slug", "time_zone", "retention_days"},
    "counts": {"captures"},
    "files": {"cameras.json", "captures.jsonl"},
}
CHUNK = 1024 * 1024
# How a file that is missing or damaged shows, in a folder and in a zip file.
NOT_READ = (OSError, KeyError, zipfile.BadZipFile)


class ArchiveRefused(Exception):
    """It is no whole export of an organization. ``str()`` is a sentence for people."""


class ArchiveWriter:
    """Files go in one after the other. Nothing has the name asked for before :meth:`finish`."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise ArchiveRefused(f"{path} is there already.")
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")
        self._zip: zipfile.ZipFile | None = None
        if path.suffix == ".zip":
            self._draft.unlink(missing_ok=True)
            self._file = open(self._draft, "w+b", opener=_private)  # noqa: SIM115 - open until all is in it
            # Pictures are compressed already.
            self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)
        else:
            shutil.rmtree(self._draft, ignore_errors=True)
            self._draft.mkdir(mode=0o700, parents=True)

    def add(self, name: str, source: IO[bytes]) -> tuple[str, int]:
        """Copy a file and return its SHA-256 and its size."""
        digest, size = hashlib.sha256(), 0
        with self._open(name) as target:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                digest.update(chunk)
                target.write(chunk)
                size += len(chunk)
        return digest.hexdigest(), size

    def finish(self, manifest: dict[str, Any]) -> None:
        """Add the manifest, and give the whole its name."""
        with self._open(MANIFEST) as target:
            target.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode())
        if self._zip:
            self._zip.close()
            self._file.close()
        os.sync()
        self._draft.rename(self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._zip:
            self._zip.close()
            self._file.close()
            self._draft.unlink(missing_ok=True)
        shutil.rmtree(self._draft, ignore_errors=True)

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self._zip:
            with self._zip.open(name, "w", force_zip64=True) as file:
                yield file
            return
        path = self._draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb", opener=_private) as file:
            yield file


def _private(path: str, flags: int) -> int:
    """All of an organization is for nobody else on this machine."""
    return os.open(path, flags, 0o600)


class ArchiveReader:
    """An export to read from. Raises :class:`ArchiveRefused` for what is none, or not whole."""

    def __init__(self, path: Path) -> None:
        self._root = path.resolve()
        try:
            self._zip = zipfile.ZipFile(path) if path.is_file() else None
            with self.open(MANIFEST) as file:
                self.manifest: dict[str, Any] = json.load(file)
            kind = self.manifest.get("format"), self.manifest.get("version")
        except (*NOT_READ, AttributeError, ValueError) as error:
            raise ArchiveRefused(f"{path} is no export of an organization, or it is not whole.") from error
        if kind != (FORMAT, VERSION):
            raise ArchiveRefused(f"{path} is no export of an organization that this Visant can read.")
        self._refuse_partial()
        self._refuse_altered()

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Raises OSError or KeyError for what is not there, nor inside of it."""
        if self._zip:
            with self._zip.open(name) as file:
                yield file
            return
        path = (self._root / PurePosixPath(name)).resolve()
        if not path.is_relative_to(self._root):
            raise FileNotFoundError(name)
        with path.open("rb") as file:
            yield file

    def read(self, name: str) -> Any:
        with self.open(name) as file:
            return json.load(file)

    def lines(self, name: str) -> Iterator[Any]:
        """Yield what each line holds, None for one that is no JSON."""
        with self.open(name) as file:
            for line in file:
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None

    def _refuse_partial(self) -> None:
        for part, names in NEEDED.items():
            found = self.manifest.get(part)
            if not isinstance(found, dict) or not names <= found.keys():
                raise ArchiveRefused(f"The manifest of the export is not whole: “{part}” lacks something.")

    def _refuse_altered(self) -> None:
        for name, sha256 in self.manifest["files"].items():
            if self._sha256(name) != sha256:
                raise ArchiveRefused(f"{name} in the export is not as it was written.")

    def _sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        try:
            with self.open(name) as file:
                for chunk in iter(lambda: file.read(CHUNK), b""):
                    digest.update(chunk)
        except NOT_READ as error:
            raise ArchiveRefused(f"{name} is not in the export, or cannot be read.") from error
        return digest.hexdigest()
