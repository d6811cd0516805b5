"""What operators do to organizations: each refusal, what changes, and what stands in the audit."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from orgs.models import AuditEntry, Organization
from orgs.services import oversight
from orgs.services.users import InvalidUser
from tests.builders import MOMENT, make_device, make_member, make_operator, make_org, owner_of

pytestmark = pytest.mark.django_db


def entries(org: Organization, action: str) -> list[AuditEntry]:
    return list(org.auditentrys.filter(action=action).order_by("pk"))


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_nobody_is_suspended_without_a_reason_that_can_be_kept(reason):
    org = make_org()
    with pytest.raises(oversight.InvalidReason):
        oversight.suspend_organization(org=org, reason=reason, acting_user=None)
    org.refresh_from_db()
    assert (org.suspended_at, entries(org, "organization.suspended")) == (None, [])


def test_a_reason_that_nobody_asked_for_is_not_cut_either():
    org, operator, reason = make_org(suspended_at=MOMENT, trial_ends_at=MOMENT), make_operator(), "x" * 501
    device, _ = make_device(org)
    before = AuditEntry.unscoped.count()
    for refused in (
        partial(oversight.resume_organization, org=org),
        partial(oversight.extend_trial, org=org, days=7),
        partial(oversight.note_look, target=device),
    ):
        with pytest.raises(oversight.InvalidReason, match="501 characters; at most 500"):
            refused(reason=reason, acting_user=operator)
    org.refresh_from_db()
    assert (org.suspended_at, org.trial_ends_at, AuditEntry.unscoped.count()) == (MOMENT, MOMENT, before)


def test_suspending_again_keeps_the_first_moment_and_is_one_entry():
    org, operator = make_org(), make_operator()
    oversight.suspend_organization(org=org, reason=" Unpaid. ", acting_user=operator)
    first = org.suspended_at
    oversight.suspend_organization(org=org, reason="Again.", acting_user=operator)
    assert org.suspended_at == first
    assert [entry.reason for entry in entries(org, "organization.suspended")] == ["Unpaid."]


def test_resuming_is_noted_with_since_when_and_only_if_there_was_something_to_end():
    org, operator = make_org(suspended_at=MOMENT), make_operator()
    oversight.resume_organization(org=org, acting_user=operator)
    oversight.resume_organization(org=org, acting_user=operator)
    org.refresh_from_db()
    assert org.suspended_at is None
    (entry,) = entries(org, "organization.resumed")
    assert (entry.before, entry.after) == ({"suspended_at": MOMENT.isoformat()}, {"suspended_at": None})


@pytest.mark.parametrize(("ends_in", "expected"), [(5, 12), (-40, 7)])
def test_a_trial_goes_on_from_its_end_or_from_now_if_that_is_past(ends_in, expected):
    now = timezone.now()
    org = make_org(trial_ends_at=now + timedelta(days=ends_in))
    oversight.extend_trial(org=org, days=7, acting_user=make_operator())
    org.refresh_from_db()
    assert abs(org.trial_ends_at - now - timedelta(days=expected)) < timedelta(minutes=1)
    assert len(entries(org, "plan.trial_extended")) == 1


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_trial_is_not_extended_by_impossible_days(days):
    org = make_org(trial_ends_at=MOMENT)
    with pytest.raises(oversight.InvalidExtension):
        oversight.extend_trial(org=org, days=days, acting_user=None)


def test_there_is_no_trial_to_extend_where_there_is_none():
    with pytest.raises(oversight.NotOnTrial):
        oversight.extend_trial(org=make_org(trial_ends_at=None), days=7, acting_user=None)


def limits(**fields):
    return {"device_limit": None, "byte_limit": None, "evaluation_limit": None, "retention_days": None, **fields}


def test_limits_are_set_and_what_changed_is_noted():
    org = make_org(device_limit=5, byte_limit=7)
    oversight.change_limits(org=org, acting_user=None, **limits(device_limit=9, byte_limit=7))
    org.refresh_from_db()
    assert (org.device_limit, org.byte_limit) == (9, 7)
    (entry,) = entries(org, "plan.limits_changed")
    assert (entry.before, entry.after) == ({"device_limit": 5}, {"device_limit": 9})
    oversight.change_limits(org=org, acting_user=None, **limits(device_limit=9, byte_limit=7))
    assert len(entries(org, "plan.limits_changed")) == 1


@pytest.mark.parametrize(
    "wrong", [{"retention_days": 0}, {"retention_days": 36_501}, {"device_limit": -1}, {"evaluation_limit": -5}]
)
def test_impossible_limits_are_refused(wrong):
    org = make_org(device_limit=5)
    with pytest.raises(oversight.InvalidLimits):
        oversight.change_limits(org=org, acting_user=None, **limits(**wrong))
    org.refresh_from_db()
    assert (org.device_limit, entries(org, "plan.limits_changed")) == (5, [])


def test_an_account_is_changed_and_each_of_its_organizations_is_told():
    org, other = make_org(), make_org()
    user, operator = make_member(org), make_operator()
    other.memberships.create(user=user, role="viewer")
    oversight.change_account(user=user, is_active=False, name=user.name, acting_user=operator)
    user.refresh_from_db()
    assert user.is_active is False
    for told in (org, other):
        (entry,) = entries(told, "account.changed")
        assert (entry.before, entry.after) == ({"is_active": True}, {"is_active": False})
    oversight.change_account(user=user, is_active=False, acting_user=operator)
    assert len(entries(org, "account.changed")) == 1


def test_an_address_is_kept_and_noted_in_lower_case():
    org = make_org()
    user, operator = make_member(org), make_operator()
    before = user.email
    oversight.change_account(user=user, email=before.upper(), acting_user=operator)
    assert entries(org, "account.changed") == []
    oversight.change_account(user=user, email="Moved@Example.org", acting_user=operator)
    (entry,) = entries(org, "account.changed")
    assert (entry.before, entry.after) == ({"email": before}, {"email": "moved@example.org"})


def test_nothing_else_of_an_account_is_changed():
    user = make_member(make_org())
    with pytest.raises(TypeError, match="password"):
        oversight.change_account(user=user, acting_user=make_operator(), password="x")


@pytest.mark.parametrize("email", ["nonsense", "taken@example.org", "TAKEN@example.org"])
def test_an_account_is_not_given_an_address_that_cannot_be_its_own(email):
    user = make_member(make_org())
    make_operator("taken@example.org")
    with pytest.raises(InvalidUser):
        oversight.change_account(user=user, email=email, acting_user=make_operator())
    user.refresh_from_db()
    assert user.email != email


def test_a_look_for_a_reason_asks_for_one():
    device, _ = make_device()
    with pytest.raises(oversight.InvalidReason):
        oversight.note_look_with_reason(target=device, acting_user=make_operator(), reason=" ")
    assert entries(device.org, "operator.looked") == []


def test_a_row_of_no_organization_leaves_no_look():
    user = owner_of(make_org())
    oversight.note_look(target=user, acting_user=make_operator())
    assert not AuditEntry.unscoped.filter(action="operator.looked").exists()
