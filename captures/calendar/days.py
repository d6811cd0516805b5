"""A day of a camera on its own clock: which pictures were expected, and what came."""

import uuid
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from visant_camera.rule_checks import LONGEST_JITTER

from captures.calendar.matching import Answer, Match, Matching, Sight, match_runs
from captures.calendar.models import CalendarDay, Rejection
from captures.calendar.runs import LONGEST_LATENESS, planned_runs
from devices.clocks import clock_of
from devices.models import Device, ScheduleRule

# Around a day there are runs that pictures of the day answer, and pictures that answer runs of the day.
MARGIN = timedelta(seconds=LONGEST_JITTER) + LONGEST_LATENESS


@dataclass(frozen=True)
class Found:
    """What there is of one camera: the history of its rules, its pictures and its refused ones."""

    rules: Sequence[ScheduleRule] = ()
    sights: Sequence[Sight] = ()
    rejections: Sequence[Rejection] = ()


@dataclass(frozen=True)
class Line:
    """A planned picture of the day: ``state`` says how it was answered, ``rejected`` that it was refused."""

    match: Match
    rejection: Rejection | None

    @property
    def state(self) -> str:
        missing = self.match.answer == Answer.MISSING
        return "rejected" if missing and self.rejection else str(self.match.answer)


@dataclass(frozen=True)
class DayReport:
    """One day: its counts as they are now, each planned picture, and what came beside the plan."""

    counts: CalendarDay
    lines: list[Line]
    unplanned: list[Sight] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


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
    rejections = [row for row in found.rejections if first <= row.captured_at < end]
    answers = Counter(match.answer for match in matches)
    counts = CalendarDay(
        org_id=device.org_id,
        device=device,
        day=day,
        expected=len(matches) - answers[Answer.DUE],
        received=answers[Answer.RECEIVED],
        late=answers[Answer.LATE],
        missing=answers[Answer.MISSING],
        rejected=len(rejections),
        unplanned=len(unplanned),
        settled_at=now,
    )
    lines = [Line(match, _rejection_of(match, rejections)) for match in matches]
    return DayReport(counts, lines, unplanned, rejections)


def _match(device: Device, found: Found, start: datetime, end: datetime, now: datetime) -> Matching:
    first, last = start - MARGIN, end + MARGIN
    runs = planned_runs(device, found.rules, since=first, until=last)
    sights = [sight for sight in found.sights if first <= sight.captured_at < last]
    return match_runs(runs, sights, now=now)


def _rejection_of(match: Match, rejections: Iterable[Rejection]) -> Rejection | None:
    """The refused picture that was taken for a run: it says so by its name, or by when it was taken."""
    run = match.run
    if match.answer != Answer.MISSING:
        return None
    for row in rejections:
        if row.record_id == run.trigger_id or run.early_from <= row.captured_at < run.over_at:
            return row
    return None


def moment_id(moment: datetime) -> uuid.UUID:
    """The smallest id a row made at ``moment`` may have: ids are UUIDv7, which begin with the milliseconds."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
