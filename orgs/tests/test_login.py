"""Logging in and out."""

import pytest
from django.contrib.auth.hashers import make_password

from orgs.models import Membership
from orgs.services.users import create_user
from tests.builders import PASSWORD, make_org, owner_of

pytestmark = pytest.mark.django_db


def test_a_person_logs_in_and_is_led_to_where_they_wanted(client):
    user = owner_of(make_org())
    assert client.get("/cameras")["Location"] == "/login?next=/cameras"
    page = client.get("/login?next=/cameras")
    assert b'name="next" value="/cameras"' in page.content
    answer = client.post("/login", {"login": user.email.upper(), "password": PASSWORD, "next": "/cameras"})
    assert (answer.status_code, answer["Location"]) == (302, "/cameras")
    assert user.name in client.get("/cameras").content.decode()


def test_nobody_is_led_away_to_another_site(client):
    user = owner_of(make_org())
    sent = {"login": user.email, "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/login", sent)["Location"] == "/"


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"login": "nobody@example.org"}])
def test_a_wrong_address_and_a_wrong_password_are_told_alike(client, change):
    user = owner_of(make_org())
    answer = client.post("/login", {"login": user.email, "password": PASSWORD, **change})
    assert answer.status_code == 200
    assert b"The address and the password do not belong together." in answer.content
    assert "_auth_user_id" not in client.session


def test_a_person_logs_out_by_a_button_not_by_a_link(client):
    client.force_login(owner_of(make_org()))
    assert b"Log out?" in client.get("/logout").content
    assert b'action="/logout"' in client.get("/").content
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/")["Location"] == "/login?next=/"


def test_a_password_hashed_with_bcrypt_opens_and_is_hashed_anew(client, settings):
    settings.PASSWORD_HASHERS = [
        "orgs.hashers.Argon2idHasher",
        "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
        "django.contrib.auth.hashers.BCryptPasswordHasher",
    ]
    user = owner_of(make_org())
    for hasher in ("bcrypt_sha256", "bcrypt"):
        user.password = make_password(PASSWORD, hasher=hasher)
        user.save()
        client.post("/login", {"login": user.email, "password": PASSWORD})
        assert client.session["_auth_user_id"] == str(user.pk)
        user.refresh_from_db()
        assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
        client.logout()


def test_who_is_switched_off_is_told_so_only_with_the_right_password(client):
    user = owner_of(make_org())
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    wrong = client.post("/login", {"login": user.email, "password": "wrong"})
    assert b"do not belong together" in wrong.content
    answer = client.post("/login", {"login": user.email, "password": PASSWORD}, follow=True)
    assert b"This account is not active" in answer.content
    assert "_auth_user_id" not in client.session


def test_a_password_is_guessed_only_so_often(client):
    user = owner_of(make_org())
    for _ in range(60):
        answer = client.post("/login", {"login": user.email, "password": "wrong"})
    assert answer.status_code == 429
    assert client.post("/login", {"login": user.email, "password": PASSWORD}).status_code == 429
    assert "_auth_user_id" not in client.session


def test_neither_page_nor_log_tells_a_password(client, caplog):
    user = owner_of(make_org())
    sent = {"login": user.email, "password": "a wrong one that tells much"}
    with caplog.at_level("DEBUG"):
        page = client.post("/login", sent)
    assert "tells much" not in page.content.decode() + caplog.text


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
