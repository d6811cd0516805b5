"""Inviting somebody by a copied link, and going from one organization to another, in a browser."""

import pytest
from playwright.sync_api import expect

from orgs.models import Membership, Role, User
from orgs.services.invitations import invite
from orgs.services.ownership import offer_ownership
from orgs.services.users import create_user
from tests.browser.test_pages import FAINT_TEXTS, PHONE, SMALL_TARGETS
from tests.builders import PASSWORD, make_device, make_member, make_org, membership_of, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _links_lead_to_the_test(settings, live_server):
    settings.VISANT_URL = live_server.url


def invited_link(page) -> str:
    """Invite a viewer of one camera on the page, and return the link it shows."""
    page.goto("/organization/people")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("Role").select_option("Viewer")
    page.get_by_label("Only these:").check()
    page.get_by_role("group", name="Cameras").get_by_label("Gate").check()
    page.get_by_role("button", name="Invite").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied link")).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def test_somebody_new_signs_up_by_a_copied_link_and_sees_one_camera(make_page):
    org = make_org("Northern yard")
    gate, _ = make_device(org, "Gate")
    make_device(org, "Office")
    inviting = make_page(user=owner_of(org), permissions=["clipboard-read", "clipboard-write"])
    link = invited_link(inviting)
    expect(inviting.get_by_text("It is shown this once")).to_be_visible()
    invited = make_page()
    invited.goto(link)
    expect(invited.get_by_role("heading", name=f"Join {org}")).to_be_visible()
    invited.get_by_role("link", name="Sign up").click()
    invited.get_by_label("Name").fill("Ada")
    invited.get_by_label("E-mail address").fill("ada@example.org")
    invited.get_by_label("Password").fill(PASSWORD)
    invited.get_by_role("button", name="Sign up").click()
    invited.get_by_role("button", name=f"Join {org}").click()
    expect(invited.get_by_text("Welcome: you are a viewer of")).to_be_visible()
    invited.get_by_role("link", name="Cameras").click()
    expect(invited.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    expect(invited.get_by_role("main")).to_contain_text(gate.name)
    ada = User.objects.get(email="ada@example.org")
    assert [(row.org, row.role) for row in Membership.unscoped.filter(user=ada)] == [(org, Role.VIEWER)]
    inviting.goto("/organization/people")
    expect(inviting.get_by_role("region", name="Members")).to_contain_text("Ada")
    expect(inviting.get_by_role("region", name="Invitations")).to_contain_text("There is none.")


def test_somebody_with_an_account_logs_in_on_the_way(make_page):
    org = make_org()
    create_user(email="ada@example.org", password=PASSWORD)
    owner = membership_of(org, owner_of(org))
    _, token = invite(acting_membership=owner, role=Role.MEMBER, email="ada@example.org")
    page = make_page()
    page.goto(f"/join/{token}")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=f"Join {org}").press("Enter")
    expect(page.get_by_text("Welcome: you are a member of")).to_be_visible()


def test_a_person_goes_from_one_organization_to_another(make_page):
    first, second = make_org("First"), make_org("Second")
    Membership.unscoped.create(org=second, user=owner_of(first), role=Role.VIEWER)
    camera, _ = make_device(second, "Theirs")
    page = make_page(user=owner_of(first))
    page.goto("/cameras")
    page.locator("summary", has_text=first.name).click()
    page.get_by_role("form", name="Switch to").get_by_role("button", name=second.name).click()
    expect(page.locator(".account-org")).to_have_text(second.name)
    page.goto("/cameras")
    expect(page.get_by_role("link", name=camera.name)).to_be_visible()
    page.goto("/organization")
    expect(page.get_by_text("Only owners change these.")).to_be_visible()


def visit_all(org, heir) -> list[str]:
    """Make what is shown nowhere by itself, and return the addresses of the pages about the organization."""
    device, _ = make_device(org, "A camera with a rather long name, at the second gate of the northern yard")
    owner = membership_of(org, owner_of(org))
    email = "somebody.with.a.long.address@department.example.org"
    invite(acting_membership=owner, role=Role.VIEWER, email=email, camera_ids=[device.pk])
    _, token = invite(acting_membership=owner, role=Role.MEMBER)
    row = membership_of(org, heir)
    offer_ownership(membership=row, acting_membership=owner)
    people = "/organization/people"
    return [
        *("/organization", "/organization/leave", "/organization/transfer", "/organizations/new"),
        *(people, f"{people}/invite", f"{people}/{row.pk}", f"{people}/{row.pk}/remove"),
        f"/join/{token}",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_legible_and_fit_a_phone(make_page, complaints, scheme):
    org = make_org("An organization with a name that is rather long")
    heir = make_member(org, Role.VIEWER)
    addresses = visit_all(org, heir)
    options = {"color_scheme": scheme, "viewport": PHONE, "reduced_motion": "reduce"}
    for user, paths in [(owner_of(org), addresses), (heir, ["/organization"]), (None, addresses[-1:])]:
        page = make_page(user=user, **options)
        for address in paths:
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address
            assert page.evaluate(FAINT_TEXTS) == [], address
            assert page.evaluate(SMALL_TARGETS) == [], address
    assert ["409" in complaint for complaint in complaints] == [True]  # the owner is a member already
    complaints.clear()
