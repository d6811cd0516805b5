"""The job that keeps the calendar of all cameras."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings

from captures.calendar import settling
from captures.calendar.models import CalendarDay, Rejection
from captures.calendar.reading import read_day
from captures.calendar.settling import settle_calendar
from captures.calendar.tests.builders import NOW, make_row, make_rule
from captures.models import Capture
from captures.retention.deleting import delete_capture, delete_due
from devices.health import condition_of, with_condition
from devices.models import Device, DeviceStatus, ServiceBreak
from devices.services.lifecycle import reinstate_device, resume_device, retire_device, suspend_device
from tests.builders import make_device, make_org, membership_of, owner_of
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
MINUTE = timedelta(minutes=1)


def at(hour: int, minute: float = 0, *, day: int = 4) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC) + minute * MINUTE


def make_camera(org=None, **fields: object) -> Device:
    """A camera that was added ten days before NOW."""
    device, _ = make_device(org)
    Device.unscoped.filter(pk=device.pk).update(
        created_at=NOW - timedelta(days=10), configured_at=NOW - timedelta(days=10), **fields
    )
    device.refresh_from_db()
    return device


def counts(device: Device, day: date = TODAY) -> tuple | None:
    row = CalendarDay.unscoped.filter(device=device, day=day).first()
    return row and (row.expected, row.received, row.late, row.missing, row.rejected, row.unplanned)


def delivery(device: Device) -> tuple:
    row = DeviceStatus.unscoped.get(device=device)
    return row.delivery, row.delivery_since, row.delivery_checked_at


def test_a_day_is_settled_with_all_its_pictures():
    device = make_camera()
    make_rule(device, cron="0 8-11 * * *")
    make_row(device, at(8))
    make_row(device, at(9, 20))
    make_row(device, at(11, 2))
    make_row(device, at(11, 30), trigger_label="manual", trigger_id="x")
    Rejection.unscoped.create(
        org=device.org, device=device, captured_at=at(10), code="broken_picture", first_at=NOW, last_at=NOW
    )
    Rejection.unscoped.create(
        org=device.org, device=device, captured_at=at(7), code="broken_picture", first_at=NOW, last_at=NOW
    )
    settle_calendar(now=NOW)
    assert counts(device) == (4, 2, 1, 0, 1, 1)
    assert CalendarDay.unscoped.get(device=device, day=TODAY).unplanned_rejected == 1
    assert delivery(device) == ("on_time", at(11), NOW)
    assert DeviceStatus.unscoped.get(device=device).last_received_at == at(11, 30)


def test_the_days_before_are_settled_as_far_as_a_rule_held():
    device = make_camera()
    make_rule(device, cron="0 8 * * *", since=at(12, day=1))
    settle_calendar(now=NOW)
    rows = CalendarDay.unscoped.filter(device=device).order_by("day").values_list("day", "expected", "missing")
    assert list(rows) == [(date(2026, 3, day), int(day > 1), int(day > 1)) for day in (1, 2, 3, 4)]


def test_back_filled_pictures_mend_their_day_and_the_light():
    device = make_camera()
    make_rule(device, cron="0 8 * * *", since=at(7, day=1))
    settle_calendar(now=NOW)
    assert counts(device, date(2026, 3, 2)) == (1, 0, 0, 1, 0, 0)
    assert delivery(device)[:2] == ("missing", at(8, day=1))

    make_row(device, at(8, 1, day=2), received_at=NOW + MINUTE)
    make_row(device, at(8, 1), received_at=NOW + MINUTE)
    settle_calendar(now=NOW + 2 * MINUTE)
    assert counts(device, date(2026, 3, 2)) == (1, 1, 0, 0, 0, 0)
    assert delivery(device)[:2] == ("on_time", at(8))


def test_a_picture_whose_row_came_in_late_is_not_overlooked():
    """Its id was made before the turn, its row was seen after it: as while the bytes were written."""
    device = make_camera()
    make_rule(device, cron="0 8 * * *")
    settle_calendar(now=NOW)
    make_row(device, at(8, day=2), received_at=NOW - timedelta(seconds=90))
    settle_calendar(now=NOW + MINUTE)
    assert counts(device, date(2026, 3, 2)) == (1, 1, 0, 0, 0, 0)


def test_late_then_missing_since_the_first_that_did_not_come():
    device = make_camera()
    make_rule(device, interval_seconds=600)
    make_row(device, at(12))
    turns = dict.fromkeys((1, 9, 17, 26, 36, 47))
    for minutes in turns:
        settle_calendar(now=at(12, minutes))
        turns[minutes] = delivery(device)[:2]
    assert turns == {
        1: ("on_time", at(12)),
        9: ("on_time", at(12)),
        17: ("late", at(12, 10)),
        26: ("missing", at(12, 10)),
        36: ("missing", at(12, 10)),
        47: ("missing", at(12, 10)),
    }


@pytest.mark.parametrize("by_a_person", [True, False])
def test_a_picture_that_was_deleted_since_was_delivered_all_the_same(by_a_person):
    device = make_camera()
    make_rule(device, cron="0 11 * * *")
    capture = make_row(device, at(11))
    if by_a_person:
        delete_capture(capture=capture, acting_user=owner_of(device.org))
    else:
        delete_due(org=device.org, pks=[capture.pk], at=NOW)
    assert not Capture.unscoped.exists()
    settle_calendar(now=NOW)
    assert counts(device) == (1, 1, 0, 0, 0, 0)
    assert delivery(device)[:2] == ("on_time", at(11))


def test_pictures_that_are_refused_are_told_by_the_light():
    device = make_camera()
    make_rule(device, interval_seconds=600)
    make_row(device, at(11, 40))
    for minute in (50, 60):
        Rejection.unscoped.create(
            org=device.org,
            device=device,
            captured_at=at(11) + minute * MINUTE,
            code="broken_picture",
            first_at=NOW,
            last_at=NOW,
        )
    settle_calendar(now=NOW)
    assert delivery(device)[:2] == ("rejected", at(11, 50))
    condition = condition_of(with_condition(Device.unscoped.all()).get(pk=device.pk), NOW)
    assert condition.delivering.sentence == "Its planned pictures come and are rejected, for 10 minutes."
    assert (condition.delivering.state, condition.state) == ("bad", "bad")


@pytest.mark.parametrize(("leave", "back"), [(suspend_device, resume_device), (retire_device, reinstate_device)])
def test_a_time_out_of_service_that_is_over_leaves_no_missing_picture(leave, back):
    device = make_camera()
    make_rule(device, interval_seconds=3600, since=at(8))
    leave(device=device, acting_user=None)
    column = "suspended_at" if device.suspended_at else "retired_at"
    Device.unscoped.filter(pk=device.pk).update(**{column: at(9, 30)})
    settle_calendar(now=at(10, 30))
    for _ in range(2):
        back(device=device, acting_user=None)
    row = ServiceBreak.unscoped.get()
    assert (row.began_at, row.org_id, row.ended_at > NOW, device.state) == (
        at(9, 30),
        device.org_id,
        True,
        "active",
    )
    ServiceBreak.unscoped.update(ended_at=at(11, 30))
    settle_calendar(now=at(12, 10))
    assert counts(device) == (3, 0, 0, 3, 0, 0)  # eight, nine and twelve o'clock
    settle_calendar(now=at(12, day=6))
    assert counts(device) == (14, 0, 0, 14, 0, 0)
    membership = membership_of(device.org, owner_of(device.org))
    report = read_day(membership, device, TODAY, now=at(12, day=6))
    assert (report.breaks, report.counts.expected) == ([(at(9, 30), at(11, 30))], 14)


def test_without_a_schedule_pictures_are_counted_and_nothing_is_expected():
    device = make_camera()
    make_row(device, at(9, day=2))  # before the first look, which goes a day back at most
    make_row(device, at(9))
    settle_calendar(now=NOW)
    assert (counts(device, date(2026, 3, 2)), counts(device)) == (None, (0, 0, 0, 0, 0, 1))
    make_row(device, at(12), received_at=NOW)
    settle_calendar(now=NOW + MINUTE)
    assert counts(device) == (0, 0, 0, 0, 0, 2)
    assert delivery(device) == ("unplanned", None, NOW + MINUTE)


def test_a_schedule_that_was_removed_leaves_the_light_idle():
    device = make_camera()
    rule = make_rule(device, cron="0 8 * * *")
    settle_calendar(now=NOW)
    assert delivery(device)[0] == "missing"
    device.schedules.update(removed_at=NOW)
    rule.valid_until = NOW
    rule.save()
    settle_calendar(now=NOW + MINUTE)
    assert delivery(device)[:2] == ("unplanned", None)
    assert counts(device)[:4] == (1, 0, 0, 1)


def test_it_works_on_the_cameras_own_clock():
    device = make_camera(time_zone="Pacific/Auckland")
    make_rule(device, cron="30 0 * * *", time_zone="Pacific/Auckland")
    make_row(device, datetime(2026, 3, 3, 11, 30, tzinfo=UTC))  # 00:30 on the 4th there
    settle_calendar(now=NOW)
    assert counts(device, date(2026, 3, 4)) == (1, 1, 0, 0, 0, 0)
    assert counts(device, date(2026, 3, 5)) == (1, 0, 0, 1, 0, 0)


def test_who_was_just_looked_at_is_left_alone_and_a_second_turn_changes_nothing():
    device = make_camera()
    make_rule(device, cron="0 8 * * *")
    assert settle_calendar(now=NOW) > 0
    assert settle_calendar(now=NOW + timedelta(seconds=10)) == 0
    before = list(CalendarDay.unscoped.order_by("pk").values())
    assert settle_calendar(now=NOW + MINUTE) == 0
    assert list(CalendarDay.unscoped.order_by("pk").values()) == before
    settle_calendar(now=NOW + 6 * MINUTE)
    assert counts(device) == (1, 0, 0, 1, 0, 0)


def test_retired_cameras_are_not_looked_at():
    device = make_camera(retired_at=NOW)
    make_rule(device, cron="0 8 * * *")
    assert settle_calendar(now=NOW) == 0


def test_many_cameras_take_as_many_statements_as_few():
    org = make_org()

    def add(number: int) -> None:
        for _ in range(number):
            device = make_camera(org)
            make_rule(device, interval_seconds=600)
            make_row(device, at(12))

    def turn(now: datetime) -> list[str]:
        return statements_of(lambda: settle_calendar(now=now))

    add(2)
    few = turn(NOW)
    add(20)
    many = turn(NOW + 7 * MINUTE)
    assert len(many) == len(few) <= 14 + 4 * 8  # the last eight days, four statements each


def test_a_batch_with_many_days_is_left_for_the_next_turn(monkeypatch):
    monkeypatch.setattr(settling, "DAYS_A_BATCH", 10)
    devices = [make_camera() for _ in range(3)]
    for device in devices:
        make_rule(device, cron="0 8 * * *")
    assert [settle_calendar(now=NOW + turn * MINUTE) for turn in range(3)] == [8, 8, 8]
    assert CalendarDay.unscoped.count() == 24
    assert {delivery(device)[0] for device in devices} == {"missing"}


@pytest.mark.django_db(transaction=True)
def test_several_at_once_do_no_harm():
    devices = [make_camera() for _ in range(3)]
    for device in devices:
        make_rule(device, cron="0 8 * * *")
        make_row(device, at(8))
    at_once(lambda _: settle_calendar(now=NOW), 4)
    settle_calendar(now=NOW + MINUTE)
    assert CalendarDay.unscoped.count() == 24
    assert {counts(device) for device in devices} == {(1, 1, 0, 0, 0, 0)}
    assert {delivery(device)[:2] for device in devices} == {("on_time", at(8))}


def test_the_scheduler_calls_it_about_every_minute():
    assert 30 <= settings.SCHEDULE["captures.calendar.tasks.settle_calendar"] <= 60


def test_a_rule_that_is_none_any_more_stops_the_calendar_of_nobody_else():
    broken, sound = make_camera(), make_camera(make_org())
    for device in (broken, sound):
        make_rule(device, cron="0 8 * * *", since=at(7))
        make_row(device, at(8))
    broken.schedules.get().rules.update(cron="61 8 * * *")
    settle_calendar(now=NOW)
    assert (counts(sound), delivery(sound)) == ((1, 1, 0, 0, 0, 0), ("on_time", at(8), NOW))
    assert (counts(broken), delivery(broken)) == ((0, 0, 0, 0, 0, 1), ("unplanned", None, NOW))
    assert DeviceStatus.unscoped.get(device=broken).last_received_at == at(8)


def test_a_past_rule_whose_time_zone_is_gone_is_told_on_the_cameras_clock():
    device = make_camera()
    rule = make_rule(device, cron="0 8 * * *")
    schedule = rule.schedule
    schedule.rules.update(time_zone="Mars/Base", valid_until=at(7))
    schedule.rules.create(org_id=device.org_id, cron="0 8 * * *", time_zone="UTC", valid_from=at(7))
    make_row(device, at(8))
    settle_calendar(now=NOW)
    assert (counts(device), delivery(device)[0]) == ((1, 1, 0, 0, 0, 0), "on_time")
    assert counts(device, date(2026, 3, 3)) == (1, 0, 0, 1, 0, 0)
