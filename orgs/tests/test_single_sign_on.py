"""Signing up and logging in through an OpenID Connect provider: ours speaks the protocol, on this machine."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress

from orgs.models import AuditEntry, Organization, User
from orgs.services.accounts import create_user
from tests.builders import PASSWORD, make_org, owner_of
from tests.oidc import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    provider = Provider()
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings
    yield provider
    provider.stop()


def come_by(client, provider: Provider, **person: Any):
    """Go to the provider, where one is logged in as ``person``, and come back."""
    provider.person = {"sub": "1", "email_verified": True, "name": "Ada Lovelace", **person}
    away = urlsplit(client.post("/login/sso")["Refresh"].removeprefix("0; url="))
    assert f"{away.scheme}://{away.netloc}{away.path}" == f"{provider.url}/authorize"
    back = urlsplit(provider.let_in(away.query))
    assert back.path == "/login/sso/back"
    return client.get(f"{back.path}?{back.query}")


def test_without_a_provider_there_is_nothing_of_it(client):
    for page in ("/login", "/signup"):
        assert b"Acme ID" not in client.get(page).content
        assert b"/login/sso" not in client.get(page).content
    assert client.get("/login/sso").status_code == 404
    assert client.get("/login/sso/back").status_code == 404


def test_a_stranger_signs_up_and_founds_a_workspace(client, provider):
    assert b"Log in with Acme ID" in client.get("/login").content
    assert come_by(client, provider, email="Ada@Example.org")["Location"] == "/"
    ada = User.objects.get()
    assert (ada.email, ada.name, ada.has_usable_password()) == ("ada@example.org", "Ada Lovelace", False)
    assert EmailAddress.objects.get().verified
    assert Organization.objects.get().name == "Ada Lovelace's workspace"
    assert [entry.actor_id for entry in AuditEntry.unscoped.filter(action="organization.founded")] == [ada.pk]
    client.logout()
    come_by(client, provider, email="ada@example.org")
    assert client.session["_auth_user_id"] == str(ada.pk)
    page = client.get("/account").content.decode()
    assert "Acme ID can log you in" in page
    assert "Choose one" in page


def test_who_was_invited_founds_nothing(client, provider, settings):
    settings.VISANT_SIGNUP = "invited"
    session = client.session
    session["invitation"] = "some-token"
    session.save()
    assert come_by(client, provider, email="ada@example.org")["Location"] == "/join/some-token"
    assert not Organization.objects.exists()


def test_where_sign_up_is_closed_a_stranger_stays_outside(client, provider, settings):
    settings.VISANT_SIGNUP = "invited"
    assert b"Sign-up is by invitation" in come_by(client, provider, email="ada@example.org").content
    assert not User.objects.exists()


def test_a_verified_address_logs_in_the_account_that_has_it(client, provider):
    user = owner_of(make_org())
    come_by(client, provider, email=user.email)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert User.objects.count() == 1


def test_an_address_that_the_provider_did_not_verify_opens_nobodys_account(client, provider):
    user = create_user(email="ada@example.org", password=PASSWORD)
    come_by(client, provider, email=user.email, email_verified=False)
    assert "_auth_user_id" not in client.session


def test_who_cancels_at_the_provider_is_told_so(client, provider):
    client.post("/login/sso")
    answer = client.get("/login/sso/back", {"error": "access_denied", "state": "x"}, follow=True)
    assert answer.status_code in (200, 401)
    assert b"Back to the login" in answer.content
