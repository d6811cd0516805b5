"""Spans of days, as people say them: whole days of a camera's clock."""

from datetime import date, datetime, timedelta

from captures.calendar.days import bounds_of
from devices.clocks import clock_of
from devices.models import Device
from sharing.models import ShareLink


def span_of_days(device: Device, first: date, last: date) -> tuple[datetime, datetime]:
    """When the first day begins, and when the one after the last does. Raises OverflowError."""
    zone = clock_of(device)
    return bounds_of(first, zone)[0], bounds_of(last, zone)[1]


def span_of_given(device: Device, start: date, end: date) -> tuple[datetime, datetime]:
    """The same from days or moments: of a day all of it, a moment as it is. Raises OverflowError."""
    since = start if isinstance(start, datetime) else span_of_days(device, start, start)[0]
    until = end if isinstance(end, datetime) else span_of_days(device, end, end)[1]
    return since, until


def days_shown(link: ShareLink) -> tuple[date, date] | None:
    """The first and the last day, by the camera's clock, of what a link of a range or to one picture shows.

    None for other kinds, of which that changes. ``link.capture`` is asked for its moment.
    """
    zone = clock_of(link.device)
    if link.capture is not None:
        day = link.capture.captured_at.astimezone(zone).date()
        return day, day
    if link.range_from is None or link.range_until is None:
        return None
    last = link.range_until - timedelta(microseconds=1)
    return link.range_from.astimezone(zone).date(), last.astimezone(zone).date()
