"""The rule of a schedule as people say it."""

from datetime import time

from cronsim import CronSim
from django.utils import timezone
from visant_camera.schedule import Rule

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
ONE = {"hour": "an hour", "minute": "a minute", "second": "a second"}
WORKDAYS, WEEKEND = (0, 1, 2, 3, 4), (5, 6)


def in_words(rule: Rule) -> str:
    """Return the rule in words, without a full stop: “Every 10 minutes on weekdays, not 22:00–06:00, UTC”."""
    words = [_when(rule) + _days(rule.weekdays)]
    if rule.quiet_from and rule.quiet_until:
        words.append(f"not {_clock(rule.quiet_from)}–{_clock(rule.quiet_until)}")
    if rule.jitter_seconds:
        words.append(f"up to {_jitter(rule.jitter_seconds)} later")
    return ", ".join([*words, rule.time_zone.replace("_", " ")])


def _when(rule: Rule) -> str:
    if rule.cron is None:
        return _interval(rule.interval_seconds or 0)
    words = CronSim(rule.cron, timezone.now()).explain()
    return words.removesuffix(" every day") if rule.weekdays else words


def _interval(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    count = seconds // size
    return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"


def _jitter(seconds: int) -> str:
    words = _interval(seconds).removeprefix("Every ")
    return ONE.get(words, words)


def _days(days: tuple[int, ...]) -> str:
    if not days:
        return ""
    if days == WORKDAYS:
        return " on weekdays"
    if days == WEEKEND:
        return " on weekends"
    names = [DAYS[day] for day in days]
    return f" on {names[0]}" if len(names) == 1 else f" on {', '.join(names[:-1])} and {names[-1]}"


def _clock(moment: time) -> str:
    return f"{moment:%H:%M}"
