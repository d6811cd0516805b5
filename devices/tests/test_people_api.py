"""``/v1/orgs``: organizations, their members and invitations."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orgs.models import Invitation, Membership, Organization, Role
from orgs.services.invitations import accept_invitation, invite
from orgs.services.logins import log_in
from orgs.services.users import create_user
from tests.builders import PASSWORD, make_device, make_member, make_org, make_token, membership_of, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db

CURRENT = "/v1/orgs/current"


@pytest.fixture
def org() -> Organization:
    return make_org()


def call(method: str, path: str, membership: Membership, body: Any = None):
    login = log_in(email=membership.user.email, password=PASSWORD, organization=str(membership.org_id))
    headers = {"authorization": f"Bearer {login.access}"}
    return Client().generic(method, path, "" if body is None else body, "application/json", headers=headers)


def as_owner(method: str, path: str, org: Organization, body: Any = None):
    text = None if body is None else json.dumps(body)
    return call(method, path, membership_of(org, owner_of(org)), text)


def test_a_person_sees_all_their_organizations_and_a_token_its_own(org):
    other = make_org("Other")
    Membership.unscoped.create(org=other, user=owner_of(org), role=Role.VIEWER)
    make_org("Strangers")
    access = log_in(email=owner_of(org).email, password=PASSWORD).access
    answer = Client().get("/v1/orgs", headers={"authorization": f"Bearer {access}"}).json()
    found = [(row["id"], row["name"], row["role"]) for row in answer["organizations"]]
    assert found == [(str(org.pk), org.name, "owner"), (str(other.pk), other.name, "viewer")]
    _, text = make_token(membership_of(org, owner_of(org)))
    by_token = Client().get("/v1/orgs", headers={"authorization": f"Bearer {text}"}).json()["organizations"]
    assert [row["id"] for row in by_token] == [str(org.pk)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/invitations"),
        ("DELETE", "/invitations/{id}"),
        ("PATCH", "/members/{id}"),
        ("DELETE", "/members/{id}"),
    ],
)
def test_a_token_which_ends_gives_nobody_what_lasts(org, method, path):
    member = membership_of(org, make_member(org))
    _, text = make_token(membership_of(org, owner_of(org)))
    client = Client(headers={"authorization": f"Bearer {text}"})
    answer = client.generic(method, CURRENT + path.format(id=member.pk), '{"role": "admin"}', "application/json")
    assert refused(answer) == (403, "login_needed", False, True)
    member.refresh_from_db()
    assert (member.role, Invitation.unscoped.exists()) == (Role.MEMBER, False)


def test_the_organization_of_the_token_is_the_current_one(org):
    viewer = membership_of(org, make_member(org, Role.VIEWER))
    assert call("GET", CURRENT, viewer).json() == {
        "id": str(org.pk),
        "name": org.name,
        "slug": org.slug,
        "time_zone": "UTC",
        "retention_days": None,
        "created_at": org.created_at.isoformat().replace("+00:00", "Z"),
        "role": "viewer",
    }


def test_an_owner_changes_settings_one_by_one(org):
    name = org.name
    answer = as_owner("PATCH", CURRENT, org, {"retention_days": 30})
    assert (answer.status_code, answer.json()["retention_days"], answer.json()["name"]) == (200, 30, name)
    org.refresh_from_db()
    assert (org.retention_days, org.name) == (30, name)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"slug": "a b"}, 400, "invalid_organization"),
        ({"slug": "taken"}, 409, "slug_taken"),
        ({"time_zone": "Mars"}, 400, "invalid_organization"),
        ({"retention_days": 0}, 400, "invalid"),
        ({"device_limit": 1000}, 400, "invalid"),
    ],
)
def test_settings_that_cannot_be_are_refused(org, body, status, code):
    make_org(slug="taken")
    assert refused(as_owner("PATCH", CURRENT, org, body))[:2] == (status, code)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_only_owners_change_settings(org, role):
    row = membership_of(org, make_member(org, role))
    assert refused(call("PATCH", CURRENT, row, '{"name": "Mine"}'))[:2] == (403, "role_too_small")


def test_members_are_listed(org):
    row = membership_of(org, make_member(org, Role.VIEWER))
    newest, owner = as_owner("GET", f"{CURRENT}/members", org).json()["members"]
    assert owner["user"]["email"] == owner_of(org).email
    assert newest == {
        "id": str(row.pk),
        "user": {"id": str(row.user_id), "email": row.user.email, "name": ""},
        "role": "viewer",
        "camera_ids": None,
        "history_from": None,
        "valid_until": None,
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
    }


def test_lists_ask_no_more_for_more_people(org):
    owner = membership_of(org, owner_of(org))
    _, text = make_token(owner)
    client = Client(headers={"authorization": f"Bearer {text}"})
    lists = [f"{CURRENT}/members", f"{CURRENT}/invitations"]

    def count() -> list[int]:
        return [len(statements_of(lambda path=path: client.get(path))) for path in lists]

    invite(acting_membership=owner, role=Role.VIEWER)
    count()  # the first use of a token is noted
    few = count()
    for _ in range(4):
        make_member(org)
        invite(acting_membership=owner, role=Role.VIEWER)
    assert count() == few


def test_a_member_is_changed_in_what_is_said(org):
    device, _ = make_device(org)
    row = membership_of(org, make_member(org, Role.MEMBER))
    answer = as_owner("PATCH", f"{CURRENT}/members/{row.pk}", org, {"camera_ids": [str(device.pk)]})
    assert (answer.status_code, answer.json()["camera_ids"]) == (200, [str(device.pk)])
    answer = as_owner("PATCH", f"{CURRENT}/members/{row.pk}", org, {"role": "viewer"})
    row.refresh_from_db()
    assert (row.role, row.cameras) == (Role.VIEWER, [device.pk])
    assert as_owner("GET", f"{CURRENT}/members/{row.pk}", org).json() == answer.json()


@pytest.mark.parametrize("where", ["members", "invitations"])
def test_cameras_of_others_are_refused(org, where):
    strangers, _ = make_device(make_org())
    row = membership_of(org, make_member(org))
    body = {"camera_ids": [str(strangers.pk)]}
    if where == "members":
        answer = as_owner("PATCH", f"{CURRENT}/members/{row.pk}", org, body)
    else:
        answer = as_owner("POST", f"{CURRENT}/invitations", org, {"role": "viewer", **body})
    assert refused(answer)[:2] == (400, "no_such_camera")
    row.refresh_from_db()
    assert (row.camera_ids, Invitation.unscoped.exists()) == (None, False)


def test_a_member_is_removed(org):
    row = membership_of(org, make_member(org))
    _, text = make_token(row)
    assert as_owner("DELETE", f"{CURRENT}/members/{row.pk}", org).status_code == 204
    answer = Client().get(CURRENT, headers={"authorization": f"Bearer {text}"})
    assert refused(answer)[0] == 401
    gone = as_owner("DELETE", f"{CURRENT}/members/{row.pk}", org)
    assert refused(gone)[:2] == (404, "member_not_found")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_every_role_may_leave(org, role):
    row = membership_of(org, make_member(org, role))
    assert call("DELETE", f"{CURRENT}/members/{row.pk}", row).status_code == 204
    assert not org.memberships.filter(pk=row.pk).exists()
    entry = org.auditentrys.get(action="membership.left")
    assert (entry.actor_id, entry.target_id) == (row.user_id, str(row.user_id))


def test_the_last_owner_is_not_removed(org):
    row = membership_of(org, owner_of(org))
    assert refused(as_owner("DELETE", f"{CURRENT}/members/{row.pk}", org))[:2] == (409, "last_owner")


def test_an_admin_touches_no_owner(org):
    admin, owner = membership_of(org, make_member(org, Role.ADMIN)), membership_of(org, owner_of(org))
    path = f"{CURRENT}/members/{owner.pk}"
    assert refused(call("DELETE", path, admin))[:2] == (403, "more_than_your_own")
    assert refused(call("PATCH", path, admin, '{"role": "viewer"}'))[:2] == (403, "more_than_your_own")


def test_a_person_is_invited_and_the_link_told_once(org):
    device, _ = make_device(org)
    until = timezone.now() + timedelta(days=90)
    body = {
        "role": "viewer",
        "email": "ada@example.org",
        "camera_ids": [str(device.pk)],
        "valid_until": until.isoformat(),
        "open_for_days": 3,
    }
    answer = as_owner("POST", f"{CURRENT}/invitations", org, body)
    told = answer.json()
    link = told.pop("link")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert as_owner("GET", f"{CURRENT}/invitations", org).json()["invitations"] == [told]
    assert (told["state"], told["created_by"]["email"]) == ("open", owner_of(org).email)
    row = accept_invitation(token=link.rpartition("/")[2], user=create_user(email="ada@example.org"))
    assert (row.role, row.cameras, row.valid_until) == (Role.VIEWER, [device.pk], until)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"role": "owner"}, "invalid"),
        ({"role": "viewer", "email": "nobody"}, "invalid"),
        ({"role": "viewer", "open_for_days": 31}, "invalid"),
        ({"role": "viewer", "camera_ids": []}, "invalid_invitation"),
        ({"role": "admin", "history_from": "2026-01-01T00:00:00Z"}, "invalid_invitation"),
        ({"role": "viewer", "valid_until": "2020-01-01T00:00:00Z"}, "ends_in_the_past"),
        ({"role": "viewer", "token": "mine"}, "invalid"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(org, body, code):
    assert refused(as_owner("POST", f"{CURRENT}/invitations", org, body))[:2] == (400, code)
    assert not Invitation.unscoped.exists()


def test_an_invitation_is_taken_back(org):
    invitation, _ = invite(acting_membership=membership_of(org, owner_of(org)), role=Role.VIEWER)
    path = f"{CURRENT}/invitations/{invitation.pk}"
    assert [as_owner("DELETE", path, org).status_code for _ in range(2)] == [204, 204]
    invitation.refresh_from_db()
    assert invitation.state == "revoked"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_deal_with_people(org, role):
    row, owner = membership_of(org, make_member(org, role)), membership_of(org, owner_of(org))
    invitation, _ = invite(acting_membership=owner, role=Role.VIEWER)
    doors = [
        ("GET", "members"),
        ("GET", f"members/{owner.pk}"),
        ("PATCH", f"members/{row.pk}"),
        ("DELETE", f"members/{owner.pk}"),
        ("GET", "invitations"),
        ("POST", "invitations"),
        ("DELETE", f"invitations/{invitation.pk}"),
    ]
    for method, path in doors:
        answer = call(method, f"{CURRENT}/{path}", row, '{"role": "viewer"}')
        assert refused(answer)[:2] == (403, "role_too_small"), path
    assert (org.memberships.count(), org.invitations.open_at(timezone.now()).count()) == (2, 1)


def test_another_organization_finds_nobody(org):
    row = membership_of(org, make_member(org))
    invitation, _ = invite(acting_membership=membership_of(org, owner_of(org)), role=Role.VIEWER)
    outsider = make_org()
    for method, path in [
        ("GET", f"members/{row.pk}"),
        ("PATCH", f"members/{row.pk}"),
        ("DELETE", f"members/{row.pk}"),
        ("DELETE", f"invitations/{invitation.pk}"),
    ]:
        answer = as_owner(method, f"{CURRENT}/{path}", outsider, {"role": "viewer"})
        assert refused(answer)[0] == 404, (method, path)
    invitation.refresh_from_db()
    assert (invitation.state, membership_of(org, row.user).role) == ("open", Role.MEMBER)
