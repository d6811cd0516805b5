"""Settings, leaving, handing over, another organization and going from one to the other."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from orgs.models import Membership, Organization, Role
from orgs.services.invitations import invite
from orgs.services.organizations import InvalidOrganization, SlugTaken, change_organization
from orgs.services.ownership import offer_ownership
from orgs.services.users import create_user
from tests.builders import logged_in, make_device, make_member, make_org, membership_of, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db

SETTINGS = {"name": "New name", "slug": "new-name", "time_zone": "Europe/Zurich"}


@pytest.fixture
def org() -> Organization:
    return make_org()


def settings_of(org) -> tuple:
    org.refresh_from_db()
    return (org.name, org.slug, org.time_zone, org.retention_days)


def test_an_owner_changes_the_settings(org):
    client = logged_in(owner_of(org))
    old_name = org.name
    Organization.objects.filter(pk=org.pk).update(retention_days=40)
    assert f'value="{old_name}"' in client.get("/organization").content.decode()
    answer = client.post("/organization/change", SETTINGS)
    assert (answer.status_code, answer["Location"]) == (302, "/organization")
    assert settings_of(org) == ("New name", "new-name", "Europe/Zurich", 40)
    entry = org.auditentrys.get(action="organization.changed")
    assert (entry.before["name"], list(entry.after)) == (old_name, ["name", "slug", "time_zone"])
    client.post("/organization/change", SETTINGS)
    assert org.auditentrys.filter(action="organization.changed").count() == 1
    # How long pictures are kept is not said here, where nothing shows what that deletes.
    client.post("/organization/change", {**SETTINGS, "retention_days": "1"})
    assert settings_of(org)[3] == 40


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"name": " "}, 400, "This field is required."),
        ({"slug": "with space"}, 400, "Use only letters"),
        ({"slug": "zürich"}, 400, "Use only letters"),
        ({"slug": "taken"}, 409, "Another organization has the short name taken."),
        ({"time_zone": "Mars"}, 400, "Select a valid choice."),
    ],
)
def test_settings_that_cannot_be_are_refused_and_not_lost(org, change, status, sentence):
    make_org(slug="taken")
    before = settings_of(org)
    answer = logged_in(owner_of(org)).post("/organization/change", {**SETTINGS, **change})
    text = answer.content.decode()
    assert (answer.status_code, sentence in text) == (status, True)
    assert ('value="new-name"' in text) is ("slug" not in change)
    assert settings_of(org) == before


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_others_see_the_settings_and_change_nothing(org, role):
    client, before = logged_in(make_member(org, role)), settings_of(org)
    page = client.get("/organization").content.decode()
    assert (org.slug in page, "Only owners change these." in page) == (True, True)
    assert ("/organization/people" in page) is (role == Role.ADMIN)
    assert client.post("/organization/change", SETTINGS).status_code == 403
    assert client.get("/organization/transfer").status_code == 403
    assert settings_of(org) == before


@pytest.mark.parametrize("change", [{"name": ""}, {"slug": "a b"}, {"time_zone": "Mars"}, {"retention_days": 0}])
def test_the_service_refuses_settings_that_cannot_be(org, change):
    fields = {"name": "Name", "slug": "name", "time_zone": "UTC", "retention_days": None, **change}
    with pytest.raises(InvalidOrganization):
        change_organization(org=org, acting_user=owner_of(org), **fields)


@pytest.mark.django_db(transaction=True)
def test_two_organizations_do_not_take_one_short_name():
    orgs = [make_org(), make_org()]
    fields = {"name": "Name", "slug": "the-same", "time_zone": "UTC", "retention_days": None}
    answers = at_once(lambda number: change_organization(org=orgs[number], acting_user=None, **fields))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [SlugTaken]


def test_the_last_day_of_a_membership_is_shown_not_the_moment_after_it(org):
    Organization.objects.filter(pk=org.pk).update(time_zone="Europe/Zurich")
    user = make_member(org)
    Membership.unscoped.filter(user=user).update(valid_until=datetime(2099, 12, 24, 23, tzinfo=UTC))
    client = logged_in(user)
    assert "<dt>Last day</dt><dd>24 December 2099</dd>" in client.get("/organization").content.decode()
    assert "until 24 December 2099" in client.get("/account").content.decode()


def test_a_member_leaves_after_a_question(org):
    user = make_member(org)
    client = logged_in(user)
    assert b"Leave" in client.get("/organization/leave").content
    assert org.memberships.filter(user=user).exists()
    answer = client.post("/organization/leave", follow=True)
    assert (answer.status_code, b"You belong to no organization" in answer.content) == (403, True)
    assert f"You have left {org}." in answer.content.decode()
    assert not org.memberships.filter(user=user).exists()


def test_the_last_owner_is_told_what_to_do_first(org):
    answer = logged_in(owner_of(org)).post("/organization/leave")
    assert (answer.status_code, b"to somebody first" in answer.content) == (409, True)
    assert org.memberships.count() == 1


def test_an_organization_is_handed_over(org):
    owner, heir = owner_of(org), make_member(org, Role.VIEWER)
    giving, receiving = logged_in(owner), logged_in(heir)
    assert b"offers you the ownership" not in receiving.get("/organization").content
    answer = giving.post("/organization/transfer", {"membership": membership_of(org, heir).pk})
    assert answer["Location"] == "/organization"
    assert b"who has not answered yet" in giving.get("/organization").content
    assert b"offers you the ownership" in receiving.get("/organization").content
    transfer = org.ownershiptransfers.get()
    assert giving.post(f"/organization/transfer/{transfer.pk}/accept").status_code == 403
    assert receiving.post(f"/organization/transfer/{transfer.pk}/accept")["Location"] == "/organization"
    assert membership_of(org, heir).role == Role.OWNER
    assert membership_of(org, owner).role == Role.ADMIN
    assert giving.get("/organization/transfer").status_code == 403


def test_an_offer_is_declined(org):
    heir = make_member(org)
    offer_ownership(membership=membership_of(org, heir), acting_membership=membership_of(org, owner_of(org)))
    transfer = org.ownershiptransfers.get()
    assert logged_in(make_member(org)).post(f"/organization/transfer/{transfer.pk}/cancel").status_code == 403
    assert logged_in(owner_of(make_org())).post(f"/organization/transfer/{transfer.pk}/cancel").status_code == 404
    assert logged_in(heir).post(f"/organization/transfer/{transfer.pk}/cancel").status_code == 302
    assert not org.ownershiptransfers.pending().exists()


def test_a_second_offer_is_refused_on_the_form(org):
    heir = membership_of(org, make_member(org))
    offer_ownership(membership=heir, acting_membership=membership_of(org, owner_of(org)))
    answer = logged_in(owner_of(org)).post("/organization/transfer", {"membership": heir.pk})
    assert (answer.status_code, b"Take it back first." in answer.content) == (409, True)


def test_ownership_is_offered_to_members_of_this_organization_alone(org):
    stranger = membership_of(other := make_org(), make_member(other))
    answer = logged_in(owner_of(org)).post("/organization/transfer", {"membership": stranger.pk})
    assert (answer.status_code, org.ownershiptransfers.count()) == (400, 0)


def test_another_organization_is_founded_and_looked_at(org):
    user = make_member(org, Role.VIEWER)
    client = logged_in(user)
    answer = client.post("/organizations/new", {"name": "Mine", "time_zone": "Europe/Zurich"}, follow=True)
    new = Organization.objects.get(name="Mine")
    assert (membership_of(new, user).role, new.time_zone) == (Role.OWNER, "Europe/Zurich")
    assert b"Mine is founded, and you are its owner." in answer.content
    assert answer.wsgi_request.session["organization"] == str(new.pk)
    assert client.post("/organizations/new", {"name": "", "time_zone": "UTC"}).status_code == 400


def test_who_belongs_nowhere_founds_an_organization_of_their_own():
    client = logged_in(create_user(email="nobody@example.org"))
    page = client.get("/")
    assert (page.status_code, b"/organizations/new" in page.content) == (403, True)
    assert client.post("/organizations/new", {"name": "Mine", "time_zone": "UTC"}, follow=True).status_code == 200


def test_who_belongs_nowhere_sees_the_invitations_of_an_address_that_is_shown_to_be_theirs(org):
    user = create_user(email="nobody@example.org")
    address = EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    owner = membership_of(org, owner_of(org))
    invite(acting_membership=owner, role=Role.VIEWER, email=user.email)
    invite(acting_membership=owner, role=Role.VIEWER, email="other@example.org")
    assert org.name.encode() not in logged_in(user).get("/").content
    EmailAddress.objects.filter(pk=address.pk).update(verified=True)
    text = logged_in(user).get("/").content.decode()
    assert text.count(org.name) == 1
    assert "You are invited" in text


def two_organizations() -> tuple[Organization, Organization, Membership]:
    first, second = make_org("First"), make_org("Second")
    later = timezone.now() + timedelta(seconds=1)
    return (
        first,
        second,
        Membership.unscoped.create(org=second, user=owner_of(first), role=Role.VIEWER, created_at=later),
    )


def test_a_person_goes_from_one_organization_to_the_other():
    first, second, _ = two_organizations()
    (ours, _), (theirs, _) = make_device(first), make_device(second)
    client = logged_in(owner_of(first))
    page = client.get("/cameras").content.decode()
    assert (ours.name in page, theirs.name in page, f'value="{second.pk}"' in page) == (True, False, True)
    assert client.post("/organizations/switch", {"organization": second.pk})["Location"] == "/"
    page = client.get("/cameras").content.decode()
    assert (ours.name in page, theirs.name in page, f'value="{first.pk}"' in page) == (False, True, True)
    assert client.get(f"/cameras/{theirs.pk}").status_code == 200
    assert client.get(f"/cameras/{ours.pk}").status_code == 404


def test_who_has_one_organization_is_shown_no_other(org):
    make_org("Strangers")
    text = logged_in(owner_of(org)).get("/").content.decode()
    assert ("/organizations/switch" in text, "Strangers" in text) == (False, False)


@pytest.mark.parametrize("whose", ["strangers", "ended", "nonsense", "nothing"])
def test_nobody_goes_where_they_do_not_belong(whose):
    first, second, membership = two_organizations()
    if whose == "ended":
        Membership.unscoped.filter(pk=membership.pk).update(valid_until=timezone.now())
    chosen = {"strangers": make_org().pk, "ended": second.pk, "nonsense": "x", "nothing": ""}[whose]
    client = logged_in(owner_of(first))
    assert client.post("/organizations/switch", {"organization": chosen}).status_code == 404
    assert f"of {first}" in client.get("/").content.decode()


def test_a_choice_whose_membership_ended_falls_back_to_the_oldest_that_is_left():
    first, second, membership = two_organizations()
    client = logged_in(owner_of(first))
    client.post("/organizations/switch", {"organization": second.pk})
    assert f"Viewer of {second}" in client.get("/").content.decode()
    Membership.unscoped.filter(pk=membership.pk).update(valid_until=timezone.now())
    assert f"Owner of {first}" in client.get("/").content.decode()


def test_from_a_suspended_organization_one_can_go_to_another():
    first, second, _ = two_organizations()
    Organization.objects.filter(pk=first.pk).update(suspended_at=timezone.now())
    client = logged_in(owner_of(first))
    page = client.get("/")
    assert (page.status_code, f'value="{second.pk}"' in page.content.decode()) == (403, True)
    assert b">Log out</button></form>\n</div>" in page.content
    client.post("/organizations/switch", {"organization": second.pk})
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "path", ["/organization", "/organization/leave", "/organization/transfer", "/organizations/new"]
)
def test_pages_of_organizations_are_for_people_who_are_logged_in(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={path}")


def test_a_form_of_an_organization_that_let_one_out_does_not_land_in_another():
    own, other = make_org("Own"), make_org("Other")
    user = owner_of(own)
    Membership.unscoped.create(org=other, user=user, role=Role.OWNER)
    client = logged_in(user)
    client.post("/organizations/switch", {"organization": str(other.pk)})
    other.memberships.filter(user=user).delete()
    before = [settings_of(own), settings_of(other)]
    form = {"name": "Other renamed", "slug": "other-renamed", "time_zone": "UTC"}
    answer = client.post("/organization/change", form, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "You are not a member of the organization you were looking at any more" in answer.text
    assert f"Now you look at {own.name}." in answer.text
    assert [settings_of(own), settings_of(other)] == before
    assert client.post("/organization/change", form).status_code == 302
    own.refresh_from_db()
    assert own.name == "Other renamed"  # now it was meant


def test_the_same_of_an_organization_that_was_looked_at_without_being_chosen():
    first, second = make_org("First"), make_org("Second")
    user = owner_of(first)
    Membership.unscoped.create(org=second, user=user, role=Role.OWNER)
    client, before = logged_in(user), settings_of(second)
    assert first.name in client.get("/organization").text
    first.memberships.filter(user=user).delete()
    client.post("/organization/change", {"name": "First renamed", "slug": "renamed", "time_zone": "UTC"})
    assert settings_of(second) == before
