"""A person makes an API token, uses it and revokes it."""

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.builders import make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


def status_of(server, token: str) -> int:
    request = urllib.request.Request(f"{server.url}/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("width", [1280, 360])
def test_a_token_is_made_used_and_revoked(make_page, live_server, width, complaints):
    page = make_page(user=owner_of(make_org()), viewport={"width": width, "height": 800})
    page.goto("/account")
    page.get_by_role("main").get_by_role("link", name="Look after them").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    page.get_by_label("Name").fill("Nightly report")
    page.get_by_label("Allowed networks").fill("here")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("'here' is no network")).to_be_in_viewport()
    expect(page.get_by_label("Allowed networks")).to_be_focused()
    assert ["400" in complaint for complaint in complaints] == [True]
    complaints.clear()
    page.get_by_label("Allowed networks").fill("127.0.0.0/8")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#token").inner_text().strip()
    page.get_by_role("button", name="Copy token").click()
    expect(page.get_by_role("button", name="Copied token")).to_be_visible()
    assert status_of(live_server, token) == 200

    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("region", name="Your tokens").get_by_role("listitem")
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("from 127.0.0.1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row.get_by_role("link", name="Revoke Nightly report").click()
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_text("The token Nightly report is revoked.")).to_be_visible()
    expect(row).to_contain_text("Revoked")
    assert status_of(live_server, token) == 401
