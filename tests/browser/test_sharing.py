"""Sharing: from the page of a picture to a stranger's browser, by what was drawn to be scanned."""

import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from playwright.sync_api import Page, expect

from captures.models import Capture
from captures.retention.tests.builders import make_policy
from captures.storage import thumbnail_key
from devices.models import Device
from devices.services.schedules import add_schedule
from orgs.models import Role
from sharing.models import LinkDay, LinkKind, ShareLink, SharingPolicy
from tests.browser.test_pages import FAINT_TEXTS, SMALL_TARGETS
from tests.builders import make_capture, make_device, make_jpeg, make_link, make_member, make_org, owner_of
from tests.scanner import scanned

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device() -> Device:
    device, _ = make_device(make_org(time_zone="UTC"), "Gate")
    for number in range(5):
        capture = make_capture(
            device, minutes=number * 30, verdict="abnormal" if number == 3 else "normal", reason="As usual."
        )
        name = default_storage.save(
            thumbnail_key(capture.storage_key), ContentFile(make_jpeg(number, size=(400, 300)))
        )
        Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=name)
    return device


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_picture_is_shared_and_its_code_opens_it_for_a_stranger(make_page, device, live_server, settings):
    settings.VISANT_URL = live_server.url
    capture = device.captures.newest_first().first()
    page = make_page(user=make_member(device.org, Role.MEMBER))
    page.goto(f"/captures/{capture.pk}")
    page.get_by_role("link", name="Share", exact=True).click()
    seen = page.frame_locator("iframe")
    expect(seen.get_by_role("heading", name=device.name)).to_be_visible()
    expect(seen.get_by_text("As usual.")).to_be_visible()
    page.wait_for_load_state()  # the script looks on from then on
    page.get_by_text("More terms").click()
    page.get_by_label("Hide verdicts and reasons").check()
    expect(seen.get_by_text("As usual.")).to_have_count(0)
    page.get_by_role("button", name="Share").click()
    link = ShareLink.unscoped.get()
    url = f"{live_server.url}/s/{link.token}"
    expect(page.locator("#link")).to_have_text(url)
    png = page.request.get(f"/sharing/{link.pk}/qrcode.png").body()
    drawn = page.get_by_alt_text("QR code of the link").screenshot()
    assert (scanned(png), scanned(drawn)) == (url, url)
    page.get_by_role("link", name="Sign to print").click()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    printed = page.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/Count (\d+)", printed) == [b"1"], "one page"
    assert re.search(rb"/MediaBox \[0 0 59[45][.\d]* 84[12][.\d]*\]", printed), "A4, portrait"
    stranger = make_page()
    stranger.goto(scanned(drawn))
    expect(stranger.get_by_role("heading", name=device.name)).to_be_visible()
    expect(stranger.get_by_role("img")).to_be_visible()
    expect(stranger.get_by_text("As usual.")).to_have_count(0)


@pytest.mark.parametrize("has_script", [True, False])
def test_a_wrong_term_that_is_hidden_is_shown(make_page, device, has_script, complaints):
    page = make_page(user=owner_of(device.org), java_script_enabled=has_script)
    page.goto(f"/cameras/{device.pk}/share")
    delay, more = page.get_by_label("Delay in hours"), page.get_by_text("More terms")
    more.click()
    delay.fill("-1")
    more.click()
    expect(delay).to_be_hidden()
    page.get_by_role("button", name="Share").click()
    expect(delay).to_be_visible()
    if has_script:
        expect(delay).to_be_focused()
    else:
        expect(page.get_by_text("greater than or equal to 0")).to_be_visible()
        complaints.clear()  # of the answer's 400
    delay.fill("1")
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("heading", name="Hand it on")).to_be_visible()
    assert ShareLink.unscoped.get().delay_hours == 1


@pytest.mark.once
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_it_fits(make_page, device, width, scheme, tmp_path):
    capture = device.captures.newest_first().first()
    owner, now = owner_of(device.org), timezone.now()
    SharingPolicy.unscoped.create(org=device.org, contact="porter@example.org")
    make_policy(device.org, days=30)
    add_schedule(device=device, label="By day", interval_seconds=600, acting_user=owner)
    made = {"created_by": owner, "expires_at": now + timedelta(days=7), "token": f"{'x' * 32}"}
    link = make_link(
        capture, LinkKind.DEVICE, note="For the site manager", embed_origins=["https://www.example.org"], **made
    )
    make_link(capture, LinkKind.RANGE, revoked_at=now)
    make_link(capture, LinkKind.LATEST, view_count=3, max_views=3, last_viewed_at=now)
    for back in range(9):
        LinkDay.unscoped.create(
            org=device.org, link=link, day=now.date() - timedelta(days=back), views=back * 2, visitors=back
        )
    page = make_page(user=owner, viewport={"width": width, "height": 900}, color_scheme=scheme)
    own = f"/sharing/{link.pk}"
    addresses = [f"/cameras/{device.pk}/share?kind=range", f"/captures/{capture.pk}/share", "/sharing", own]
    addresses += [f"{own}/{name}" for name in ("change", "sign", "take-back")]
    addresses += ["/sharing/policy", "/sharing/take-back?show=1"]
    addresses += [f"/captures/{capture.pk}", f"/?camera={device.pk}"]
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        name = address.partition("?")[0].replace(str(link.pk), "link").replace("/", "_")
        page.screenshot(path=tmp_path / f"{name}_{width}_{scheme}.png", full_page=True)
        assert fits(page), address
        assert page.evaluate(FAINT_TEXTS) == [], address
        assert page.evaluate(SMALL_TARGETS) == [], address
