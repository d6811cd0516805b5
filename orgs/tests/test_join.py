"""The page an invitation's link opens."""

import pytest
from django.test import Client
from django.utils import timezone

from orgs.models import Invitation, Role
from orgs.services.invitations import accept_invitation, invite, resend_invitation, revoke_invitation
from orgs.services.users import create_user
from tests.builders import PASSWORD, logged_in, make_device, make_member, make_org, membership_of, owner_of

pytestmark = pytest.mark.django_db

ADDRESS = "ada@example.org"  # Ada's


def test_a_stranger_sees_who_invites_to_what_and_where_to_go(org, owner):
    devices = [make_device(org)[0] for _ in range(2)]
    type(owner.user).objects.filter(pk=owner.user_id).update(name="Grace <Hopper>")
    _, token = invite(
        acting_membership=owner, role=Role.VIEWER, email=ADDRESS, camera_ids=[device.pk for device in devices]
    )
    answer = Client().get(f"/join/{token}")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Grace &lt;Hopper&gt; invites you" in text
    assert (org.name in text, ADDRESS in text, "2 cameras" in text) == (True, True, True)
    assert ('href="/login"' in text, 'href="/signup"' in text) == (True, True)
    assert "<form" not in text
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert [device.name in text for device in devices] == [False, False]


def test_who_logs_in_comes_back_and_accepts(org, owner, ada):
    _, token = invite(acting_membership=owner, role=Role.MEMBER, email=ADDRESS)
    client = Client()
    client.get(f"/join/{token}")
    assert client.post("/login", {"login": ADDRESS, "password": PASSWORD})["Location"] == f"/join/{token}"
    page = client.get(f"/join/{token}")
    assert b"You are logged in as ada@example.org." in page.content
    assert not org.memberships.filter(user=ada).exists()
    answer = client.post(f"/join/{token}", follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert f"Welcome: you are a member of {org} now." in answer.content.decode()
    assert membership_of(org, ada).role == Role.MEMBER


def test_who_joins_sees_the_new_organization_at_once(org, owner):
    person = owner_of(make_org("Elsewhere"))
    _, token = invite(acting_membership=owner, role=Role.VIEWER)
    client = logged_in(person)
    client.post(f"/join/{token}")
    assert client.get("/").wsgi_request.session["organization"] == str(org.pk)


def test_without_a_login_nothing_is_accepted(org, owner):
    invitation, token = invite(acting_membership=owner, role=Role.VIEWER)
    assert Client().post(f"/join/{token}").status_code == 200
    invitation.refresh_from_db()
    assert (invitation.state, org.memberships.count()) == ("open", 1)


def test_another_site_cannot_make_a_person_join(org, owner, ada):
    _, token = invite(acting_membership=owner, role=Role.VIEWER)
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.post(f"/join/{token}").status_code == 403
    assert org.memberships.count() == 1


def end(word: str, owner, invitation, token) -> None:
    if word == "expired":
        Invitation.unscoped.filter(pk=invitation.pk).update(expires_at=timezone.now())
    elif word == "revoked":
        revoke_invitation(invitation=invitation, acting_membership=owner)
    elif word == "replaced":
        resend_invitation(invitation=invitation, acting_membership=owner)
    else:
        accept_invitation(token=token, user=create_user(email="first@example.org"))


@pytest.mark.parametrize(
    ("word", "why", "what_to_do"),
    [
        ("expired", "has expired", "to invite you again"),
        ("revoked", "was taken back", "to invite you again"),
        ("replaced", "was sent again since", "Look for a newer message"),
        ("accepted", "was accepted already", "for a new one"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_a_dead_invitation_says_why_and_what_to_do(org, owner, ada, word, why, what_to_do, known):
    invitation, token = invite(acting_membership=owner, role=Role.VIEWER)
    client = logged_in(ada) if known else Client()
    assert client.get(f"/join/{token}").status_code == 200
    end(word, owner, invitation, token)
    before = org.memberships.count()
    for answer in (client.get(f"/join/{token}"), client.post(f"/join/{token}")):
        text = answer.content.decode()
        assert (answer.status_code, why in text, what_to_do in text) == (410, True, True)
        assert "no-store" in answer["Cache-Control"]
    assert org.memberships.count() == before
    assert "invitation" not in client.session  # nobody signs up by it any more


def test_a_link_that_was_never_given_out_is_not_there(owner):
    invite(acting_membership=owner, role=Role.VIEWER)
    answer = Client().get("/join/nonsense")
    assert answer.status_code == 404
    assert b"Copy the whole link" in answer.content


def test_an_invitation_of_another_address_says_whose_it_is(org, owner, ada):
    invitation, token = invite(acting_membership=owner, role=Role.VIEWER, email="bob@example.org")
    for answer in (logged_in(ada).get(f"/join/{token}"), logged_in(ada).post(f"/join/{token}")):
        assert answer.status_code == 403
        assert b"for bob@example.org; you are logged in as ada@example.org" in answer.content
        assert b"Log out" in answer.content
    invitation.refresh_from_db()
    assert invitation.state == "open"


def test_a_member_is_told_that_nothing_is_left_to_do(org, owner):
    _, by_link = invite(acting_membership=owner, role=Role.ADMIN)
    _, by_mail = invite(acting_membership=owner, role=Role.ADMIN, email=ADDRESS)
    viewer = make_member(org, Role.VIEWER)
    type(viewer).objects.filter(pk=viewer.pk).update(email=ADDRESS)
    for token, is_for_others in [(by_link, True), (by_mail, False)]:
        answer = logged_in(viewer).post(f"/join/{token}")
        assert (answer.status_code, b"You are in already" in answer.content) == (409, True)
        assert (b"stays open for somebody else" in answer.content) == is_for_others
    assert membership_of(org, viewer).role == Role.VIEWER
