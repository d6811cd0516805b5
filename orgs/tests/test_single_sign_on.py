"""Signing up and logging in through an OpenID Connect provider: ours speaks the protocol, on this machine."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from orgs.models import AuditEntry, Organization, Role, User
from orgs.services.accounts import sign_up
from orgs.services.addresses import ask_for_address, vouch_for_address
from orgs.services.invitations import invite
from orgs.services.logins import RefreshTokenInvalid, log_in, refresh_login
from orgs.services.users import create_user
from tests.builders import PASSWORD, logged_in, make_org, make_token, owner_of
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
    token = come_invited(client)
    assert come_by(client, provider, email="ada@example.org")["Location"] == f"/join/{token}"
    assert Organization.objects.count() == 1


def come_invited(client, email: str = "") -> str:
    acting = make_org().memberships.get()
    _, token = invite(acting_membership=acting, role=Role.VIEWER, email=email)
    client.get(f"/join/{token}")
    return token


@pytest.mark.parametrize("named", ["email", "preferred_username"])
def test_an_invitation_is_for_the_address_it_names(client, provider, settings, named):
    """Also where the provider tells no address, and one types it."""
    settings.VISANT_SIGNUP = "invited"
    come_invited(client, email="ada@example.org")
    come_by(client, provider, **{named: "bob@example.org"})
    answer = client.post("/signup/sso", {"email": "bob@example.org"}, follow=True)
    if named != "email":
        assert b"Your invitation is for ada@example.org." in answer.content
    assert not User.objects.filter(email="bob@example.org").exists()


def test_where_sign_up_is_closed_a_stranger_stays_outside(client, provider, settings):
    settings.VISANT_SIGNUP = "invited"
    assert b"Sign-up is by invitation" in come_by(client, provider, email="ada@example.org").content
    assert not User.objects.exists()


def test_a_verified_address_logs_in_the_account_that_has_it(client, provider):
    user = owner_of(make_org())
    come_by(client, provider, email=user.email)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert User.objects.count() == 1


def test_whoever_asked_for_an_address_does_not_get_its_owners_login(client, provider):
    attacker = owner_of(make_org())
    ask_for_address(user=attacker, email="ada@example.org")
    come_by(client, provider, email="ada@example.org")
    ada = User.objects.get(email="ada@example.org")
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert list(EmailAddress.objects.filter(email=ada.email).values_list("user", "verified")) == [(ada.pk, True)]


def test_an_account_that_an_operator_made_is_found_and_keeps_its_password(client, provider):
    """Whatever the ids: in each round somebody else asked for the address, too."""
    for number in range(4):
        user = create_user(email=f"ada{number}@example.org", password=PASSWORD)
        ask_for_address(user=owner_of(make_org()), email=user.email)
        come_by(client, provider, email=user.email, sub=str(number))
        assert client.session["_auth_user_id"] == str(user.pk)
        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        client.logout()


def test_an_address_that_nobody_verified_is_not_verified_by_a_claim_of_others(client, provider):
    ask_for_address(user=owner_of(make_org()), email="ada@example.org")
    come_by(client, provider, email="ada@example.org", email_verified=False)
    assert not EmailAddress.objects.get(email="ada@example.org").verified


def test_who_claims_an_account_by_its_address_is_the_only_one_in_it(client, provider):
    """Somebody may have signed up with an address that is not theirs, and wait for its owner."""
    squatter = sign_up(email="ada@example.org", password=PASSWORD, name="Squatter")
    squatter.refresh_from_db()
    _, text = make_token(squatter.memberships.get())
    refresh = log_in(email=squatter.email, password=PASSWORD).refresh
    TOTP.activate(squatter, generate_totp_secret())
    SocialAccount.objects.create(user=squatter, provider="sso", uid="squatter")
    ask_for_address(user=squatter, email="squatter@example.org")
    elsewhere = logged_in(squatter)
    assert come_by(client, provider, email=squatter.email)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(squatter.pk)
    assert elsewhere.get("/")["Location"] == "/login?next=/"
    assert client.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    with pytest.raises(RefreshTokenInvalid):
        refresh_login(refresh=refresh)
    assert not OutstandingToken.objects.filter(user=squatter, blacklistedtoken=None).exists()
    squatter.refresh_from_db()
    assert not squatter.has_usable_password()
    assert not Authenticator.objects.exists()
    assert list(SocialAccount.objects.values_list("uid", flat=True)) == ["1"]
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("ada@example.org", True)]
    expected = ["password.removed", "mfa.disabled", "sso.disconnected", "token.revoked", "sso.connected"]
    assert [entry.action for entry in AuditEntry.unscoped.order_by("pk")][-5:] == expected


def test_whose_address_is_verified_loses_nothing_by_single_sign_on(client, provider):
    user = owner_of(make_org())
    vouch_for_address(user=user)
    token, _ = make_token(user.memberships.get())
    come_by(client, provider, email=user.email)
    token.refresh_from_db()
    user.refresh_from_db()
    assert (token.revoked_at, user.check_password(PASSWORD)) == (None, True)


def test_connecting_and_disconnecting_are_in_the_audit(client, provider):
    org = make_org()
    user = owner_of(org)
    come_by(client, provider, email=user.email)
    account = SocialAccount.objects.get()
    asked = client.post("/account/sso", {"account": account.pk})
    client.post(asked["Location"], {"password": PASSWORD})
    client.post("/account/sso", {"account": account.pk})
    assert not SocialAccount.objects.exists()
    entries = AuditEntry.unscoped.filter(action__startswith="sso.").order_by("pk")
    expected = [(action, org.pk, user.pk, str(user.pk)) for action in ("sso.connected", "sso.disconnected")]
    assert [(entry.action, entry.org_id, entry.actor_id, entry.target_id) for entry in entries] == expected


def test_an_address_that_the_provider_did_not_verify_opens_nobodys_account(client, provider):
    user = create_user(email="ada@example.org", password=PASSWORD)
    come_by(client, provider, email=user.email, email_verified=False)
    assert "_auth_user_id" not in client.session


def test_who_cancels_at_the_provider_is_told_so(client, provider):
    client.post("/login/sso")
    answer = client.get("/login/sso/back", {"error": "access_denied", "state": "x"}, follow=True)
    assert answer.status_code in (200, 401)
    assert b"Back to the login" in answer.content
