"""Telling cameras of the runs of their schedules that are due, once each, however many schedulers there are."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from visant_camera.rule_checks import RuleError
from visant_camera.schedule import LATE, SCHEDULE, trigger_id_of

from devices.clocks import zone_of
from devices.models import Schedule, ScheduleRule
from devices.planning import delay_of, moments_of
from devices.services.commands import TriggerIdTaken, queue_command
from devices.services.sightings import listens

logger = logging.getLogger(__name__)

BATCH, BATCHES = 50, 20
LONGEST_LIFE = timedelta(minutes=5)
# A rule that cannot be computed any more is looked at again after this.
PUT_OFF = timedelta(hours=1)


def fire_due_schedules(*, now: datetime | None = None) -> int:
    """Tell the cameras that listen of their runs that are due, and move each schedule to its next run.

    Returns how many commands were queued; at most some of what is due is looked at in one call. Of runs that were
    missed only the newest is made up for, if it is younger than a minute. To be called across organizations.
    """
    fired = 0
    for _ in range(BATCHES):
        moment = now or timezone.now()
        if not Schedule.unscoped.due_at(moment).exists():
            break
        looked_at, queued = _fire_batch(moment)
        fired += queued
        if looked_at < BATCH:
            break
    return fired


@transaction.atomic
def _fire_batch(now: datetime) -> tuple[int, int]:
    """Return how many schedules were looked at, and how many commands were queued.

    What another scheduler holds is passed over; SQLite has one writer at a time.
    """
    holding = Prefetch("rules", ScheduleRule.unscoped.holding())
    due = Schedule.unscoped.due_at(now).select_for_update(of=("self",), skip_locked=True)
    found = list(
        due.select_related("device__status", "device__org", "org")
        .prefetch_related(holding)
        .order_by("next_run_at", "pk")[:BATCH]
    )
    return len(found), sum(_fire(schedule, now) for schedule in found)


def _fire(schedule: Schedule, now: datetime) -> bool:
    """Move the schedule to its next run; return whether the camera is told of the one that is due."""
    try:
        due_at, following, delay = _look(schedule, now)
    except RuleError:
        # It was a rule when it was made. The others must not wait for it.
        logger.exception("The schedule %s cannot be followed; it is looked at again in an hour.", schedule.pk)
        due_at, following, delay = None, now + PUT_OFF, timedelta()
    told = due_at is not None and _is_told(schedule, now) and _tell(schedule, due_at, following)
    schedule.next_run_at = following and following + delay
    schedule.last_run_at = due_at if told else schedule.last_run_at
    schedule.save(update_fields=["next_run_at", "last_run_at"])
    return told


def _look(schedule: Schedule, now: datetime) -> tuple[datetime | None, datetime | None, timedelta]:
    """The nominal moment to be told of now, the one that follows, and how much each is put off."""
    rule = next(iter(schedule.rules.all()), None)  # fetched: the one that holds
    if rule is None or schedule.next_run_at is None:
        return None, None, timedelta()
    delay = delay_of(rule, device_id=schedule.device_id)
    nominal = schedule.next_run_at - delay
    due_at = None
    # From just before the one that was awaited, or from what is not too late: never through a long outage.
    after = max(nominal - timedelta(microseconds=1), now - delay - LATE)
    for moment in moments_of(rule, after=after, fallback=zone_of(schedule.device)):
        if moment + delay > now:
            return due_at, moment, delay
        due_at = moment
    return due_at, None, delay


def _is_told(schedule: Schedule, now: datetime) -> bool:
    device = schedule.device
    is_in_use = device.state == "active" and schedule.org.suspended_at is None
    return is_in_use and listens(device.status, now)


def _tell(schedule: Schedule, due_at: datetime, following: datetime | None) -> bool:
    try:
        queue_command(
            device=schedule.device,
            trigger_type=SCHEDULE,
            trigger_id=trigger_id_of(schedule.pk, due_at),
            parameters={"label": schedule.label},
            life=min(following - due_at, LONGEST_LIFE) if following else LONGEST_LIFE,
            schedule=schedule,
            due_at=due_at,
        )
    except TriggerIdTaken:
        return False  # it was told already
    return True
