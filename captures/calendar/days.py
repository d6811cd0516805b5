"""A day of a camera on its own clock: which pictures were expected, and what came."""

import uuid
import zoneinfo
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from visant_camera.rule_checks import LONGEST_JITTER

from captures.calendar.matching import Answer, Match, Matching, Sight, match_runs
from captures.calendar.models import CalendarDay, Rejection
from captures.calendar.runs import LONGEST_LATENESS, History, planned_runs
from devices.clocks import clock_of
from devices.models import Device

# Around a day there are runs that pictures of the day answer, and pictures that answer runs of the day.
MARGIN = timedelta(seconds=LONGEST_JITTER) + LONGEST_LATENESS


NOTHING = History()


@dataclass(frozen=True)
class Found:
    """What there is of one camera: what it was to do, its pictures and its refused ones."""

    history: History = NOTHING
    sights: Sequence[Sight] = ()
    rejections: Sequence[Rejection] = ()


class Break(NamedTuple):
    """A time out of service; ``until`` None: it goes on."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class DayReport:
    """One day: its counts as they are now, each planned picture, and what came or was refused beside the plan.

    ``breaks``: when the camera was out of service; the last one may have no end.
    """

    counts: CalendarDay
    lines: list[Match]
    unplanned: list[Sight] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


def bounds_of(day: date, zone: zoneinfo.ZoneInfo) -> tuple[datetime, datetime]:
    """When the day begins there and when the next one does, in UTC; 23 to 25 hours apart where clocks shift."""
    begins, ends = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return begins.astimezone(UTC), ends.astimezone(UTC)


def report_day(
    device: Device, day: date, found: Found, *, now: datetime, since: datetime | None = None
) -> DayReport:
    """Return the day as it is at ``now``. ``since``: as if nothing had been before that moment.

    ``found`` reaches MARGIN beyond the day on both sides.
    """
    start, end = bounds_of(day, clock_of(device))
    matching = _match(device, found, start, end, now)
    first = max(start, since) if since else start
    matches = [match for match in matching.matches if start <= match.run.nominal < end and match.run.due >= first]
    unplanned = [sight for sight in matching.unplanned if first <= sight.captured_at < end]
    rejections = [row for row in matching.rejections if first <= row.captured_at < end]
    answers = Counter(match.answer for match in matches)
    counts = CalendarDay(
        org_id=device.org_id,
        device=device,
        day=day,
        expected=len(matches) - answers[Answer.DUE],
        received=answers[Answer.RECEIVED],
        late=answers[Answer.LATE],
        missing=answers[Answer.MISSING],
        rejected=answers[Answer.REJECTED],
        unplanned=len(unplanned),
        unplanned_rejected=len(rejections),
        settled_at=now,
    )
    return DayReport(counts, matches, unplanned, rejections, _breaks(device, found.history, first, end))


def _breaks(device: Device, history: History, first: datetime, end: datetime) -> list[Break]:
    """The times out of service that reach into what is shown of the day."""
    over = [Break(row.began_at, row.ended_at) for row in history.breaks]
    present = [Break(device.out_since, None)] if device.out_since else []
    return [one for one in sorted(over) + present if one.since < end and (one.until is None or one.until > first)]


def _match(device: Device, found: Found, start: datetime, end: datetime, now: datetime) -> Matching:
    first, last = start - MARGIN, end + MARGIN
    runs = planned_runs(device, found.history, since=first, until=last)
    sights = [sight for sight in found.sights if first <= sight.captured_at < last]
    rejections = [row for row in found.rejections if first <= row.captured_at < last]
    return match_runs(runs, sights, now=now, rejections=rejections)


def moment_id(moment: datetime) -> uuid.UUID:
    """The smallest id a row made at ``moment`` may have: ids are UUIDv7, which begin with the milliseconds."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
