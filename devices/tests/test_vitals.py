"""What a camera's heartbeat told of itself, as its settings page and the admin show it."""

import pytest

from devices.models import Device, DeviceStatus
from devices.services.heartbeats import note_heartbeat
from devices.vitals import losses_of, vitals_of
from orgs.models import User
from tests.builders import logged_in, make_device, owner_of

pytestmark = pytest.mark.django_db
TOLD = {
    "spool_count": 3,
    "spool_bytes": 2 * 1024**2,
    "dropped_count": 2,
    "free_bytes": 5 * 1024**3,
    "temperature_c": 41.26,
    "uptime_seconds": 2 * 86_400 + 5,
    "clock_offset_seconds": -75.4,
}


def told(**health: object) -> DeviceStatus:
    device, _ = make_device()
    note_heartbeat(device=device, **health)
    return DeviceStatus.unscoped.get(device=device)


def plain(status: DeviceStatus) -> dict[str, str]:
    return {name: text.replace("\xa0", " ") for name, text in vitals_of(status)}


def test_all_that_it_told_is_said_in_words():
    status = told(**TOLD)
    assert plain(status) == {
        "Waiting to be sent": "3 pictures, 2.0 MB",
        "Thrown away": "2 pictures",
        "Free disk": "5.0 GB",
        "Temperature": "41.3 °C",
        "Running for": "2 days",
        "Clock": "1 minute behind",
    }
    assert losses_of(status) == "It had to throw away 2 pictures: its disk was full."


def test_what_it_does_not_know_is_left_out_and_nothing_is_a_value():
    status = told(spool_count=0, spool_bytes=0, dropped_count=0, temperature_c=None, clock_offset_seconds=0.4)
    assert plain(status) == {"Waiting to be sent": "none", "Thrown away": "none", "Clock": "right"}
    assert (losses_of(status), vitals_of(told())) == ("", [])


def test_any_number_can_be_said():
    status = told(uptime_seconds=1e308, clock_offset_seconds=1e308, temperature_c=-1e9, dropped_count=1)
    assert plain(status)["Clock"] == "36500 days ahead"
    assert losses_of(status) == "It had to throw away 1 picture: its disk was full."


def settings_page(device: Device) -> str:
    page: str = logged_in(owner_of(device.org)).get(f"/cameras/{device.pk}/settings").content.decode()
    return page


def test_the_settings_page_shows_it_with_the_moment():
    status = told(**TOLD)
    page = settings_page(status.device)
    for words in (
        "As it last told",
        "3 pictures",
        "41.3 °C",
        "1 minute behind",
        "It had to throw away 2 pictures",
    ):
        assert words in page
    assert f"<dt>Told</dt><dd>{status.heartbeat_at:%-d %b %Y}" in page


def test_a_camera_that_told_nothing_has_no_such_part():
    device, _ = make_device()
    assert "As it last told" not in settings_page(device)


def test_the_admin_shows_all_that_is_kept_of_a_camera(client):
    status = told(**TOLD)
    User.objects.filter(pk=owner_of(status.org).pk).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=owner_of(status.org).pk))
    page = client.get(f"/admin/devices/devicestatus/{status.pk}/change/").content.decode()
    hidden = {"differs_since"}
    for field in DeviceStatus._meta.get_fields():
        assert field.name in hidden or f"field-{field.name}" in page, field.name
