"""The pictures a camera's schedules ask for, from the history of their rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from uuid import UUID

from visant_camera.rule_checks import LONGEST_JITTER, RuleError
from visant_camera.schedule import trigger_id_of

from devices.clocks import zone_of
from devices.models import Device, ScheduleRule, ServiceBreak
from devices.planning import delay_of, moments_of

# A picture taken so much before its moment is still the one that was asked for: clocks differ.
EARLY = timedelta(seconds=30)
# In time is what was taken within half the time to the next run, and within this.
LONGEST_TOLERANCE = timedelta(minutes=5)
# After this a picture that does not say what it was taken for is no late one any more.
LONGEST_LATENESS = timedelta(hours=1)
# Going back through the runs of a rule, so many are computed in a row.
AT_ONCE = 8
LONGEST_DELAY = timedelta(seconds=LONGEST_JITTER)


@dataclass(frozen=True)
class History:
    """What a camera was to do, and when it was out of service: its rules with their schedules, in any order."""

    rules: Sequence[ScheduleRule] = ()
    breaks: Sequence[ServiceBreak] = ()


# When a camera was in service, from the first moment on and before the second.
Service = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Run:
    """A picture that was to be taken at ``due``: ``nominal`` put off by the schedule's jitter.

    In time until ``late_from``, late until ``over_at``; both exclusive.
    """

    schedule_id: UUID
    label: str
    nominal: datetime
    due: datetime
    late_from: datetime
    over_at: datetime

    @property
    def trigger_id(self) -> str:
        """What a picture says that was taken for it."""
        return trigger_id_of(self.schedule_id, self.nominal)

    @property
    def early_from(self) -> datetime:
        return self.due - EARLY


def planned_runs(device: Device, history: History, *, since: datetime, until: datetime) -> list[Run]:
    """The runs with ``since`` ≤ nominal < ``until``, by when they are due.

    What is due while the camera is suspended or retired is not planned, also when that is over.
    """
    services = in_service(device, history.breaks, since, until + LONGEST_DELAY)
    return _in_order(
        run
        for service in services
        for rule in history.rules
        for run in _runs_of(device, rule, since, until, service)
    )


def latest_runs(device: Device, history: History, *, since: datetime, until: datetime, most: int) -> list[Run]:
    """The last ``most`` of :func:`planned_runs`, without computing those before: a few hundred at most."""
    found: list[Run] = []
    for service in reversed(in_service(device, history.breaks, since, until + LONGEST_DELAY)):
        if len(found) == most:
            break  # what was due in an earlier time of service was due earlier
        left = most - len(found)
        found = _latest_in(device, history.rules, since, min(until, service[1]), left, service) + found
    return found


def _latest_in(
    device: Device, rules: Iterable[ScheduleRule], since: datetime, until: datetime, most: int, service: Service
) -> list[Run]:
    """The last ``most`` runs in a time of service."""
    found: list[Run] = []
    latest = until + LONGEST_DELAY
    for rule in sorted(rules, key=lambda rule: ends_of(rule) or latest, reverse=True):
        last = min(ends_of(rule) or latest, latest)
        if len(found) == most and last <= found[0].due:
            break  # this rule, and all that ended earlier, asked for nothing later
        first = max(since, rule.valid_from, service[0] - LONGEST_DELAY)
        found = _in_order([*found, *_latest_of(device, rule, first, until, most, service)])[-most:]
    return found


def in_service(device: Device, breaks: Iterable[ServiceBreak], since: datetime, until: datetime) -> list[Service]:
    """The times between the two moments in which the camera was in service, in their order."""
    out = sorted((row.began_at, row.ended_at) for row in breaks)
    if device.out_since is not None:
        out.append((device.out_since, until))
    found = []
    for began, ended in out:
        if since < min(began, until):
            found.append((since, min(began, until)))
        since = max(since, ended)
    return [*found, (since, until)] if since < until else found


def ends_of(rule: ScheduleRule) -> datetime | None:
    """When the rule stopped, also by its schedule being removed; None for one that holds."""
    return min(filter(None, (rule.valid_until, rule.schedule.removed_at)), default=None)


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.due, run.schedule_id))


def _latest_of(
    device: Device, rule: ScheduleRule, since: datetime, until: datetime, most: int, service: Service
) -> list[Run]:
    """About the last ``most`` runs of the rule: where there are many, in halves, the later one first."""
    until = min(ends_of(rule) or until, until)
    runs = list(islice(_runs_of(device, rule, since, until, service), AT_ONCE + 1))
    if len(runs) <= AT_ONCE:
        return runs
    middle = since + (until - since) / 2
    later = _latest_of(device, rule, middle, until, most, service)
    left = most - len(later)
    return later if left <= 0 else _latest_of(device, rule, since, middle, left, service) + later


def _runs_of(
    device: Device, rule: ScheduleRule, since: datetime, until: datetime, service: Service
) -> Iterator[Run]:
    """The rule's runs with ``since`` ≤ nominal < ``until``, due in the time of service and the rule's."""
    ended = ends_of(rule)
    if ended is None and not rule.schedule.enabled:
        return
    start = max(since, rule.valid_from, service[0] - LONGEST_DELAY)
    end = min(filter(None, (until, ended, service[1])))
    if start >= end:
        return
    zone = zone_of(device)
    before = start - timedelta(microseconds=1)  # so that one at ``start`` itself is among them
    try:
        delay, moments = delay_of(rule, device_id=device.pk), moments_of(rule, after=before, fallback=zone)
    except RuleError:
        return  # it was a rule once: nobody can tell what it asks for
    for nominal, following in pairwise(moments):
        if nominal >= end:
            return
        gap = following - nominal
        tolerance = min(gap / 2, LONGEST_TOLERANCE)
        due = nominal + delay
        if not service[0] <= due < service[1] or (ended is not None and due >= ended):
            continue  # a rule that ends takes what it has put off with it, here as in the camera
        yield Run(
            schedule_id=rule.schedule_id,
            label=rule.schedule.label,
            nominal=nominal,
            due=due,
            late_from=due + tolerance,
            over_at=due + min(gap - min(EARLY, gap / 2), max(LONGEST_LATENESS, tolerance)),
        )
