"""The pages about the people of an organization."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from orgs.models import Invitation, Membership, Organization, Role, User
from orgs.services.invitations import accept_invitation, find_invitation, invite
from orgs.services.users import create_user
from tests.builders import logged_in, make_device, make_member, make_org, membership_of, owner_of
from tests.queries import statements_of

pytestmark = pytest.mark.django_db

PEOPLE = "/organization/people"
FORM = {"email": "", "role": "member", "reach": "all", "history_from": "", "valid_until": "", "open_for": "7"}


@pytest.fixture
def org() -> Organization:
    return make_org(time_zone="Europe/Zurich")


@pytest.fixture
def owner(org):
    return logged_in(owner_of(org))


def links_in(answer) -> list[str]:
    return re.findall(r"/join/([\w-]{40,})", html.unescape(answer.content.decode()))


def test_members_and_open_invitations_are_listed_with_their_limits(org, owner):
    device, _ = make_device(org, "Gate")
    until = datetime(2099, 3, 1, 11, tzinfo=UTC)
    limits = {"camera_ids": [str(device.pk)], "history_from": datetime(2026, 1, 31, 23, tzinfo=UTC)}
    viewer = make_member(org, Role.VIEWER)
    Membership.unscoped.filter(user=viewer).update(valid_until=until, **limits)
    acting = membership_of(org, owner_of(org))
    invite(acting_membership=acting, role=Role.ADMIN, email="ada@example.org")
    expired, _ = invite(acting_membership=acting, role=Role.VIEWER, camera_ids=[device.pk])
    Invitation.unscoped.filter(pk=expired.pk).update(expires_at=timezone.now())
    gone, _ = invite(acting_membership=acting, role=Role.VIEWER, email="gone@example.org")
    Invitation.unscoped.filter(pk=gone.pk).update(revoked_at=timezone.now())
    text = html.unescape(re.sub(r"<[^>]+>|\s+", " ", owner.get(PEOPLE).content.decode()))
    text = re.sub(r"\s+", " ", text)
    assert f"{viewer.email} Viewer" in text
    assert f"Member until 1 Mar 2099, 12:00 · Only {device.name} · Pictures from 1 Feb 2026 on" in text
    assert ("ada@example.org Admin" in text, "Whoever has the link Viewer Expired" in text) == (True, True)
    assert "gone@example.org" not in text


def test_another_organizations_people_are_not_listed(org, owner):
    other = make_org("Other")
    stranger = make_member(other)
    invite(acting_membership=membership_of(other, owner_of(other)), role=Role.VIEWER, email="ada@example.org")
    assert stranger.email in logged_in(owner_of(other)).get(PEOPLE).content.decode()
    text = owner.get(PEOPLE).content.decode()
    assert [word in text for word in (stranger.email, "ada@example.org", "Other")] == [False] * 3


def test_the_page_asks_no_more_for_more_people(org, owner):
    def fill(count: int) -> None:
        for _ in range(count):
            device, _ = make_device(org)
            user = make_member(org, Role.VIEWER)
            Membership.unscoped.filter(user=user).update(camera_ids=[str(device.pk)])
            invite(acting_membership=membership_of(org, owner_of(org)), role=Role.VIEWER, camera_ids=[device.pk])

    fill(1)
    few = len(statements_of(lambda: owner.get(PEOPLE)))
    fill(5)
    assert len(statements_of(lambda: owner.get(PEOPLE))) == few


def test_a_person_is_invited_by_e_mail_and_the_link_shown_once(org, owner, django_capture_on_commit_callbacks):
    (device, _), _ = make_device(org), make_device(org)
    form = {"email": "Ada@example.org", "role": "viewer", "reach": "some", "cameras": [device.pk]}
    dates = {"history_from": "2026-02-01", "valid_until": "2099-03-01", "open_for": "30"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = owner.post(f"{PEOPLE}/invite", {**FORM, **form, **dates})
    [token] = links_in(answer)
    assert answer.status_code == 200
    assert ("no-store" in answer["Cache-Control"], "private" in answer["Cache-Control"]) == (True, True)
    row = find_invitation(token=token)
    assert (row.email, row.role, row.cameras) == ("ada@example.org", "viewer", [device.pk])
    # Days of the organization's zone: from the beginning of the first to the end of the last.
    assert row.history_from == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert row.valid_until == datetime(2099, 3, 1, 23, tzinfo=UTC)
    assert row.expires_at - row.created_at == timedelta(days=30)
    assert [token in message.body for message in mail.outbox] == [True]
    assert links_in(owner.get(PEOPLE)) == []


def test_without_an_address_the_link_is_for_whoever_has_it(org, owner):
    answer = owner.post(f"{PEOPLE}/invite", FORM)
    [token] = links_in(answer)
    assert b"whoever has it can accept, once" in answer.content
    assert accept_invitation(token=token, user=create_user(email="ada@example.org")).role == Role.MEMBER


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"email": "nobody"}, 400, "Enter a valid email address."),
        ({"role": "owner"}, 400, "Select a valid choice."),
        ({"reach": "some"}, 400, "Choose at least one camera"),
        ({"role": "admin", "history_from": "2026-01-01"}, 400, "only members and viewers are limited"),
        ({"valid_until": "2020-01-01"}, 400, "still to come"),
        ({"history_from": "2098-02-01", "valid_until": "2098-01-01"}, 400, "would end before the first picture"),
        ({"valid_until": "9999-12-31"}, 400, "between 1900 and 2999"),
        ({"valid_until": "tomorrow"}, 400, "Enter a valid date."),
        ({"open_for": "365"}, 400, "Select a valid choice."),
        ({"email": "member@example.org"}, 409, "is a member already"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_and_not_lost(org, owner, change, status, sentence):
    Membership.unscoped.create(org=org, user=create_user(email="member@example.org"), role=Role.VIEWER)
    answer = owner.post(f"{PEOPLE}/invite", {**FORM, "email": "kept@example.org", **change})
    text = html.unescape(answer.content.decode())
    assert (answer.status_code, sentence in text) == (status, True)
    assert f'value="{change.get("email", "kept@example.org")}"' in text
    assert not Invitation.unscoped.exists()


def test_cameras_of_others_cannot_be_chosen(org, owner):
    strangers, _ = make_device(make_org())
    answer = owner.post(f"{PEOPLE}/invite", {**FORM, "reach": "some", "cameras": [strangers.pk]})
    assert (answer.status_code, Invitation.unscoped.exists()) == (400, False)
    assert strangers.name not in answer.content.decode()


def test_an_invitation_is_sent_again_and_taken_back(org, owner):
    [old] = links_in(owner.post(f"{PEOPLE}/invite", FORM))
    row = find_invitation(token=old)
    answer = owner.post(f"/organization/invitations/{row.pk}/resend")
    [new] = links_in(answer)
    assert (find_invitation(token=old).state, find_invitation(token=new).state) == ("replaced", "open")
    assert "no-store" in answer["Cache-Control"]
    assert owner.post(f"/organization/invitations/{row.pk}/resend").status_code == 409
    again = find_invitation(token=new)
    assert owner.post(f"/organization/invitations/{again.pk}/revoke")["Location"] == PEOPLE
    assert find_invitation(token=new).state == "revoked"


def test_a_member_is_changed(org, owner):
    device, _ = make_device(org)
    row = membership_of(org, make_member(org))
    answer = owner.post(f"{PEOPLE}/{row.pk}", {**FORM, "role": "viewer", "reach": "some", "cameras": [device.pk]})
    assert (answer.status_code, answer["Location"]) == (302, PEOPLE)
    row.refresh_from_db()
    assert (row.role, row.cameras) == (Role.VIEWER, [device.pk])
    shown = owner.get(f"{PEOPLE}/{row.pk}").context["form"].initial
    assert (shown["role"], shown["reach"], shown["cameras"]) == ("viewer", "some", [device.pk])
    owner.post(f"{PEOPLE}/{row.pk}", {**FORM, "role": "admin"})
    row.refresh_from_db()
    assert (row.role, row.cameras) == (Role.ADMIN, None)


def test_a_moment_that_is_shown_as_a_day_stays_unless_the_day_changes(org, owner):
    row = membership_of(org, make_member(org, Role.VIEWER))
    since, until = datetime(2026, 1, 5, 12, 30, tzinfo=UTC), datetime(2099, 1, 5, 12, 30, tzinfo=UTC)
    Membership.unscoped.filter(pk=row.pk).update(history_from=since, valid_until=until)
    form = {**FORM, "role": "member", "history_from": "2026-01-05", "valid_until": "2099-01-05"}
    assert owner.post(f"{PEOPLE}/{row.pk}", form).status_code == 302
    row.refresh_from_db()
    assert (row.role, row.history_from, row.valid_until) == (Role.MEMBER, since, until)
    owner.post(f"{PEOPLE}/{row.pk}", {**form, "valid_until": "2099-01-06"})
    row.refresh_from_db()
    assert (row.history_from, row.valid_until) == (since, datetime(2099, 1, 6, 23, tzinfo=UTC))
    assert owner.get(f"{PEOPLE}/{row.pk}").context["form"].initial["valid_until"].isoformat() == "2099-01-06"


def test_an_admin_has_no_way_to_an_owner(org):
    admin = logged_in(make_member(org, Role.ADMIN))
    row = membership_of(org, owner_of(org))
    text = admin.get(PEOPLE).content.decode()
    assert f"{PEOPLE}/{row.pk}" not in text
    assert 'value="owner"' not in admin.get(f"{PEOPLE}/{row.pk}").content.decode()
    assert admin.post(f"{PEOPLE}/{row.pk}", {**FORM, "role": "viewer"}).status_code == 403
    assert admin.post(f"{PEOPLE}/{row.pk}/remove").status_code == 403
    assert membership_of(org, owner_of(org)).role == Role.OWNER


def test_the_last_owner_stays_one(org, owner):
    row = membership_of(org, owner_of(org))
    for answer in (owner.post(f"{PEOPLE}/{row.pk}", FORM), owner.post(f"{PEOPLE}/{row.pk}/remove")):
        assert (answer.status_code, b"is the last owner" in answer.content) == (409, True)
    assert membership_of(org, owner_of(org)).role == Role.OWNER


def test_a_member_is_removed_after_a_question(org, owner):
    user = make_member(org)
    row, theirs = membership_of(org, user), logged_in(user)
    assert theirs.get("/").status_code == 200
    question = owner.get(f"{PEOPLE}/{row.pk}/remove")
    assert f"Remove {user}?" in question.content.decode()
    assert org.memberships.filter(pk=row.pk).exists()
    assert owner.post(f"{PEOPLE}/{row.pk}/remove")["Location"] == PEOPLE
    assert theirs.get("/").status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_members_and_viewers_see_no_list_of_people(org, role):
    client = logged_in(make_member(org, role))
    row = membership_of(org, owner_of(org))
    invitation, _ = invite(acting_membership=row, role=Role.VIEWER)
    pages = [PEOPLE, f"{PEOPLE}/invite", f"{PEOPLE}/{row.pk}", f"{PEOPLE}/{row.pk}/remove"]
    assert [client.get(page).status_code for page in pages] == [403] * 4
    actions = [*pages[1:], *(f"/organization/invitations/{invitation.pk}/{verb}" for verb in ("resend", "revoke"))]
    assert [client.post(action, FORM).status_code for action in actions] == [403] * 5
    invitation.refresh_from_db()
    assert (invitation.state, org.memberships.count(), org.invitations.count()) == ("open", 2, 1)


def test_another_organization_finds_nobody(org):
    outsider = logged_in(owner_of(make_org()))
    row = membership_of(org, make_member(org))
    invitation, _ = invite(acting_membership=membership_of(org, owner_of(org)), role=Role.VIEWER)
    insider = logged_in(owner_of(org))
    for page in (f"{PEOPLE}/{row.pk}", f"{PEOPLE}/{row.pk}/remove"):
        assert insider.get(page).status_code == 200
        assert (outsider.get(page).status_code, outsider.post(page, FORM).status_code) == (404, 404)
    for verb in ("resend", "revoke"):
        assert outsider.post(f"/organization/invitations/{invitation.pk}/{verb}").status_code == 404
    invitation.refresh_from_db()
    assert (invitation.state, membership_of(org, row.user).role) == ("open", Role.MEMBER)
