"""When a camera takes pictures by itself: the one place that computes it, for the server and the camera alike.

A rule is either a cron expression of five fields or a plain interval, told on the clock of a time zone. Weekdays
and quiet hours take runs out of it.

**Cron** is the classic one, as Debian has it: no seconds, no year; names (MON, JAN) and steps are fine. When both
the day of the month and the day of the week are named, either is enough.

**An interval** is counted on the local clock, from a Monday's midnight. So every 10 minutes is :00, :10, …
in each zone, every 6 hours is 0:00, 6:00, …, every 7 days is Monday at midnight.

**When clocks are put forward**, a local time that is skipped runs once, at the moment the clocks jump (02:30 runs
at 03:00, and so do 02:30 and 02:45 together). Not made up for is what comes again soon anyhow: cron rules of every
hour, and intervals that did not pass yet. An interval's next run, too, is left out when the jump brings it to
within a minute of the one before.

**When clocks are put back**, a time of day runs once, the first time it comes. A rhythm goes on through the
doubled hour: cron rules of every hour or whose minutes begin with a star (``*/10``), and intervals, as far as
they passed since the run before.

**Quiet hours** begin at ``quiet_from``, which is quiet, and end at ``quiet_until``, which is not; they may span
midnight. **Weekdays** (0 is Monday) and quiet hours look at the local time of the nominal moment, before jitter.

**Jitter** puts all runs of a schedule on a camera off by the same time, so that a thousand cameras do not call in
the same second. The nominal moment is what identifies a run.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from itertools import count, islice, takewhile
from typing import Any, Optional
from zoneinfo import ZoneInfo

from cronsim import CronSim

from visant_camera.rule_checks import SHORTEST_INTERVAL, RuleError, check_fields, time_of_day, zone_named

# What the pictures and commands of schedules are called: their kind, and how the names of their runs begin.
SCHEDULE = "schedule"
OF_SCHEDULES = f"{SCHEDULE}-"
# A run that was missed by more is not made up for: no burst after an outage, of a camera or of the server.
LATE = timedelta(seconds=60)
# No two runs of a rule come closer.
CLOSEST = timedelta(seconds=SHORTEST_INTERVAL)
# Then a rule has come round: 29 February on a given weekday takes at most 40 years, over the year 2100.
HORIZON = timedelta(days=41 * 366)

DAY = 24 * 60 * 60
A_MONDAY = date(2001, 1, 1)


@dataclass(frozen=True)
class Rule:
    """Raises :class:`RuleError` for what is no rule, or one that would never run."""

    cron: Optional[str] = None
    interval_seconds: Optional[int] = None
    time_zone: str = "UTC"
    weekdays: tuple[int, ...] = ()  # none: all
    quiet_from: Optional[time] = None
    quiet_until: Optional[time] = None
    jitter_seconds: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if not _ever_runs(self):
            raise RuleError("With these days and quiet hours it would never run.")

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Rule:
        """Read an entry of a configuration's ``schedules``; other names in it are passed over."""
        days = entry.get("weekdays") or ()
        if not isinstance(days, (list, tuple)):
            raise RuleError("The weekdays are a list of numbers, 0 for Monday to 6 for Sunday.", field="weekdays")
        return cls(
            cron=entry.get("cron") or None,
            interval_seconds=entry.get("interval_seconds"),
            time_zone=entry.get("time_zone") or "UTC",
            weekdays=tuple(days),
            quiet_from=time_of_day(entry, "quiet_from"),
            quiet_until=time_of_day(entry, "quiet_until"),
            jitter_seconds=entry.get("jitter_seconds") or 0,
        )

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a configuration, and as JSON has it: what ``from_dict`` reads."""
        return as_told(self)


RULE_FIELDS = tuple(field.name for field in fields(Rule))


def as_told(rule: Any) -> dict[str, Any]:
    """As :meth:`Rule.to_dict`, of whatever has the fields of a rule, unchecked: as the server keeps it, say."""
    told = {name: getattr(rule, name) for name in RULE_FIELDS}
    quiet = {name: told[name] and f"{told[name]:%H:%M}" for name in ("quiet_from", "quiet_until")}
    return {**told, **quiet, "cron": rule.cron or None, "weekdays": list(rule.weekdays)}


def trigger_id_of(schedule_id: object, due_at: datetime) -> str:
    """The name of a run, by its nominal moment: the same for the server and each camera."""
    return f"{OF_SCHEDULES}{schedule_id}-{int(due_at.timestamp())}"


def runs(rule: Rule, after: datetime) -> Iterator[datetime]:
    """Yield the nominal moments of the runs strictly after ``after``, in UTC, each later than the one before.

    They end after some forty years. ``after`` must be aware.
    """
    if after.tzinfo is None:
        raise ValueError("The moment needs a time zone.")
    last = after.astimezone(timezone.utc)
    zone = zone_named(rule.time_zone)
    # From the day before: clocks that are put back at midnight make it come twice.
    for day in _days(rule, last.astimezone(zone).date() - timedelta(days=1)):
        for moment in _moments(rule, zone, day, last):
            yield moment
            last = moment


def jitter_of(rule: Rule, device_id: object, schedule_id: object) -> timedelta:
    """How much later than nominal this camera makes each run of this schedule; always the same."""
    digest = hashlib.sha256(f"{device_id}:{schedule_id}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % (rule.jitter_seconds + 1))


# Days and times of day


def _days(rule: Rule, first: date) -> Iterator[date]:
    """The days the rule may run on, from ``first`` on, as far as it may take until all that repeats came round."""
    end = first + HORIZON
    if rule.cron is not None:
        fields = rule.cron.split()
        before = datetime.combine(first, time()) - timedelta(seconds=1)
        days = (found.date() for found in CronSim(" ".join(["0", "0", *fields[2:]]), before))
    else:
        days = (first + timedelta(days=number) for number in count())
    bounded = takewhile(lambda day: day < end, days)
    return (day for day in bounded if not rule.weekdays or day.weekday() in rule.weekdays)


def _times(rule: Rule, day: date) -> tuple[int, ...]:
    """The seconds since midnight, on the local clock, at which it is due on that day; quiet ones are in it."""
    if rule.interval_seconds is None:
        minutes, hours, *_ = (rule.cron or "").split()
        return _times_of_cron(minutes, hours)
    passed = (day - A_MONDAY).days * DAY
    return _times_from(-passed % rule.interval_seconds, rule.interval_seconds)


@lru_cache(maxsize=256)
def _times_from(first: int, interval: int) -> tuple[int, ...]:
    return tuple(range(first, DAY, interval))


@lru_cache(maxsize=256)
def _times_of_cron(minutes: str, hours: str) -> tuple[int, ...]:
    midnight = datetime.combine(A_MONDAY, time())
    found = []
    for moment in CronSim(f"{minutes} {hours} * * *", midnight - timedelta(seconds=1)):
        if moment.day != midnight.day:
            break
        found.append(moment.hour * 3600 + moment.minute * 60)
    return tuple(found)


def _is_quiet(rule: Rule, seconds: int) -> bool:
    if rule.quiet_from is None or rule.quiet_until is None:
        return False
    start, end = _seconds(rule.quiet_from), _seconds(rule.quiet_until)
    return start <= seconds < end if start < end else seconds >= start or seconds < end


@lru_cache(maxsize=1024)
def _ever_runs(rule: Rule) -> bool:
    days = _days(rule, A_MONDAY)
    if rule.cron is not None and not _loud_times(rule, _times(rule, A_MONDAY)):
        return False  # its times are the same each day: no need to look through them all
    return any(_loud_times(rule, _times(rule, day)) for day in days)


# From the local clock to moments


def _moments(rule: Rule, zone: ZoneInfo, day: date, after: datetime) -> Iterator[datetime]:
    """The runs of one day that are after ``after``, in order."""
    midnight = datetime.combine(day, time())
    offset = _offset(zone, midnight)
    if offset == _offset(zone, midnight + timedelta(days=1)):
        start = (midnight - offset).replace(tzinfo=timezone.utc)
        times = _loud_times(rule, _times(rule, day))
        yield from (start + since for since in islice(times, bisect_right(times, after - start), None))
    else:
        found = (moment for moment, _ in _moments_of_a_shift(rule, zone, day) if moment > after)
        yield from (moment for moment in found if _may_run(rule, moment.astimezone(zone), day))


@lru_cache(maxsize=256)
def _loud_times(rule: Rule, times: tuple[int, ...]) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=seconds) for seconds in times if not _is_quiet(rule, seconds))


def _may_run(rule: Rule, local: datetime, day: date) -> bool:
    if rule.weekdays and local.weekday() not in rule.weekdays:
        return False
    # A run made up for may fall on the next day, the rest of the day before is only there to measure from.
    return local.date() >= day and not _is_quiet(rule, _seconds(local.time()))


def _moments_of_a_shift(rule: Rule, zone: ZoneInfo, day: date) -> list[tuple[datetime, bool]]:
    """The runs of a day whose clocks are put forward or back; with whether each is there because of that."""
    midnight = datetime.combine(day, time())
    times = list(_times(rule, day))
    if rule.interval_seconds and times:
        times.insert(0, times[0] - rule.interval_seconds)  # the run before, to measure from
    found: dict[datetime, bool] = {}
    for seconds in times:
        local = midnight + timedelta(seconds=seconds)
        first, second = local - _offset(zone, local), local - _offset(zone, local.replace(fold=1))
        if first > second:  # skipped
            if not _is_hourly(rule) and not _is_quiet(rule, seconds % DAY):
                found.setdefault(_shift_between(zone, second, first), True)
            continue
        found[first.replace(tzinfo=timezone.utc)] = False
        if second > first and _is_rhythm(rule):
            found.setdefault(second.replace(tzinfo=timezone.utc), True)
    return list(_spaced(sorted(found.items()), timedelta(seconds=rule.interval_seconds or 0)))


def _spaced(found: list[tuple[datetime, bool]], interval: timedelta) -> Iterator[tuple[datetime, bool]]:
    """Leave out what comes too soon after the one before, above all what is only there because of the shift."""
    last = None
    for moment, extra in found:
        least = interval if extra else min(interval, CLOSEST)
        if last is not None and moment - last < least:
            continue
        yield moment, extra
        last = moment


def _shift_between(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The moment between two of UTC at which the clocks are put forward."""
    before = early.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset()
    low, high = 0, int((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        moment = (early + timedelta(seconds=middle)).replace(tzinfo=timezone.utc)
        low, high = (middle, high) if moment.astimezone(zone).utcoffset() == before else (low, middle)
    return (early + timedelta(seconds=high)).replace(tzinfo=timezone.utc)


def _is_hourly(rule: Rule) -> bool:
    """Whether it is a cron rule of every hour, whatever the minutes."""
    return rule.cron is not None and len({seconds // 3600 for seconds in _times(rule, A_MONDAY)}) == 24


def _is_rhythm(rule: Rule) -> bool:
    return rule.cron is None or rule.cron.lstrip().startswith("*") or _is_hourly(rule)


def _offset(zone: ZoneInfo, local: datetime) -> timedelta:
    return zone.utcoffset(local) or timedelta()


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second
