"""Turns of the nightly jobs: one for each job, subject and day, however many schedulers there are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import F, QuerySet
from django.utils import timezone

from captures.integrity.models import HousekeepingRun

logger = logging.getLogger(__name__)

# A turn that gave no sign of life for so long was cut off.
CUT_OFF = timedelta(minutes=15)
# A failed turn is begun again so much later.
AGAIN = timedelta(hours=1)
PRUNE, SWEEP, INTEGRITY = "prune", "sweep", "integrity"
# Not a job: while a row of it is not finished, nothing is deleted by itself.
UPKEEP_HELD = "sweep held"


class TakenOver(Exception):
    """Another process thought this one dead, and has begun the turn anew."""


class Turn:
    """A turn that is ours. Call :meth:`note` at least every few minutes."""

    def __init__(self, run: HousekeepingRun) -> None:
        self.run = run

    def note(self, **report: Any) -> None:
        """Write the report so far, and that we live. Raises :class:`TakenOver`."""
        self.run.report = {**self.run.report, **report}
        if not self._ours.update(seen_at=timezone.now(), report=self.run.report):
            raise TakenOver(f"{self.run} was begun by another process.")

    def finish(self, error: str = "") -> None:
        """Write how it ended; of a turn that was taken over nothing is written."""
        now = timezone.now()
        self._ours.update(seen_at=now, finished_at=now, report=self.run.report, error=error)

    @property
    def _ours(self) -> QuerySet[HousekeepingRun]:
        return HousekeepingRun.objects.filter(pk=self.run.pk, turns=self.run.turns)


@contextmanager
def turn(job: str, *, day: date, subject: str = "") -> Iterator[Turn | None]:
    """Do the job of that day inside the block; None is given when it is done, or being done, already.

    An outage inside the block is written down and raised; the turn is then begun again later.
    """
    run = _claim(job, day, subject, timezone.now())
    if run is None:
        yield None
        return
    ours = Turn(run)
    try:
        yield ours
    except TakenOver:
        logger.warning("%s was taken over by another process.", run)
    except (DatabaseError, OSError) as error:
        ours.finish(error=str(error)[:500] or type(error).__name__)
        raise
    else:
        ours.finish()


def last_run(job: str, subject: str = "") -> HousekeepingRun | None:
    return HousekeepingRun.objects.filter(job=job, subject=subject).order_by("-day").first()


def _claim(job: str, day: date, subject: str, now: datetime) -> HousekeepingRun | None:
    """Insert the row of the day, or take it over; of several at once one gets it."""
    run, is_new = HousekeepingRun.objects.get_or_create(job=job, day=day, subject=subject)
    if is_new:
        return run
    is_cut_off = run.finished_at is None and run.seen_at <= now - CUT_OFF
    has_failed = run.finished_at is not None and run.error and run.seen_at <= now - AGAIN
    if not (is_cut_off or has_failed):
        return None
    row = HousekeepingRun.objects.filter(pk=run.pk, turns=run.turns)
    begun: dict[str, Any] = {"seen_at": now, "finished_at": None, "error": "", "report": {}}
    if not row.update(**begun, turns=F("turns") + 1):
        return None
    run.refresh_from_db()
    return run
