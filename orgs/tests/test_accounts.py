"""Signing up, and looking after one's own account."""

import re
from operator import itemgetter

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import NoReverseMatch, reverse

from orgs.errors import DomainError
from orgs.models import AuditEntry, Invitation, Membership, Organization, Role, User
from orgs.services.accounts import rename_person, sign_up
from orgs.services.addresses import ask_for_address
from orgs.services.invitations import invite, revoke_invitation
from orgs.services.links import reset_key, reset_link
from orgs.services.oversight import change_account
from orgs.services.users import InvalidUser, WeakPassword, create_user
from tests.builders import PASSWORD, logged_in, make_member, make_operator, make_org, make_token, owner_of

pytestmark = pytest.mark.django_db

NEW = "a quite different battery"


@pytest.fixture
def with_mail(settings):
    """As it is where EMAIL_URL names a mail server."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False


def filled_in(**changes):
    return {"name": "Ada", "email": "ada@example.org", "password1": PASSWORD, "time_zone": "", **changes}


def link_in_mail() -> str:
    """The path of the link in the last mail; it leads to where Visant says it is."""
    (link,) = re.findall(r"^http\S+$", mail.outbox[-1].body, re.MULTILINE)
    assert link.startswith("http://testserver/")
    return link.removeprefix("http://testserver")


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.unscoped.filter(action=action).order_by("pk"))


# --- signing up


def test_who_signs_up_founds_a_workspace_and_is_in(client):
    sent = filled_in(email="Ada@Example.org", time_zone="Europe/Zurich")
    answer = client.post("/signup", sent)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    ada = User.objects.get(email="ada@example.org")
    membership = ada.memberships.get()
    org = membership.org
    assert (ada.name, membership.role) == ("Ada", Role.OWNER)
    assert (org.name, org.slug, org.time_zone) == ("Ada's workspace", "adas-workspace", "Europe/Zurich")
    address = EmailAddress.objects.get(user=ada)
    assert (address.email, address.primary, address.verified) == ("ada@example.org", True, False)
    assert [(entry.org_id, entry.actor_id) for entry in entries("organization.founded")] == [(org.pk, ada.pk)]
    assert b"Ada&#x27;s workspace" in client.get("/").content
    assert link_in_mail().startswith("/account/email/verify/")


def test_a_time_zone_that_is_none_becomes_utc(client):
    client.post("/signup", filled_in(time_zone="Middle/Earth"))
    assert Organization.objects.get().time_zone == "UTC"


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("tiny", "This password is too short. It must contain at least 10 characters."),
        ("ada@example.org", "The password is too similar to the e-mail address."),
        ("password1234", "This password is too common."),
        ("837465019283", "This password is entirely numeric."),
        ("", "This field is required."),
    ],
)
def test_a_weak_password_is_refused_with_a_sentence(client, password, sentence):
    answer = client.post("/signup", filled_in(password1=password))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert b'type="password" name="password1" value' not in answer.content
    assert not User.objects.exists()


def test_without_mail_a_taken_address_is_told(client):
    make_org()
    taken = User.objects.get().email
    answer = client.post("/signup", filled_in(email=taken))
    assert b"There is an account with this address already." in answer.content
    assert User.objects.count() == 1


def test_with_mail_a_taken_address_is_answered_like_a_free_one(client, with_mail):
    org = make_org()
    taken = client.post("/signup", filled_in(email=owner_of(org).email))
    assert mail.outbox[-1].to == [owner_of(org).email]
    assert mail.outbox[-1].subject == "You have an account already"
    free = client.post("/signup", filled_in())
    assert (taken.status_code, taken["Location"]) == (free.status_code, free["Location"])
    assert mail.outbox[-1].subject == "Welcome to Visant: verify your address"
    assert set(Organization.objects.values_list("name", flat=True)) == {org.name, "Ada's workspace"}


def test_with_mail_nobody_is_in_before_the_address_is_verified(client, with_mail):
    assert client.post("/signup", filled_in())["Location"] == "/account/email/sent"
    assert b"Verify your address" in client.get("/account/email/sent").content
    assert client.get("/")["Location"] == "/login?next=/"
    answer = client.post("/login", {"login": "ada@example.org", "password": PASSWORD})
    assert answer["Location"] == "/account/email/sent"
    link = link_in_mail()
    assert b"ada@example.org" in client.get(link).content
    assert not EmailAddress.objects.get().verified  # a mail scanner that opens links verifies nothing
    client.post(link)
    assert EmailAddress.objects.get().verified
    assert b"This link opens nothing" in client.get(link).content
    client.post("/login", {"login": "ada@example.org", "password": PASSWORD})
    assert client.get("/").status_code == 200


def test_where_sign_up_is_closed_only_the_invited_sign_up(client, settings):
    settings.VISANT_SIGNUP = "invited"
    assert b"Sign-up is by invitation" in client.get("/signup").content
    client.post("/signup", filled_in())
    assert not User.objects.exists()
    come_invited(client)
    client.post("/signup", filled_in())
    assert User.objects.filter(email="ada@example.org").exists()


def come_invited(client, **invitation) -> tuple[Invitation, str]:
    """Open an invitation's link, from where one goes on to sign up or to log in."""
    org = make_org()
    acting = org.memberships.get(role=Role.OWNER)
    made, token = invite(acting_membership=acting, role=Role.VIEWER, **invitation)
    client.get(f"/join/{token}")
    return made, token


def test_who_was_invited_founds_nothing_and_goes_on_to_the_invitation(client):
    _, token = come_invited(client)
    assert b"accept your invitation" in client.get("/signup").content
    assert client.post("/signup", filled_in())["Location"] == f"/join/{token}"
    assert Organization.objects.count() == 1
    assert "invitation" not in client.session


def test_who_was_invited_and_has_an_account_goes_on_to_the_invitation(client):
    _, token = come_invited(client)
    sent = {"login": owner_of(make_org()).email, "password": PASSWORD}
    assert client.post("/login", sent)["Location"] == f"/join/{token}"
    assert "invitation" not in client.session


def test_an_invitation_that_was_taken_back_lets_nobody_sign_up(client, settings):
    settings.VISANT_SIGNUP = "invited"
    invitation, _ = come_invited(client)
    acting = invitation.org.memberships.get(role=Role.OWNER)
    revoke_invitation(invitation=invitation, acting_membership=acting)
    assert b"Sign-up is by invitation" in client.get("/signup").content
    client.post("/signup", filled_in())
    assert not User.objects.filter(email="ada@example.org").exists()


def test_an_invitation_of_an_address_lets_that_address_sign_up_only(client, settings):
    settings.VISANT_SIGNUP = "invited"
    come_invited(client, email="ada@example.org")
    answer = client.post("/signup", filled_in(email="bob@example.org"))
    assert b"Your invitation is for ada@example.org." in answer.content
    assert not User.objects.filter(email="bob@example.org").exists()
    client.post("/signup", filled_in())
    assert User.objects.filter(email="ada@example.org").exists()
    assert Organization.objects.count() == 1


def test_where_everybody_may_sign_up_an_invitation_of_others_is_none(client):
    come_invited(client, email="bob@example.org")
    client.post("/signup", filled_in())
    assert Organization.objects.filter(name="Ada's workspace").exists()


def test_signing_up_by_the_service():
    sign_up(email="Ada@Example.org", password=PASSWORD, name="", org_name="Gardens", time_zone="Asia/Tokyo")
    org = Organization.objects.get()
    assert (org.name, org.time_zone) == ("Gardens", "Asia/Tokyo")
    sign_up(email="bob@example.org", password=PASSWORD, name="", founding=True)
    assert Organization.objects.filter(name="bob's workspace").exists()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"email": "no address"}, InvalidUser),
        ({"email": "ADA@example.org"}, InvalidUser),
        ({"password": "short"}, WeakPassword),
        ({"time_zone": "Middle/Earth"}, DomainError),
    ],
)
def test_a_refused_sign_up_leaves_nothing_behind(changes, refusal):
    create_user(email="ada@example.org", password=PASSWORD)
    with pytest.raises(refusal):
        sign_up(**{"email": "bob@example.org", "password": PASSWORD, "name": "Bob", **changes})
    assert (User.objects.count(), Organization.objects.count()) == (1, 0)


def test_accounts_that_an_operator_made_get_in_without_verifying(client, with_mail):
    for user in (make_operator(), create_user(email="made@example.org", password=PASSWORD)):
        client.post("/login", {"login": user.email, "password": PASSWORD})
        assert client.session["_auth_user_id"] == str(user.pk)
        assert EmailAddress.objects.get(user=user).verified
        client.logout()
    assert mail.outbox == []


# --- the account page


def test_the_account_page_shows_what_one_has():
    org, other = make_org(), make_org("Other")
    user = owner_of(org)
    Membership.unscoped.create(org=other, user=user, role=Role.VIEWER)
    stranger = make_org("Stranger")
    page = logged_in(user).get("/account").content.decode()
    assert all(text in page for text in (user.email, org.name, other.name, "Owner", "Viewer"))
    assert stranger.name not in page
    assert "Single sign-on" not in page


def test_who_belongs_nowhere_has_an_account_page_all_the_same():
    page = logged_in(create_user(email="alone@example.org", password=PASSWORD)).get("/account")
    assert page.status_code == 200
    assert b"You belong to none" in page.content


def test_a_person_changes_their_name():
    org = make_org()
    user = owner_of(org)
    client = logged_in(user)
    assert client.post("/account", {"name": " Ada Lovelace "})["Location"] == "/account"
    user.refresh_from_db()
    assert user.name == "Ada Lovelace"
    (entry,) = entries("profile.changed")
    assert (entry.org_id, entry.before, entry.after) == (org.pk, {"name": ""}, {"name": "Ada Lovelace"})
    assert b"This field is required." in client.post("/account", {"name": " "}).content
    client.post("/account", {"name": "Ada Lovelace"})
    assert len(entries("profile.changed")) == 1


def test_a_name_that_is_too_long_is_refused():
    user = owner_of(make_org())
    with pytest.raises(InvalidUser):
        rename_person(user=user, name="x" * 201, acting_user=user)


# --- the address


def change_address(client, email: str):
    """Ask for another address; it asks for the password first, as who finds an open browser must not do it."""
    answer = client.post("/account/email", {"action_add": "", "email": email})
    assert answer["Location"].startswith("/account/confirm?")
    return client.post(answer["Location"], {"password": PASSWORD}, follow=True)


def test_an_address_changes_once_the_new_one_is_verified():
    org, other = make_org(), make_org("Other")
    user = owner_of(org)
    old = user.email
    Membership.unscoped.create(org=other, user=user, role=Role.VIEWER)
    client = logged_in(user)
    change_address(client, "New@Example.org")
    assert mail.outbox[-1].to == ["new@example.org"]
    assert b"new@example.org" in client.get("/account").content
    user.refresh_from_db()
    assert user.email == old
    client.post(link_in_mail())
    user.refresh_from_db()
    assert user.email == "new@example.org"
    addresses = EmailAddress.objects.filter(user=user).values_list("email", "primary", "verified")
    assert list(addresses) == [("new@example.org", True, True)]
    changes = [(entry.org_id, entry.actor_id, entry.before, entry.after) for entry in entries("email.changed")]
    expected = {"before": {"email": old}, "after": {"email": "new@example.org"}}
    assert sorted(changes, key=itemgetter(0)) == [
        (pk, user.pk, *expected.values()) for pk in sorted([org.pk, other.pk])
    ]
    assert {tuple(message.to) for message in mail.outbox} >= {(old,)}  # the old one is told


def test_the_last_address_asked_for_counts_and_the_login_stays_meanwhile():
    """Also while the login itself is not verified, as it is where there is no mail."""
    user = sign_up(email="ada@example.org", password=PASSWORD, name="Ada")
    client = logged_in(user)
    change_address(client, "first@example.org")
    first = link_in_mail()
    client.post("/account/email", {"action_add": "", "email": "second@example.org"})
    user.refresh_from_db()
    assert user.email == "ada@example.org"
    assert b"This link opens nothing" in client.get(first).content
    client.post(link_in_mail())
    user.refresh_from_db()
    assert user.email == "second@example.org"


def test_an_address_that_became_anothers_is_not_taken_over():
    user = owner_of(make_org())
    old = user.email
    client = logged_in(user)
    change_address(client, "wanted@example.org")
    link = link_in_mail()
    create_user(email="wanted@example.org", password=PASSWORD)
    client.post(link)
    user.refresh_from_db()
    assert user.email == old
    assert entries("email.changed") == []


def test_an_address_that_an_operator_changed_is_the_login_from_then_on(client, with_mail):
    user = sign_up(email="old@example.org", password=PASSWORD, name="Ada")
    User.objects.filter(pk=user.pk).update(email="new@example.org")
    client.post("/login", {"login": "new@example.org", "password": PASSWORD})
    assert b"You log in with it." in client.get("/account").content
    addresses = EmailAddress.objects.values_list("email", "primary", "verified")
    assert list(addresses) == [("new@example.org", True, True)]
    client.logout()
    client.post("/login", {"login": "old@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_the_address_that_an_operator_replaced_opens_nothing_at_once(client):
    user = sign_up(email="old@example.org", password=PASSWORD, name="Ada")
    EmailAddress.objects.update(verified=True)
    change_account(user=user, acting_user=make_operator(), email="new@example.org")
    client.post("/account/password/forgotten", {"email": "old@example.org"})
    assert "/account/password/new/" not in mail.outbox[-1].body
    client.post("/login", {"login": "old@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    addresses = EmailAddress.objects.filter(user=user).values_list("email", "primary", "verified")
    assert list(addresses) == [("new@example.org", True, True)]


@pytest.fixture
def claimed() -> str:
    """An address that somebody asked to change to, and that is not theirs."""
    ask_for_address(user=owner_of(make_org()), email="victim@example.org")
    return "victim@example.org"


def test_by_an_address_that_one_asked_for_nobody_logs_in(client, claimed):
    client.post("/login", {"login": claimed, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_who_asked_for_an_address_gets_no_link_by_it(client, claimed):
    client.post("/account/password/forgotten", {"email": claimed})
    create_user(email=claimed, password=PASSWORD)
    client.post("/account/password/forgotten", {"email": claimed})
    links = [re.findall("/account/password/new/([0-9a-f]+)-", message.body) for message in mail.outbox]
    assert links == [[], [User.objects.get(email=claimed).pk.hex]]


@pytest.mark.parametrize("verification", ["optional", "mandatory"])
def test_an_address_that_others_asked_for_is_free_to_sign_up_by(client, settings, claimed, verification):
    settings.ACCOUNT_EMAIL_VERIFICATION = verification
    client.post("/signup", filled_in(email=claimed))
    client.post(link_in_mail())
    assert EmailAddress.objects.get(user__email=claimed).verified


def test_no_action_but_its_verification_makes_an_address_the_login():
    user = sign_up(email="ada@example.org", password=PASSWORD, name="Ada")
    client = logged_in(user)
    change_address(client, "new@example.org")
    for action in ("action_primary", "action_remove"):
        sent = {action: "", "email": "new@example.org" if action == "action_primary" else user.email}
        assert client.post("/account/email", sent)["Location"] == "/account/email"
    user.refresh_from_db()
    assert user.email == "ada@example.org"
    assert set(EmailAddress.objects.values_list("email", "primary")) == {
        ("ada@example.org", True),
        ("new@example.org", False),
    }
    client.post("/account/email", {"action_remove": "", "email": "new@example.org"})
    assert EmailAddress.objects.get().email == "ada@example.org"


# --- the password


def test_a_changed_password_ends_the_sessions_elsewhere_and_keeps_this_one():
    user = owner_of(make_org())
    here, elsewhere = logged_in(user), logged_in(user)
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert here.post("/account/password", sent)["Location"] == "/account"
    assert here.get("/").status_code == 200
    assert elsewhere.get("/")["Location"] == "/login?next=/"
    user.refresh_from_db()
    assert user.check_password(NEW)
    (entry,) = entries("password.changed")
    assert (entry.actor_id, entry.target_id, entry.before, entry.after) == (user.pk, str(user.pk), None, None)
    assert mail.outbox[-1].subject == "Your password was changed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"oldpassword": "wrong"}, "This is not your present password."),
        ({"password1": "short", "password2": "short"}, "This password is too short."),
        ({"password2": "other"}, "You must type the same password each time."),
    ],
)
def test_a_password_is_not_changed_when_something_is_wrong(change, sentence):
    user = owner_of(make_org())
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW, **change}
    answer = logged_in(user).post("/account/password", sent)
    assert sentence in answer.content.decode()
    assert not set(sent.values()) & set(re.findall(r'value="([^"]*)"', answer.content.decode()))
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert entries("password.changed") == []


def test_a_forgotten_password_is_replaced_by_the_link_in_a_mail(client):
    user = owner_of(make_org())
    elsewhere = logged_in(user)
    asked = client.post("/account/password/forgotten", {"email": user.email.upper()})
    assert asked["Location"] == "/account/password/forgotten/sent"
    link = link_in_mail()
    form = client.get(link)["Location"]
    assert link.rpartition("-")[2] not in form  # the key is in no address that a page hands on
    client.post(form, {"password1": NEW, "password2": NEW})
    user.refresh_from_db()
    assert user.check_password(NEW)
    assert elsewhere.get("/")["Location"] == "/login?next=/"
    assert [entry.target_id for entry in entries("password.reset")] == [str(user.pk)]
    assert b"This link opens nothing" in client.get(link).content


def test_all_that_is_wrong_with_a_new_password_is_told_at_once(client):
    form = client.get(reset_link(reset_key(owner_of(make_org()))))["Location"]
    page = client.post(form, {"password1": "1234567", "password2": "another"}).content.decode()
    for said in ("too short", "too common", "entirely numeric", "You must type the same password each time."):
        assert said in page, said
    assert "<li>It is more than a number.</li>" in page


def test_a_password_chosen_by_a_link_ends_what_others_may_have_left(client):
    user = owner_of(make_org())
    ours, theirs = make_token(user.memberships.get())[0], make_token(owner_of(make_org()).memberships.get())[0]
    ask_for_address(user=user, email="wanted@example.org")
    form = client.get(reset_link(reset_key(user)))["Location"]
    assert b"Your personal tokens end, too" in client.get(form).content
    client.post(form, {"password1": NEW, "password2": NEW})
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.revoked_at is None, theirs.revoked_at is None) == (False, True)
    assert [entry.target_id for entry in entries("token.revoked")] == [str(ours.pk)]
    assert not EmailAddress.objects.filter(email="wanted@example.org").exists()


def test_a_password_changed_from_within_leaves_the_personal_tokens():
    user = owner_of(make_org())
    token, _ = make_token(user.memberships.get())
    logged_in(user).post("/account/password", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    token.refresh_from_db()
    assert len(entries("password.changed")) == 1
    assert token.revoked_at is None


def test_who_has_no_account_is_answered_as_who_has_one(client):
    owner = owner_of(make_org())
    answers = [client.post("/account/password/forgotten", {"email": e}) for e in (owner.email, "no@example.org")]
    assert len({(answer.status_code, answer["Location"]) for answer in answers}) == 1
    assert [message.to for message in mail.outbox] == [[owner.email], ["no@example.org"]]
    assert "There is no account" in mail.outbox[-1].subject


def test_links_in_mails_do_not_follow_the_host_a_request_names(client, settings):
    settings.ALLOWED_HOSTS = ["*"]
    user = owner_of(make_org())
    client.post("/account/password/forgotten", {"email": user.email}, headers={"host": "evil.example"})
    link_in_mail()
    assert "evil" not in mail.outbox[-1].body


# --- without a mail server


def test_an_operator_copies_the_link_to_a_new_password(client, capsys):
    org = make_org()
    user = owner_of(org)
    call_command("account_link", user.email.upper(), "--reset")
    link = capsys.readouterr().out.strip().removeprefix("http://testserver")
    client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})
    user.refresh_from_db()
    assert user.check_password(NEW)
    (entry,) = entries("password.link_made")
    assert (entry.org_id, entry.actor_name, entry.target_id) == (org.pk, "Visant", str(user.pk))
    assert link.rpartition("-")[2] not in f"{entry.before}{entry.after}"


def test_an_operator_copies_the_link_that_verifies_an_address(client, capsys, with_mail):
    client.post("/signup", filled_in())
    call_command("account_link", "ada@example.org", "--verify")
    client.post(capsys.readouterr().out.strip().removeprefix("http://testserver"))
    assert EmailAddress.objects.get().verified
    assert len(entries("email.link_made")) == 1
    with pytest.raises(CommandError, match="verified already"):
        call_command("account_link", "ada@example.org", "--verify")


@pytest.mark.parametrize("which", ["--reset", "--verify"])
def test_there_is_no_link_for_nobody(which):
    with pytest.raises(CommandError, match=r"no account with the address no@example\.org"):
        call_command("account_link", "no@example.org", which)


# --- doors that stay shut


@pytest.mark.parametrize(
    "name",
    [
        *("account_request_login_code", "account_confirm_login_code", "account_signup_by_passkey"),
        *("account_verify_phone", "account_change_phone", "mfa_add_webauthn", "mfa_login_webauthn"),
    ],
)
def test_ways_in_that_are_not_offered_have_no_address(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


PERSONAL = [
    *("/account", "/account/email", "/account/password", "/account/password/set", "/account/mfa"),
    *("/account/mfa/app", "/account/mfa/app/remove", "/account/mfa/codes", "/account/mfa/codes/renew"),
    *("/account/mfa/codes.txt", "/account/confirm", "/account/confirm/code", "/account/sso"),
]


@pytest.mark.parametrize("path", PERSONAL)
def test_pages_of_an_account_ask_who_one_is(client, path):
    for answer in (client.get(path), client.post(path)):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login")


def test_members_of_every_role_have_an_account_page():
    org = make_org()
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        assert logged_in(make_member(org, role)).get("/account").status_code == 200
