"""How a camera is and its calendar, in a real browser."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from captures.calendar.settling import settle_calendar
from captures.calendar.tests.builders import make_row, make_rule
from devices.models import Device, DeviceStatus
from devices.services.conditions import note_usability
from tests.browser.test_control import SIDEWAYS
from tests.builders import make_device, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device() -> Device:
    """Hourly pictures since four days ago; of yesterday those after six o'clock are missing."""
    device, _ = make_device(make_org(time_zone="UTC"), "Gate")
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    begins = midnight - timedelta(days=4)
    Device.unscoped.filter(pk=device.pk).update(created_at=begins, configured_at=begins)
    make_rule(device, cron="0 * * * *", since=begins)
    for hour in range(24 * 3 + 7):
        make_row(device, begins + timedelta(hours=hour, seconds=20))
    settle_calendar()
    return device


def test_from_the_light_to_the_picture_that_is_missing(make_page, device):
    yesterday = timezone.now().date() - timedelta(days=1)
    page = make_page(user=owner_of(device.org))
    page.goto(f"/cameras/{device.pk}")
    expect(page.get_by_text("Planned pictures are missing").first).to_be_visible()

    page.get_by_role("link", name="Calendar").click()
    if yesterday.month != timezone.now().month:
        page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_text("7 of 24")).to_be_visible()
    page.locator(f'a[href$="/calendar/{yesterday}"]').click()
    expect(page.get_by_text("Received", exact=True)).to_have_count(8)  # seven, and the heading of the number
    expect(page.get_by_text("Missing", exact=True)).to_have_count(18)
    last = device.captures.filter(captured_at__date=yesterday).order_by("captured_at").last()
    link = page.get_by_role("link", name="picture of 06:00:20")
    expect(link).to_have_attribute("href", f"/captures/{last.pk}")


def test_the_cameras_page_brings_itself_up_to_date(make_page, device):
    now = timezone.now()
    DeviceStatus.unscoped.filter(device=device).update(
        last_seen_at=now, listened_at=now, delivery="on_time", delivery_checked_at=now, usable=True
    )
    page = make_page(user=owner_of(device.org))
    page.goto("/cameras")
    expect(page.get_by_text("Not well 0")).to_be_visible()
    note_usability(device_id=device.pk, usable=False, reason="The picture is black.", at=now)
    expect(page.get_by_text("Its pictures cannot be used: The picture is black.")).to_be_visible()
    expect(page.get_by_text("Not well 1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(make_page, device, width, scheme, tmp_path):
    yesterday = timezone.now().date() - timedelta(days=1)
    page = make_page(user=owner_of(device.org), viewport={"width": width, "height": 900}, color_scheme=scheme)
    for number, rest in enumerate(
        ("", f"/{device.pk}", f"/{device.pk}/calendar", f"/{device.pk}/calendar/{yesterday}")
    ):
        page.goto(f"/cameras{rest}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(SIDEWAYS) == []
        page.screenshot(path=tmp_path / f"{number}.png", full_page=True)
