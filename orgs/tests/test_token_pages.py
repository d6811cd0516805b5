"""The pages of a person's API tokens."""

import html
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from orgs.models import ApiToken, ApiTokenUsage, Role
from orgs.tests.test_tokens import ask
from tests.builders import logged_in, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
URL = "/account/tokens"


@pytest.fixture
def org():
    return make_org(time_zone="Europe/Zurich")


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


def tokens_in(answer) -> set[str]:
    return set(re.findall(r"vis_usr_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", answer.content.decode()))


def words_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(answer.content.decode())).split())


def test_a_token_is_made_and_shown_once_and_kept_nowhere(owner, org, caplog):
    caplog.set_level(logging.DEBUG)
    answer = owner.post(URL, {"name": " Report ", "access": "read"})
    [text] = tokens_in(answer)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert (org.apitokens.get().name, ask(text).status_code) == ("Report", 200)
    assert text not in caplog.text
    assert all(text not in str(session.get_decoded()) for session in Session.objects.all())
    assert tokens_in(owner.get(URL)) == set()


def test_a_last_day_is_a_day_where_the_organization_is(owner, org):
    owner.post(URL, {"name": "Report", "access": "write", "expires_at": "2099-06-30"})
    assert org.apitokens.get().expires_at == datetime(2099, 6, 30, 22, tzinfo=UTC)


def test_all_limits_of_a_token_are_taken(owner, org):
    sent = {"networks": "192.0.2.9/24\r\n2001:db8::/32 ", "daily_quota": "7", "name": "Report", "access": "write"}
    owner.post(URL, sent)
    token = org.apitokens.get()
    assert (token.networks, token.daily_quota, token.access) == (["192.0.2.0/24", "2001:db8::/32"], 7, "write")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"expires_at": "soon"}, "Enter a valid date."),
        ({"expires_at": "2020-01-01"}, "A token must end in the future, or not at all."),
        ({"expires_at": "9999-12-31"}, "Choose a day between 1900 and 2999."),
        ({"networks": "here"}, "'here' is no network; one is written like 192.0.2.0/24."),
        ({"daily_quota": "0"}, "greater than or equal to 1"),
        ({"access": "admin"}, "admin is not one of the available choices."),
        ({"name": " "}, "This field is required."),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_that_was_typed_is_lost(owner, org, wrong, said):
    answer = owner.post(URL, {"name": "Report", "access": "read", "networks": "10.0.0.0/8", **wrong})
    assert answer.status_code == 400
    words = words_of(answer)
    assert said in words
    assert not any(f"{field}:" in words for field in wrong)
    [field] = wrong
    control = re.search(rf'<(?:input|textarea)[^>]* name="{field}"[^>]*>', answer.content.decode())
    assert control is not None
    assert 'aria-invalid="true"' in control[0]
    assert "autofocus" in control[0]
    assert (wrong.get("networks") or "10.0.0.0/8") in answer.content.decode()
    assert tokens_in(answer) == set()
    assert not org.apitokens.exists()


def test_the_list_tells_state_limits_last_use_and_usage(owner, org):
    membership = org.memberships.get()
    token, text = make_token(
        membership,
        name="Report",
        access="read",
        networks=["127.0.0.0/8"],
        daily_quota=500,
        expires_at=datetime(2099, 6, 30, 22, tzinfo=UTC),
    )
    ask(text)
    for days, requests in ((0, 11), (29, 22), (30, 44)):
        ApiTokenUsage.unscoped.create(
            org=org, key=token, day=datetime.now(UTC).date() - timedelta(days=days), requests=requests
        )
    words = words_of(owner.get(URL))
    for said in (
        "Report",
        f"vis_usr_{token.prefix}_…",
        "Active",
        "Read only",
        "127.0.0.0/8",
        "Until 30 Jun 2099",
        "from 127.0.0.1",
        "Requests today: 11 (quota: 500) · In 30 days: 33",
    ):
        assert said in words, said


@pytest.mark.parametrize(("requests", "used_up"), [(4, False), (5, True), (8, True)])
def test_a_quota_that_is_used_up_is_told(owner, org, requests, used_up):
    token, _ = make_token(org.memberships.get(), daily_quota=5)
    ApiTokenUsage.unscoped.create(org=org, key=token, day=datetime.now(UTC).date(), requests=requests)
    assert ("Used up for today" in words_of(owner.get(URL))) is used_up


def test_a_token_is_revoked_after_a_question(owner, org):
    token, text = make_token(org.memberships.get())
    url = f"{URL}/{token.pk}/revoke"
    assert "Revoke this token?" in words_of(owner.get(url))
    assert ask(text).status_code == 200
    assert owner.post(url)["Location"] == URL
    assert refused(ask(text))[:2] == (401, "token_revoked")
    page = owner.get(URL)
    assert "Revoked" in words_of(page)
    assert url.encode() not in page.content


def test_a_token_is_renamed(owner, org):
    token, _ = make_token(org.memberships.get())
    url = f"{URL}/{token.pk}/rename"
    assert owner.get(url).context["form"]["name"].value() == "Script"
    assert owner.post(url, {"name": "Other", "access": "write", "expires_at": ""})["Location"] == URL
    before, after = ApiToken.unscoped.values().get(pk=token.pk), "Other"
    assert before["name"] == after
    assert owner.post(url, {"name": " "}).status_code == 400


def test_nobody_finds_the_tokens_of_others(owner, org):
    colleague = make_member(org, Role.ADMIN)
    token, _ = make_token(colleague.memberships.get(), name="Colleagues")
    stranger, _ = make_token(name="Strangers")
    assert b"Colleagues" in logged_in(colleague).get(URL).content
    page = owner.get(URL).content
    assert b"Colleagues" not in page
    assert b"Strangers" not in page
    for row in (token, stranger):
        for action in ("revoke", "rename"):
            assert owner.get(f"{URL}/{row.pk}/{action}").status_code == 404
            assert owner.post(f"{URL}/{row.pk}/{action}", {"name": "Mine"}).status_code == 404
        row.refresh_from_db()
        assert (row.revoked_at, row.name != "Mine") == (None, True)


def test_even_a_viewer_has_tokens_of_their_own(org):
    viewer = make_member(org, Role.VIEWER)
    [text] = tokens_in(logged_in(viewer).post(URL, {"name": "Report", "access": "write"}))
    assert ask(text).json()["organization"]["role"] == "viewer"


def test_a_long_list_takes_as_many_statements(owner, org):
    def count() -> int:
        return len(statements_of(lambda: owner.get(URL)))

    membership = org.memberships.get()
    make_token(membership)
    owner.get(URL)
    few = count()
    for _ in range(5):
        token, _ = make_token(membership)
        ApiTokenUsage.unscoped.create(org=org, key=token, day=timezone.now().date(), requests=1)
    assert count() == few
