"""The calendar of one camera, as far as a member may see it."""

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from captures.access import captures_of
from captures.calendar.days import MARGIN, DayReport, bounds_of, clock_of, report_day
from captures.calendar.found import find, rules_of
from captures.calendar.models import COUNTS, CalendarDay
from devices.models import Device
from orgs.errors import NotThere
from orgs.export import Echo, harmless
from orgs.models import Membership

COLUMNS = ("day", *COUNTS)
MOST_DAYS = 366
# No camera took a picture before, and the calendar of the computer ends somewhere, too.
FIRST_DAY = date(1970, 1, 2)


class DayNotThere(NotThere):
    code = "day_not_found"


class Reach(NamedTuple):
    """The days of a camera a member may see: from ``first`` on, and of that one what was from ``since`` on."""

    first: date
    last: date
    since: datetime | None


def reach_of(membership: Membership, device: Device, *, now: datetime) -> Reach:
    """The last day is tomorrow: a camera's clock may be ahead."""
    zone, since = clock_of(device), membership.history_from
    first = FIRST_DAY if since is None else max(FIRST_DAY, since.astimezone(zone).date())
    return Reach(first, now.astimezone(zone).date() + timedelta(days=1), since)


def read_days(
    membership: Membership, device: Device, *, first: date, last: date, now: datetime
) -> list[CalendarDay]:
    """The counted days from ``first`` to ``last``, both included, the earliest first.

    Today, and the first day of a member whose view begins within it, are counted at this moment; the others as
    the calendar last settled them. Days it never counted are left out: they are not days without pictures.
    """
    reach = reach_of(membership, device, now=now)
    first, last = max(first, reach.first), min(last, reach.last)
    rows = {row.day: row for row in device.calendar_days.filter(day__gte=first, day__lte=last)}
    fresh = {now.astimezone(clock_of(device)).date()}
    if reach.since is not None and reach.first in rows:
        fresh.add(reach.first)
    for day in fresh:
        if first <= day <= last:
            rows[day] = read_day(membership, device, day, now=now).counts
    return [rows[day] for day in sorted(rows)]


def read_day(membership: Membership, device: Device, day: date, *, now: datetime) -> DayReport:
    """One day with each of its planned pictures, counted now. Four queries. Raises :class:`DayNotThere`."""
    reach = reach_of(membership, device, now=now)
    if not reach.first <= day <= reach.last:
        raise DayNotThere("There is no such day in this calendar.")
    start, end = bounds_of(day, clock_of(device))
    found = find(
        [device.pk],
        captures_of(membership, device),
        rules=rules_of([device.pk]),
        since=start - MARGIN,
        until=end + MARGIN,
    )
    return report_day(device, day, found[device.pk], now=now, since=reach.since)


def parse_day(text: str) -> date:
    """The day of an address, like 2026-11-20. Raises :class:`DayNotThere`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DayNotThere("Write the day like 2026-11-20.") from None


def calendar_csv(days: list[CalendarDay]) -> Iterator[str]:
    """Yield the lines of a spreadsheet: one day each."""
    write = csv.writer(Echo()).writerow
    yield write(COLUMNS)
    for day in days:
        yield write([harmless(getattr(day, name)) for name in COLUMNS])
