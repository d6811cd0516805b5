"""Doors that are tried too often say so, with the time after which they open again, and never to the wrong one."""

import threading

import pytest
from django.core.cache import cache
from django.test import Client

from captures.models import Capture
from devices.services import revoke_key
from orgs import origin
from orgs.errors import TooManyRequests
from orgs.keys import make_key
from orgs.models import Role, User
from orgs.ratelimits import count, count_by_address
from orgs.services.invitations import invite, revoke_invitation
from tests.builders import PASSWORD, logged_in, make_device, make_jpeg, make_member, make_org, owner_of
from tests.problems import refused

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
    revoke_invitation(invitation=invitation, acting_user=owner_of(invitation.org))
    assert [open_link(path) for _ in range(4)] == [410] * 4


def test_one_person_accepts_only_so_many_invitations_in_an_hour(limits):
    limits(invitation_account="1/h")
    client = logged_in(make_member(make_org()))
    answers = [client.post(path).status_code for _, path in (offer(), offer())]
    assert answers == [302, 429]


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
