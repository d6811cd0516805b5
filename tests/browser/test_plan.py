"""The page of the plan: an owner redeems a code, and it fits where it is looked at."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from captures.models import EvaluationStatus
from orgs.limits import GB, month_of
from orgs.models import Organization
from orgs.services.plans import make_activation_code
from tests.builders import make_capture, make_device, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)
KEPT = {"evaluation_status": EvaluationStatus.SKIPPED, "evaluation_due_at": None, "reason": "Not judged: full."}


@pytest.fixture
def org() -> Organization:
    """One that is near its limits, each at another level."""
    now = timezone.now()
    org = make_org(
        device_limit=5, byte_limit=10 * GB, evaluation_limit=1000, trial_ends_at=now + timedelta(days=6, hours=5)
    )
    for number in range(4):
        device, _ = make_device(org)
        make_capture(device, minutes=number, **KEPT)
    org.monthlyusages.create(month=month_of(now), bytes=9_200_000_000, evaluations=412)
    return org


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_an_owner_redeems_a_code_with_the_keyboard(make_page, org, complaints):
    page = make_page(user=owner_of(org))
    _, text = make_activation_code(acting_user=None, device_slots=5, free_months=2)
    page.goto("/")
    page.get_by_role("list", name="The plan").get_by_role("link", name="See the plan").first.click()
    expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_visible()
    expect(page.get_by_role("progressbar", name="Cameras")).to_have_attribute("value", "80")
    page.get_by_label("Activation code").fill("nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("There is no such code. Was it copied whole?")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.get_by_label("Activation code")).to_be_focused()
    expect(page.get_by_label("Activation code")).to_have_value("nonsense")
    assert ["400" in complaint for complaint in complaints] == [True]
    complaints.clear()
    page.get_by_label("Activation code").fill(text.lower().replace("-", " "))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The code is redeemed.")).to_be_visible()
    expect(page.get_by_text("4 of 10")).to_be_visible()
    page.get_by_role("button", name="Judge the 4 pictures that were not judged").click()
    expect(page.get_by_text("To be judged now: 4.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits(make_page, org, width, scheme):
    page = make_page(user=owner_of(org), viewport={"width": width, "height": 900}, color_scheme=scheme)
    for address in ("/organization/plan", "/"):
        page.goto(address)
        assert fits(page), address
