"""How a camera is: three truths, each with its own light, and a sentence why it is not well.

Pages, the API and the admin all ask :func:`condition_of`. It reads what was loaded, and asks the database nothing:
see :func:`with_condition`. What each light needs stands in ``docs/health.md``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from django.db.models import Prefetch
from django.utils.timesince import timesince
from visant_camera.rule_checks import RuleError

from devices.clocks import lost_zone, zone_of
from devices.models import Delivery, Device, DeviceQuerySet, DeviceStatus, Schedule, ScheduleRule
from devices.planning import as_rule, moments_of
from devices.services.desired_configuration import settings_of

# Nobody is missed sooner than this, however often the camera is to report.
SHORTEST_SILENCE = timedelta(minutes=5)
# How long a picture that was taken in time may be under way.
UNDER_WAY = timedelta(minutes=5)
# Nothing says how often it should be heard of: after this it is not known any more.
RECENT = timedelta(days=1)
# The calendar looks every minute; what it found longer ago says nothing about now.
CHECK_HOLDS = timedelta(minutes=10)
# How long pictures may come without one being judged.
JUDGED_WITHIN = timedelta(hours=1)
CLOCK_BEARABLE = timedelta(seconds=60)
# A clock that was not set starts in 1970; a camera may tell any number.
LONGEST_SPAN = timedelta(days=100 * 365)


class Light(StrEnum):
    """``idle``: nothing is asked of it, so nothing is wrong; it is not good either."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    IDLE = "idle"


@dataclass(frozen=True)
class Truth:
    """One light: ``since`` when it is as it is, where that is known, and a sentence that says how it is."""

    state: Light
    since: datetime | None
    sentence: str


@dataclass(frozen=True)
class Condition:
    """``sentence`` says why the camera is not well: empty exactly when ``state`` is good."""

    state: Light
    sentence: str
    reachable: Truth
    delivering: Truth
    usable: Truth

    @property
    def lights(self) -> list[tuple[str, Truth]]:
        """The three with their names, as people read them."""
        return [("Reachable", self.reachable), ("Delivering", self.delivering), ("Picture", self.usable)]


def with_condition(devices: DeviceQuerySet) -> DeviceQuerySet:
    """``devices`` with all that :func:`condition_of` reads: two more queries, however many cameras."""
    holding = ScheduleRule.unscoped.holding()
    planned = Schedule.unscoped.kept().filter(enabled=True)
    return devices.select_related("status", "org").prefetch_related(
        Prefetch("schedules", planned.prefetch_related(Prefetch("rules", holding, "holding")), "planned")
    )


def condition_of(device: Device, now: datetime) -> Condition:
    """Return how the camera is at ``now``. The camera must come from :func:`with_condition`."""
    status = device.status
    reachable, usable = _reachable(device, status, now), _usable(status)
    delivering = _delivering(device, status, now)
    if (rest := _out_of_service(device)) is not None:
        return Condition(Light.IDLE, rest, reachable, delivering, usable)
    truths = (reachable, delivering, usable)
    wrong_clock = _wrong_clock(status, now)
    bad = [truth.sentence for truth in truths if truth.state == Light.BAD]
    if bad or wrong_clock:
        sentence = " ".join([*bad, *([wrong_clock] if wrong_clock else [])])
        return Condition(Light.BAD, sentence, *truths)
    for state in (Light.UNKNOWN, Light.IDLE):
        for truth in truths:
            if truth.state == state and not _is_well(truth, status, now):
                return Condition(state, truth.sentence, *truths)
    return Condition(Light.GOOD, "", *truths)


def _is_well(truth: Truth, status: DeviceStatus, now: datetime) -> bool:
    """Idle is well only for who sends pictures although none are planned."""
    return truth.state == Light.IDLE and _is_recent(status.last_received_at, now)


def _is_recent(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now - RECENT


def _out_of_service(device: Device) -> str | None:
    if device.retired_at is not None:
        return f"Retired on {_date(device.retired_at)}: its pictures are kept, new ones are refused."
    if device.suspended_at is not None:
        return f"Suspended since {_date(device.suspended_at)}: its pictures are refused until it is resumed."
    return None


# --- reachable


def _reachable(device: Device, status: DeviceStatus, now: datetime) -> Truth:
    seen = status.last_seen_at
    if seen is None:
        return Truth(Light.UNKNOWN, None, "It has not been heard of yet.")
    good = Truth(Light.GOOD, status.seen_since or seen, f"Heard of {_ago(seen, now)}.")
    longest = _longest_silence(device, status, seen)
    if longest is not None:
        if now - seen <= longest:
            return good
        return Truth(
            Light.BAD,
            seen,
            f"Not heard of for {_span(seen, now)}; it should report every {span_in_words(longest / 2)}.",
        )
    if (missed := _missed_twice(device, seen, now)) is not None:
        if not missed:
            return good
        return Truth(Light.BAD, seen, f"Not heard of for {_span(seen, now)}, though pictures were due since.")
    if _is_recent(seen, now):
        return good
    return Truth(
        Light.UNKNOWN, seen, f"Not heard of for {_span(seen, now)}; nothing says how often it should report."
    )


def _longest_silence(device: Device, status: DeviceStatus, seen: datetime) -> timedelta | None:
    """Twice what it is to report by, of a camera that still sent heartbeats or listened when last heard of."""
    settings = settings_of(device)
    habits = [(status.heartbeat_at, "heartbeat_seconds"), (status.listened_at, "poll_seconds")]
    silences = []
    for last, name in habits:
        silence = max(SHORTEST_SILENCE, 2 * timedelta(seconds=settings[name]))
        if last is not None and last >= seen - silence:
            silences.append(silence)
    return min(silences, default=None)


def _missed_twice(device: Device, seen: datetime, now: datetime) -> bool | None:
    """Whether two pictures of one schedule were due since it was last heard of; None where no schedule says."""
    zone = zone_of(device)
    asked_for = [moments for rule in _rules(device) if (moments := _next_two(rule, zone, seen))]
    if not asked_for:
        return None
    late = now - UNDER_WAY
    return any(len(moments) == 2 and moments[1] <= late for moments in asked_for)


def _next_two(rule: ScheduleRule, zone: str, after: datetime) -> list[datetime]:
    """Fewer of a rule that ends; none of one that cannot be followed any more."""
    try:
        return list(islice(moments_of(rule, after=after, fallback=zone), 2))
    except RuleError:
        return []


def _rules(device: Device) -> Iterator[ScheduleRule]:
    for schedule in device.planned:  # type: ignore[attr-defined] # with_condition put it there
        yield from schedule.holding


# --- delivering


def _delivering(device: Device, status: DeviceStatus, now: datetime) -> Truth:
    checked, since = status.delivery_checked_at, status.delivery_since
    if fault := lost_zone(device) or _fault_of(device):
        return Truth(Light.UNKNOWN, None, fault)
    if checked is None:
        return Truth(Light.UNKNOWN, None, "Whether its pictures come was not checked yet.")
    if now - checked > CHECK_HOLDS:
        return Truth(
            Light.UNKNOWN, checked, f"Whether its pictures come was not checked for {_span(checked, now)}."
        )
    match status.delivery:
        case Delivery.ON_TIME:
            return Truth(Light.GOOD, since, "Pictures come as planned.")
        case Delivery.LATE:
            return Truth(Light.BAD, since, f"Its pictures are late{_for(since, now)}.")
        case Delivery.MISSING:
            return Truth(Light.BAD, since, f"Planned pictures are missing{_for(since, now)}.")
        case Delivery.REJECTED:
            return Truth(Light.BAD, since, f"Its planned pictures come and are rejected{_for(since, now)}.")
    return _unplanned(device, status, now)


def _fault_of(device: Device) -> str:
    """Why nobody can tell what is planned; "" if one can."""
    try:
        for rule in _rules(device):
            as_rule(rule)
    except RuleError as error:
        return f"Its schedules cannot be followed any more: {error}"
    return ""


def _unplanned(device: Device, status: DeviceStatus, now: datetime) -> Truth:
    last = status.last_received_at
    planned = next(_rules(device), None) is not None
    said = "Its first planned picture is not due yet" if planned else "No pictures are planned"
    if last is None:
        return Truth(Light.IDLE, None, f"{said}, and none came so far.")
    if _is_recent(last, now):
        return Truth(Light.IDLE, None, f"{said}; the last one came {_ago(last, now)}.")
    return Truth(Light.UNKNOWN, last, f"{said}, and none came for {_span(last, now)}.")


# --- picture usable


def _usable(status: DeviceStatus) -> Truth:
    since, reason = status.usable_since, status.usable_reason
    if status.usable is None:
        return Truth(Light.UNKNOWN, since, reason or "None of its pictures was judged yet.")
    if _is_unjudged(status):
        return Truth(Light.UNKNOWN, status.usable_seen_at, "Its newest pictures were not judged yet.")
    if status.usable:
        return Truth(Light.GOOD, since, "Its pictures can be judged.")
    return Truth(
        Light.BAD, since, f"Its pictures cannot be used: {reason}" if reason else "Its pictures cannot be used."
    )


def _is_unjudged(status: DeviceStatus) -> bool:
    """Whether pictures came later than the newest judged one: nobody judges any more, or is far behind."""
    seen, came = status.usable_seen_at, status.last_received_at
    return seen is not None and came is not None and came - seen > JUDGED_WITHIN


# --- the clock


def _wrong_clock(status: DeviceStatus, now: datetime) -> str | None:
    """What the last heartbeat told of the clock, if that was lately. Ahead of the server's is positive."""
    offset: Any = status.health.get("clock_offset_seconds")
    if not isinstance(offset, (int, float)) or not _is_recent(status.heartbeat_at, now):
        return None
    wrong_by = min(abs(offset), LONGEST_SPAN.total_seconds())
    if not wrong_by > CLOCK_BEARABLE.total_seconds():  # neither is what is no number
        return None
    return f"Its clock is {span_in_words(timedelta(seconds=wrong_by))} {'ahead' if offset > 0 else 'behind'}."


# --- words


def span_in_words(span: timedelta) -> str:
    """Like “5 minutes”: the largest unit that fits."""
    seconds = int(span.total_seconds())
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def _span(since: datetime, now: datetime) -> str:
    """Like “3 days” or “2 hours”; months and years on the calendar."""
    span = now - since
    return (
        span_in_words(span) if span < timedelta(days=60) else timesince(since, now, depth=1).replace("\xa0", " ")
    )


def _ago(moment: datetime, now: datetime) -> str:
    return "just now" if now - moment < timedelta(minutes=1) else f"{_span(moment, now)} ago"


def _for(since: datetime | None, now: datetime) -> str:
    return "" if since is None or now - since < timedelta(minutes=1) else f", for {_span(since, now)}"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
