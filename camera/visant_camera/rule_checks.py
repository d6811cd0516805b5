"""What is no rule of a schedule, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Optional
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from visant_camera.schedule import Rule

SHORTEST_INTERVAL, LONGEST_INTERVAL = 60, 31 * 24 * 60 * 60
LONGEST_JITTER = 60 * 60
LONGEST_CRON = 100
ANY_DAY = date(2001, 1, 1)


class RuleError(ValueError):
    """A rule that cannot be followed. The sentence is for people; ``field`` is what of the rule it is about."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def check_fields(rule: Rule) -> None:
    """Raise :class:`RuleError` for what is no rule; whether it ever runs is not looked at."""
    if (rule.cron is None) == (rule.interval_seconds is None):
        raise RuleError("A schedule has either a cron expression or an interval.")
    zone_named(rule.time_zone)
    _check_weekdays(rule)
    _check_quiet_hours(rule)
    _whole(rule.jitter_seconds, 0, LONGEST_JITTER, "The jitter is 0 to 3600 seconds.", "jitter_seconds")
    if rule.cron is not None:
        _check_cron(rule.cron)
    else:
        sentence = "The interval is at least a minute and at most 31 days."
        _whole(rule.interval_seconds, SHORTEST_INTERVAL, LONGEST_INTERVAL, sentence, "interval_seconds")


@lru_cache(maxsize=256)
def zone_named(name: object) -> ZoneInfo:
    """Raises :class:`RuleError` where this computer knows no such zone."""
    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RuleError(f"There is no time zone {name!r}.", field="time_zone") from None


def _check_weekdays(rule: Rule) -> None:
    days = rule.weekdays
    known = all(isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 6 for day in days)
    if not known or len(set(days)) != len(days):
        raise RuleError("The weekdays are numbers, 0 for Monday to 6 for Sunday, each once.", field="weekdays")


def _check_quiet_hours(rule: Rule) -> None:
    if (rule.quiet_from is None) != (rule.quiet_until is None):
        missing = "quiet_from" if rule.quiet_from is None else "quiet_until"
        raise RuleError("Quiet hours need a beginning and an end.", field=missing)
    for name, value in (("quiet_from", rule.quiet_from), ("quiet_until", rule.quiet_until)):
        if value is not None and (value.second or value.microsecond or value.tzinfo):
            raise RuleError("Quiet hours begin and end at whole minutes, like 22:00.", field=name)
    if rule.quiet_from is not None and rule.quiet_from == rule.quiet_until:
        raise RuleError("Quiet hours must not end when they begin.", field="quiet_until")


def _check_cron(cron: str) -> None:
    if not isinstance(cron, str) or len(cron) > LONGEST_CRON:
        raise RuleError(f"A cron expression has at most {LONGEST_CRON} characters.", field="cron")
    if len(cron.split()) != 5:
        sentence = "A cron expression has five fields: minute, hour, day of the month, month, day of the week."
        raise RuleError(sentence, field="cron")
    try:
        CronSim(cron, datetime.combine(ANY_DAY, time()))
    except CronSimError as error:
        what = str(error).replace("Bad ", "").replace("-", " ")
        raise RuleError(f"The cron expression is wrong in its {what}.", field="cron") from None


def _whole(value: object, least: int, most: int, sentence: str, field: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RuleError(sentence, field=field)


def time_of_day(entry: Mapping[str, Any], name: str) -> Optional[time]:
    """Read a time of the day, like "22:00", from an entry of a configuration; None where it has none."""
    value = entry.get(name)
    if value is None or value == "":
        return None
    try:
        return value if isinstance(value, time) else time.fromisoformat(value)
    except (ValueError, TypeError):
        raise RuleError("A time of day is written like 22:00.", field=name) from None
