"""Pruning: each organization once a night, on its own clock."""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta

from django.db.models import Max, Q
from django.utils import timezone

from captures.integrity.models import HousekeepingRun
from captures.integrity.runs import PRUNE, turn
from captures.retention.deleting import delete_due
from captures.retention.keepers import NOTHING
from captures.retention.models import RetentionPolicy
from captures.retention.preview import Preview, current_groups
from captures.retention.selection import select
from orgs import scope
from orgs.models import AuditEntry, Organization

logger = logging.getLogger(__name__)

# When most sleep, and past the hour that clocks skip or repeat in most zones.
NIGHT = time(3, 30)
ONE_DAY = timedelta(days=1)


def prune(org: Organization, *, at: datetime, note: Callable[[Preview], None] | None = None) -> Preview:
    """Delete what the rules say at that moment, and return what was deleted and kept. Safe at once and again.

    ``note`` is told after each batch how far it is.
    """
    done = Preview(at)
    kept: Counter[str] = Counter()
    with scope.within(org.pk):
        for group in current_groups(org):
            for batch in select(group, org=org, at=at):
                free = [due.pk for due in batch if due.kept == NOTHING]
                gone = delete_due(org=org, pks=free, at=timezone.now())
                kept.update(due.kept for due in batch if due.kept != NOTHING)
                pictures, size = done.pictures + gone.pictures, done.bytes + gone.bytes
                done = Preview(at, pictures, size, dict(sorted(kept.items())))
                if note is not None:
                    note(done)
    return done


def prune_tonight(*, now: datetime | None = None) -> int:
    """Prune each organization whose night has come, if that was not done; return how many were."""
    now = now or timezone.now()
    return sum(prune_due(org, now) for org in with_rules())


def with_rules() -> list[Organization]:
    """The organizations of which something may be deleted."""
    with scope.across_organizations("finds the organizations that have rules"):
        policies = RetentionPolicy.unscoped.values("org")
        return list(
            Organization.objects.filter(Q(pk__in=policies) | Q(retention_days__isnull=False)).order_by("pk")
        )


def prune_due(org: Organization, now: datetime) -> bool:
    """Prune the organization's present night; False when it has not come, or was pruned already."""
    if next_run_at(org, now) > now:
        return False
    night = _today(org, now)
    with turn(PRUNE, day=night, subject=str(org.pk)) as ours:
        if ours is None:
            return False
        done = prune(org, at=now, note=lambda so_far: ours.note(**reported(so_far)))
        ours.run.report = reported(done)
        logger.info("Pruned %s: %s", org.slug, done.sentence)
    return True


def next_run_at(org: Organization, now: datetime) -> datetime:
    """When the organization is pruned next: at once when this night is still to be done."""
    last = nights_done(str(org.pk)).get(str(org.pk))
    return next_night(org, now, last, last_changes([org.pk]).get(org.pk))


def nights_done(*subjects: str) -> dict[str, date]:
    """The last night that was done to its end, by the id of the organization; without ``subjects`` of all."""
    done = HousekeepingRun.objects.filter(job=PRUNE, error="", finished_at__isnull=False).order_by()
    if subjects:
        done = done.filter(subject__in=subjects)
    return dict(done.values("subject").annotate(last=Max("day")).values_list("subject", "last"))


def night_after(org: Organization, now: datetime) -> datetime:
    """When what is changed now is done."""
    return next_night(org, now, None, now)


def next_night(org: Organization, now: datetime, last: date | None, changed: datetime | None) -> datetime:
    """The same where it is known which night was done ``last``, and when a rule ``changed``.

    What changed since the night came waits for the next one: nobody sees pictures go by day.
    """
    today = _today(org, now)
    if now < _night_of(org, today):
        return _night_of(org, today)
    return _night_of(org, today + ONE_DAY) if _is_over(org, today, last, changed) else now


def nights_left_out(now: datetime) -> list[Organization]:
    """The organizations whose last night was not done, though it is more than a day ago."""
    before = now - ONE_DAY
    return [
        org for org, last, changed in _with_nights() if not _is_over(org, _last_night(org, before), last, changed)
    ]


def next_nights(now: datetime) -> list[tuple[Organization, datetime]]:
    """The organizations that have rules, each with when it is pruned next; three queries for all of them."""
    return [(org, next_night(org, now, last, changed)) for org, last, changed in _with_nights()]


def _with_nights() -> list[tuple[Organization, date | None, datetime | None]]:
    """The organizations that have rules, each with the last night that was done, and when a rule changed last."""
    orgs, done = with_rules(), nights_done()
    changed = last_changes(org.pk for org in orgs)
    return [(org, done.get(str(org.pk)), changed.get(org.pk)) for org in orgs]


def last_changes(org_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """When the rules of the organizations, or what their plans keep at most, changed last. One query."""
    of_rules = Q(action__startswith="retention.") | Q(after__has_key="retention_days")
    with scope.across_organizations("looks when rules changed, which the audit of each organization tells"):
        entries = AuditEntry.unscoped.filter(of_rules, org__in=list(org_ids)).order_by()
        return dict(entries.values("org").annotate(last=Max("at")).values_list("org", "last"))


def reported(done: Preview) -> dict[str, object]:
    return {"pictures": done.pictures, "bytes": done.bytes, "kept": done.kept}


def _today(org: Organization, now: datetime) -> date:
    return now.astimezone(org.clock).date()


def _night_of(org: Organization, day: date) -> datetime:
    return datetime.combine(day, NIGHT, org.clock)


def _last_night(org: Organization, now: datetime) -> date:
    """The day of the last night that has come."""
    today = _today(org, now)
    return today if now >= _night_of(org, today) else today - ONE_DAY


def _is_over(org: Organization, day: date, last: date | None, changed: datetime | None) -> bool:
    """Whether nothing is to be done any more for the night of a day that has come."""
    return (last is not None and last >= day) or (changed is not None and changed >= _night_of(org, day))
