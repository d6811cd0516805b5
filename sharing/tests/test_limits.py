"""How often a link may be tried: nobody guesses one or its password, and nobody is locked out of another."""

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from orgs import origin
from orgs.errors import TooManyRequests
from sharing.models import LinkDay
from sharing.opening import LinkClosed, LinkNotThere, open_link
from sharing.services import visits
from sharing.services.links import LONGEST_PASSWORD
from sharing.services.visits import WrongPassword, check_visitor
from tests.builders import make_capture, make_link
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HERE, THERE = "192.0.2.1", "198.51.100.7"
PASSWORD = "a garden gate"


@pytest.fixture
def limits(settings):
    """Set some limits for a test: ``limits(share_address="2/h")``; the others are off."""

    def set_limits(**rates: str) -> None:
        settings.RATE_LIMITS = {**dict.fromkeys(settings.RATE_LIMITS, "off"), **rates}

    set_limits()
    return set_limits


@pytest.fixture
def hashed(monkeypatch):
    """What was given to the hasher."""
    seen: list[str] = []

    def watched(password: str, encoded: str) -> bool:
        seen.append(password)
        return bool(original(password, encoded))

    original = visits.check_password
    monkeypatch.setattr(visits, "check_password", watched)
    return seen


def guess(link, password="wrong", ip=HERE):
    """What comes of a password: nothing, or the code of the refusal."""
    with origin.coming_from(ip=ip, request_id=""):
        try:
            check_visitor(opened=open_link(link.token, at=NOW), password=password)
        except (WrongPassword, TooManyRequests) as refusal:
            return refusal.code
    return "in"


def make_closed(**fields):
    return make_link(make_capture(), password_hash=make_password(PASSWORD), **fields)


# --- passwords


def test_beyond_the_limit_of_a_link_and_address_nothing_reaches_the_hasher(limits, hashed):
    limits(share_password_address="2/h")
    link = make_closed()
    assert [guess(link), guess(link)] == ["wrong_link_password"] * 2
    assert len(hashed) == 2
    assert [guess(link), guess(link, PASSWORD)] == ["too_many_requests"] * 2
    assert len(hashed) == 2


def test_who_is_locked_out_of_a_link_is_not_of_another_and_others_are_not_of_it(limits):
    limits(share_password_address="1/h")
    link, other = make_closed(), make_closed()
    assert [guess(link), guess(link)] == ["wrong_link_password", "too_many_requests"]
    assert guess(other, PASSWORD) == "in"
    assert guess(link, PASSWORD, ip=THERE) == "in"


def test_beyond_the_limit_of_a_link_nothing_reaches_the_hasher_from_anywhere(limits, hashed):
    limits(share_password_link="2/h")
    link = make_closed()
    assert [guess(link, ip=f"192.0.2.{n}") for n in (1, 2, 3)] == [
        *["wrong_link_password"] * 2,
        "too_many_requests",
    ]
    assert guess(link, PASSWORD, ip=THERE) == "too_many_requests"
    assert len(hashed) == 2


def test_colleagues_behind_one_address_who_know_the_password_all_get_in(limits):
    limits(share_password_address="3/h", share_password_link="5/h")
    link = make_closed()
    assert {guess(link, PASSWORD) for _ in range(20)} == {"in"}
    assert [guess(link), guess(link, PASSWORD)] == ["wrong_link_password", "in"]


@pytest.mark.once
def test_no_single_address_fills_the_limit_of_a_link(settings):
    per_five_minutes = int(settings.RATE_LIMITS["share_password_address"].removesuffix("/5m"))
    # Of thirteen windows an hour touches each.
    assert 13 * per_five_minutes < int(settings.RATE_LIMITS["share_password_link"].removesuffix("/h"))


def test_wrong_passwords_are_counted_for_the_day_and_refused_tries_are_not(limits):
    limits(share_password_address="2/h")
    link = make_closed()
    for password in ("wrong", PASSWORD, "wrong", "wrong", PASSWORD):
        guess(link, password)
    assert list(LinkDay.unscoped.values_list("link", "refused_passwords", "views")) == [(link.pk, 2, 0)]


def test_a_text_too_long_for_a_password_is_wrong_and_no_work(limits, hashed):
    link = make_closed()
    assert guess(link, "x" * 129) == "wrong_link_password"
    assert hashed == []


def test_who_still_has_the_form_of_a_link_whose_password_was_taken_away_gets_in(limits, hashed):
    link = make_link(make_capture())
    assert guess(link, "the earlier one") == "in"
    assert hashed == []


# --- tokens


def beacon(token, ip=HERE):
    return Client().post(f"/s/{token}/view", REMOTE_ADDR=ip)


def test_tokens_that_were_never_given_out_are_limited_by_address_and_a_good_one_opens_all_the_same(limits):
    limits(share_address="2/h")
    link = make_link(make_capture())
    tried = [beacon(f"guess-{number}") for number in range(4)]
    assert [answer.status_code for answer in tried] == [404, 404, 429, 429]
    assert 0 < int(tried[-1].headers["Retry-After"]) <= 3600
    assert beacon("guess-of-another", ip=THERE).status_code == 404
    assert beacon(link.token).status_code == 204


@pytest.mark.parametrize("over", [{"expires_at": NOW}, {"revoked_at": NOW}, {"max_views": 1, "view_count": 1}])
def test_colleagues_who_open_a_link_that_is_over_are_locked_out_of_nothing(limits, over):
    limits(share_address="2/h", share_password_address="2/h", share_password_link="2/h")
    gone, link = make_link(make_capture(), **over), make_link(make_capture())
    assert [beacon(gone.token).status_code for _ in range(20)] == [410] * 20
    assert beacon(link.token).status_code == 204
    assert [beacon(f"guess-{number}").status_code for number in range(3)] == [404, 404, 429]


def test_a_token_that_is_unknown_is_looked_for_once_and_whatever_closed_a_link_takes_the_same_statements():
    """Which of the two it was is told by the status. What is told nowhere is how near a guess came."""
    link = make_link(make_capture())
    almost = link.token[:-1] + ("x" if link.token[-1] != "x" else "y")
    over = {
        "expired": make_link(make_capture(), expires_at=NOW),
        "revoked": make_link(make_capture(), revoked_at=NOW),
        "suspended": make_link(make_capture(), suspended_at=NOW),
    }
    unknown = {len(statements_of(lambda token=token: refused(token))) for token in ("", "x", "x" * 500, almost)}
    assert unknown == {1}
    assert {name: len(statements_of(lambda link=link: refused(link.token))) for name, link in over.items()} == {
        "expired": 2,
        "revoked": 2,
        "suspended": 2,
    }


def refused(token):
    with pytest.raises((LinkNotThere, LinkClosed)):
        open_link(token, at=NOW)


def test_what_a_good_link_does_not_show_is_no_guess(settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "share_address": "2/5m"}
    link = make_link(make_capture())  # not judged: there is nothing to show yet
    for _ in range(4):
        assert Client().get(f"/s/{link.token}/latest.jpg").status_code == 404
        assert Client().get(f"/api/s/{link.token}").status_code == 200
    codes = [Client().get(f"/s/{token}").status_code for token in ("guessed-1", "guessed-2", "guessed-3")]
    assert codes == [404, 404, 429]


def test_the_form_takes_no_longer_password_than_a_link_can_have(client):
    link = make_link(make_capture(), password_hash=make_password(PASSWORD))
    assert f'maxlength="{LONGEST_PASSWORD}"' in client.get(f"/s/{link.token}").text
