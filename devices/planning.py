"""The moments a rule of a schedule asks for, computed by the same module as on the camera."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from uuid import UUID

from visant_camera.rule_checks import RuleError
from visant_camera.schedule import Rule, jitter_of, runs

from devices.models import Device, ScheduleRule
from devices.rules_in_words import in_words
from orgs.zones import first_known


def moments_of(rule: ScheduleRule, *, after: datetime, fallback: str = "UTC") -> Iterator[datetime]:
    """The nominal moments later than ``after``, in order, without end; when the rule holds is not looked at.

    ``fallback``: on which clock, when the rule's own is not known any more.
    """
    return runs(as_rule(rule, fallback), after)


def next_of_each_rule(
    device: Device, *, after: datetime, count: int, fallback: str = "UTC"
) -> list[list[datetime]]:
    """The first ``count`` moments later than ``after`` of each rule in force, or as many as there are.

    A rule that cannot be followed any more is left out. One query.
    """
    kept = device.schedules.kept().filter(enabled=True)
    found = []
    for rule in device.org.schedulerules.holding().filter(schedule__in=kept):
        try:
            found.append(list(islice(moments_of(rule, after=after, fallback=fallback), count)))
        except RuleError:
            continue
    return found


def delay_of(rule: ScheduleRule, *, device_id: UUID) -> timedelta:
    """By how much each run is put off: the same for a camera and a schedule each time."""
    if not rule.jitter_seconds:
        return timedelta()
    return jitter_of(as_rule(rule), str(device_id), str(rule.schedule_id))


def words_of(rule: ScheduleRule, *, fallback: str = "UTC") -> str:
    """The rule in words, without a full stop; or why it cannot be followed any more."""
    try:
        return in_words(as_rule(rule, fallback))
    except RuleError as error:
        return f"Cannot be followed any more: {str(error).removesuffix('.')}"


def as_rule(rule: ScheduleRule, fallback: str = "UTC") -> Rule:
    """Return the row as the rule that the camera computes with; ``RuleError`` when it is none any more.

    ``fallback``: in which time zone, when the rule's own is not known any more.
    """
    days = tuple(rule.weekdays)
    quiet = (rule.quiet_from, rule.quiet_until)
    zone = str(first_known(rule.time_zone, fallback))
    return _rule(rule.cron, rule.interval_seconds, zone, days, *quiet, rule.jitter_seconds)


@lru_cache(maxsize=4096)
def _rule(
    cron: str,
    interval: int | None,
    zone: str,
    days: tuple[int, ...],
    quiet_from: time | None,
    quiet_until: time | None,
    jitter: int,
) -> Rule:
    """Made once: a rule checks itself, which costs more than asking it for its next run."""
    return Rule(cron or None, interval, zone, days, quiet_from, quiet_until, jitter)
