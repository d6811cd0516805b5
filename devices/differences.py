"""What a camera is to do beside what it says it does, in words. What it says may be anything at all."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from visant_camera.schedule import RULE_FIELDS

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST = 100
TOPICS = {
    "time_zone": "Time zone",
    "heartbeat_seconds": "Heartbeat",
    "poll_seconds": "Looks for changes",
    "max_width": "Largest width of its pictures",
    "quality": "Quality of its pictures",
}


class Difference(NamedTuple):
    """``about`` names it for programs, ``topic`` for people; ``since`` None: it is not known.

    ``pending``: the camera has not fetched what it wants, and still may.
    """

    about: str
    topic: str
    wants: str
    says: str
    since: datetime | None = None
    pending: bool = False

    @property
    def sentence(self) -> str:
        """ "wants every 10 min, says every 5 min since Tuesday, 14:05"."""
        if self.pending:
            return f"wants {self.wants}, which it has not fetched yet; says {self.says}"
        since = f" since {moment_in_words(self.since)}" if self.since else ""
        return f"wants {self.wants}, says {self.says}{since}"


def find_differences(desired: Mapping[str, Any], reported: Mapping[str, Any]) -> list[Difference]:
    """Compare what the camera speaks of; what it leaves out, it does not follow at all."""
    plain = ("time_zone", "heartbeat_seconds", "poll_seconds")
    found = [*_of_fields(plain, desired, reported), *_of_pictures(desired["picture"], reported.get("picture"))]
    if "schedules" in reported:
        found += _of_schedules(desired["schedules"], reported["schedules"])
    return found


def seconds_in_words(value: Any) -> str:
    """ "every 10 min", "every 90 s"."""
    if not isinstance(value, int) or isinstance(value, bool):
        return _short(value)
    for seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if value and value % seconds == 0:
            return f"every {value // seconds} {unit}"
    return f"every {value} s"


def schedule_in_words(entry: Any) -> str:
    """ "every 10 min, Mon, Tue, not 22:00 to 06:00 (Europe/Vienna)"."""
    if not isinstance(entry, Mapping):
        return _short(entry)
    cron, every = entry.get("cron"), entry.get("interval_seconds")
    parts = [f"at “{_short(cron)}”" if cron else seconds_in_words(every)]
    if days := entry.get("weekdays"):
        parts.append(_days(days))
    if entry.get("quiet_from") or entry.get("quiet_until"):
        parts.append(f"not {_short(entry.get('quiet_from'))} to {_short(entry.get('quiet_until'))}")
    if jitter := entry.get("jitter_seconds"):
        parts.append(f"put off by up to {_short(jitter)} s")
    return f"{', '.join(parts)} ({_short(entry.get('time_zone'))})"


def moment_in_words(moment: datetime) -> str:
    """In the current time zone: "14:05" today, "Tuesday, 14:05" within a week, else "3 Nov 2026"."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return date_format(local, "H:i")
    return date_format(local, "l, H:i" if today - local.date() < timedelta(days=7) else "j M Y")


def _of_fields(
    names: tuple[str, ...], desired: Mapping[str, Any], said: Mapping[str, Any]
) -> Iterator[Difference]:
    for name in names:
        if name in said and said[name] != desired[name]:
            words = seconds_in_words if name.endswith("_seconds") else _short
            yield Difference(name, TOPICS[name], words(desired[name]), words(said[name]))


def _of_pictures(desired: Mapping[str, Any], said: Any) -> Iterator[Difference]:
    if isinstance(said, Mapping):
        yield from _of_fields(("max_width", "quality"), desired, said)


def _of_schedules(desired: list[dict[str, Any]], said: Any) -> Iterator[Difference]:
    entries = [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []
    runs = {str(one.get("id")): one for one in entries}
    for wanted in desired:
        # What makes two different for a camera: the id is the same, the label is only a name.
        one = runs.pop(wanted["id"], None)
        if one is None or any(one.get(name) != wanted[name] for name in RULE_FIELDS):
            yield _of_schedule(wanted["id"], wanted["label"], schedule_in_words(wanted), one)
    for pk, one in runs.items():
        yield _of_schedule(pk, _short(one.get("label")), "nothing", one)


def _of_schedule(pk: str, label: str, wants: str, said: Mapping[str, Any] | None) -> Difference:
    says = schedule_in_words(said) if said is not None else "nothing"
    return Difference(f"schedule {pk}"[:LONGEST], f"Schedule “{label}”", wants, says)


def _days(days: Any) -> str:
    if not isinstance(days, list):
        return _short(days)
    known = [WEEKDAYS[day] for day in days if type(day) is int and 0 <= day < len(WEEKDAYS)]
    return ", ".join(known) if len(known) == len(days) else _short(days)


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
