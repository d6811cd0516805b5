"""Telling cameras of the runs of their schedules that are due, once each, however many schedulers there are."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Prefetch, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from visant_camera.schedule import RuleError

from devices.models import Device, Schedule, ScheduleRule
from devices.planning import delay_of, moments_of
from devices.services.commands import TriggerIdTaken, queue_command
from devices.services.configuration import bump_configuration, zone_of
from devices.services.schedules import move_to_zone

logger = logging.getLogger(__name__)

BATCH, BATCHES = 50, 20
# A run that was missed by more, as the scheduler stood still, is not made up for. Cameras have it the same.
LATE = timedelta(seconds=60)
LONGEST_LIFE = timedelta(minutes=5)
# A camera listens if it did so lately: it says so once a minute while its stream is open.
LISTENING = timedelta(minutes=3)
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


def follow_time_zones() -> int:
    """Move the schedules of cameras that are in another zone than they were, as when their organization moved.

    Returns how many cameras that were. To be called across organizations.
    """
    zone = Coalesce(NullIf("schedule__device__time_zone", Value("")), "org__time_zone")
    astray = ScheduleRule.unscoped.filter(valid_until=None).annotate(zone=zone).exclude(time_zone=F("zone"))
    moved = 0
    for pk in set(astray.values_list("schedule__device_id", flat=True)[:BATCH]):
        with transaction.atomic():
            device = Device.unscoped.select_for_update(of=("self",)).select_related("org").get(pk=pk)
            if move_to_zone(device, zone_of(device)):
                bump_configuration(device)
                moved += 1
    return moved


@transaction.atomic
def _fire_batch(now: datetime) -> tuple[int, int]:
    """Return how many schedules were looked at, and how many commands were queued.

    What another scheduler holds is passed over; SQLite has one writer at a time.
    """
    holding = Prefetch("rules", ScheduleRule.unscoped.filter(valid_until=None))
    due = Schedule.unscoped.due_at(now).select_for_update(of=("self",), skip_locked=True)
    found = list(
        due.select_related("device__status", "org").prefetch_related(holding).order_by("next_run_at", "pk")[:BATCH]
    )
    return len(found), sum(_fire(schedule, now) for schedule in found)


def _fire(schedule: Schedule, now: datetime) -> bool:
    """Move the schedule to its next run; return whether the camera is told of the one that is due."""
    try:
        due_at, following, delay = _look(schedule, now)
    except RuleError:
        # It was a rule when it was made: the zone is not known any more, say. The others must not wait for it.
        logger.exception("The schedule %s cannot be followed; it is looked at again in an hour.", schedule.pk)
        due_at, following, delay = None, now + PUT_OFF, timedelta()
    told = due_at is not None and _listens(schedule, now) and _tell(schedule, due_at, following)
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
    for moment in moments_of(rule, after=max(nominal - timedelta(microseconds=1), now - delay - LATE)):
        if moment + delay > now:
            return due_at, moment, delay
        due_at = moment
    return due_at, None, delay


def _listens(schedule: Schedule, now: datetime) -> bool:
    device = schedule.device
    heard = device.status.listened_at
    is_in_use = device.state == "active" and schedule.org.suspended_at is None
    return is_in_use and heard is not None and heard >= now - LISTENING


def _tell(schedule: Schedule, due_at: datetime, following: datetime | None) -> bool:
    try:
        queue_command(
            device=schedule.device,
            trigger_type="schedule",
            trigger_id=f"schedule-{schedule.pk}-{int(due_at.timestamp())}",
            parameters={"label": schedule.label},
            life=min(following - due_at, LONGEST_LIFE) if following else LONGEST_LIFE,
            schedule=schedule,
            due_at=due_at,
        )
    except TriggerIdTaken:
        return False  # it was told already
    return True
