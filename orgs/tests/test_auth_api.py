"""``/v1/auth``: who gets in, for which organization, and when what they hold ends."""

import json
import logging
import re
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core import mail
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken

from orgs.models import AuditEntry, Invitation, Membership, Organization, Role, User
from orgs.services.accounts import reset_password
from orgs.services.invitations import invite
from orgs.services.links import reset_key
from orgs.services.logins import forget_expired_logins
from orgs.services.users import create_user
from tests.builders import PASSWORD, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NEW = "quite another battery"


def post(name: str, /, *, bearer: str = "", **body: object):
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return Client().post(f"/v1/auth/{name}", json.dumps(body), content_type="application/json", headers=headers)


def me(access: str):
    return Client().get("/v1/auth/me", headers={"authorization": f"Bearer {access}"})


def log_in(user: User, password: str = PASSWORD, **more: object):
    return post("login", email=user.email, password=password, **more)


@pytest.fixture
def org() -> Organization:
    return make_org()


@pytest.fixture
def user(org) -> User:
    return owner_of(org)


# --- logging in


def test_a_login_answers_with_both_tokens_the_person_and_the_organization(org, user):
    user.name = "Ada"
    user.save()
    body = log_in(user).json()
    assert set(body) == {"access", "refresh", "expires_in", "user", "organization"}
    assert body["expires_in"] == 15 * 60
    assert (body["user"]["id"], body["user"]["email"], body["user"]["name"]) == (str(user.pk), user.email, "Ada")
    assert body["organization"] == {"id": str(org.pk), "name": org.name, "slug": org.slug, "role": "owner"}
    claims = AccessToken(body["access"])
    assert (claims["user_id"], claims["org"], claims["exp"] - claims["iat"]) == (str(user.pk), str(org.pk), 900)
    assert me(body["access"]).json() == {"user": body["user"], "organization": body["organization"]}
    user.refresh_from_db()
    assert user.last_login is not None


def test_the_address_is_understood_however_it_is_spelt(user):
    assert post("login", email=f" {user.email.upper()} ", password=PASSWORD).status_code == 200


def test_without_an_organization_it_is_the_oldest_and_another_can_be_named(org, user):
    second = make_org("Second")
    Membership.unscoped.create(org=second, user=user, role=Role.VIEWER)
    assert log_in(user).json()["organization"]["id"] == str(org.pk)
    for named in (str(second.pk), str(second.pk).upper(), second.slug):
        assert log_in(user, organization=named).json()["organization"]["slug"] == second.slug


def test_an_organization_that_is_not_theirs_is_not_there(user):
    other = make_org()
    for named in (str(other.pk), other.slug, "nowhere"):
        assert refused(log_in(user, organization=named)) == (404, "organization_not_found", False, True)


def test_somebody_without_an_organization_gets_in_for_none():
    user = create_user(email="nobody@example.org", password=PASSWORD)
    body = log_in(user).json()
    assert body["organization"] is None
    assert me(body["access"]).json()["organization"] is None


def test_one_sentence_answers_an_unknown_address_a_wrong_password_and_an_inactive_person(user):
    answers = [
        post("login", email="nobody@example.org", password=PASSWORD),
        log_in(user, "wrong"),
    ]
    User.objects.filter(pk=user.pk).update(is_active=False)
    answers.append(log_in(user))
    assert {refused(answer) for answer in answers} == {(401, "login_refused", False, True)}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_an_unknown_address_takes_as_long_as_a_wrong_password(user, settings):
    settings.PASSWORD_HASHERS = ["orgs.hashers.Argon2idHasher"]
    user.set_password(PASSWORD)
    user.save()

    def seconds(email: str) -> float:
        tries = []
        for _ in range(5):
            began = time.process_time()
            assert post("login", email=email, password="wrong").status_code == 401
            tries.append(time.process_time() - began)
        return min(tries)

    known, unknown = seconds(user.email), seconds("nobody@example.org")
    assert 0.5 < known / unknown < 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.org"},
        {"email": ["a"], "password": "b"},
        {"email": "a\0@example.org", "password": "b"},
        {"email": "a@example.org", "password": "x" * 1001},
        {"email": "a@example.org", "password": "b", "pasword": "c"},
    ],
    ids=str,
)
def test_what_is_no_login_is_a_400(body):
    assert refused(post("login", **body))[0] == 400


@pytest.mark.parametrize("text", ["[]", "null", "1", '"a"', "{", ""])
def test_what_is_no_object_is_a_400(text):
    answer = Client().post("/v1/auth/login", text, content_type="application/json")
    assert refused(answer)[0] == 400


def test_passwords_and_tokens_are_neither_logged_nor_kept(user, caplog):
    caplog.set_level(logging.DEBUG)
    log_in(user, "a wrong secret")
    body = log_in(user).json()
    renewed = post("refresh", refresh=body["refresh"]).json()
    assert PASSWORD not in caplog.text
    assert "a wrong secret" not in caplog.text
    stored = str([*OutstandingToken.objects.values(), *AuditEntry.unscoped.values()])
    for token in (body["access"], body["refresh"], renewed["refresh"]):
        assert token not in caplog.text
        assert token.rpartition(".")[2] not in stored


# --- the second factor


@pytest.fixture
def secret(user) -> str:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_a_second_factor_is_asked_for_only_when_the_password_is_right(user, secret):
    assert refused(log_in(user, "wrong"))[:2] == (401, "login_refused")
    assert refused(log_in(user)) == (401, "otp_required", False, True)
    assert refused(log_in(user, otp="000000")) == (401, "otp_invalid", False, True)
    assert log_in(user, otp=code_of(secret)).status_code == 200


def test_a_code_of_the_app_opens_once(user, secret):
    code = code_of(secret)
    assert log_in(user, otp=code).status_code == 200
    assert refused(log_in(user, otp=code)) == (401, "otp_invalid", False, True)


def test_a_recovery_code_opens_once(user, secret):
    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    assert Authenticator.objects.filter(user=user).count() == 2
    assert log_in(user, otp=code).status_code == 200
    assert refused(log_in(user, otp=code)) == (401, "otp_invalid", False, True)


# --- an address that is not verified


def test_an_address_must_be_verified_where_the_settings_say_so(settings, user):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert log_in(user).status_code == 200  # made by a command, which answers for the address
    EmailAddress.objects.filter(user=user).update(verified=False)
    assert refused(log_in(user)) == (403, "email_not_verified", False, True)
    EmailAddress.objects.filter(user=user).update(verified=True)
    assert log_in(user).status_code == 200


# --- renewing


def test_a_renewal_gives_both_anew_for_the_same_organization(org, user):
    second = make_org("Second")
    Membership.unscoped.create(org=second, user=user, role=Role.VIEWER)
    first = log_in(user, organization=second.slug).json()
    body = post("refresh", refresh=first["refresh"]).json()
    assert body["refresh"] != first["refresh"]
    assert body["organization"]["id"] == str(second.pk)
    assert me(body["access"]).json()["organization"]["id"] == str(second.pk)
    changed = post("refresh", refresh=body["refresh"], organization=org.slug).json()
    assert changed["organization"]["id"] == str(org.pk)


def test_a_refresh_token_is_good_for_one_renewal(user):
    first = log_in(user).json()["refresh"]
    second = post("refresh", refresh=first).json()["refresh"]
    assert refused(post("refresh", refresh=first)) == (401, "refresh_token_invalid", False, True)
    assert post("refresh", refresh=second).status_code == 200  # sent twice at once: in doubt, not copied


def test_an_old_refresh_token_that_comes_back_ends_its_login_and_no_other(user):
    first, other = log_in(user).json()["refresh"], log_in(user).json()["refresh"]
    second = post("refresh", refresh=first).json()["refresh"]
    BlacklistedToken.objects.update(blacklisted_at=timezone.now() - timedelta(minutes=1))
    assert refused(post("refresh", refresh=first)) == (401, "refresh_token_invalid", False, True)
    assert refused(post("refresh", refresh=second)) == (401, "refresh_token_invalid", False, True)
    assert post("refresh", refresh=other).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_renewals_at_once_one_wins_and_its_token_is_good():
    refresh = log_in(owner_of(make_org())).json()["refresh"]
    answers = at_once(lambda _: post("refresh", refresh=refresh), 4)
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    [winner] = [answer.json() for answer in answers if answer.status_code == 200]
    assert post("refresh", refresh=winner["refresh"]).status_code == 200


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(user):
    body = log_in(user).json()
    assert refused(me(body["refresh"])) == (401, "access_token_invalid", False, True)
    assert refused(post("refresh", refresh=body["access"])) == (401, "refresh_token_invalid", False, True)


@pytest.mark.parametrize("change", ["one letter", "unsigned", "nothing of ours"])
def test_a_token_that_we_did_not_sign_opens_nothing(user, change):
    body = log_in(user).json()

    def forged(token: str) -> str:
        head, claims, signature = token.split(".")
        return {
            "one letter": f"{head}.{claims[:-2]}AA.{signature}",
            "unsigned": f"eyJhbGciOiJub25lIn0.{claims}.",
            "nothing of ours": "a.b.c",
        }[change]

    assert refused(me(forged(body["access"])))[:2] == (401, "access_token_invalid")
    assert refused(post("refresh", refresh=forged(body["refresh"])))[:2] == (401, "refresh_token_invalid")


def test_a_logout_ends_the_refresh_tokens_of_its_login_and_no_other(user):
    first, other = log_in(user).json()["refresh"], log_in(user).json()["refresh"]
    second = post("refresh", refresh=first).json()["refresh"]
    for _ in range(2):
        assert post("logout", refresh=second).status_code == 204
    assert refused(post("refresh", refresh=second)) == (401, "refresh_token_invalid", False, True)
    assert post("refresh", refresh=other).status_code == 200
    assert refused(post("logout", refresh="a.b.c")) == (401, "refresh_token_invalid", False, True)


def test_ids_of_expired_tokens_are_forgotten(user):
    log_in(user)
    kept = log_in(user).json()["refresh"]
    OutstandingToken.objects.filter(pk=OutstandingToken.objects.order_by("pk")[0].pk).update(
        expires_at=timezone.now()
    )
    forget_expired_logins()
    assert OutstandingToken.objects.count() == 1
    assert post("refresh", refresh=kept).status_code == 200


# --- what ends at once


def end_by_new_password(user: User) -> None:
    reset_password(user=user, password=NEW)


def end_by_deactivation(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def end_by_removal(user: User) -> None:
    Membership.unscoped.filter(user=user).delete()


def end_by_time(user: User) -> None:
    Membership.unscoped.filter(user=user).update(valid_until=timezone.now())


@pytest.mark.parametrize("end", [end_by_new_password, end_by_deactivation, end_by_removal, end_by_time])
def test_access_and_refresh_tokens_end_at_once(org, end):
    user = make_member(org)
    body = log_in(user).json()
    assert me(body["access"]).status_code == 200
    end(user)
    code = "membership_ended" if end in (end_by_removal, end_by_time) else None
    assert refused(me(body["access"])) == (401, code or "access_token_invalid", False, True)
    assert refused(post("refresh", refresh=body["refresh"])) == (401, code or "refresh_token_invalid", False, True)


def test_who_is_removed_from_one_organization_stays_in_another(user):
    second = make_org("Second")
    Membership.unscoped.create(org=second, user=user, role=Role.VIEWER)
    access = log_in(user, organization=second.slug).json()["access"]
    ended = log_in(user).json()
    user.memberships.filter(role=Role.OWNER).delete()
    assert refused(me(ended["access"]))[:2] == (401, "membership_ended")
    # Not even by naming the other one: what was for the first is over.
    assert refused(post("refresh", refresh=ended["refresh"], organization=second.slug))[0] == 401
    assert me(access).status_code == 200


def test_the_own_password_is_changed_and_all_other_tokens_end(user):
    before = log_in(user).json()
    answer = post("change-password", bearer=before["access"], current_password=PASSWORD, new_password=NEW)
    after = answer.json()
    assert (answer.status_code, after["organization"]) == (200, before["organization"])
    assert refused(me(before["access"]))[:2] == (401, "access_token_invalid")
    assert refused(post("refresh", refresh=before["refresh"]))[:2] == (401, "refresh_token_invalid")
    assert me(after["access"]).status_code == 200
    assert post("refresh", refresh=after["refresh"]).status_code == 200
    assert (log_in(user).status_code, log_in(user, NEW).status_code) == (401, 200)
    assert AuditEntry.unscoped.filter(action="password.changed", target_id=str(user.pk)).count() == 1


def test_a_password_is_changed_by_who_knows_it_and_to_a_strong_one(user):
    access = log_in(user).json()["access"]
    wrong = post("change-password", bearer=access, current_password="wrong", new_password=NEW)
    assert refused(wrong) == (400, "wrong_password", False, True)
    weak = post("change-password", bearer=access, current_password=PASSWORD, new_password="short")
    assert refused(weak) == (400, "weak_password", False, True)
    assert me(access).status_code == 200
    assert log_in(user).status_code == 200


# --- one's own account


def test_a_person_is_renamed(user):
    access = log_in(user).json()["access"]
    headers = {"authorization": f"Bearer {access}"}
    rename = {"name": " Ada Lovelace "}
    answer = Client().patch("/v1/auth/profile", rename, content_type="application/json", headers=headers)
    assert answer.json()["user"]["name"] == me(access).json()["user"]["name"] == "Ada Lovelace"
    more = {"name": "Eve", "email": "eve@example.org", "is_staff": True}
    refusal = Client().patch("/v1/auth/profile", more, content_type="application/json", headers=headers)
    assert refused(refusal)[0] == 400
    user.refresh_from_db()
    assert (user.name, user.is_staff) == ("Ada Lovelace", False)


def test_a_personal_token_changes_nothing_about_the_account(org, user):
    _, text = make_token(org.memberships.get(), access="write")
    headers = {"authorization": f"Bearer {text}"}
    renamed = Client().patch("/v1/auth/profile", {"name": "Eve"}, content_type="application/json", headers=headers)
    changed = post("change-password", bearer=text, current_password=PASSWORD, new_password=NEW)
    assert refused(renamed) == refused(changed) == (403, "login_needed", False, True)
    assert log_in(user).status_code == 200


@pytest.mark.parametrize("path", ["me", "profile", "change-password"])
def test_the_own_account_needs_a_login(path):
    method = {"me": "get", "profile": "patch"}.get(path, "post")
    assert refused(getattr(Client(), method)(f"/v1/auth/{path}")) == (401, "token_missing", False, True)


# --- signing up


ADA = {"email": "Ada@Example.org", "password": PASSWORD, "name": "Ada"}


def test_who_signs_up_founds_a_workspace_and_is_in(org):
    answer = post("signup", **ADA)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["user"]["email"], body["organization"]["name"]) == ("ada@example.org", "Ada's workspace")
    assert body["organization"]["role"] == "owner"
    assert me(body["access"]).json()["user"] == body["user"]
    assert post("login", email="ada@example.org", password=PASSWORD).status_code == 200


def test_an_organization_can_be_named_with_its_time_zone():
    body = post("signup", **ADA, org_name="Harbour", time_zone="Europe/Zurich").json()
    founded = Organization.objects.get(pk=body["organization"]["id"])
    assert (founded.name, founded.time_zone) == ("Harbour", "Europe/Zurich")


@pytest.mark.parametrize(
    "wrong",
    [{"password": "short"}, {"email": "nobody"}, {"name": ""}, {"time_zone": "Mars/Base"}, {"role": "owner"}],
    ids=str,
)
def test_a_sign_up_that_is_wrong_leaves_nothing_behind(wrong):
    assert refused(post("signup", **{**ADA, **wrong}))[0] == 400
    assert not User.objects.exists()
    assert not Organization.objects.exists()


def test_an_address_has_one_account(user):
    assert refused(post("signup", **{**ADA, "email": user.email.upper()}))[0] == 400
    assert User.objects.count() == 1


def test_who_was_invited_joins_instead_of_founding(org):
    _, token = invite(acting_membership=org.memberships.get(), role=Role.VIEWER)
    body = post("signup", **ADA, invitation=token).json()
    assert (body["organization"]["id"], body["organization"]["role"]) == (str(org.pk), "viewer")
    assert Organization.objects.count() == 1


def test_a_dead_invitation_makes_no_account(org):
    _, token = invite(acting_membership=org.memberships.get(), role=Role.VIEWER)
    Invitation.unscoped.update(revoked_at=timezone.now())
    assert refused(post("signup", **ADA, invitation=token))[:2] == (409, "invitation_revoked")
    assert refused(post("signup", **ADA, invitation="unknown"))[0] == 404
    assert not User.objects.filter(email="ada@example.org").exists()


def test_a_closed_house_lets_in_only_who_was_invited(org, settings):
    settings.VISANT_SIGNUP = "invited"
    assert refused(post("signup", **ADA)) == (403, "sign_up_closed", False, True)
    assert not User.objects.filter(email="ada@example.org").exists()
    _, token = invite(acting_membership=org.memberships.get(), role=Role.VIEWER)
    assert post("signup", **ADA, invitation=token).status_code == 201


def test_who_must_verify_the_address_gets_a_mail_and_no_tokens_yet(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answer = post("signup", **ADA)
    body = answer.json()
    assert (answer.status_code, body["access"], body["refresh"], body["expires_in"]) == (201, None, None, None)
    [sent] = mail.outbox
    assert sent.to == ["ada@example.org"]
    link = re.search(r"http://testserver(/\S+)", sent.body)[1]
    assert refused(post("login", email="ada@example.org", password=PASSWORD))[:2] == (403, "email_not_verified")
    Client().post(link)
    assert post("login", email="ada@example.org", password=PASSWORD).status_code == 200


# --- a forgotten password


def test_a_forgotten_password_is_chosen_anew_by_mail_once(user):
    before = log_in(user).json()
    answer = post("forgot-password", email=user.email)
    assert answer.status_code == 200
    [sent] = mail.outbox
    assert sent.to == [user.email]
    key = re.search(r"http://testserver/account/password/new/(\S+)", sent.body)[1]
    assert post("reset-password", key=key, password=NEW).status_code == 200
    assert refused(me(before["access"]))[:2] == (401, "access_token_invalid")
    assert refused(post("refresh", refresh=before["refresh"]))[:2] == (401, "refresh_token_invalid")
    assert (log_in(user).status_code, log_in(user, NEW).status_code) == (401, 200)
    assert refused(post("reset-password", key=key, password=PASSWORD)) == (400, "reset_key_invalid", False, True)
    assert AuditEntry.unscoped.filter(action="password.reset", target_id=str(user.pk)).count() == 1


def test_the_answer_does_not_tell_whether_there_is_an_account(user):
    known = post("forgot-password", email=user.email)
    unknown = post("forgot-password", email="nobody@example.org")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.headers.keys() == unknown.headers.keys()
    assert len(mail.outbox) == 2  # who has no account is told so by mail, and both take as long


def test_a_key_that_is_none_resets_nothing(user):
    good = reset_key(user)
    stranger = reset_key(owner_of(make_org()))
    wrong = [good[:-1], f"{good.partition('-')[0]}-{stranger.partition('-')[2]}", "x", f"x-{good}", "-", "é-é"]
    for key in wrong:
        assert refused(post("reset-password", key=key, password=NEW))[:2] == (400, "reset_key_invalid")
    assert refused(post("reset-password", key=good, password="short")) == (400, "weak_password", False, True)
    assert log_in(user).status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refused(post("reset-password", key=good, password=NEW))[:2] == (400, "reset_key_invalid")
