"""Files that no row speaks of: left by a crash between the file and its row."""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.core.files.storage import Storage, default_storage, storages
from django.db import transaction
from django.utils import timezone

from captures.inspection import EXTENSIONS
from captures.integrity.models import HousekeepingRun
from captures.integrity.runs import SWEEP, UPKEEP_HELD, turn
from captures.models import Capture, Export
from captures.storage import DERIVED, READINESS_PREFIX, THUMBNAIL, derived_keys
from captures.storage.places import all_quarantines
from captures.storage.removing import delete_all
from orgs import scope
from orgs.models import Organization

logger = logging.getLogger(__name__)

# An upload in progress has a file and no row, for seconds; a day is beyond any doubt.
SWEEP_AFTER = timedelta(days=1)
# How long a swept file can still be fetched back from the quarantine.
QUARANTINE = timedelta(days=30)
BATCH = 500


@dataclass(frozen=True)
class SweepReport:
    """Keys that were (or with ``dry_run`` would be) moved to the quarantine, and deleted from it.

    ``restored``: fetched back from it, because a row speaks of them.
    """

    seen: int
    quarantined: list[str]
    deleted: list[str]
    restored: list[str] = field(default_factory=list)


class SweepHeld(Exception):
    """Files without a row may be pictures that came after the backup: an operator decides first."""


def files_in_use() -> Iterator[str]:
    """Keys of all files but what is left of trying whether the storage can be written."""
    storage: Any = default_storage
    return (file.key for file in storage.list_files() if not file.key.startswith(f"{READINESS_PREFIX}/"))


def hold_upkeep_after_restore() -> int:
    """Count the files without a row; when there are any, nothing goes by itself until :func:`resume_upkeep`.

    Neither to the sweep nor by retention rules nor with its organization: what came after the backup may have been
    held or shared since, and a deletion taken back.
    """
    count = sum(len(_without_row(batch)) for batch in _batches(files_in_use()))
    if count:
        today = timezone.now().astimezone(UTC).date()
        held = {"finished_at": None, "report": {"files": count}}
        HousekeepingRun.objects.update_or_create(job=UPKEEP_HELD, subject="", day=today, defaults=held)
    return count


def resume_upkeep() -> None:
    HousekeepingRun.objects.filter(job=UPKEEP_HELD, finished_at=None).update(finished_at=timezone.now())


def is_upkeep_held() -> bool:
    return HousekeepingRun.objects.filter(job=UPKEEP_HELD, finished_at=None).exists()


def sweep_files(
    *, now: datetime | None = None, dry_run: bool = False, note: Callable[[int], object] = lambda seen: None
) -> SweepReport:
    """Move files without a row, older than a day, to the quarantine; delete those there for 30 days.

    ``note`` is told again and again how many files were seen so far. Raises :class:`SweepHeld` after a restore
    onto a storage that had more files than the backup.
    """
    if not dry_run and is_upkeep_held():
        raise SweepHeld("After a restore nothing is swept until manage.py sweep_files --resume (docs/backup.md).")
    now = now or timezone.now()
    with scope.across_organizations("sweeps the files of all organizations"):
        return _sweep(now, dry_run, note)


def _sweep(now: datetime, dry_run: bool, note: Callable[[int], object]) -> SweepReport:
    quarantine = storages["quarantine"]
    seen, orphans = 0, []
    for batch in _batches(_old_files(default_storage, before=now - SWEEP_AFTER)):
        seen += len(batch)
        orphans += _without_row(_ours(batch))
        note(seen)
    # Also that of the storage pictures were moved from.
    expired = [(place, list(_old_files(place, before=now - QUARANTINE))) for place in all_quarantines()]
    keys = [key for _, found in expired for key in found]
    wanted = set(keys) - set(_without_row(keys)) if keys else set()
    if not dry_run:
        for number, key in enumerate(orphans):
            _move(key, default_storage, quarantine)
            if number % BATCH == 0:
                note(seen)
        for place, found in expired:
            for batch in _batches(iter(found)):
                gone = set(_expire(batch, place))
                for key in (key for key in batch if key not in gone):
                    _fetch_back(key, place)
                    wanted.add(key)
    deleted = [key for key in keys if key not in wanted]
    return SweepReport(seen=seen, quarantined=orphans, deleted=deleted, restored=sorted(wanted))


def sweep_files_daily() -> None:
    """The day's turn, once however often it is called."""
    if is_upkeep_held():
        logger.warning(
            "Nothing is swept since the restore; see docs/backup.md, then manage.py sweep_files --resume."
        )
        return
    with turn(SWEEP, day=timezone.now().astimezone(UTC).date()) as ours:
        if ours is None:
            return
        report = sweep_files(note=lambda seen: ours.note(files=seen))
        quarantined, deleted, restored = len(report.quarantined), len(report.deleted), len(report.restored)
        ours.run.report = {
            "files": report.seen,
            "quarantined": quarantined,
            "deleted": deleted,
            "restored": restored,
        }
        logger.info("Swept: %d files to the quarantine, %d deleted, %d restored.", quarantined, deleted, restored)


def _old_files(storage: Any, *, before: datetime) -> Iterator[str]:
    return (file.key for file in storage.list_files() if file.modified_at < before)


def _ours(keys: list[str]) -> list[str]:
    """Leave out what others keep beside us, and files of organizations that another database knows."""
    owners = {key: _uuid(key.partition("/")[0]) for key in keys}
    known = set(Organization.objects.filter(pk__in=filter(None, owners.values())).values_list("pk", flat=True))
    return [key for key, owner in owners.items() if owner in known or key.startswith(f"{READINESS_PREFIX}/")]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _without_row(keys: list[str]) -> list[str]:
    pictures = [candidate for key in keys for candidate in _pictures_of(key)]
    rows = Capture.unscoped.pictured().filter(storage_key__in=pictures)
    # A thumbnail whose picture was not kept is found by the id of its row, which its name holds.
    named = [_uuid(key.rpartition("/")[2].removesuffix(THUMBNAIL)) for key in keys if key.endswith(THUMBNAIL)]
    bare = Capture.unscoped.filter(pk__in=filter(None, named), storage_key="")
    found = [*rows.values_list("storage_key", "thumbnail_key"), *bare.values_list("storage_key", "thumbnail_key")]
    known = {key for row in found for key in row}
    known.update(key for picture, _ in found for key in derived_keys(picture))
    known.update(Export.unscoped.filter(storage_key__in=keys).values_list("storage_key", flat=True))
    return [key for key in keys if key not in known]


def _pictures_of(key: str) -> list[str]:
    """Return the storage keys whose row may speak of a file: its own, or of what was made of it its picture's."""
    suffix = next((suffix for suffix in (THUMBNAIL, *DERIVED) if key.endswith(suffix)), None)
    if suffix is None:
        return [key]
    return [f"{key.removesuffix(suffix)}.{extension}" for extension in EXTENSIONS.values()]


@transaction.atomic
def _move(key: str, source: Storage, target: Storage) -> None:
    """Move a file; a row that came to speak of it meanwhile keeps it where it is, another sweep may be first.

    A row that is not committed yet is not seen. So it is looked once more when the file is gone from its place,
    and then it is put back.
    """
    if not _without_row([key]):
        return
    try:
        _copy(key, source, target)
    except FileNotFoundError:
        return
    source.delete(key)
    if not _without_row([key]):
        _copy(key, target, source)
        target.delete(key)


@transaction.atomic
def _expire(keys: list[str], quarantine: Storage) -> list[str]:
    """Delete files for good, but those that a row speaks of, and return which went."""
    gone = _without_row(keys)
    delete_all(quarantine, gone)
    return gone


def _fetch_back(key: str, quarantine: Storage) -> None:
    if not default_storage.exists(key):
        _copy(key, quarantine, default_storage)
    quarantine.delete(key)


def _copy(key: str, source: Storage, target: Storage) -> None:
    with source.open(key) as file:
        target.save(key, file)


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, BATCH)):
        yield batch
