"""Files that no row speaks of: left by a crash between the file and its row."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.core.files.storage import Storage, default_storage, storages
from django.utils import timezone

from captures.inspection import EXTENSIONS
from captures.models import Capture, Export
from captures.storage import THUMBNAIL
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
    """Keys that were (or with ``dry_run`` would be) moved to the quarantine, and deleted from it."""

    seen: int
    quarantined: list[str]
    deleted: list[str]


def sweep_files(*, now: datetime | None = None, dry_run: bool = False) -> SweepReport:
    """Move files without a row, older than a day, to the quarantine; delete those there for 30 days."""
    now = now or timezone.now()
    with scope.across_organizations("sweeps the files of all organizations"):
        return _sweep(now, dry_run)


def _sweep(now: datetime, dry_run: bool) -> SweepReport:
    quarantine = storages["quarantine"]
    seen, orphans = 0, []
    for batch in _batches(_old_files(default_storage, before=now - SWEEP_AFTER)):
        seen += len(batch)
        orphans += _without_row(_of_known_organizations(batch))
    expired = list(_old_files(quarantine, before=now - QUARANTINE))
    if not dry_run:
        for key in orphans:
            _move(key, default_storage, quarantine)
        for key in expired:
            quarantine.delete(key)
    return SweepReport(seen=seen, quarantined=orphans, deleted=expired)


def sweep_files_daily() -> None:
    report = sweep_files()
    logger.info("Swept: %d files to the quarantine, %d deleted.", len(report.quarantined), len(report.deleted))


def _old_files(storage: Any, *, before: datetime) -> Iterator[str]:
    return (file.key for file in storage.list_files() if file.modified_at < before)


def _of_known_organizations(keys: list[str]) -> list[str]:
    """Leave out the files of organizations this database does not know: it is not the one they belong to."""
    owners = {key: _uuid(key.partition("/")[0]) for key in keys}
    known = set(Organization.objects.filter(pk__in=filter(None, owners.values())).values_list("pk", flat=True))
    return [key for key, owner in owners.items() if owner is None or owner in known]


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
    known.update(Export.unscoped.filter(storage_key__in=keys).values_list("storage_key", flat=True))
    return [key for key in keys if key not in known]


def _pictures_of(key: str) -> list[str]:
    """Return the storage keys whose row may speak of a file: its own, or for a thumbnail its picture's."""
    if not key.endswith(THUMBNAIL):
        return [key]
    return [f"{key.removesuffix(THUMBNAIL)}.{extension}" for extension in EXTENSIONS.values()]


def _move(key: str, source: Storage, target: Storage) -> None:
    """Move a file; a row that came to speak of it meanwhile keeps it where it is, another sweep may be first."""
    if not _without_row([key]):
        return
    try:
        with source.open(key) as file:
            target.save(key, file)
    except FileNotFoundError:
        return
    source.delete(key)


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, BATCH)):
        yield batch
