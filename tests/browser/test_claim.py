"""Claiming a camera by its label, its hardware and its service, in a browser."""

import re

import pytest
from playwright.sync_api import expect

from devices.services.claims import claim_camera, hand_out_key
from devices.services.labels import Claim
from devices.services.lifecycle import retire_device
from devices.services.units import make_units
from tests.browser.test_pages import FAINT_TEXTS, PHONE, SMALL_TARGETS
from tests.builders import make_device, make_operator, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_camera_is_claimed_by_its_typed_code_and_gets_new_hardware(make_page, complaints):
    first, second = make_units(model="Visant Cam 2", count=2)
    org = make_org()
    page = make_page(user=owner_of(org))
    page.goto("/cameras")
    page.get_by_role("link", name="Claim a camera by its label").click()
    page.get_by_label("Code on the label").fill("2222-2222-2222-2222")
    page.get_by_label("Name of the new camera").fill("Gate 2")
    page.get_by_role("button", name="Claim it").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no camera with this code.")
    assert ["400" in complaint for complaint in complaints] == [True]
    complaints.clear()
    page.get_by_label("Code on the label").fill(first.code.lower().replace("-", " "))
    page.get_by_role("button", name="Claim it").press("Enter")
    expect(page.get_by_text("Gate 2 is yours.")).to_be_visible()
    hardware = page.get_by_role("region", name="Hardware")
    expect(hardware).to_contain_text("has not fetched its key yet")
    assert hand_out_key(serial=first.unit.serial, code=first.code).device == org.devices.get()
    page.reload()
    expect(hardware).to_contain_text("fetched its key, not used yet")
    page.get_by_role("link", name="New hardware").click()
    expect(page.get_by_label("It is for")).to_have_value(str(org.devices.get().pk))
    page.get_by_label("Code on the label").fill(second.qr_text)
    page.get_by_role("button", name="Claim it").click()
    expect(hardware.get_by_role("listitem")).to_have_count(2)
    expect(hardware.get_by_role("listitem").first).to_contain_text(second.unit.serial)


def test_a_camera_is_retired_after_a_question_and_shown_apart(make_page, complaints):
    org = make_org(device_limit=1)
    device, _ = make_device(org)
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/settings")
    page.get_by_role("link", name="Retire").click()
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_text(f"{device} is retired.")).to_be_visible()
    page.get_by_role("link", name="Cameras").first.click()
    page.get_by_text("Retired cameras (1)").click()
    make_device(org)
    page.get_by_role("link", name=device.name).click()
    page.get_by_role("link", name="Settings").first.click()
    page.get_by_role("link", name="Reinstate").click()
    page.get_by_role("button", name="Reinstate").click()
    expect(page.get_by_role("alert")).to_contain_text("Your plan covers 1 camera.")
    assert ["409" in complaint for complaint in complaints] == [True]
    complaints.clear()


def test_an_operator_makes_units_and_gets_labels_to_print(make_page):
    page = make_page(user=make_operator())
    page.goto("/admin/devices/unit/")
    page.get_by_role("link", name="Make units").click()
    page.get_by_label("Model").fill("Visant Cam 2")
    page.get_by_label("How many").fill("15")
    page.get_by_role("button", name="Make them").click()
    expect(page.locator(".label")).to_have_count(15)
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Labels: 15")).to_be_hidden()
    corner = page.locator(".label-sheet").first.bounding_box()
    assert (corner["x"], corner["y"]) == (0, 0)
    inches = page.locator(".label-qr svg").first.bounding_box()["width"] / 96
    assert inches * 25.4 == pytest.approx(35, abs=0.2)
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_legible_and_fit_a_phone(make_page, scheme):
    org = make_org()
    label, *_ = make_units(model="A model with a rather long name, for outdoors", count=1)
    name = "A camera with a rather long name, at the second gate of the northern yard"
    device = claim_camera(org=org, claim=Claim(label.code), name=name, acting_user=owner_of(org))
    retired, _ = make_device(org)
    retire_device(device=retired, acting_user=None)
    page = make_page(user=owner_of(org), color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    steps = [f"/cameras/{device.pk}/service/{step}" for step in ("suspend", "retire")]
    for address in ["/claim", f"/cameras/{device.pk}/settings", f"/cameras/{retired.pk}/settings", *steps]:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address
        assert page.evaluate(FAINT_TEXTS) == [], address
        assert page.evaluate(SMALL_TARGETS) == [], address
    page.goto("/cameras")
    page.get_by_text("Retired cameras (1)").click()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate(SMALL_TARGETS) == []
