"""Runs of schedules that are due: who is told, once, and not in a burst."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices import tasks
from devices.models import Command, DeviceStatus, Schedule, ScheduleRule
from devices.planning import delay_of
from devices.services.commands import queue_command
from devices.services.firing import BATCH, fire_due_schedules
from devices.services.lifecycle import retire_device, suspend_device
from devices.services.schedules import add_schedule, change_schedule, remove_schedule
from orgs import scope
from orgs.models import Organization
from tests.builders import make_device, make_org
from tests.client import wait_until
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NOON = datetime(2027, 6, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def listening(device, at: datetime = NOON) -> None:
    DeviceStatus.unscoped.filter(device=device).update(listened_at=at)


def make_schedule(device=None, *, due: datetime = NOON, **fields) -> Schedule:
    """A schedule of a camera that listens, whose next run is nominally at ``due``."""
    if device is None:
        device, _ = make_device()
        listening(device)
    fields = fields or {"interval_seconds": 600}
    schedule = add_schedule(device=device, label="Round", acting_user=None, **fields)
    delay = delay_of(schedule.rules.get(), device_id=device.pk)
    Schedule.unscoped.filter(pk=schedule.pk).update(next_run_at=due + delay)
    schedule.refresh_from_db()
    return schedule


def fire(now: datetime) -> int:
    with scope.across_organizations("a test does as the scheduler"):
        return fire_due_schedules(now=now)


def told() -> list[str]:
    return list(Command.unscoped.order_by("pk").values_list("trigger_id", flat=True))


def test_a_run_that_is_due_is_told_once_and_the_next_one_awaited():
    schedule = make_schedule()
    assert fire(NOON - timedelta(seconds=1)) == 0
    assert (fire(NOON), fire(NOON), fire(NOON + MINUTE)) == (1, 0, 0)
    command = Command.unscoped.get()
    assert command.trigger_id == f"schedule-{schedule.pk}-{int(NOON.timestamp())}"
    assert (command.trigger_type, command.parameters) == ("schedule", {"label": "Round"})
    assert (command.due_at, command.schedule, command.created_by) == (NOON, schedule, None)
    assert command.expires_at - command.created_at == timedelta(minutes=5)
    schedule.refresh_from_db()
    assert (schedule.last_run_at, schedule.next_run_at) == (NOON, NOON + 10 * MINUTE)


def test_a_command_does_not_outlive_the_next_run():
    make_schedule(interval_seconds=120)
    fire(NOON)
    command = Command.unscoped.get()
    assert command.expires_at - command.created_at == timedelta(minutes=2)


def make_schedule_put_off() -> tuple[Schedule, timedelta]:
    """A schedule whose runs come later than nominally, and by how much."""
    while True:
        schedule = make_schedule(interval_seconds=600, jitter_seconds=3600)
        if delay := delay_of(schedule.rules.get(), device_id=schedule.device_id):
            return schedule, delay
        remove_schedule(schedule=schedule, acting_user=None)  # of 3,601 delays one is none


def test_jitter_puts_off_the_run_and_not_its_name():
    schedule, delay = make_schedule_put_off()
    listening(schedule.device, NOON + delay)
    assert (fire(NOON + delay - timedelta(seconds=1)), fire(NOON + delay)) == (0, 1)
    assert told() == [f"schedule-{schedule.pk}-{int(NOON.timestamp())}"]
    schedule.refresh_from_db()
    assert (schedule.last_run_at, schedule.next_run_at) == (NOON, NOON + 10 * MINUTE + delay)


@pytest.mark.parametrize("late", [timedelta(seconds=61), timedelta(minutes=9), timedelta(days=400, minutes=2)])
def test_what_was_missed_by_more_than_a_minute_is_not_made_up_for(late):
    schedule = make_schedule()
    listening(schedule.device, NOON + late)
    assert fire(NOON + late) == 0
    schedule.refresh_from_db()
    assert schedule.last_run_at is None
    assert NOON + late < schedule.next_run_at <= NOON + late + 10 * MINUTE
    assert schedule.next_run_at.minute % 10 == 0


def test_of_many_missed_runs_only_the_newest_is_told_of_if_it_is_young():
    schedule = make_schedule(interval_seconds=60)
    newest = NOON + 90 * MINUTE
    listening(schedule.device, newest)
    assert fire(newest + timedelta(seconds=30)) == 1
    assert told() == [f"schedule-{schedule.pk}-{int(newest.timestamp())}"]
    schedule.refresh_from_db()
    assert schedule.next_run_at == newest + MINUTE


@pytest.mark.parametrize("heard", [None, NOON - timedelta(seconds=181)])
def test_a_camera_that_does_not_listen_is_told_nothing(heard):
    schedule = make_schedule()
    listening(schedule.device, heard)
    assert fire(NOON) == 0
    schedule.refresh_from_db()
    assert (schedule.last_run_at, schedule.next_run_at) == (None, NOON + 10 * MINUTE)


def test_only_cameras_in_use_are_told():
    suspended, retired, blocked, used = (make_schedule() for _ in range(4))
    suspend_device(device=suspended.device, acting_user=None)
    retire_device(device=retired.device, acting_user=None)
    Organization.objects.filter(pk=blocked.org_id).update(suspended_at=timezone.now())
    assert fire(NOON) == 1
    assert told() == [f"schedule-{used.pk}-{int(NOON.timestamp())}"]


def test_what_is_switched_off_or_removed_is_not_due():
    off, gone = make_schedule(), make_schedule()
    change_schedule(schedule=off, enabled=False, acting_user=None)
    remove_schedule(schedule=gone, acting_user=None)
    assert fire(NOON + timedelta(days=900)) == 0


def test_a_run_the_camera_was_told_of_before_is_fine():
    schedule = make_schedule()
    name = f"schedule-{schedule.pk}-{int(NOON.timestamp())}"
    queue_command(device=schedule.device, trigger_type="schedule", trigger_id=name)
    assert fire(NOON) == 0
    schedule.refresh_from_db()
    assert (told(), schedule.next_run_at) == ([name], NOON + 10 * MINUTE)


def test_a_rule_that_cannot_be_followed_any_more_holds_up_nobody(caplog):
    broken, fine = make_schedule(due=NOON - MINUTE), make_schedule()
    ScheduleRule.unscoped.filter(schedule=broken).update(cron="61 * * * *", interval_seconds=None)
    assert fire(NOON) == 1
    assert told() == [f"schedule-{fine.pk}-{int(NOON.timestamp())}"]
    broken.refresh_from_db()
    assert broken.next_run_at == NOON + timedelta(hours=1)
    assert str(broken.pk) in caplog.text


def test_more_than_a_batch_is_fired_in_one_call_with_as_many_questions_for_each():
    org = make_org()
    device, _ = make_device(org)
    listening(device)

    def due(count: int) -> None:
        for number in range(count):
            if number % 20 == 0:
                place, _ = make_device(org)
                listening(place)
            make_schedule(place)

    due(10)
    ten = len(statements_of(lambda: fire(NOON)))
    Schedule.unscoped.update(next_run_at=None)
    due(20)
    twenty = len(statements_of(lambda: fire(NOON)))
    Schedule.unscoped.update(next_run_at=None)
    due(BATCH + 5)
    assert fire(NOON) == BATCH + 5
    assert twenty - ten <= 10 * 8


def test_nothing_due_is_one_question():
    make_schedule()
    assert len([text for text in statements_of(lambda: fire(NOON - MINUTE)) if "devices_schedule" in text]) == 1


def test_the_scheduler_calls_it():
    now = timezone.now()
    schedule = make_schedule(due=now.replace(second=0, microsecond=0), interval_seconds=60)
    listening(schedule.device, now)
    tasks.fire_schedules()
    tasks.follow_time_zones()
    assert len(told()) == 1


@pytest.mark.django_db(transaction=True)
def test_schedulers_at_once_tell_of_each_run_once():
    device, _ = make_device()
    listening(device)
    schedules = [make_schedule(device) for _ in range(12)]
    answers = at_once(lambda _: fire(NOON), 3)
    assert sum(answers) == 12
    assert sorted(told()) == sorted(f"schedule-{one.pk}-{int(NOON.timestamp())}" for one in schedules)
    assert set(Schedule.unscoped.values_list("next_run_at", flat=True)) == {NOON + 10 * MINUTE}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_change_of_a_schedule_that_is_being_fired_waits_and_both_are_done():
    schedule = make_schedule()
    fired, changed = threading.Event(), threading.Event()

    def work(number: int) -> int | None:
        if number == 0:
            with transaction.atomic():
                queued = fire(NOON)
                fired.set()
                wait_until(
                    lambda: changed.is_set() or somebody_waits(), seconds=10, otherwise=lambda: "nobody waits"
                )
            return queued
        assert fired.wait(10)
        try:
            return change_schedule(schedule=schedule, label="Tour", acting_user=None)
        finally:
            changed.set()

    assert at_once(work) == [1, None]
    schedule.refresh_from_db()
    assert (schedule.label, len(told())) == ("Tour", 1)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None
