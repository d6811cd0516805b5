"""What an organization's plan covers and how much of it is used, its cameras counted; and the warnings of it."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Count, Q
from django.utils import timezone

from devices.models import Device
from orgs import scope
from orgs.limits import Usage, Use, usage_of_each, uses_of, why_not_judged_by
from orgs.models import Limit, LimitWarning, Organization
from orgs.services.plans import warn_owners

BATCH = 200
# Limit, period and percent of a warning.
Warned = tuple[str, date, int]


@dataclass(frozen=True)
class Plan:
    """How much of each limit is used, and why pictures are not judged at present ("" when they are)."""

    org: Organization
    cameras: Use
    bytes: Use
    evaluations: Use
    trial: Use | None
    why_not_judged: str

    @property
    def uses(self) -> list[Use]:
        return [self.cameras, self.bytes, self.evaluations, *([self.trial] if self.trial else [])]


def plan_of(org: Organization) -> Plan:
    """Return the plan of one organization as it is now. Two queries."""
    now = timezone.now()
    uses = {use.limit: use for use in uses_of(org, _usage_of_each([org.pk], now)[org.pk], now)}
    return Plan(
        org=org,
        cameras=uses[Limit.CAMERAS],
        bytes=uses[Limit.BYTES],
        evaluations=uses[Limit.EVALUATIONS],
        trial=uses.get(Limit.TRIAL),
        why_not_judged=why_not_judged_by(uses.values()),
    )


def warn_of_limits(*, now: datetime | None = None) -> int:
    """Tell the owners of every organization that reached a level of a limit; return how many warnings are new.

    Once for each limit, period and level, also when several run at once. Of a limit that passed several levels
    only the highest is told. Suspended organizations are not told: their pages are closed.
    """
    now = now or timezone.now()
    count = 0
    for batch in _limited_organizations():
        with scope.across_organizations("looks which organizations are near a limit"):
            usage = _usage_of_each([org.pk for org in batch], now)
            reached = {org.pk: [use for use in uses_of(org, usage[org.pk], now) if use.level] for org in batch}
            told = _told_of(reached)
        for org in batch:
            new = [use for use in reached[org.pk] if not _is_told(use, told[org.pk])]
            with scope.within(org.pk):
                count += sum(warn_owners(org=org, use=use) for use in new)
    return count


def _told_of(reached: dict[uuid.UUID, list[Use]]) -> dict[uuid.UUID, set[Warned]]:
    """What the organizations were told of already, in the periods that count. One query."""
    orgs = [pk for pk, uses in reached.items() if uses]
    periods = {use.period for uses in reached.values() for use in uses}
    warnings = LimitWarning.unscoped.filter(org__in=orgs, period__in=periods)
    told = defaultdict(set)
    for org_id, limit, period, percent in warnings.values_list("org", "limit", "period", "percent"):
        told[org_id].add((limit, period, percent))
    return told


def _is_told(use: Use, told: set[Warned]) -> bool:
    """Whether this level or a higher one was told of. Falling below one and reaching it again is no news."""
    return any(
        (limit, period) == (use.limit, use.period) and percent >= use.level for limit, period, percent in told
    )


def _limited_organizations() -> Iterator[list[Organization]]:
    """Those with any limit, in batches by their ids."""
    unlimited = Q(device_limit=None, byte_limit=None, evaluation_limit=None, trial_ends_at=None)
    limited = Organization.objects.exclude(unlimited).filter(suspended_at=None).order_by("pk")
    batch = list(limited[:BATCH])
    while batch:
        yield batch
        batch = list(limited.filter(pk__gt=batch[-1].pk)[:BATCH])


def _usage_of_each(org_ids: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, Usage]:
    """What each of the organizations used, its cameras counted. Two queries."""
    pks = list(org_ids)
    usage = usage_of_each(pks, now)
    rows = (
        Device.unscoped.in_service().filter(org__in=pks).values_list("org").annotate(count=Count("pk")).order_by()
    )
    cameras = dict(rows)
    return {pk: replace(usage.get(pk, Usage()), cameras=cameras.get(pk, 0)) for pk in pks}
