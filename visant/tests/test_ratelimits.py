"""Doors that are tried too often say so, with the time after which they open again, and never to the wrong one."""

import json
import threading

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from captures.models import Capture
from devices.services.keys import revoke_key
from orgs import origin
from orgs.errors import TooManyRequests
from orgs.keys import make_key
from orgs.models import Role, User
from orgs.ratelimits import count, count_by_address
from orgs.services.invitations import invite, revoke_invitation
from tests.builders import PASSWORD, logged_in, make_device, make_jpeg, make_member, make_org, owner_of
from tests.problems import refused
from visant.bodies import SMALL_BYTES

pytestmark = pytest.mark.django_db
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def limits(settings):
    """Set some limits for a test: ``limits(login_account="2/h")``; the others are off."""

    def set_limits(**rates: str) -> None:
        settings.RATE_LIMITS = {**dict.fromkeys(settings.RATE_LIMITS, "off"), **rates}

    set_limits()
    return set_limits


def send(path: str, data: dict, address: str = HERE, **options) -> object:
    return Client().post(path, data, REMOTE_ADDR=address, **options)


def log_in(email: str, password: str = "wrong password", address: str = HERE):
    return send("/login", {"login": email, "password": password}, address)


def log_in_by_api(email: str, password: str = "wrong password", address: str = HERE):
    body = {"email": email, "password": password}
    return send("/v1/auth/login", body, address, content_type="application/json")


def get_captures(key: str, address: str = HERE):
    return Client().get("/v1/captures", headers={"X-API-Key": key}, REMOTE_ADDR=address)


def upload(key: str, seed: int, **options):
    return Client().post(
        "/v1/captures", make_jpeg(seed), content_type="image/jpeg", headers={"X-API-Key": key}, **options
    )


# --- logging in


def test_a_login_tried_too_often_for_one_account_is_refused_even_with_the_right_password(limits):
    limits(login_account="2/h")
    email = owner_of(make_org()).email
    assert [log_in(email, address=f"192.0.2.{n}").status_code for n in (1, 2)] == [200, 200]
    answer = log_in(email.upper(), PASSWORD, address="192.0.2.3")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "Too often" in answer.text
    assert "_auth_user_id" not in answer.client.session
    assert log_in(owner_of(make_org()).email, PASSWORD).status_code == 302


def test_a_login_tried_too_often_from_one_address_is_refused_there_alone(limits):
    limits(login_address="2/h")
    email = owner_of(make_org()).email
    assert [log_in(f"person{n}@example.org").status_code for n in (1, 2)] == [200, 200]
    assert log_in(email, PASSWORD).status_code == 429
    assert log_in(email, PASSWORD, address=THERE).status_code == 302


def test_the_page_and_the_api_count_together(limits):
    limits(login_account="2/h")
    email = owner_of(make_org()).email
    assert log_in(email).status_code == 200
    assert log_in_by_api(f" {email.upper()} ").status_code == 401
    answer = log_in_by_api(email, PASSWORD)
    assert refused(answer) == (429, "too_many_requests", True, True)


@pytest.mark.parametrize("name", ["email", "username", "uidb36"])
def test_a_field_that_the_login_does_not_read_names_no_other_account(limits, name):
    limits(login_account="2/h")
    email = owner_of(make_org()).email
    tries = [
        send("/login", {"login": email, "password": "wrong", name: f"other{n}@example.org"}, f"192.0.2.{n}")
        for n in range(3)
    ]
    assert [answer.status_code for answer in tries] == [200, 200, 429]


def test_a_session_of_ones_own_is_no_way_around_another_account_s_limit(limits):
    limits(login_account="2/h")
    body = {"email": owner_of(make_org()).email, "password": "wrong"}
    answers = [
        logged_in(make_member(make_org())).post("/v1/auth/login", body, content_type="application/json")
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


@pytest.mark.parametrize(
    "kind",
    [
        "application/*",
        "*/*",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
def test_a_body_that_calls_itself_something_else_is_not_read_and_counts(limits, kind):
    limits(login_account="2/h")
    email = owner_of(make_org()).email
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    answers = [Client().generic("POST", "/v1/auth/login", body, content_type=kind) for _ in range(2)]
    assert [refused(answer)[:2] for answer in answers] == [(415, "unsupported_media_type")] * 2
    assert log_in_by_api(email, PASSWORD).status_code == 429


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'])
def test_json_by_its_own_name_is_read(limits, kind):
    body = json.dumps({"email": owner_of(make_org()).email, "password": PASSWORD})
    assert send("/v1/auth/login", body, content_type=kind).status_code == 200


def test_one_account_has_one_limit_however_its_address_is_spelled(limits):
    limits(login_account="1/h")
    assert log_in("kim.stone@example.org").status_code == 200
    for spelled in ("\u212aim.stone@example.org", " KIM.\u017ftone@EXAMPLE.org\t"):
        assert log_in(spelled).status_code == 429
        assert log_in_by_api(spelled).status_code == 429


def test_guessing_the_present_password_with_a_stolen_access_token_is_refused(limits):
    limits(login_account="2/h")
    user = owner_of(make_org())
    shown = {"Authorization": f"Bearer {log_in_by_api(user.email, PASSWORD).json()['access']}"}

    def change(present: str, address: str):
        body = {"current_password": present, "new_password": "quite another phrase 7"}
        return send("/v1/auth/change-password", body, address, content_type="application/json", headers=shown)

    assert [change("wrong", f"192.0.2.{n}").status_code for n in (1, 2)] == [400, 400]
    assert refused(change(PASSWORD, "192.0.2.3")) == (429, "too_many_requests", True, True)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_guessing_a_code_at_either_door_counts_for_the_account(limits):
    limits(login_account="2/h")
    user = owner_of(make_org())
    TOTP.activate(user, generate_totp_secret())
    known = {"email": f"{user.email}", "password": PASSWORD}
    guess = {"content_type": "application/json"}
    assert refused(send("/v1/auth/login", known | {"otp": "000000"}, **guess))[:2] == (401, "otp_invalid")
    page = Client()
    assert page.post("/login", {"login": user.email, "password": PASSWORD}).status_code == 302
    assert page.post("/login/code", {"code": "000001"}).status_code == 200
    assert page.post("/login/code", {"code": "000002"}, REMOTE_ADDR=THERE).status_code == 429


def test_guessing_a_reset_key_counts_for_the_account_at_either_door(limits):
    limits(reset_account="2/h")
    pk = owner_of(make_org()).pk.hex
    page = [
        send(f"/account/password/new/{named}-set-password", {"email": f"{n}@example.org", "password1": "x"})
        for n, named in enumerate([pk, pk.upper()])
    ]
    assert [answer.status_code for answer in page] == [200, 200]
    for named in (pk, pk.upper(), f"{{{pk}}}", f"urn:uuid:{pk}", f"+{pk[1:]}"):
        body = {"key": f"{named}-abc-def", "password": "quite another phrase 7"}
        answer = send("/v1/auth/reset-password", body, content_type="application/json")
        assert refused(answer)[:2] == (429, "too_many_requests"), named


def test_looking_at_a_form_counts_for_nothing(limits):
    limits(login_address="1/h", signup_address="1/h", reset_address="1/h")
    for path in ("/login", "/signup", "/account/password/forgotten") * 3:
        assert Client().get(path, REMOTE_ADDR=HERE).status_code == 200


def test_a_second_factor_counts_as_a_login(limits):
    limits(login_address="1/h")
    send("/login/code", {"code": "123456"})
    assert send("/login/code", {"code": "123457"}).status_code == 429


@pytest.mark.parametrize("path", ["/signup", "/v1/auth/signup"])
def test_signing_up_too_often_is_refused(limits, path):
    limits(signup_address="1/h")
    kind = {"content_type": "application/json"} if path.startswith("/v1") else {}
    send(path, {"email": "one@example.org"}, **kind)
    before = User.objects.count()
    body = {"email": "two@example.org", "name": "Two", "password": PASSWORD, "password1": PASSWORD}
    answer = send(path, body, **kind)
    assert (answer.status_code, User.objects.count()) == (429, before)
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/account/password/forgotten", {}), ("/v1/auth/forgot-password", {"content_type": "application/json"})],
)
def test_one_address_is_not_flooded_with_mails(limits, mailoutbox, path, kind):
    limits(reset_account="1/h")
    email = owner_of(make_org()).email
    answers = [send(path, {"email": email}, f"192.0.2.{n}", **kind).status_code for n in (1, 2, 3)]
    assert answers[1:] == [429, 429]
    assert len(mailoutbox) == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b'{"email": 7}', b"[" * 50_000])
def test_a_body_that_names_nobody_is_the_views_to_refuse(limits, body):
    limits(login_account="1/h")
    for _ in range(2):
        answer = Client().post("/v1/auth/login", body, content_type="application/json")
        assert refused(answer)[0] == 400


# --- invitations


def offer(**fields):
    """Return an invitation and the path of its link."""
    owner = make_org().memberships.get(role=Role.OWNER)
    invitation, token = invite(acting_membership=owner, role=Role.MEMBER, **fields)
    return invitation, f"/join/{token}"


def open_link(path: str, address: str = HERE) -> int:
    return Client().get(path, REMOTE_ADDR=address).status_code


def test_guessing_links_is_refused_while_good_ones_behind_the_same_address_open(limits):
    limits(invitation_address="2/h")
    _, good = offer()
    assert [open_link(f"/join/unknown-{n}") for n in range(4)] == [404, 404, 429, 429]
    assert open_link(good) == 200
    assert open_link("/join/unknown", THERE) == 404


def test_a_link_that_ended_says_so_however_often_it_is_opened(limits):
    limits(invitation_address="1/h")
    invitation, path = offer()
    revoke_invitation(invitation=invitation, acting_membership=invitation.org.memberships.get())
    assert [open_link(path) for _ in range(4)] == [410] * 4


def test_one_person_accepts_only_so_many_invitations_in_an_hour(limits):
    limits(invitation_account="1/h")
    client = logged_in(make_member(make_org()))
    answers = [client.post(path).status_code for _, path in (offer(), offer())]
    assert answers == [302, 429]


def test_one_address_is_not_flooded_with_invitations_of_an_organization(
    limits, mailoutbox, django_capture_on_commit_callbacks
):
    limits(invitation_mail_recipient="2/h")
    org = make_org()
    client = logged_in(owner_of(org))
    token = log_in_by_api(owner_of(org).email, PASSWORD).json()["access"]
    invited = {"role": "viewer", "email": "Somebody@elsewhere.example"}

    def by_api(sent: dict):
        with django_capture_on_commit_callbacks(execute=True):
            return Client().post(
                "/v1/orgs/current/invitations",
                sent,
                content_type="application/json",
                headers={"Authorization": f"Bearer {token}"},
            )

    assert [by_api(invited).status_code for _ in range(2)] == [201, 201]
    assert refused(by_api(invited)) == (429, "too_many_requests", True, True)
    invitation = org.invitations.newest_first()[0]
    assert (
        client.post("/organization/people/invite", invited | {"reach": "all", "open_for": "7"}).status_code == 429
    )
    assert client.post(f"/organization/invitations/{invitation.pk}/resend").status_code == 429
    assert (len(mailoutbox), org.invitations.count()) == (2, 2)
    assert by_api(invited | {"email": "other@elsewhere.example"}).status_code == 201
    assert by_api({"role": "viewer"}).status_code == 201  # its link is handed over, nothing is sent


def test_an_organization_sends_only_so_many_invitations(limits):
    limits(invitation_mail_organization="2/h")
    owner = make_org().memberships.get(role=Role.OWNER)
    for n in range(2):
        invite(acting_membership=owner, role=Role.VIEWER, email=f"{n}@elsewhere.example")
    with pytest.raises(TooManyRequests):
        invite(acting_membership=owner, role=Role.VIEWER, email="2@elsewhere.example")
    assert owner.org.invitations.count() == 2
    offer(email="2@elsewhere.example")


# --- keys and tokens


@pytest.mark.parametrize("kind", ["dev", "usr"])
def test_guessing_keys_is_refused_while_good_ones_behind_the_same_address_open(limits, kind):
    limits(secret_address="2/h")
    _, good = make_device()
    guesses = [
        Client().get("/v1/captures", headers={"Authorization": f"Bearer {make_key(kind).text}"}, REMOTE_ADDR=HERE)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in guesses] == [401, 401, 429]
    assert refused(guesses[2]) == (429, "too_many_requests", True, True)
    assert get_captures(good).status_code == 200


def test_guessing_the_secret_of_one_key_is_refused_from_anywhere_and_the_key_opens(limits):
    limits(secret_account="2/h")
    _, good = make_device()
    wrong = good[:-1] + ("a" if good[-1] != "a" else "b")
    mistyped = [get_captures(wrong, f"192.0.2.{n}").status_code for n in range(3)]
    assert mistyped == [401, 401, 401]  # its checksum says it is no key at all: nothing was guessed
    assert get_captures(good).status_code == 200


def test_a_key_that_ended_counts_for_nothing(limits):
    limits(secret_address="1/h", secret_account="1/h")
    device, key = make_device()
    revoke_key(key=device.keys.get(), acting_user=None)
    for _ in range(3):
        assert refused(get_captures(key))[:2] == (401, "key_revoked")


# --- uploads


def test_one_key_that_uploads_too_fast_is_told_to_wait_and_the_others_are_not(limits):
    limits(upload_key="2/h")
    org = make_org()
    (_, fast), (_, other) = make_device(org), make_device(org)
    assert [upload(fast, seed).status_code for seed in (1, 2)] == [201, 201]
    answer = upload(fast, 3)
    assert refused(answer) == (429, "too_many_requests", True, True)
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert upload(other, 4).status_code == 201
    assert get_captures(fast).status_code == 200
    assert Capture.unscoped.count() == 3


def test_an_organization_that_uploads_too_fast_is_told_to_wait_and_another_is_not(limits):
    limits(upload_organization="2/h")
    org = make_org()
    (_, one), (_, two) = make_device(org), make_device(org)
    _, stranger = make_device(make_org())
    assert [upload(one, 1).status_code, upload(two, 2).status_code] == [201, 201]
    assert [upload(one, 3).status_code, upload(two, 4).status_code] == [429, 429]
    assert upload(stranger, 5).status_code == 201


# --- counting


def test_tries_at_once_are_each_counted(limits):
    limits(login_account="20/h")
    outcomes = []

    def try_often() -> None:
        for _ in range(10):
            try:
                count("login_account", "somebody")
                outcomes.append("let in")
            except TooManyRequests:
                outcomes.append("refused")

    threads = [threading.Thread(target=try_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("let in") == 20
    assert outcomes.count("refused") == 20


def test_neighbours_in_one_ipv6_network_count_as_one(limits):
    limits(login_address="1/h")

    def try_from(ip):
        with origin.coming_from(ip=ip, request_id="x"):
            count_by_address("login_address")

    try_from("2001:db8::1")
    with pytest.raises(TooManyRequests):
        try_from("2001:db8::ffff")
    try_from("2001:db8:0:1::1")


def test_work_that_no_request_asked_for_is_not_counted(limits):
    limits(login_address="1/h")
    for _ in range(3):
        count_by_address("login_address")


def test_nothing_of_who_tried_stands_in_the_cache(limits):
    limits(login_account="5/h", login_address="5/h")
    log_in("secret.person@example.org")
    assert not [key for key in cache._cache if "secret" in key or HERE in key]


class Unreadable:
    """A body that must not be read, or of which the rest does not come."""

    def __init__(self) -> None:
        self.is_asked = False

    def read(self, *_: object) -> bytes:
        self.is_asked = True
        raise OSError("The body came too slowly.")

    readline = read


DOORS = pytest.mark.parametrize(
    ("path", "kind"), [("/v1/auth/login", "application/json"), ("/login", "application/x-www-form-urlencoded")]
)


def post_body(path: str, body: object, length: int, kind: str):
    extra = {"wsgi.input": body, "CONTENT_LENGTH": str(length), "REMOTE_ADDR": HERE}
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    return client.generic("POST", path, b"-", kind, **extra)


@DOORS
def test_a_body_far_too_large_is_refused_unread_before_anybody_is_known(limits, path, kind):
    body = Unreadable()
    assert post_body(path, body, SMALL_BYTES + 1, kind).status_code == 413
    assert not body.is_asked


@DOORS
def test_a_body_that_does_not_come_is_no_fault_of_the_server(limits, path, kind):
    body = Unreadable()
    assert post_body(path, body, SMALL_BYTES, kind).status_code in (400, 403)
    assert body.is_asked
