"""Files into a backup and out of it, several at a time; each is read to its end and its checksum compared."""

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from django.core.files.base import File
from django.core.files.storage import Storage

from visant.backup.errors import StorageAway
from visant.backup.folder import CHUNK, FileEntry, StoredBackup, content_path, digest_of

T = TypeVar("T")
R = TypeVar("R")

# A storage across a network is waited for; that many at once.
AT_ONCE = 8
# So many in a row that cannot be read is a storage that is away, and not a disk with a bad spot.
UNREADABLE_IN_A_ROW = 20


class Wanted(NamedTuple):
    """A file that a row speaks of. ``sha256`` as the row says, empty where it says none."""

    place: tuple[str, str, int]
    key: str
    sha256: str


class Copied(NamedTuple):
    """How a file came back: ``""`` (it is in the storage, byte by byte), ``there`` already, or what is wrong."""

    entry: FileEntry
    outcome: str


def several_at_once(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items; no more are begun than are worked on."""
    iterator = iter(items)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: deque[Future[R]] = deque(pool.submit(function, item) for item in islice(iterator, 2 * AT_ONCE))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(iterator, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def copy_in(wanted: Wanted, *, source: Storage, root: Path) -> FileEntry:
    """Copy a file into the backup, unless those bytes are in it."""
    if wanted.sha256 and (size := _kept_size(content_path(root, wanted.sha256), wanted.sha256)) is not None:
        return FileEntry(wanted.place, wanted.key, wanted.sha256, size, "")
    draft = root / "pictures" / f".{secrets.token_hex(8)}.part"
    try:
        sha256, size = _read_into(draft, source, wanted.key)
    except FileNotFoundError:
        return FileEntry(wanted.place, wanted.key, "", 0, "missing")
    except _Unreadable:
        draft.unlink(missing_ok=True)
        return FileEntry(wanted.place, wanted.key, "", 0, "unreadable")
    target = content_path(root, sha256)
    target.parent.mkdir(exist_ok=True)
    draft.replace(target)
    problem = "damaged" if wanted.sha256 not in ("", sha256) else ""
    return FileEntry(wanted.place, wanted.key, sha256, size, problem)


def copy_out(entry: FileEntry, *, backup: StoredBackup, target: Storage) -> Copied:
    """Put a file back, and read it again from where it was put.

    What the storage has is replaced only by what is known to be good: the backup's may be the damaged one.
    """
    if not entry.is_kept:
        return Copied(entry, entry.problem)
    with backup.open_content(entry) as content:
        if target.exists(entry.key):
            if _digest_in(target, entry.key) == entry.sha256:
                return Copied(entry, entry.problem or "there")
            if problem := entry.problem or _problem_of(content, entry):
                return Copied(entry, f"{problem} in the backup, and another in the storage was left")
            target.delete(entry.key)  # a restore that was cut short
        if content is None:
            return Copied(entry, "missing in the backup")
        target.save(entry.key, File(content))
    if _digest_in(target, entry.key) == entry.sha256:
        return Copied(entry, entry.problem)
    with backup.content(entry).open("rb") as content:
        whose = "backup" if digest_of(content) != entry.sha256 else "storage"
    return Copied(entry, f"damaged in the {whose}")


def refuse_storage_away(entries: Iterable[FileEntry]) -> Iterator[FileEntry]:
    """Pass entries on. Raises :class:`StorageAway` when one after the other could not be read."""
    in_a_row = 0
    for entry in entries:
        in_a_row = in_a_row + 1 if entry.problem == "unreadable" else 0
        if in_a_row == UNREADABLE_IN_A_ROW:
            raise StorageAway(f"{in_a_row} files in a row could not be read, {entry.key} the last of them.")
        yield entry


def _problem_of(content: BinaryIO | None, entry: FileEntry) -> str:
    """What is wrong with a file of the backup, which is read and wound back."""
    if content is None:
        return "missing"
    problem = "" if digest_of(content) == entry.sha256 else "damaged"
    content.seek(0)
    return problem


class _Unreadable(Exception):
    """The storage did not give the file to its end."""


def _read_into(draft: Path, source: Storage, key: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    chunks = _chunks(source, key)
    first = next(chunks, b"")  # before the draft is made: of a missing file there is none
    with draft.open("xb") as out:
        for chunk in chain([first], chunks):
            digest.update(chunk)
            out.write(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _chunks(source: Storage, key: str) -> Iterator[bytes]:
    """Errors of the storage apart from those of the disk that the backup is written to."""
    try:
        with source.open(key) as file:
            yield from iter(lambda: file.read(CHUNK), b"")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _Unreadable from error


def _digest_in(storage: Storage, key: str) -> str:
    with storage.open(key) as file:
        return digest_of(file)


def _kept_size(path: Path, sha256: str) -> int | None:
    """The size of what is in the backup under that name, if it is that."""
    try:
        with path.open("rb") as file:
            return path.stat().st_size if digest_of(file) == sha256 else None
    except FileNotFoundError:
        return None
