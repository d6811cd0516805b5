"""Personal API tokens: what they open, what they are refused, and that nothing about them changes afterwards."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from orgs import scope
from orgs.admin.tokens import ApiTokenAdmin
from orgs.models import ApiToken, AuditEntry, Membership, Role
from orgs.networks import as_networks, is_within
from orgs.services.logins import log_in
from orgs.services.memberships import remove_member
from orgs.services.powers import NotAMember
from orgs.services.tokens import InvalidToken, create_token, revoke_token
from tests.builders import PASSWORD, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def ask(text: str, ip: str = "127.0.0.1", path: str = "/v1/auth/me"):
    return Client(REMOTE_ADDR=ip).get(path, headers={"authorization": f"Bearer {text}"})


def send(method: str, path: str, bearer: str, body: object = None):
    return getattr(Client(), method)(
        path, json.dumps(body), content_type="application/json", headers={"authorization": f"Bearer {bearer}"}
    )


@pytest.fixture
def membership(org) -> Membership:
    return org.memberships.get()


@pytest.fixture
def access(membership) -> str:
    return log_in(email=membership.user.email, password=PASSWORD).access


# --- what a token opens


def test_a_token_says_who_its_person_is_and_for_which_organization(org, membership):
    make_org()
    _, text = make_token(membership)
    body = ask(text).json()
    assert body["user"]["email"] == membership.user.email
    assert (body["organization"]["id"], body["organization"]["role"]) == (str(org.pk), "owner")


def test_a_token_notes_when_and_whence_it_was_used_once_a_minute(membership):
    token, text = make_token(membership)
    ask(text, ip="192.0.2.7")
    token.refresh_from_db()
    first = token.last_used_at
    assert token.last_used_from == "192.0.2.7"
    ask(text, ip="192.0.2.8")
    token.refresh_from_db()
    assert (token.last_used_at, token.last_used_from) == (first, "192.0.2.7")


def test_a_read_only_token_changes_nothing(org):
    user = make_member(org, Role.OWNER)
    _, text = make_token(user.memberships.get(), access="read")
    assert ask(text).status_code == 200
    assert refused(send("delete", "/v1/tokens/018f0000-0000-7000-8000-000000000000", text))[:2] == (
        403,
        "login_needed",
    )


def test_a_revoked_token_opens_nothing_at_once(membership):
    token, text = make_token(membership)
    assert ask(text).status_code == 200
    revoke_token(token=token, acting_user=membership.user)
    assert refused(ask(text)) == (401, "token_revoked", False, True)


def test_an_expired_token_opens_nothing(membership):
    _, text = make_token(membership, expires_at=timezone.now() + timedelta(hours=1))
    assert ask(text).status_code == 200
    ApiToken.unscoped.update(expires_at=timezone.now())
    assert refused(ask(text)) == (401, "token_expired", False, True)


@pytest.mark.parametrize("end", ["removed", "expired", "inactive"])
def test_a_token_ends_with_the_membership(org, end):
    user = make_member(org)
    _, text = make_token(user.memberships.get())
    assert ask(text).status_code == 200
    if end == "removed":
        org.memberships.filter(user=user).delete()
    elif end == "expired":
        org.memberships.filter(user=user).update(valid_until=timezone.now())
    else:
        type(user).objects.filter(pk=user.pk).update(is_active=False)
    assert refused(ask(text)) == (401, "membership_ended", False, True)


def test_a_token_that_nobody_was_given_opens_nothing(membership):
    token, text = make_token(membership)
    other = text[:-1] + ("a" if text[-1] != "a" else "b")
    for wrong in (other, "vis_usr_", f"vis_usr_{token.prefix}_{'x' * 38}"):
        assert refused(ask(wrong)) == (401, "token_unknown", False, True)


def test_the_token_itself_is_kept_nowhere(membership):
    _, text = make_token(membership)
    secret = text.split("_")[3]
    for model in (ApiToken, AuditEntry):
        assert all(secret not in str(row) for row in model.unscoped.values())


# --- allowed networks


@pytest.mark.parametrize(
    ("networks", "inside", "outside"),
    [
        (["192.0.2.0/24"], ["192.0.2.1", "::ffff:192.0.2.255"], ["192.0.3.1", "2001:db8::1"]),
        (["192.0.2.7"], ["192.0.2.7"], ["192.0.2.8"]),
        (["2001:db8::/32", "10.0.0.0/8"], ["2001:db8:1::9", "10.9.9.9"], ["2001:db9::1", "11.0.0.1"]),
        (["::ffff:192.0.2.0/120"], ["192.0.2.9"], ["192.0.3.9"]),
    ],
)
def test_a_token_opens_from_its_networks_only(membership, networks, inside, outside):
    _, text = make_token(membership, networks=networks)
    assert [ask(text, ip).status_code for ip in inside] == [200] * len(inside)
    assert [refused(ask(text, ip)) for ip in outside] == [(403, "network_not_allowed", False, True)] * len(outside)


def test_networks_are_kept_in_one_spelling():
    texts = [" 192.0.2.77/24", "192.0.2.0/24", "2001:DB8:0::1", "::ffff:192.0.2.1"]
    assert as_networks(texts, InvalidToken) == ["192.0.2.0/24", "2001:db8::1/128", "192.0.2.1/32"]


def test_a_caller_without_an_address_is_of_no_network():
    assert is_within(None, [])
    assert not is_within(None, ["0.0.0.0/0"])
    assert not is_within("not an address", ["0.0.0.0/0"])


# --- making one


def test_a_token_is_made_shown_once_and_audited(org, membership, access):
    expires_at = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    body = {
        "name": " Report ",
        "access": "read",
        "expires_at": expires_at.isoformat(),
        "networks": ["192.0.2.9/24"],
        "daily_quota": 100,
    }
    answer = send("post", "/v1/tokens", access, body)
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    shown = answer.json()
    token = org.apitokens.get()
    assert (token.name, token.access, token.expires_at, token.networks, token.daily_quota) == (
        "Report",
        "read",
        expires_at,
        ["192.0.2.0/24"],
        100,
    )
    assert ask(shown["token"], "192.0.2.1").status_code == 200
    listed = ask(access, path="/v1/tokens").json()["tokens"]
    assert [row["id"] for row in listed] == [str(token.pk)]
    assert "token" not in listed[0]
    entry = AuditEntry.unscoped.get(action="token.created")
    assert (entry.actor_id, entry.target_id, entry.org) == (membership.user_id, str(token.pk), org)
    assert entry.after == {**body, "name": "Report", "networks": ["192.0.2.0/24"]}
    assert shown["token"].split("_")[3] not in json.dumps([entry.before, entry.after, entry.target_name])


def test_a_token_that_says_nothing_else_may_only_read(org, access):
    shown = send("post", "/v1/tokens", access, {"name": "Report"}).json()
    assert (shown["access"], shown["expires_at"], shown["networks"]) == ("read", None, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_at": ""},
        {"expires_at": "never"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2026-13-01"},
        {"expires_at": 0},
        {"expires_at": False},
        {"expires": "2099-01-01T00:00:00Z"},
        {"networks": ["here"]},
        {"networks": ["192.0.2.0/33"]},
        {"networks": "192.0.2.0/24"},
        {"networks": [""]},
        {"networks": ["10.0.0.1"] * 51},
        {"access": "admin"},
        {"daily_quota": 0},
        {"daily_quota": "many"},
        {"name": " "},
        {"name": "x" * 101},
    ],
    ids=str,
)
def test_what_is_wrong_about_a_token_is_refused_and_never_without_limits(org, access, wrong):
    status, _, _, _ = refused(send("post", "/v1/tokens", access, {"name": "Report", **wrong}))
    assert status == 400
    assert not org.apitokens.exists()


@pytest.mark.parametrize(
    "wrong", [{"expires_at": timezone.now()}, {"daily_quota": 0}, {"daily_quota": 2**31}, {"networks": ["x"]}]
)
def test_the_service_refuses_the_same(membership, wrong):
    with pytest.raises(InvalidToken):
        create_token(membership=membership, name="Report", **wrong)


@pytest.mark.parametrize("end", ["removed", "over"])
def test_who_is_no_member_any_more_makes_none(org, membership, end):
    """Their request was under way when the membership ended."""
    stale = org.memberships.get(user=make_member(org))
    if end == "removed":
        remove_member(membership=stale, acting_membership=membership)
        Membership.unscoped.create(org=org, user=stale.user, role=Role.MEMBER)  # invited again, by another row
    else:
        org.memberships.filter(pk=stale.pk).update(valid_until=timezone.now())
    with pytest.raises(NotAMember):
        create_token(membership=stale, name="Left behind")
    assert not org.apitokens.exists()


@pytest.mark.django_db(transaction=True)
def test_no_token_made_while_a_membership_ends_outlives_it():
    org = make_org()
    owner = org.memberships.get()
    for _ in range(5):
        leaving = org.memberships.get(user=make_member(org))

        def answer(number: int, leaving: Membership = leaving) -> object:
            if number == 0:
                return remove_member(membership=leaving, acting_membership=owner)
            return create_token(membership=leaving, name="Left behind")

        refusals = [type(answer) for answer in at_once(answer) if isinstance(answer, Exception)]
        assert refusals in ([], [NotAMember])
        assert not org.apitokens.filter(revoked_at=None).exists()


def test_no_token_makes_or_changes_tokens(org, membership):
    token, text = make_token(membership, access="write")
    path = f"/v1/tokens/{token.pk}"
    for answer in (
        send("post", "/v1/tokens", text, {"name": "More"}),
        send("patch", path, text, {"name": "More"}),
        send("delete", path, text),
    ):
        assert refused(answer) == (403, "login_needed", False, True)
    token.refresh_from_db()
    assert (token.name, token.revoked_at, org.apitokens.count()) == ("Script", None, 1)
    assert ask(text, path=path).status_code == 200


# --- afterwards


@pytest.mark.parametrize("field", ["access", "expires_at", "networks", "daily_quota", "revoked_at", "user", "org"])
def test_nothing_but_the_name_can_be_changed(membership, access, field):
    token, _ = make_token(membership, access="read", networks=["192.0.2.0/24"], daily_quota=5)
    before = ApiToken.unscoped.values().get(pk=token.pk)
    wrong = send("patch", f"/v1/tokens/{token.pk}", access, {"name": "Other", field: None})
    assert refused(wrong) == (400, "invalid", False, True)
    assert ApiToken.unscoped.values().get(pk=token.pk) == before
    renamed = send("patch", f"/v1/tokens/{token.pk}", access, {"name": "Other"})
    assert renamed.json()["name"] == "Other"
    assert ApiToken.unscoped.values().get(pk=token.pk) == {**before, "name": "Other"}


def test_a_new_name_and_the_end_are_audited(membership, access):
    token, _ = make_token(membership)
    send("patch", f"/v1/tokens/{token.pk}", access, {"name": "Other"})
    for _ in range(2):
        assert send("delete", f"/v1/tokens/{token.pk}", access).status_code == 204
    entries = AuditEntry.unscoped.filter(target_id=str(token.pk)).order_by("pk")
    assert [(entry.action, entry.before, entry.after) for entry in entries][1:] == [
        ("token.renamed", {"name": "Script"}, {"name": "Other"}),
        ("token.revoked", None, None),
    ]
    shown = ask(access, path=f"/v1/tokens/{token.pk}").json()
    assert (shown["state"], shown["revoked_at"] is not None) == ("revoked", True)


def test_everybody_has_only_their_own_tokens_of_this_organization(org, membership, access):
    ours, _ = make_token(membership)
    colleagues, _ = make_token(make_member(org).memberships.get())
    strangers, _ = make_token()
    other_org = make_org()
    with scope.across_organizations("the same person's token for another organization"):
        elsewhere, _ = make_token(
            Membership.unscoped.create(org=other_org, user=membership.user, role=Role.MEMBER)
        )
    assert [row["id"] for row in ask(access, path="/v1/tokens").json()["tokens"]] == [str(ours.pk)]
    for token in (colleagues, strangers, elsewhere):
        path = f"/v1/tokens/{token.pk}"
        assert refused(ask(access, path=path))[:2] == (404, "token_not_found")
        assert refused(send("delete", path, access))[:2] == (404, "token_not_found")
        token.refresh_from_db()
        assert token.revoked_at is None


def test_the_admin_offers_no_field_of_a_token_to_change(rf):
    request = rf.get("/")
    request.user = owner_of(make_org())
    admin = ApiTokenAdmin(ApiToken, None)
    assert admin.has_change_permission(request) is False
    assert admin.has_add_permission(request) is False


def test_a_token_tells_of_no_other_organization_and_a_login_of_all():
    here, elsewhere = make_org("Here"), make_org("Elsewhere")
    user = owner_of(here)
    Membership.unscoped.create(org=elsewhere, user=user, role=Role.VIEWER)
    _, text = create_token(membership=here.memberships.get(), name="T")
    login = log_in(email=user.email, password=PASSWORD)

    def names(shown: str) -> list[str]:
        answer = Client().get("/v1/orgs", headers={"Authorization": f"Bearer {shown}"})
        return [org["name"] for org in answer.json()["organizations"]]

    assert (names(text), names(login.access)) == ([here.name], [here.name, elsewhere.name])
