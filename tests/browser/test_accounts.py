"""Signing up, the second factor and single sign-on, in a browser."""

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from orgs.models import Organization, User
from tests.browser.test_pages import FAINT_TEXTS, PHONE, SMALL_TARGETS
from tests.builders import PASSWORD, make_org, owner_of
from tests.oidc import Provider

pytestmark = pytest.mark.django_db(transaction=True)


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    page.locator("details.account > summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def turn_on(page: Page) -> tuple[str, list[str]]:
    """Add an authenticator app from the account page; return its secret and the recovery codes."""
    page.goto("/account")
    page.get_by_role("link", name="Add one").click()
    page.get_by_role("link", name="Add an authenticator app").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    picture = page.get_by_role("img", name="QR code")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    secret = page.locator("#secret").inner_text().strip()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return secret, page.locator("#codes").inner_text().split()


def test_a_stranger_signs_up_and_stands_in_a_workspace_of_their_own(make_page):
    page = make_page(timezone_id="Europe/Zurich")
    page.goto("/login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Password").fill("short")
    expect(page.locator("[data-time-zone]")).to_have_value("Europe/Zurich")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("This password is too short.")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    expect(page.locator("[data-time-zone]")).to_have_value("Europe/Zurich")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Add your first camera")).to_be_visible()
    expect(page.get_by_text("Ada's workspace").first).to_be_visible()
    assert Organization.objects.get().time_zone == "Europe/Zurich"


def test_a_second_factor_is_added_asked_for_and_replaced_by_a_recovery_code_once(make_page):
    user = owner_of(make_org())
    page = make_page(user=user)
    secret, codes = turn_on(page)
    assert len(codes) == 10
    log_out(page)

    log_in(page, user.email)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    # The code that added the app is used up; a clock half a minute ahead shows the next one.
    page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + 1)))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    log_out(page)

    log_in(page, user.email)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    log_out(page)

    log_in(page, user.email)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("This code is not right, or was used already.")).to_be_visible()


def test_single_sign_on_leads_there_and_back(make_page, settings):
    """The Content-Security-Policy stands in the way of nothing."""
    provider = Provider()
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings
    provider.person = {"sub": "1", "email": "ada@example.org", "email_verified": True, "name": "Ada"}
    page = make_page()
    page.goto("/login")
    page.get_by_role("button", name="Log in with Acme ID").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert User.objects.get().email == "ada@example.org"
    provider.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_accounts_are_legible_and_fit_a_phone(make_page, scheme):
    user = owner_of(make_org())
    options = {"color_scheme": scheme, "viewport": PHONE, "reduced_motion": "reduce"}
    page = make_page(**options)
    for address in ("/login", "/signup", "/account/password/forgotten", "/account/password/forgotten/sent"):
        look_at(page, address)
    look_at(page, "/account/password/new/abc-def")
    page = make_page(user=user, **options)
    turn_on(page)
    for address in ("", "/email", "/password", "/mfa", "/mfa/codes", "/mfa/codes/renew", "/mfa/app/remove"):
        look_at(page, f"/account{address}")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Your second factor is off.")).to_be_visible()
    look_at(page, "/account/mfa/app")
    look_at(page, "/account/mfa")


def look_at(page: Page, address: str) -> None:
    page.goto(address)
    assert re.sub(r"^http://[^/]+", "", page.url) == address
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address
    assert page.evaluate(FAINT_TEXTS) == [], address
    assert page.evaluate(SMALL_TARGETS) == [], address
