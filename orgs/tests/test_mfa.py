"""The second factor: an authenticator app and recovery codes."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from orgs.models import AuditEntry, User
from orgs.services.accounts import check_second_factor, has_second_factor
from tests.builders import PASSWORD, logged_in, make_operator, make_org, owner_of

pytestmark = pytest.mark.django_db


def code_of(secret: str, *, periods: int = 1) -> str:
    """What the app shows some periods of 30 seconds later. One period later or earlier counts, too.

    The next one is another than :func:`turn_on` used up, and counts whether this period ends meanwhile or not.
    """
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + periods))


def turn_on(user: User) -> tuple[Client, str, list[str]]:
    """Add an app as a person does; return their browser, the app's secret and the recovery codes."""
    client = logged_in(user)
    confirm = client.get("/account/mfa/app")["Location"]
    page = client.post(confirm, {"password": PASSWORD}, follow=True)
    assert b'src="data:image/svg+xml;base64,' in page.content
    (secret,) = re.findall(r'id="secret"><code>([A-Z2-7]{32})</code>', page.content.decode())
    wrong = client.post("/account/mfa/app", {"code": "000000"})
    assert b"This code is not right, or was used already." in wrong.content
    done = client.post("/account/mfa/app", {"code": code_of(secret, periods=0)}, follow=True)
    codes = re.findall(r"^(?: *<.*>)?(\d{8})$", done.content.decode(), re.MULTILINE)
    assert len(codes) == 10
    return client, secret, codes


def half_way(user: User) -> Client:
    """A browser in which the password was right, and the code is asked for."""
    client = Client()
    answer = client.post("/login", {"login": user.email, "password": PASSWORD})
    assert answer["Location"] == "/login/code"
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.django_db(transaction=True)  # the mail goes out on commit
def test_with_an_app_the_password_alone_does_not_let_in():
    org = make_org()
    user = owner_of(org)
    _, secret, _ = turn_on(user)
    client = half_way(user)
    assert client.get("/")["Location"] == "/login?next=/"
    assert b"This code is not right" in client.post("/login/code", {"code": "000000"}).content
    assert not is_in(client)
    assert client.post("/login/code", {"code": code_of(secret)})["Location"] == "/"
    assert is_in(client)
    (entry,) = AuditEntry.unscoped.filter(action="mfa.enabled")
    assert (entry.org_id, entry.actor_id, entry.before, entry.after) == (org.pk, user.pk, None, None)
    assert "An authenticator app was added" in [message.subject for message in mail.outbox]


def test_a_code_that_was_used_opens_nothing_again():
    user = owner_of(make_org())
    _, secret, _ = turn_on(user)
    code = code_of(secret)
    half_way(user).post("/login/code", {"code": code})
    cache.clear()  # another process has another one
    client = half_way(user)
    assert b"was used already" in client.post("/login/code", {"code": code}).content
    assert not is_in(client)


def test_a_recovery_code_lets_in_once():
    user = owner_of(make_org())
    _, _, codes = turn_on(user)
    client = half_way(user)
    client.post("/login/code", {"code": codes[3]})
    assert is_in(client)
    again = half_way(user)
    again.post("/login/code", {"code": codes[3]})
    assert not is_in(again)


def test_new_recovery_codes_end_the_old_ones():
    user = owner_of(make_org())
    client, _, codes = turn_on(user)
    page = client.post("/account/mfa/codes/renew", follow=True).content.decode()
    assert not any(code in page for code in codes)
    assert AuditEntry.unscoped.filter(action="mfa.codes_renewed").count() == 1
    assert check_second_factor(user, codes[0]) is False


def test_an_app_is_removed_with_its_codes():
    user = owner_of(make_org())
    client, _, _ = turn_on(user)
    assert client.get("/account/mfa/codes.txt")["Content-Type"].startswith("text/plain")
    client.post("/account/mfa/app/remove")
    assert not Authenticator.objects.exists()
    assert AuditEntry.unscoped.filter(action="mfa.disabled").count() == 1
    client.logout()
    client.post("/login", {"login": user.email, "password": PASSWORD})
    assert is_in(client)


def test_what_the_app_shares_with_us_is_not_in_the_database_as_it_is():
    user = owner_of(make_org())
    _, secret, codes = turn_on(user)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert not any(text in stored for text in (secret, *codes))


def test_an_older_pepper_still_reads_what_it_encrypted(settings):
    user = owner_of(make_org())
    _, secret, _ = turn_on(user)
    settings.VISANT_KEY_PEPPERS = {**settings.VISANT_KEY_PEPPERS, 2: b"newer"}
    assert check_second_factor(user, code_of(secret))


def test_the_service_that_the_api_asks():
    user, other = owner_of(make_org()), owner_of(make_org())
    _, secret, codes = turn_on(user)
    assert (has_second_factor(user), has_second_factor(other)) == (True, False)
    assert check_second_factor(other, code_of(secret)) is False
    assert check_second_factor(user, "") is False
    code = code_of(secret)
    assert check_second_factor(user, code) is True
    assert check_second_factor(user, code) is False
    assert check_second_factor(user, codes[0]) is True
    assert check_second_factor(user, codes[0]) is False


@pytest.mark.parametrize("path", ["/account/mfa/app", "/account/mfa/codes/renew"])
def test_an_open_browser_alone_changes_no_second_factor(path):
    """The password is asked for again."""
    answer = logged_in(owner_of(make_org())).post(path)
    assert answer["Location"].startswith("/account/confirm?")


# --- operators


def test_an_operator_lets_in_who_lost_app_and_codes(client):
    org = make_org()
    user = owner_of(org)
    turn_on(user)
    call_command("remove_second_factor", user.email)
    client.post("/login", {"login": user.email, "password": PASSWORD})
    assert is_in(client)
    (entry,) = AuditEntry.unscoped.filter(action="mfa.disabled")
    assert (entry.org_id, entry.actor_name, entry.target_id) == (org.pk, "Visant", str(user.pk))
    for email, sentence in ((user.email, "has no second factor"), ("no@example.org", "There is no account")):
        with pytest.raises(CommandError, match=sentence):
            call_command("remove_second_factor", email)


def test_the_admin_is_no_way_around_the_second_factor(client):
    operator = make_operator()
    turn_on(operator)
    assert client.get("/admin/login/?next=/admin/orgs/")["Location"] == "/login?next=/admin/orgs/"
    sent = {"username": operator.email, "login": operator.email, "password": PASSWORD}
    client.post("/admin/login/", sent)
    assert not is_in(client)
    assert client.post("/login?next=/admin/", sent)["Location"].startswith("/login/code")
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_an_operator_does_not_become_another_by_their_password_alone():
    boss = make_operator("boss@example.org")
    turn_on(boss)
    operator = make_operator()
    client = logged_in(operator)
    client.post("/admin/login/", {"username": boss.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(operator.pk)


def test_an_operator_changes_their_password_where_everybody_does():
    answer = logged_in(make_operator()).get("/admin/password_change/")
    assert answer["Location"] == "/account/password"


def test_who_is_no_operator_is_told_so():
    client = logged_in(owner_of(make_org()))
    assert client.get("/admin/", follow=True).status_code == 403
