"""Logging in and out."""

import pytest

from orgs.models import Membership
from orgs.services.accounts import create_user
from tests.builders import PASSWORD, make_org, owner_of

pytestmark = pytest.mark.django_db


def test_a_person_logs_in_and_is_led_to_where_they_wanted(client):
    user = owner_of(make_org())
    assert client.get("/cameras")["Location"] == "/login?next=/cameras"
    page = client.get("/login?next=/cameras")
    assert b'name="next" value="/cameras"' in page.content
    answer = client.post("/login", {"username": user.email.upper(), "password": PASSWORD, "next": "/cameras"})
    assert (answer.status_code, answer["Location"]) == (302, "/cameras")
    assert user.name in client.get("/cameras").content.decode()


def test_nobody_is_led_away_to_another_site(client):
    user = owner_of(make_org())
    sent = {"username": user.email, "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/login", sent)["Location"] == "/"


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"username": "nobody@example.org"}])
def test_a_wrong_address_and_a_wrong_password_are_told_alike(client, change):
    user = owner_of(make_org())
    answer = client.post("/login", {"username": user.email, "password": PASSWORD, **change})
    assert answer.status_code == 200
    assert b"The address and the password do not belong together." in answer.content
    assert "_auth_user_id" not in client.session


def test_a_person_logs_out_by_a_button_not_by_a_link(client):
    client.force_login(owner_of(make_org()))
    assert client.get("/logout").status_code == 405
    assert b'action="/logout"' in client.get("/").content
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/")["Location"] == "/login?next=/"


def test_who_belongs_to_no_organization_is_told_so(client):
    user = create_user(email="alone@example.org", password=PASSWORD)
    client.force_login(user)
    answer = client.get("/")
    assert answer.status_code == 403
    assert b"You belong to no organization" in answer.content
    assert b'action="/logout"' in answer.content


def test_only_operators_see_the_way_to_the_admin(client):
    user = owner_of(make_org())
    client.force_login(user)
    assert b'href="/admin/"' not in client.get("/").content
    type(user).objects.filter(pk=user.pk).update(is_staff=True)
    assert b'href="/admin/"' in client.get("/").content


def test_who_lost_the_membership_sees_nothing_any_more(client):
    org = make_org()
    client.force_login(owner_of(org))
    assert org.name.encode() in client.get("/").content
    Membership.unscoped.all().delete()
    answer = client.get("/")
    assert answer.status_code == 403
    assert org.name.encode() not in answer.content
