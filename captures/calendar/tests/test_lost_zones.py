"""A time zone that was chosen, and that this computer does not know any more: it is said, and another is used."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.calendar.tests.builders import make_row, make_rule
from devices.clocks import lost_zone, zone_of
from devices.models import Device, DeviceStatus
from devices.services.firing import fire_due_schedules
from devices.services.schedules import follow_time_zones, newest_rule
from orgs.models import Organization
from tests.builders import logged_in, make_device, make_org, make_token, membership_of, owner_of

pytestmark = pytest.mark.django_db
SAID = "This computer does not know the time zone Mars/Base any more; "
OF_ORGANIZATION = f"{SAID}the organization's, Asia/Tokyo, is used instead."


@pytest.fixture
def device() -> Device:
    device, _ = make_device(make_org(time_zone="Asia/Tokyo"))
    make_rule(device, cron="0 8 * * *", since=timezone.now() - timedelta(days=3), time_zone="Mars/Base")
    Device.unscoped.filter(pk=device.pk).update(time_zone="Mars/Base")
    device.refresh_from_db()
    return device


def pages(device: Device) -> list[str]:
    today = timezone.now().date()
    camera = f"/cameras/{device.pk}"
    return [
        f"{camera}/calendar",
        f"{camera}/calendar/{today}",
        f"{camera}/calendar.csv",
        f"{camera}/schedules",
        f"{camera}/schedules/add",
        f"{camera}/settings",
        camera,
    ]


def said_by(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code == 200
    return content.decode().replace("&#x27;", "'")


def test_every_page_says_so_and_shows_what_it_can(device):
    client = logged_in(owner_of(device.org))
    for page in pages(device):
        assert OF_ORGANIZATION in said_by(client.get(page)), page
    assert "Asia/Tokyo" in said_by(client.get(f"/cameras/{device.pk}/schedules"))


def test_the_day_is_the_organizations(device):
    day = (timezone.now() - timedelta(days=1)).astimezone(device.org.clock).date()
    eight = datetime(day.year, day.month, day.day, 8, tzinfo=device.org.clock)
    make_row(device, eight.astimezone(UTC))
    shown = said_by(logged_in(owner_of(device.org)).get(f"/cameras/{device.pk}/calendar/{day}"))
    assert "picture of 08:00:00" in shown


def test_programs_are_told(device):
    _, text = make_token(membership_of(device.org, owner_of(device.org)))
    client = Client(headers={"Authorization": f"Bearer {text}"})
    for part in ("", "/calendar", "/schedules", "/config"):
        assert client.get(f"/v1/devices/{device.pk}{part}").json()["time_zone_note"] == OF_ORGANIZATION
    assert client.get(f"/v1/devices/{device.pk}/calendar").json()["time_zone"] == "Asia/Tokyo"
    changed = client.put(
        f"/v1/devices/{device.pk}/config", {"heartbeat_seconds": 600}, content_type="application/json"
    )
    assert changed.json()["desired"]["heartbeat_seconds"] == 600
    refused = client.put(
        f"/v1/devices/{device.pk}/config", {"time_zone": "Mars/Other"}, content_type="application/json"
    )
    assert refused.status_code == 400


def test_who_saves_something_else_keeps_the_choice(device):
    client = logged_in(owner_of(device.org))
    address = f"/cameras/{device.pk}/configuration"
    form = said_by(client.get(address))
    assert "Mars/Base (not known any more)" in form
    client.post(address, {"time_zone": "Mars/Base", "heartbeat_seconds": "600", "poll_seconds": "300"})
    device.refresh_from_db()
    assert (device.time_zone, device.configuration) == ("Mars/Base", {"heartbeat_seconds": 600})


def test_an_organizations_zone_that_is_lost_shuts_nobody_out(device):
    Organization.objects.filter(pk=device.org_id).update(time_zone="Mars/Yard", trial_ends_at=timezone.now())
    client = logged_in(owner_of(device.org))
    for page in [*pages(device), "/organization", "/organization/plan", "/account"]:
        answer = client.get(page)
        assert answer.status_code == 200, page
        if page.startswith("/cameras"):
            assert f"{SAID}UTC is used instead." in said_by(answer), page
    assert "Mars/Yard" not in b"".join(client.get("/organization/audit.csv").streaming_content).decode()


def test_its_schedules_move_there_and_back_once(device):
    schedule = device.schedules.get()
    assert (follow_time_zones(), follow_time_zones()) == (1, 0)
    assert newest_rule(schedule).time_zone == zone_of(device) == "Asia/Tokyo"
    Device.unscoped.filter(pk=device.pk).update(time_zone="Europe/Vienna")  # known again, so to speak
    assert (follow_time_zones(), follow_time_zones()) == (1, 0)
    assert newest_rule(device.schedules.get()).time_zone == "Europe/Vienna"
    device.refresh_from_db()
    assert lost_zone(device) == ""


def test_what_is_due_is_fired_on_the_organizations_clock(device):
    Organization.objects.filter(pk=device.org_id).update(time_zone="Europe/Vienna")
    rule = device.schedules.get().rules.get()
    due = datetime(2026, 3, 4, 7, tzinfo=UTC)  # 08:00 in Vienna
    rule.schedule.rules.update(valid_from=due - timedelta(days=9))
    device.schedules.update(next_run_at=due)
    DeviceStatus.unscoped.filter(device=device).update(listened_at=due)
    assert fire_due_schedules(now=due + timedelta(seconds=1)) == 1
    assert device.schedules.get().next_run_at == due + timedelta(days=1)
