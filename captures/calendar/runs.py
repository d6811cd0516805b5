"""The pictures a camera's schedules ask for, from the history of their rules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from devices.models import Device, ScheduleRule
from devices.planning import delay_of, moments_of

# A picture taken so much before its moment is still the one that was asked for: clocks differ.
EARLY = timedelta(seconds=30)
# In time is what was taken within half the time to the next run, and within this.
LONGEST_TOLERANCE = timedelta(minutes=5)
# After this a picture that does not say what it was taken for is no late one any more.
LONGEST_LATENESS = timedelta(hours=1)
# No rule puts its runs off by more.
LONGEST_DELAY = timedelta(hours=1)


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
        return f"schedule-{self.schedule_id}-{int(self.nominal.timestamp())}"

    @property
    def early_from(self) -> datetime:
        return self.due - EARLY


def planned_runs(device: Device, rules: Iterable[ScheduleRule], *, since: datetime, until: datetime) -> list[Run]:
    """The runs with ``since`` ≤ nominal < ``until``, by when they are due.

    ``rules`` come with their schedules, in any order. While the camera is suspended or retired nothing is planned;
    what is kept of that is only since when it is so now, so a suspension that is over leaves missing pictures.
    """
    out = min(filter(None, (device.suspended_at, device.retired_at)), default=None)
    if out is not None:
        until = min(until, out)
    found = [run for rule in rules for run in _runs_of(device, rule, since, until)]
    return sorted(found, key=lambda run: (run.due, run.schedule_id))


def ends_of(rule: ScheduleRule) -> datetime | None:
    """When the rule stopped, also by its schedule being removed; None for one that holds."""
    return min(filter(None, (rule.valid_until, rule.schedule.removed_at)), default=None)


def _runs_of(device: Device, rule: ScheduleRule, since: datetime, until: datetime) -> Iterator[Run]:
    ended = ends_of(rule)
    if ended is None and not rule.schedule.enabled:
        return
    start, end = max(since, rule.valid_from), until if ended is None else min(until, ended)
    if start >= end:
        return
    delay = delay_of(rule, device_id=device.pk)
    before = start - timedelta(microseconds=1)  # so that one at ``start`` itself is among them
    for nominal, following in pairwise(moments_of(rule, after=before)):
        if nominal >= end:
            return
        gap = following - nominal
        tolerance = min(gap / 2, LONGEST_TOLERANCE)
        due = nominal + delay
        yield Run(
            schedule_id=rule.schedule_id,
            label=rule.schedule.label,
            nominal=nominal,
            due=due,
            late_from=due + tolerance,
            over_at=due + min(gap - min(EARLY, gap / 2), max(LONGEST_LATENESS, tolerance)),
        )
