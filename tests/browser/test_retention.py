"""How long pictures are kept: previewed, saved, and it fits where it is looked at."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from captures.integrity.checking import check_integrity_daily
from captures.models import Capture
from captures.retention import foreseeing
from captures.retention.tests.builders import make_policy, make_rows
from devices.models import Device
from tests.builders import make_capture, make_device, make_operator, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device() -> Device:
    device, _ = make_device(make_org(time_zone="UTC"), "Gate")
    old = make_rows(device, [timezone.now() - timedelta(days=days) for days in (40, 50, 60)], byte_size=60_000)
    Capture.unscoped.filter(pk=old[0].pk).update(hold=True)
    return device


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_an_owner_previews_changes_their_mind_and_saves(make_page, device):
    page = make_page(user=owner_of(device.org))
    page.goto("/organization")
    page.get_by_role("link", name="Retention").click()
    page.get_by_label("Days that pictures are kept").fill("55")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Deletes 1 picture, 60 kB.")
    page.get_by_label("Days that pictures are kept").fill("30")
    page.get_by_role("button", name="Save").click()
    # Another rule than the one that was shown is shown first.
    expect(page.get_by_role("status")).to_contain_text("Deletes 2 pictures, 120 kB; 1 held: kept.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds from tonight on.")).to_be_visible()
    expect(page.get_by_text("kept for 30 days")).to_be_visible()


def test_what_takes_long_comes_by_itself_when_it_is_counted(make_page, device, monkeypatch):
    monkeypatch.setattr(foreseeing, "AT_ONCE_SECONDS", -1.0)
    page = make_page(user=owner_of(device.org))
    page.goto("/organization/retention")
    page.get_by_label("Days that pictures are kept").fill("55")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("is being counted, since")).to_be_visible()
    assert foreseeing.count_next_forecast()
    expect(page.locator(".notice")).to_contain_text("Deletes 1 picture, 60 kB.", timeout=15_000)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds from tonight on.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_it_fits(make_page, device, width, scheme, tmp_path):
    other, _ = make_device(device.org, "Yard")
    make_policy(device.org, days=30, all_days=7, hourly_days=90)
    make_policy(device.org, device=other, bytes=40_000_000_000)
    capture = make_capture(device, verdict="normal")
    Capture.unscoped.filter(pk=capture.pk).update(sha256="0" * 64)
    check_integrity_daily()
    page = make_page(user=owner_of(device.org), viewport={"width": width, "height": 900}, color_scheme=scheme)
    addresses = ("/organization/retention", f"/cameras/{other.pk}/retention", f"/captures/{capture.pk}")
    for address in (*addresses, f"/captures/{capture.pk}/delete"):
        page.goto(address)
        if address.endswith("retention"):
            page.get_by_role("button", name="Preview").click()
            expect(page.get_by_role("status")).to_be_visible()
        page.screenshot(path=tmp_path / f"{address.replace('/', '_')}_{width}_{scheme}.png", full_page=True)
        assert fits(page), address
    operator = make_page(user=make_operator(), viewport={"width": width, "height": 900}, color_scheme=scheme)
    operator.goto("/admin/captures/housekeepingrun/")
    expect(operator.get_by_text("are missing or damaged")).to_be_visible()
    operator.screenshot(path=tmp_path / f"admin_{width}_{scheme}.png", full_page=True)
