"""A view is counted by the page that is looked at, and the report of it reaches the operator, in a browser."""

import pytest
from playwright.sync_api import expect

from sharing.models import LinkDay, LinkKind, LinkReport, ShareLink
from tests.builders import make_capture, make_link

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_page_that_is_looked_at_is_one_view_and_says_when_others_took_the_last(make_page, complaints):
    link = make_link(make_capture(verdict="normal"), LinkKind.DEVICE, max_views=1)
    first, late = make_page(), make_page()
    # Opened before the last view is taken, and looked at after it.
    late.add_init_script(
        """const get = () => (window.isShown ? "visible" : "hidden");
        Object.defineProperty(document, "visibilityState", { get });"""
    )
    late.goto(f"/s/{link.token}")
    with first.expect_response(f"**/s/{link.token}/view") as told:
        first.goto(f"/s/{link.token}")
    assert told.value.status == 204
    first.reload()
    expect(first.get_by_role("heading", name=link.device.name)).to_be_visible()
    expect(late.get_by_role("heading", name=link.device.name)).to_be_visible()
    late.evaluate("""window.isShown = true; document.dispatchEvent(new Event("visibilitychange"))""")
    expect(late.get_by_role("heading", name="This link is closed")).to_be_visible()
    assert ShareLink.unscoped.get().view_count == LinkDay.unscoped.get().views == 1
    # What a browser says of the answers 410; and nothing else.
    assert {"410" in text for text in complaints} == {True}
    complaints.clear()


def test_a_page_is_reported_without_a_script(make_page, complaints):
    link = make_link(make_capture(verdict="normal"), LinkKind.DEVICE)
    page = make_page(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page.goto(f"/s/{link.token}")
    page.get_by_role("link", name="Report this page").click()
    page.get_by_label("Something else", exact=True).check()
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_text("Say what it is.")).to_be_visible()
    complaints.clear()  # of the answer 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_label("What should we know?").fill("It is my garden.")
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert list(LinkReport.unscoped.values_list("reason", "text")) == [("other", "It is my garden.")]
