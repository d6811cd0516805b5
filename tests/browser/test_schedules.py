"""Making a schedule, in a browser: seen before it is saved, then listed."""

import pytest
from playwright.sync_api import expect

from devices.models import Schedule
from tests.builders import make_device, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_schedule_is_seen_before_it_is_saved_and_then_listed(make_page):
    org = make_org(time_zone="Europe/Vienna")
    device, _ = make_device(org)
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/schedules")
    page.get_by_role("link", name="Add a schedule").click()
    preview = page.locator("[data-preview-here]")
    expect(preview).to_contain_text("Every 10 minutes, Europe/Vienna")
    page.get_by_label("Label").fill("Opening")
    page.get_by_label("At times of the day").check()
    expect(page.get_by_label("Every", exact=True)).to_be_hidden()
    expect(preview).to_contain_text("No preview yet: Say when.")
    page.get_by_role("textbox", name="Times").fill("8:00, 12:00")
    page.get_by_label("Mon", exact=True).check()
    expect(preview).to_contain_text("At 08:00 and 12:00 on Monday, Europe/Vienna")
    expect(preview.get_by_role("listitem")).to_have_count(3)
    assert not Schedule.unscoped.exists()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Opening is added.")).to_be_visible()
    expect(page.locator(".row")).to_contain_text("At 08:00 and 12:00 on Monday, Europe/Vienna")
    page.get_by_role("button", name="Switch off Opening").click()
    expect(page.locator(".row")).to_contain_text("Off")
    page.get_by_role("link", name="Remove Opening").click()
    page.get_by_role("button", name="Remove the schedule").click()
    expect(page.get_by_text("There is none yet.")).to_be_visible()


def test_without_scripts_a_button_shows_the_next_runs(make_page):
    org = make_org()
    device, _ = make_device(org)
    page = make_page(user=owner_of(org), java_script_enabled=False)
    page.goto(f"/cameras/{device.pk}/schedules/add")
    page.get_by_label("Label").fill("Round")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("[data-preview-here]").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_label("Label")).to_have_value("Round")
