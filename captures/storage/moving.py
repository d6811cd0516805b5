"""Bringing all pictures from one storage to the other, while cameras go on sending and people go on looking.

Exports of organizations go with them, which may have gigabytes: no file is held in memory.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from captures.models import Capture, Export
from captures.storage.keys import derived_keys
from captures.storage.reading import content_of, digest_of
from orgs import scope

BATCH = 200
THREADS = 8


class Outcome(StrEnum):
    """What became of one file, in the words of the report."""

    COPIED = "copied"
    THERE = "there already"
    MISSING = "missing in both"
    DAMAGED = "not as recorded"


class Wanted(NamedTuple):
    """A file that the row of ``model`` speaks of. Of a thumbnail neither digest nor size is known."""

    model: type[Capture] | type[Export]
    row: uuid.UUID
    key: str
    sha256: str
    size: int


@dataclass
class MoveReport:
    """How many files ended how; ``verified`` were re-read from the target, then ``deleted`` from the source."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    verified: int = 0
    deleted: int = 0
    # What is wrong, as (what, key).
    trouble: list[tuple[Outcome, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.counts.total()


def count_files() -> int:
    """How many files the rows speak of now."""
    with scope.across_organizations("counts the files of all organizations"):
        rows = Capture.unscoped.all()
        exports = Export.unscoped.exclude(storage_key="")
        return rows.pictured().count() + rows.exclude(thumbnail_key="").count() + exports.count()


def move_files(
    *,
    source: Any,
    target: Any,
    dry_run: bool = False,
    verify: bool = False,
    delete_source: bool = False,
    moved: Callable[[int], object] = lambda files: None,
) -> MoveReport:
    """Copy every file that a row speaks of and ``target`` has not; safe to end at any point, and to run again.

    What is read is compared with the row's digest before it is written. ``verify``: what the target has is read
    again and compared, what was there already, too; what is wrong there is written anew. ``delete_source``: what
    was verified is deleted in the source. ``moved`` is called with the number of files after each batch. Raises
    OSError when a storage is away.
    """
    mover = _Mover(source, target, dry_run=dry_run, verify=verify or delete_source, delete_source=delete_source)
    with (
        ThreadPoolExecutor(THREADS) as threads,
        scope.across_organizations("moves the files of all organizations"),
    ):
        for batch in _batches(_wanted_files()):
            for wanted, outcome in zip(batch, threads.map(mover.settle, batch), strict=True):
                mover.note(wanted, outcome)
            moved(len(batch))
    return mover.report


class _Mover:
    def __init__(self, source: Any, target: Any, *, dry_run: bool, verify: bool, delete_source: bool) -> None:
        self._source, self._target = source, target
        self._dry_run, self._verify, self._delete_source = dry_run, verify, delete_source
        self.report = MoveReport()

    def note(self, wanted: Wanted, outcome: Outcome) -> None:
        if outcome == Outcome.MISSING and not _is_wanted_still(wanted):
            return  # it was deleted meanwhile
        self.report.counts[outcome] += 1
        if outcome in (Outcome.MISSING, Outcome.DAMAGED):
            self.report.trouble.append((outcome, wanted.key))
        elif not self._dry_run:
            self.report.verified += self._verify
            self.report.deleted += self._delete_source

    def settle(self, wanted: Wanted) -> Outcome:
        """Bring one file over. Called by several threads; asks nothing of the database."""
        outcome = self._copy(wanted)
        if self._dry_run or outcome not in (Outcome.COPIED, Outcome.THERE):
            return outcome
        if self._verify and not (self._is_right(wanted) or self._mend(wanted)):
            return Outcome.DAMAGED
        if self._delete_source:
            # What was made for outsiders is not moved but made again.
            for key in (wanted.key, *(derived_keys(wanted.key) if wanted.sha256 else ())):
                self._source.delete(key)
        return outcome

    def _copy(self, wanted: Wanted) -> Outcome:
        if self._is_there(wanted):
            return Outcome.THERE
        return self._bring(wanted)

    def _bring(self, wanted: Wanted) -> Outcome:
        """Write what the source has, if it has it right."""
        try:
            with self._source.open(wanted.key) as file:
                if wanted.sha256 and digest_of(file) != wanted.sha256:
                    return Outcome.DAMAGED
                if not self._dry_run:
                    file.seek(0)
                    self._target.save(wanted.key, file)
        except FileNotFoundError:
            return Outcome.MISSING
        return Outcome.COPIED

    def _is_there(self, wanted: Wanted) -> bool:
        """Both storages write a file whole or not at all, so its size tells."""
        try:
            size = self._target.size(wanted.key)
        except FileNotFoundError:
            return False
        return bool(size == (wanted.size or _size(self._source, wanted.key) or size))

    def _mend(self, wanted: Wanted) -> bool:
        """Write anew what the target has wrong, if the source has it right."""
        return self._bring(wanted) == Outcome.COPIED and self._is_right(wanted)

    def _is_right(self, wanted: Wanted) -> bool:
        """What the target has is what the row says; a thumbnail, what the source has, as long as it has it."""
        found = content_of(self._target, wanted.key)
        if found is None:
            return False
        if wanted.sha256:
            return found.sha256 == wanted.sha256
        return found == (content_of(self._source, wanted.key) or found)


def _wanted_files() -> Iterator[Wanted]:
    """Oldest first, and so also what comes in meanwhile."""
    rows = Capture.unscoped.order_by("pk").values_list("pk", "storage_key", "thumbnail_key", "sha256", "byte_size")
    page = list(rows[:BATCH])
    while page:
        for pk, picture, thumbnail, sha256, size in page:
            if picture:
                yield Wanted(Capture, pk, picture, sha256, size)
            if thumbnail:
                yield Wanted(Capture, pk, thumbnail, "", 0)
        page = list(rows.filter(pk__gt=page[-1][0])[:BATCH])
    for export in Export.unscoped.exclude(storage_key="").order_by("pk").iterator():
        yield Wanted(Export, export.pk, export.storage_key, export.sha256, export.byte_size)


def _is_wanted_still(wanted: Wanted) -> bool:
    """A row that is there; of an export that is over the row stays, without its file."""
    if wanted.model is Export:
        return Export.unscoped.filter(pk=wanted.row, storage_key=wanted.key).exists()
    return Capture.unscoped.filter(pk=wanted.row).exists()


def _batches(files: Iterable[Wanted]) -> Iterator[list[Wanted]]:
    remaining = iter(files)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _size(storage: Any, key: str) -> int | None:
    try:
        return int(storage.size(key))
    except FileNotFoundError:
        return None
