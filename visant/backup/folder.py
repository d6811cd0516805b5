"""The folder that backups are kept in: which of them are whole, what is in them, and which may go."""

import fcntl
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from visant.backup.errors import BackupError, NotComplete, UnknownVersion
from visant.backup.tables import line

FORMAT = 1
COMPLETE = "COMPLETE"
MANIFEST = "manifest.json"
FILES = "files.jsonl.gz"
SECRETS = "secrets.json"
CHUNK = 1024 * 1024


class FileEntry(NamedTuple):
    """One file of the storage: ``place`` orders them, ``sha256`` is of what is in the backup.

    ``problem``: ``missing``, ``unreadable``, ``damaged`` (kept as it is; not what the row speaks of), or
    ``deleted`` (together with its row, while the backup was made).
    """

    place: tuple[str, str, int]
    key: str
    sha256: str
    size: int
    problem: str

    @property
    def is_kept(self) -> bool:
        return bool(self.sha256)


@dataclass(frozen=True)
class StoredBackup:
    """A complete backup in ``folder``."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def identity(self) -> str:
        """The name, which another may have, too, and the beginning of the manifest's checksum."""
        return f"{self.name} ({(self.folder / COMPLETE).read_text()[:12]})"

    def entries(self) -> Iterator[FileEntry]:
        for place, *rest in self._lines(FILES):
            yield FileEntry(tuple(place), *rest)

    def table(self, name: str) -> Iterator[Any]:
        """The header of a table, then its rows."""
        return self._lines(name)

    def content(self, entry: FileEntry) -> Path:
        return content_path(self.folder.parent, entry.sha256)

    @contextmanager
    def open_content(self, entry: FileEntry) -> Iterator[BinaryIO | None]:
        """The file itself, to be read; None if it is gone from the backup."""
        try:
            file = self.content(entry).open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            yield file

    def refuse_altered(self) -> None:
        """Raise :class:`NotComplete` unless every table and list is byte by byte what the manifest says."""
        for part in [*self.manifest["tables"], self.manifest["files"]]:
            if _digest_of_text(self.folder / part["file"]) != part["sha256"]:
                raise NotComplete(f"{self.folder / part['file']} is not as it was written.")

    def _lines(self, name: str) -> Iterator[Any]:
        with gzip.open(self.folder / name, "rt", encoding="ascii") as text:
            for one in text:
                yield json.loads(one)


class TextFile:
    """A compressed file of lines, whose checksum is that of the text."""

    def __init__(self, folder: Path, name: str) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        self.name = name
        self.count = 0
        self._digest = hashlib.sha256()
        self._file = gzip.GzipFile(folder / name, "wb", compresslevel=4, mtime=0)

    def __enter__(self) -> "TextFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, text: bytes) -> None:
        self._digest.update(text)
        self._file.write(text)
        self.count += 1

    def described(self, **more: Any) -> dict[str, Any]:
        return {"file": self.name, "sha256": self._digest.hexdigest(), **more}


def content_path(root: Path, sha256: str) -> Path:
    return root / "pictures" / sha256[:2] / sha256


def digest_of(file: Any) -> str:
    """The SHA-256 of what a file has from here on."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def complete_backups(root: Path) -> list[StoredBackup]:
    """Return the whole backups in a folder, the oldest first; what is not whole is passed over."""
    found = []
    for folder in sorted(path.parent for path in root.glob(f"*/{COMPLETE}")):
        try:
            found.append(open_backup(folder))
        except (UnknownVersion, NotComplete):
            continue
    return found


def find_backup(path: Path) -> StoredBackup:
    """Return the backup at ``path``: that one, or the newest whole one in the folder ``path``."""
    if (path / MANIFEST).exists() or (path / COMPLETE).exists():
        return open_backup(path)
    found = complete_backups(path)
    if not found:
        raise NotComplete(f"There is no complete backup in {path}.")
    return found[-1]


def open_backup(folder: Path) -> StoredBackup:
    """Return the backup in ``folder``. Raises :class:`NotComplete`, :class:`UnknownVersion`."""
    try:
        text = (folder / MANIFEST).read_bytes()
        said = (folder / COMPLETE).read_text().strip()
    except FileNotFoundError as error:
        raise NotComplete(f"{folder} is not a complete backup: {Path(error.filename).name} is missing.") from error
    if hashlib.sha256(text).hexdigest() != said:
        raise NotComplete(f"The manifest of {folder} is not as it was written.")
    manifest = json.loads(text)
    if manifest["format"] != FORMAT:
        raise UnknownVersion(
            f"{folder} has the format {manifest['format']}, and this Visant reads {FORMAT}: "
            f"restore it with Visant {manifest['visant']}."
        )
    return StoredBackup(folder, manifest)


def sign_off(folder: Path, manifest: dict[str, Any]) -> StoredBackup:
    """Make a backup complete: all it has is on the disk before the marker is."""
    text = json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"
    (folder / MANIFEST).write_bytes(text)
    os.sync()
    draft = folder / f".{COMPLETE}"
    draft.write_text(hashlib.sha256(text).hexdigest() + "\n")
    draft.replace(folder / COMPLETE)
    os.sync()
    return StoredBackup(folder, manifest)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep others from writing into the folder. The lock ends with the process, however that ends."""
    try:
        root.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError as error:  # not made: on an unmounted disk it would fill another one
        raise BackupError(f"There is no folder {root.parent}. Is its disk mounted?") from error
    with (root / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"Another backup is being made in {root}.") from error
        yield


def remove_incomplete(root: Path, *, but: Path | None = None) -> int:
    """Remove what backups left that did not come to their end. What they copied of the pictures stays."""
    left = [
        path
        for path in root.iterdir()
        if path.is_dir() and path.name != "pictures" and path != but and _is_ours(path)
    ]
    for folder in left:
        shutil.rmtree(folder)
    return len(left)


def _is_ours(folder: Path) -> bool:
    """Whether a folder without a marker is a backup of ours that was begun; others' folders are left alone."""
    return not (folder / COMPLETE).exists() and (folder / "tables").is_dir()


def keep_newest(root: Path, count: int) -> int:
    """Remove all but the newest ``count`` backups, then the pictures that none speaks of; return how many went."""
    old = complete_backups(root)[:-count]
    for backup in old:
        (backup.folder / COMPLETE).unlink()  # from now on it is none, should this be cut short
        shutil.rmtree(backup.folder)
    if old:
        _remove_unnamed(root)
    return len(old)


def _remove_unnamed(root: Path) -> None:
    """Which pictures are still spoken of is looked up in a database on the disk: there may be many millions."""
    with tempfile.TemporaryDirectory(prefix="visant-backup-") as folder:
        names = sqlite3.connect(Path(folder) / "named.sqlite3", isolation_level=None)
        names.execute("PRAGMA synchronous=OFF")
        names.execute("CREATE TABLE named (sha256 TEXT PRIMARY KEY) WITHOUT ROWID")
        names.execute("BEGIN")
        for backup in complete_backups(root):
            sums: Iterable[tuple[str]] = ((entry.sha256,) for entry in backup.entries() if entry.is_kept)
            names.executemany("INSERT OR IGNORE INTO named VALUES (?)", sums)
        for path in (root / "pictures").glob("??/*"):
            if not names.execute("SELECT 1 FROM named WHERE sha256 = ?", [path.name]).fetchone():
                path.unlink()
        names.close()


def _digest_of_text(path: Path) -> str:
    try:
        with gzip.open(path, "rb") as file:
            return digest_of(file)
    except (OSError, EOFError, zlib.error):
        return ""


def write_line(file: TextFile, entry: FileEntry) -> None:
    file.write(line([list(entry.place), *entry[1:]]))
