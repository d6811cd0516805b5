"""Looking the archive over: whether each picture's bytes are there, and whether they are as they were taken in.

That they are there is asked folder by folder, of all pictures each day. They are read again within a budget, the
least lately read first: the check goes along the ids, and goes on where it stopped.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC
from itertools import groupby

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone

from captures.integrity.findings import forget_finding, note_finding
from captures.integrity.models import HousekeepingRun, Problem
from captures.integrity.runs import INTEGRITY, turn
from captures.leaving.services import close_lost_exports
from captures.models import Capture, IntegrityFinding
from captures.storage.reading import content_of
from devices.models import Device
from orgs import scope
from orgs.keyset import newer_than, position_of
from orgs.limits import GB

logger = logging.getLogger(__name__)

ROWS_READ = 2000
FIRST = uuid.UUID(int=0)


@dataclass
class Found:
    """What a turn came to. ``position`` is the id up to which bytes were read; ``rounds`` the ends it came to."""

    looked_for: int = 0
    read: int = 0
    bytes_read: int = 0
    missing: int = 0
    damaged: int = 0
    mended: int = 0
    rounds: int = 0
    exports_lost: int = 0
    position: str = str(FIRST)


def check_integrity(
    *, budget: int, start: uuid.UUID = FIRST, note: Callable[[Found], None] = lambda found: None
) -> Found:
    """Look for the bytes of all pictures, then read ``budget`` bytes of them again from after ``start``.

    What is wrong, and what is no more, is written down as findings. Raises OSError when the storage is away: then
    nothing is known, and nothing is said. ``note`` is told how far it is.
    """
    found = Found(position=str(start))
    with scope.across_organizations("looks over the pictures of all organizations"):
        for rows in _by_folder():
            _look_for(rows, found)
            note(found)
        _look_again(found)
        found.exports_lost = close_lost_exports()
        _read_on(found, budget, note)
    return found


def check_integrity_daily() -> None:
    """The day's turn, once however often it is called."""
    before = HousekeepingRun.objects.filter(job=INTEGRITY, finished_at__isnull=False).order_by("-day").first()
    start = uuid.UUID(before.report.get("position", str(FIRST))) if before else FIRST
    with turn(INTEGRITY, day=timezone.now().astimezone(UTC).date()) as ours:
        if ours is None:
            return
        budget = settings.VISANT_INTEGRITY_GB_A_DAY * GB
        found = check_integrity(budget=budget, start=start, note=lambda so_far: ours.note(**asdict(so_far)))
        ours.run.report = asdict(found)
        log = logger.error if found.missing or found.damaged else logger.info
        log("Integrity: %d missing, %d damaged, %d mended.", found.missing, found.damaged, found.mended)


# --- are they there?


def _by_folder() -> Iterator[list[Capture]]:
    """All pictures, those of one folder of the storage together as far as they come one after the other."""
    for device_id in Device.unscoped.order_by("pk").values_list("pk", flat=True):
        rows = _along(Capture.unscoped.pictured().filter(device=device_id), by="captured_at")
        for _, folder in groupby(rows, key=_folder_of):
            yield list(folder)


def _look_for(rows: list[Capture], found: Found) -> None:
    found.looked_for += len(rows)
    there = _names_in(_folder_of(rows[0]))
    for row in rows:
        if row.storage_key.rpartition("/")[2] not in there and _is_missing(row):
            found.missing += 1
            note_finding(row, Problem.MISSING)


def _folder_of(row: Capture) -> str:
    return row.storage_key.rpartition("/")[0]


def _names_in(folder: str) -> set[str]:
    try:
        return set(default_storage.listdir(folder)[1])
    except FileNotFoundError:
        return set()


def _is_missing(row: Capture) -> bool:
    """Asked once more, of itself: it may have come, or its row may have gone, since the folder was listed."""
    return not default_storage.exists(row.storage_key) and Capture.unscoped.filter(pk=row.pk).exists()


def _look_again(found: Found) -> None:
    """At what was wrong before: it may have been put back, or sent again."""
    for finding in IntegrityFinding.unscoped.select_related("capture").order_by("pk").iterator(ROWS_READ):
        problem = _problem_of(finding.capture)
        if problem is None:
            forget_finding(finding.capture)
            found.mended += 1
        elif problem != finding.problem:
            note_finding(finding.capture, problem)


# --- are they as they came?


def _read_on(found: Found, budget: int, note: Callable[[Found], None]) -> None:
    rows = Capture.unscoped.pictured().filter(pk__gt=uuid.UUID(found.position))
    for row in _along(rows, by="pk"):
        if found.bytes_read + row.byte_size > budget:
            return
        if _problem_of(row) == Problem.DAMAGED:  # what is missing was found before
            note_finding(row, Problem.DAMAGED)
            found.damaged += 1
        found.read, found.bytes_read, found.position = (
            found.read + 1,
            found.bytes_read + row.byte_size,
            str(row.pk),
        )
        if found.read % 50 == 0:
            note(found)
    found.rounds, found.position = found.rounds + 1, str(FIRST)


def _problem_of(row: Capture) -> Problem | None:
    found = content_of(default_storage, row.storage_key)
    if found is None:
        return Problem.MISSING if _is_missing(row) else None
    return None if found.sha256 == row.sha256 else Problem.DAMAGED


def _along(rows: "QuerySet[Capture]", *, by: str) -> Iterator[Capture]:
    """The rows by that column and their id, some thousands at a time and of each only what is needed here."""
    rows = rows.order_by(by, "pk").only("org", "captured_at", "storage_key", "byte_size", "sha256")
    batch = list(rows[:ROWS_READ])
    while batch:
        yield from batch
        last = batch[-1]
        rest = rows.filter(pk__gt=last.pk) if by == "pk" else newer_than(rows, position_of(last, by), field=by)
        batch = list(rest[:ROWS_READ])
