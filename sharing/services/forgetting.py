"""What is known of visitors is forgotten: who they were when the day is over, which visits they had soon after;
what they reported some time after it was settled. What is counted of days goes, too, once it is old.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from orgs import scope
from orgs.zones import first_known
from sharing.models import LinkDay, LinkReport, LinkVisit

logger = logging.getLogger(__name__)

# Longer than a visit, whose row says that it was counted, and than the longest day, whose visitors it tells apart.
VISITS_KEPT = timedelta(hours=26)
# A request that came before midnight may still be at work.
LATE = timedelta(minutes=10)
# A year, and as much again as one needs to compare it with the one before.
DAYS_KEPT = timedelta(days=400)
AT_ONCE = 1000


def forget_visitors(*, now: datetime | None = None) -> None:
    """Empty the salts of days that are over, and delete visits that have ended. Safe to run often and at once."""
    now = now or timezone.now()
    with scope.across_organizations("forgets the visitors of all organizations"):
        salts = _empty_salts(now - LATE)
        visits = _delete(LinkVisit.unscoped.filter(counted_at__lt=now - VISITS_KEPT))
    if salts or visits:
        logger.info("Visitors forgotten: salts of %d days, %d visits.", salts, visits)


def forget_old(*, now: datetime | None = None) -> None:
    """Delete reports that were settled ``VISANT_LINK_REPORT_DAYS`` ago, and the counts of days long past.

    A report that nobody settled stays: it waits for somebody. Safe to run often and at once.
    """
    now = now or timezone.now()
    settled_until = now - timedelta(days=settings.VISANT_LINK_REPORT_DAYS)
    with scope.across_organizations("forgets what is old of the links of all organizations"):
        reports = _delete(LinkReport.unscoped.filter(settled_at__lte=settled_until))
        days = _delete(LinkDay.unscoped.filter(day__lt=(now - DAYS_KEPT).date()))
    if reports or days:
        logger.info("Forgotten: %d reports settled long ago, counts of %d days long past.", reports, days)


def _empty_salts(moment: datetime) -> int:
    """Of the days that are over on their organization's clock: asked zone by zone, for there are few."""
    salted = LinkDay.unscoped.exclude(salt="")
    emptied = 0
    for name in list(salted.values_list("org__time_zone", flat=True).distinct().order_by()):
        today = moment.astimezone(first_known(name)).date()
        over = salted.filter(org__time_zone=name, day__lt=today)
        # In parts, so that no visitor waits for all of it.
        while some := list(over.values_list("pk", flat=True)[:AT_ONCE]):
            emptied += LinkDay.unscoped.filter(pk__in=some).update(salt="")
    return emptied


def _delete(rows: QuerySet[Any]) -> int:
    deleted = 0
    while some := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        deleted += rows.filter(pk__in=some).delete()[0]
    return deleted
