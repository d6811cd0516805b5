"""What is wrong with the archive and its housekeeping, and how it is mended, for ``doctor``."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Count
from django.utils import timezone

from captures.integrity.models import HousekeepingRun, IntegrityFinding, Problem
from captures.integrity.runs import INTEGRITY, PRUNE, SWEEP, last_run
from captures.retention.pruning import nights_left_out
from captures.upkeep import is_upkeep_held
from orgs import scope
from orgs.models import Organization

ONE_DAY = timedelta(days=1)
# A day's turn that the next day has not made up for is overdue: hours are lost to any outage.
OVERDUE_DAYS = 2
START = (
    "See that a scheduler runs (manage.py scheduler) and what it logs; the admin's Housekeeping lists all turns."
)


class Trouble(NamedTuple):
    """``is_loss``: pictures are not what they were, which no turn mends by itself."""

    what: str
    fix: str
    is_loss: bool = False


_HELD = Trouble(
    "Since a restore nothing is swept or pruned, nor an organization deleted.",
    "Look at the files that no row speaks of (docs/backup.md), then manage.py sweep_files --resume.",
)


def upkeep_troubles() -> list[Trouble]:
    """What was found of pictures' bytes, and which jobs stand still. A few queries, however many organizations."""
    now = timezone.now()
    if is_upkeep_held():
        return [*_of_pictures(), _HELD, *_of_days(now, INTEGRITY)]
    return [*_of_pictures(), *_of_days(now, SWEEP, INTEGRITY), *_of_nights(now)]


def _of_pictures() -> Iterator[Trouble]:
    with scope.across_organizations("an operator asks what is wrong with the bytes of any picture"):
        counts = dict(IntegrityFinding.unscoped.order_by().values_list("problem").annotate(Count("pk")))
    for problem in Problem:
        if count := counts.get(problem):
            what = f"{count} {'picture is' if count == 1 else 'pictures are'} {problem}."
            fix = "manage.py check_integrity --list names them; bring them back from a backup, or import again."
            yield Trouble(what, fix, is_loss=True)


def _of_days(now: datetime, *jobs: str) -> Iterator[Trouble]:
    is_new = not Organization.objects.filter(created_at__lt=now - OVERDUE_DAYS * ONE_DAY).exists()
    for job in () if is_new else jobs:
        last = last_run(job)
        if last is None:
            yield Trouble(f"{job} never ran.", START)
        elif (now.astimezone(UTC).date() - last.day).days >= OVERDUE_DAYS:
            yield Trouble(f"{job} ran last on {last.day}, though it has a turn each day.", START)
        elif last.error:
            yield _failed(last)


def _of_nights(now: datetime) -> Iterator[Trouble]:
    late = [org.slug for org in nights_left_out(now)]
    if late:
        others = f" and {len(late) - 1} more" if len(late) > 1 else ""
        yield Trouble(f"{PRUNE} has left out a night of {late[0]}{others}.", START)


def _failed(run: HousekeepingRun) -> Trouble:
    return Trouble(
        f"{run.job} failed on {run.day}: {run.error}", "It is begun again each hour; mend what it says."
    )
