"""How much of its plan an organization uses, and what follows when something is used up.

Evidence is never refused for a limit: pictures over one are taken in and kept, they are just not judged.
"""

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from orgs.models import Limit, MonthlyUsage, Organization

GB = 1_000_000_000
# Owners are told when this much of a limit is used, in percent.
LEVELS = (70, 90, 100)
# The same levels of a trial, by the time that is left: most look at days, not at shares of a month.
TRIAL_LEVELS = {70: timedelta(days=7), 90: timedelta(days=1), 100: timedelta(0)}
KEPT = "Pictures are still taken in and kept, but not judged."


@dataclass(frozen=True)
class Usage:
    """What an organization used: bytes in all, evaluations this month (UTC); cameras where they were counted."""

    bytes: int = 0
    evaluations: int = 0
    cameras: int | None = None


@dataclass(frozen=True)
class Use:
    """How much of one limit is used. ``most`` is None where there is no limit.

    ``level`` is the highest of :data:`LEVELS` that is reached, else 0; ``period`` the month, for a trial the
    day it ends. Of a trial ``used`` and ``most`` are days, and ``ends_at`` is in the organization's time zone.
    """

    limit: Limit
    used: int
    most: int | None
    level: int
    period: date
    ends_at: datetime | None = None

    @property
    def percent(self) -> int | None:
        if self.most is None:
            return None
        return self.used * 100 // self.most if self.most else 100

    @property
    def bar(self) -> int:
        """The percent that a bar shows, never longer than it is: what is used; of a trial, what is left."""
        used = min(100, self.percent or 0)
        return used if self.ends_at is None else 100 - used

    @property
    def days_left(self) -> int:
        """Days until the trial ends, the last begun one included; 0 once it has ended."""
        return 0 if self.most is None else max(0, self.most - self.used)

    @property
    def used_text(self) -> str:
        return amount(self.limit, self.used)

    @property
    def most_text(self) -> str:
        return "" if self.most is None else amount(self.limit, self.most)

    @property
    def sentence(self) -> str:
        """What owners are told of it, once a level is reached."""
        if self.ends_at is not None:
            return self._of_trial(self.ends_at)
        share = f"{self.used_text} of {self.most_text}"
        if self.level == 100:
            return {
                Limit.CAMERAS: f"All camera slots are used: {share}.",
                Limit.BYTES: f"The {self.most_text} of pictures that the plan covers are full. {KEPT}",
                Limit.EVALUATIONS: f"All evaluations of this month are used: {share}. {KEPT}",
            }[self.limit]
        what = {
            Limit.CAMERAS: "camera slots are used",
            Limit.BYTES: "of pictures are stored",
            Limit.EVALUATIONS: "evaluations of this month are used",
        }[self.limit]
        return f"{share} {what} ({self.percent} %)."

    def _of_trial(self, ends_at: datetime) -> str:
        if self.level == 100:
            return f"The trial ended on {day(ends_at)}. {KEPT}"
        days = "1 day" if self.days_left == 1 else f"{self.days_left} days"
        return f"The trial ends in {days}, on {day(ends_at)}."


def starting_limits(now: datetime) -> dict[str, Any]:
    """Return the limits that a new organization begins with, as VISANT_PLAN says, by the names of its fields."""
    if settings.VISANT_PLAN != "trial":
        return {}
    return {
        "device_limit": settings.VISANT_TRIAL_CAMERAS,
        "byte_limit": settings.VISANT_TRIAL_GB * GB,
        "evaluation_limit": settings.VISANT_TRIAL_EVALUATIONS,
        "trial_ends_at": now + timedelta(days=settings.VISANT_TRIAL_DAYS),
    }


def month_of(moment: datetime) -> date:
    """Return the first day of the month in UTC: usage is counted by it."""
    return moment.astimezone(UTC).date().replace(day=1)


def usage_of(org: Organization, now: datetime) -> Usage:
    """Return what the organization used, its cameras not counted. One query."""
    return usage_of_each([org.pk], now).get(org.pk, Usage())


def usage_of_each(org_ids: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, Usage]:
    """The same for several, in one query; one that used nothing yet may be missing."""
    rows = MonthlyUsage.unscoped.filter(org__in=list(org_ids)).values("org").order_by()
    this_month = Q(month=month_of(now))
    sums = rows.annotate(stored=Sum("bytes"), judged=Sum("evaluations", filter=this_month))
    return {row["org"]: Usage(max(0, row["stored"]), row["judged"] or 0) for row in sums}


def uses_of(org: Organization, usage: Usage, now: datetime) -> list[Use]:
    """Return how much of each limit is used; cameras only if they were counted, the trial only if it ends."""
    month = month_of(now)
    counted = [
        (Limit.CAMERAS, usage.cameras, org.device_limit),
        (Limit.BYTES, usage.bytes, org.byte_limit),
        (Limit.EVALUATIONS, usage.evaluations, org.evaluation_limit),
    ]
    uses = [Use(limit, used, most, _level(used, most), month) for limit, used, most in counted if used is not None]
    return uses + _trial_of(org, now)


def why_not_judged(org: Organization, now: datetime | None = None) -> str:
    """Return the sentence why pictures of the organization are not judged at present, or "" when they are.

    One query, and none for an organization without limits.
    """
    now = now or timezone.now()
    if org.suspended_at is not None:
        return "Not judged: the organization is suspended."
    limited = org.byte_limit is not None or org.evaluation_limit is not None
    uses = uses_of(org, usage_of(org, now) if limited else Usage(), now)
    return why_not_judged_by(uses)


def why_not_judged_by(uses: Iterable[Use]) -> str:
    """The same of limits that were looked at already."""
    for use in uses:
        if use.level < 100:
            continue
        if use.ends_at is not None:
            return f"Not judged: the trial ended on {day(use.ends_at)}."
        if use.limit == Limit.BYTES:
            return f"Not judged: the plan covers {use.most_text} of pictures."
        if use.limit == Limit.EVALUATIONS:
            evaluations = "evaluation" if use.most == 1 else "evaluations"
            return f"Not judged: the plan covers {use.most_text} {evaluations} a month."
    return ""


def amount(limit: Limit, number: int) -> str:
    """A number of what is limited, as people read it: ``10,000``, ``9.5 GB``."""
    if limit != Limit.BYTES:
        return f"{number:,}"
    for name, size in (("GB", GB), ("MB", 1_000_000), ("kB", 1_000)):
        if number >= size:
            return f"{math.floor(number / size * 10) / 10:,.10g} {name}"
    return f"{number} bytes"


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _level(used: int, most: int | None) -> int:
    if most is None:
        return 0
    return max((level for level in LEVELS if used * 100 >= most * level), default=0)


def _trial_of(org: Organization, now: datetime) -> list[Use]:
    ends_at = org.trial_ends_at
    if ends_at is None:
        return []
    left = ends_at - now
    days_left = max(0, math.ceil(left / timedelta(days=1)))
    length = max(1, math.ceil((ends_at - org.created_at) / timedelta(days=1)), days_left)
    level = max((level for level, remaining in TRIAL_LEVELS.items() if left <= remaining), default=0)
    local = ends_at.astimezone(org.clock)
    return [Use(Limit.TRIAL, length - days_left, length, level, ends_at.astimezone(UTC).date(), local)]
